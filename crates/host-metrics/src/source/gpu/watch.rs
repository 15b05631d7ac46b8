//! Reading GPUs from a thread of its own, so that a slow driver does not cost samples.

use std::convert::Infallible;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::time::Duration;

use crate::clock::monotonic_ns;

use super::{GpuDriver, GpuError, GpuSample};
use crate::source::{Gaps, Timed};
use crate::spread::Spread;
use crate::tick_schedule::TickSchedule;

/// The driver's own figures are hardly newer than this.
const SHORTEST_PERIOD: Duration = Duration::from_millis(500);
/// A driver that is silent for longer is named; some take seconds to start.
const PATIENCE_NS: u64 = 30_000_000_000;
/// How long the end waits for a read under way.
const GRACE: Duration = Duration::from_secs(1);

type GpuMessage = Result<Timed<Vec<GpuSample>>, GpuError>;

/// The GPUs of this machine while they are read.
#[derive(Debug)]
pub struct GpuWatch {
    news: Receiver<GpuMessage>,
    /// Never written to: letting go of it ends the thread.
    stop: Option<Sender<Infallible>>,
    found: Result<Vec<String>, String>,
    ended: bool,
    heard_ns: u64,
    read_ns: Spread,
}

impl GpuWatch {
    /// The time between reads of a recording that samples every `interval`: half of it, but at
    /// least half a second. What a sample finds is never older than this.
    pub fn period(interval: Duration) -> Duration {
        (interval / 2).max(SHORTEST_PERIOD)
    }

    /// Starts the thread; it opens the driver and reads it every `period`.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start<D: GpuDriver>(
        period: Duration,
        open: impl FnOnce() -> Result<D, GpuError> + Send + 'static,
    ) -> std::io::Result<Self> {
        let (sender, news) = channel();
        let (stop, stopped) = channel();
        std::thread::Builder::new()
            .name("gpu".to_owned())
            .spawn(move || match open() {
                Ok(driver) => read_on(driver, period, &sender, &stopped),
                Err(why) => drop(sender.send(Err(why))),
            })?;
        Ok(Self {
            news,
            stop: Some(stop),
            found: Err("not known: its driver did not answer in time".to_owned()),
            ended: false,
            heard_ns: monotonic_ns(),
            read_ns: Spread::default(),
        })
    }

    /// The newest read since the last call, if there is one at `now_ns`; what it lacks is noted
    /// in `gaps`, and so is a driver that has been silent for too long.
    pub fn newest(&mut self, now_ns: u64, gaps: &mut Gaps) -> Option<Timed<Vec<GpuSample>>> {
        let mut newest = None;
        loop {
            match self.news.try_recv() {
                Ok(Ok(read)) => {
                    self.take(&read, gaps);
                    newest = Some(read);
                }
                Ok(Err(why)) => self.give_up(&why, gaps),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        if !self.ended && now_ns.saturating_sub(self.heard_ns) > PATIENCE_NS {
            let seconds = PATIENCE_NS / 1_000_000_000;
            gaps.note("gpu", &format!("its driver was silent for {seconds} s"));
        }
        newest
    }

    fn take(&mut self, read: &Timed<Vec<GpuSample>>, gaps: &mut Gaps) {
        let span = read.span;
        self.heard_ns = span.end_ns;
        self.read_ns.add((span.end_ns - span.begin_ns) as f64);
        for gpu in &read.value {
            gpu.note_gaps(gaps);
        }
        if self.found.is_err() {
            let name = |gpu: &GpuSample| format!("{}: {}", gpu.index, gpu.name);
            self.found = Ok(read.value.iter().map(name).collect());
        }
    }

    /// No GPU is no gap; one that cannot be read is.
    fn give_up(&mut self, why: &GpuError, gaps: &mut Gaps) {
        self.ended = true;
        self.found = Err(why.to_string());
        if let GpuError::Driver(_) = why {
            gaps.note("gpu", why);
        }
    }

    /// The GPUs by index and name, as in `0: NVIDIA H200`; why there are none otherwise.
    pub fn found(&self) -> Result<&[String], &str> {
        match &self.found {
            Ok(names) => Ok(names),
            Err(why) => Err(why),
        }
    }

    /// How long the reads took, in nanoseconds.
    pub fn read_ns(&self) -> &Spread {
        &self.read_ns
    }
}

impl Drop for GpuWatch {
    /// Lets the thread close the driver before the program ends, unless the driver hangs.
    fn drop(&mut self) {
        self.stop = None;
        while self.news.recv_timeout(GRACE).is_ok() {}
    }
}

/// Reads until the other side is gone. The first read is at once and the next half a period
/// later: reads then fall between samples, and each sample finds one of the same age.
fn read_on(
    mut driver: impl GpuDriver,
    period: Duration,
    news: &Sender<GpuMessage>,
    stopped: &Receiver<Infallible>,
) {
    let period_ns = period.as_nanos() as u64;
    let half_ago_ns = monotonic_ns().saturating_sub(period_ns / 2);
    let mut cadence = TickSchedule::new(half_ago_ns, period_ns);
    loop {
        let Ok(read) = Timed::around(|| Ok::<_, Infallible>(driver.read()));
        if news.send(Ok(read)).is_err() {
            return;
        }
        let wait = Duration::from_nanos(cadence.due_ns().saturating_sub(monotonic_ns()));
        if stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
            return;
        }
        cadence.sampled(monotonic_ns());
    }
}
