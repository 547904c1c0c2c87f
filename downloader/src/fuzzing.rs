//! What the targets of `fuzz/` call: any bytes in, a panic where something does not hold. Not in any release, see the feature
//! `fuzzing`; the tests run each function on the inputs that `fuzz/seeds` keeps.

#![allow(clippy::missing_panics_doc, reason = "to panic is how a finding is told")]

pub use crate::verify::fuzzing::{svg, verify};

/// A target: its name, and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// All targets. A file in `fuzz/fuzz_targets` and a folder in `fuzz/seeds` are named after each.
pub const TARGETS: [Target; 2] = [("svg", svg), ("verify", verify)];

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_seed_holds() {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
        for (name, target) in TARGETS {
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
}
