use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

/// Time from a signal to the exit of a tool that is alone on its machine.
const ENDS_WITHIN: Duration = Duration::from_secs(3);

/// Factor by which a thread takes longer now than alone, because others want the processors.
pub fn contention() -> f64 {
    let used = || Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap());
    let (wall, before) = (Instant::now(), used());
    let mut x = 1_u64;
    while wall.elapsed() < Duration::from_millis(30) {
        x = std::hint::black_box(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
    let spent = used().saturating_sub(before).as_secs_f64();
    (wall.elapsed().as_secs_f64() / spent).max(1.0)
}

/// Time that a tool may take to end after a signal: 3 s, and as much more as others keep it from
/// the processors.
pub fn ending_bound() -> Duration {
    ENDS_WITHIN.mul_f64(contention())
}
