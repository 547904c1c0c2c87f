//! What the targets of `fuzz/` call: any bytes in, a panic where something does not hold. Not in any release, see the feature
//! `fuzzing`; the tests run each function on the inputs that `fuzz/seeds` keeps.

#![allow(clippy::missing_panics_doc, reason = "to panic is how a finding is told")]

pub use crate::avif::fuzzing::avif;
pub use crate::verify::fuzzing::{svg, verify};

/// A target: its name, and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// All targets. A file in `fuzz/fuzz_targets` and a folder in `fuzz/seeds` are named after each.
pub const TARGETS: [Target; 3] = [("avif", avif), ("svg", svg), ("verify", verify)];

#[cfg(test)]
mod tests {
    #[test]
    fn every_seed_holds() {
        common::fuzz_seeds::every_seed_holds(&super::TARGETS);
    }
}
