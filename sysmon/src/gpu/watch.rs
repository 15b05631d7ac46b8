//! Reader of GPUs on a separate thread, so that a slow driver does not delay samples.

use std::convert::Infallible;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use host_metrics::source::{Gaps, ReadSpan, Timed};

use super::{GpuDriver, GpuError, GpuSample};
use crate::spread::Spread;
use crate::tick_schedule::TickSchedule;

/// Shortest interval between the reads of GPUs; the driver's own figures may be that old in any
/// case.
const SHORTEST_PERIOD: Duration = Duration::from_millis(500);
/// Time in nanoseconds without an answer after which the driver is recorded as a gap. It is long
/// because some drivers take seconds to start.
const SILENCE_NS: u64 = 30_000_000_000;
/// Longest time for which dropping [`GpuWatch`] waits for a read in progress.
const SHUTDOWN_BOUND: Duration = Duration::from_secs(1);

type GpuMessage = Result<Timed<Vec<GpuSample>>, GpuError>;

/// Handle of the thread that reads the GPUs of this host, with the results that it has sent.
#[derive(Debug)]
pub(crate) struct GpuWatch {
    readings: Receiver<GpuMessage>,
    /// Channel whose closing ends the thread; nothing is sent on it.
    stop: Option<Sender<Infallible>>,
    found: Result<Vec<String>, String>,
    ended: bool,
    answered_ns: u64,
    read_ns: Spread,
}

impl GpuWatch {
    /// Returns the interval between reads of GPUs if samples are taken every `interval`: half of
    /// it, but at least half a second. Each sample then finds a reading that is no older than the
    /// returned interval.
    pub(crate) fn period(interval: Duration) -> Duration {
        (interval / 2).max(SHORTEST_PERIOD)
    }

    /// Starts the thread, which calls `open` to open the driver and reads it every `period`. A
    /// driver that cannot be opened is reported by [`GpuWatch::newest`].
    ///
    /// # Errors
    /// Fails if the operating system cannot create a thread.
    pub(crate) fn start<D: GpuDriver>(
        period: Duration,
        open: impl FnOnce() -> Result<D, GpuError> + Send + 'static,
    ) -> std::io::Result<Self> {
        let (sender, readings) = channel();
        let (stop, stopped) = channel();
        std::thread::Builder::new()
            .name("gpu".to_owned())
            .spawn(move || match open() {
                Ok(driver) => read_periodically(driver, period, &sender, &stopped),
                Err(why) => drop(sender.send(Err(why))),
            })?;
        Ok(Self {
            readings,
            stop: Some(stop),
            found: Err("not known: its driver did not answer in time".to_owned()),
            ended: false,
            answered_ns: monotonic_ns(),
            read_ns: Spread::default(),
        })
    }

    /// Returns the latest reading since the last call; `None` if there was none. Does not wait.
    /// Records in `gaps` the figures that failed, and a driver that has not answered for 30 s at
    /// `now_ns`, in nanoseconds of the monotonic clock.
    pub(crate) fn newest(&mut self, now_ns: u64, gaps: &mut Gaps) -> Option<Timed<Vec<GpuSample>>> {
        let mut newest = None;
        loop {
            match self.readings.try_recv() {
                Ok(Ok(read)) => {
                    self.accept(&read, gaps);
                    newest = Some(read);
                }
                Ok(Err(why)) => self.give_up(&why, gaps),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        if !self.ended && now_ns.saturating_sub(self.answered_ns) > SILENCE_NS {
            let seconds = SILENCE_NS / 1_000_000_000;
            gaps.note("gpu", &format!("its driver was silent for {seconds} s"));
        }
        newest
    }

    fn accept(&mut self, read: &Timed<Vec<GpuSample>>, gaps: &mut Gaps) {
        let span = read.span;
        self.answered_ns = span.end_ns;
        self.read_ns.add((span.end_ns - span.begin_ns) as f64);
        for gpu in &read.value {
            gpu.note_gaps(gaps);
        }
        if self.found.is_err() {
            let name = |gpu: &GpuSample| format!("{}: {}", gpu.index, gpu.name);
            self.found = Ok(read.value.iter().map(name).collect());
        }
    }

    /// Records a driver that failed, after which the thread has ended. The absence of GPUs is no
    /// gap.
    fn give_up(&mut self, why: &GpuError, gaps: &mut Gaps) {
        self.ended = true;
        self.found = Err(why.to_string());
        if let GpuError::Driver(_) = why {
            gaps.note("gpu", why);
        }
    }

    /// Returns the GPUs by index and name, such as `0: NVIDIA H200`.
    ///
    /// # Errors
    /// Fails with a phrase for the user, the reason why no GPU is known, also before the first
    /// reading.
    pub(crate) fn found(&self) -> Result<&[String], &str> {
        match &self.found {
            Ok(names) => Ok(names),
            Err(why) => Err(why),
        }
    }

    /// Returns mean, minimum and maximum of the durations of all reads so far, in nanoseconds.
    pub(crate) fn read_ns(&self) -> &Spread {
        &self.read_ns
    }
}

impl Drop for GpuWatch {
    /// Ends the thread, and waits until it has closed the driver, at most one second for each
    /// pending reading.
    fn drop(&mut self) {
        self.stop = None;
        while self.readings.recv_timeout(SHUTDOWN_BOUND).is_ok() {}
    }
}

/// Reads the GPUs until the watch is dropped. The first read is immediate, the next one half a
/// period later, all others a period apart. Reads then fall between samples, so that each sample
/// finds a reading of the same age.
fn read_periodically(
    mut driver: impl GpuDriver,
    period: Duration,
    readings: &Sender<GpuMessage>,
    stopped: &Receiver<Infallible>,
) {
    let period_ns = period.as_nanos() as u64;
    let half_ago_ns = monotonic_ns().saturating_sub(period_ns / 2);
    let mut cadence = TickSchedule::new(half_ago_ns, period_ns);
    loop {
        let begin_ns = monotonic_ns();
        let value = driver.read();
        let end_ns = monotonic_ns();
        let span = ReadSpan { begin_ns, end_ns };
        if readings.send(Ok(Timed { span, value })).is_err() {
            return;
        }
        let wait = Duration::from_nanos(cadence.due_ns().saturating_sub(monotonic_ns()));
        if stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
            return;
        }
        cadence.sampled(monotonic_ns());
    }
}
