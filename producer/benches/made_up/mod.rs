//! A ledger of made-up images, for the benches of what is read out of one.

use producer::ledger::{Ledger, LedgerError, NewImage, Recording};

/// Images that are accepted, and answered for, together.
const TOGETHER: usize = 1000;

/// Fills a ledger with so many images and their outcomes.
pub(crate) async fn fill(
    ledger: &Ledger,
    images: u64,
    image: impl Fn(u64) -> NewImage,
    outcome: impl Fn(u64) -> Recording,
) -> Result<(), LedgerError> {
    for begin in (0..images).step_by(TOGETHER) {
        let numbers = begin..images.min(begin + TOGETHER as u64);
        ledger.add_listed(numbers.clone().map(&image).collect(), 0, false, false).await?;
        ledger.record(numbers.map(&outcome).collect(), vec![], false).await?;
    }
    Ok(())
}

/// Scattered, but the same each time.
pub(crate) fn scattered(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16
}
