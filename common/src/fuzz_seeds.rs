//! What both programs' tests do with their fuzz targets: each on the inputs that `fuzz/seeds` keeps. Not in any release, see the
//! feature `testing`.

use std::fs;
use std::path::Path;

/// A target: its name, and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// Runs each target on all inputs in the folder of its name.
///
/// # Panics
///
/// Where a target finds something, or has no file in `fuzz/fuzz_targets` or no inputs.
pub fn every_seed_holds(targets: &[Target]) {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    for (name, target) in targets {
        assert!(fuzz.join("fuzz_targets").join(name).with_extension("rs").exists(), "{name} is no target");
        let seeds = fs::read_dir(fuzz.join("seeds").join(name)).expect("a folder of seeds");
        let seeds: Vec<_> = seeds.map(|seed| seed.expect("a seed").path()).collect();
        assert!(!seeds.is_empty(), "{name} has no seeds");
        for seed in seeds {
            eprintln!("{}", seed.display());
            target(&fs::read(seed).expect("a seed"));
        }
    }
}
