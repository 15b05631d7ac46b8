//! Timer that wakes at exact instants. The timer of tokio ticks at 1 ms, twenty times the time that
//! Redis takes to answer. A timerfd in the runtime's own poll wakes about 40 µs late at the median.

use std::io;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use tokio::sync::Notify;

use crate::plan::step_plan::WaitStrategy;

/// Timer that waits for instants of `CLOCK_MONOTONIC` inside a tokio runtime, by sleeping or by
/// spinning at the end.
#[derive(Debug)]
pub struct Pacer {
    waiting: WaitStrategy,
    timer: WakeTimer,
}

const SPUN_NS: u64 = 500_000;

impl Pacer {
    /// Creates a pacer in the current tokio runtime.
    ///
    /// # Errors
    /// Fails if the operating system provides neither a timer nor a thread.
    pub fn new(waiting: WaitStrategy) -> io::Result<Self> {
        Ok(Self {
            waiting,
            timer: WakeTimer::new()?,
        })
    }

    /// Waits until `instant_ns`, in nanoseconds on `CLOCK_MONOTONIC`, or returns at once if that
    /// has passed. Dropping the future does not affect the next wait.
    ///
    /// # Errors
    /// Fails if the system's timer fails.
    pub async fn wait_until(&mut self, instant_ns: u64) -> io::Result<()> {
        let slept_ns = match self.waiting {
            WaitStrategy::Sleep => instant_ns,
            WaitStrategy::Spin => instant_ns.saturating_sub(SPUN_NS),
        };
        while monotonic_ns() < slept_ns {
            self.timer.wait_until(slept_ns).await?;
        }
        while monotonic_ns() < instant_ns {
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

#[derive(Debug)]
enum WakeTimer {
    #[cfg(target_os = "linux")]
    Timer(timer::Timer),
    Thread(SleepingThread),
}

impl WakeTimer {
    #[cfg(target_os = "linux")]
    fn new() -> io::Result<Self> {
        timer::Timer::new()
            .map(Self::Timer)
            .or_else(|_| SleepingThread::new().map(Self::Thread))
    }

    #[cfg(not(target_os = "linux"))]
    fn new() -> io::Result<Self> {
        SleepingThread::new().map(Self::Thread)
    }

    async fn wait_until(&mut self, instant_ns: u64) -> io::Result<()> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Timer(timer) => timer.wait_until(instant_ns).await,
            Self::Thread(thread) => thread.wait_until(instant_ns).await,
        }
    }
}

#[cfg(target_os = "linux")]
mod timer {
    use std::io;
    use std::os::fd::{AsFd as _, AsRawFd, RawFd};

    use nix::sys::time::TimeSpec;
    use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    #[derive(Debug)]
    struct Descriptor(TimerFd);

    impl AsRawFd for Descriptor {
        fn as_raw_fd(&self) -> RawFd {
            self.0.as_fd().as_raw_fd()
        }
    }

    /// Timerfd registered with the runtime's poll, independent of tokio's tick and of the kernel's
    /// timer slack.
    #[derive(Debug)]
    pub(super) struct Timer(AsyncFd<Descriptor>);

    impl Timer {
        pub(super) fn new() -> io::Result<Self> {
            let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
            let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
            // SAFETY: `TimerFd` owns the descriptor, and nothing replaces or closes it while this
            // value has it.
            let registered =
                unsafe { AsyncFd::register_with_interest(Descriptor(timer), Interest::READABLE) };
            Ok(Self(registered.map_err(|refused| refused.into_parts().1)?))
        }

        pub(super) async fn wait_until(&mut self, instant_ns: u64) -> io::Result<()> {
            let at = TimeSpec::from_duration(std::time::Duration::from_nanos(instant_ns.max(1)));
            let absolute = TimerSetTimeFlags::TFD_TIMER_ABSTIME;
            self.0.get_ref().0.set(Expiration::OneShot(at), absolute)?;
            loop {
                let mut ready = self.0.readable().await?;
                if let Ok(woken) = ready.try_io(|fd| Ok(fd.get_ref().0.wait()?)) {
                    return woken;
                }
            }
        }
    }
}

/// Thread that sleeps in place of the runtime, where the system has no timerfd.
#[derive(Debug)]
struct SleepingThread {
    instants: mpsc::Sender<u64>,
    woken: Arc<Notify>,
}

impl SleepingThread {
    fn new() -> io::Result<Self> {
        let (instants, received) = mpsc::channel::<u64>();
        let woken = Arc::new(Notify::new());
        let waker = Arc::clone(&woken);
        std::thread::Builder::new()
            .name("pacer".to_owned())
            .spawn(move || {
                while let Ok(mut instant_ns) = received.recv() {
                    // A new instant replaces that of a wait that was dropped.
                    while let Some(later_ns) = received_until(&received, instant_ns) {
                        instant_ns = later_ns;
                    }
                    waker.notify_one();
                }
            })?;
        Ok(Self { instants, woken })
    }

    async fn wait_until(&mut self, instant_ns: u64) -> io::Result<()> {
        self.instants
            .send(instant_ns)
            .map_err(|_| io::Error::other("the pacer's thread ended"))?;
        self.woken.notified().await;
        Ok(())
    }
}

/// Sleeps until `instant_ns` on `CLOCK_MONOTONIC` and returns `None`, or returns the next instant
/// received before that.
fn received_until(received: &mpsc::Receiver<u64>, instant_ns: u64) -> Option<u64> {
    let left = instant_ns.saturating_sub(monotonic_ns());
    received.recv_timeout(Duration::from_nanos(left)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(mut pacer: Pacer) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            for _ in 0..20 {
                let due = monotonic_ns() + 700_000;
                pacer.wait_until(due).await.unwrap();
                assert!(monotonic_ns() >= due, "woke early");
            }
        });
    }

    fn within_a_runtime<T>(make: impl FnOnce() -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let _inside = runtime.enter();
        make()
    }

    #[test]
    fn no_way_of_waiting_wakes_early() {
        let thread = WakeTimer::Thread(SleepingThread::new().unwrap());
        waits(Pacer {
            waiting: WaitStrategy::Sleep,
            timer: thread,
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            for waiting in [WaitStrategy::Sleep, WaitStrategy::Spin] {
                let mut pacer = Pacer::new(waiting).unwrap();
                for _ in 0..20 {
                    let due = monotonic_ns() + 700_000;
                    pacer.wait_until(due).await.unwrap();
                    assert!(monotonic_ns() >= due, "woke early");
                }
            }
        });
    }

    #[test]
    fn an_instant_that_has_passed_is_not_waited_for() {
        let pacer = within_a_runtime(|| WakeTimer::Thread(SleepingThread::new().unwrap()));
        let mut pacer = Pacer {
            waiting: WaitStrategy::Sleep,
            timer: pacer,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(pacer.wait_until(1)).unwrap();
    }

    #[test]
    fn a_wait_that_was_given_up_does_not_hold_up_the_next_one() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let thread = WakeTimer::Thread(SleepingThread::new().unwrap());
            for timer in [thread, WakeTimer::new().unwrap()] {
                let mut pacer = Pacer {
                    waiting: WaitStrategy::Sleep,
                    timer,
                };
                let far_ns = monotonic_ns() + 3_600_000_000_000;
                tokio::select! {
                    waited = pacer.wait_until(far_ns) => panic!("an hour is over: {waited:?}"),
                    () = tokio::time::sleep(Duration::from_millis(1)) => {}
                }
                let due_ns = monotonic_ns() + 700_000;
                pacer.wait_until(due_ns).await.unwrap();
                assert!((due_ns..far_ns).contains(&monotonic_ns()));
            }
        });
    }
}
