//! What tests of the tools share: a place where a tool runs alone, the tool at work, and how much
//! longer than alone everything takes on this machine now.
//!
//! For tests only: whatever goes wrong here fails the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod contention;
mod place;
mod running;

use std::time::{Duration, Instant};

pub use contention::{contention, ending_bound};
pub use place::Place;
pub use running::{Ended, Running};

/// Far longer than anything takes; only a failing test waits for so long.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Waits until `condition` holds.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(
            started.elapsed() < PATIENCE,
            "{what}: not within {PATIENCE:?}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}
