//! Test of the generator's CPU time. It is alone in its program, since the CPU time of a process
//! includes that of all tests that run in it at the same time.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod known;

use std::time::Duration;

use known::{Known, closed, run};

#[test]
fn one_full_thread_shows_among_idle_ones() {
    let mut plan = closed(1, Duration::from_millis(400));
    plan.threads = 4;
    let generator = run(&plan, Known::default()).step.generator;
    let busiest = generator.busiest_thread_ratio.unwrap();
    assert!(
        busiest > 2.0 * generator.cpu_ratio,
        "{busiest} of one, {} of all",
        generator.cpu_ratio
    );
}
