//! Writer of raw samples on a thread of its own, so that sampling never waits for the disk. If the
//! queue of the thread is full, samples are dropped and counted.

use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bench_report::clock::monotonic_ns;

use super::outage::Outages;
use super::rotation::{Files, Rotation};
use super::sample::RawSample;
use super::{RawHeader, StreamError};

/// Longest time in nanoseconds that readings wait in memory, so that several ticks share a batch.
/// They are lost if the program is killed.
const HOLD_NS: u64 = 500_000_000;
/// Number of rows at which a batch is written. A batch has at most this number of rows, and in
/// addition those of one tick.
const BATCH_ROWS: usize = 16_384;
/// Largest number of rows in the queue of the thread, which take about 3 MB; further ones are
/// dropped.
const MOST_WAITING_ROWS: usize = 65_536;
/// Longest wait at the end of a recording for the thread to write its queue to a slow disk.
const CLOSE_WITHIN: Duration = Duration::from_secs(10);
/// Time in nanoseconds after a failed write, and after each further attempt, before writing is
/// attempted again.
const RETRY_NS: u64 = 2_000_000_000;

/// State that the writing thread and its handle share.
#[derive(Debug, Default)]
struct WriterState {
    waiting_rows: AtomicUsize,
    written_rows: AtomicU64,
    written_bytes: AtomicU64,
    restored: AtomicU64,
    outages: Mutex<Outages>,
    failure: OnceLock<StreamError>,
    unremoved: OnceLock<StreamError>,
}

impl WriterState {
    fn outages(&self) -> MutexGuard<'_, Outages> {
        self.outages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Handle of the thread that writes raw samples, with the number of samples that were dropped.
#[derive(Debug)]
pub(crate) struct RawWriter {
    samples: Option<Sender<RawSample>>,
    ended: Receiver<()>,
    shared: Arc<WriterState>,
    dropped_samples: u64,
    closed: bool,
}

impl RawWriter {
    /// Creates the first file beside `report` and starts the thread that writes it.
    ///
    /// # Errors
    /// If the file cannot be created, or if the operating system has no thread left.
    pub(crate) fn start(
        report: &Path,
        header: RawHeader,
        rotation: Rotation,
    ) -> Result<Self, StreamError> {
        // If the interval is longer than the longest wait, each tick is written at once.
        let hold_ns = if header.interval_ns < HOLD_NS {
            HOLD_NS
        } else {
            0
        };
        let files = Files::create(report, header, rotation)?;
        let shared = Arc::new(WriterState::default());
        let (samples, inbox) = channel();
        let (alive, ended) = channel();
        let mut thread = WriterThread {
            files,
            hold_ns,
            inbox,
            taken_samples: 0,
            shared: Arc::clone(&shared),
        };
        let run = move || {
            if let Err(error) = thread.run() {
                // Storing the error cannot fail, because the only thread fails only once.
                let _ = thread.shared.failure.set(error);
            }
            thread.note();
            drop(alive);
        };
        std::thread::Builder::new()
            .name("raw samples".to_owned())
            .spawn(run)
            .map_err(StreamError::Thread)?;
        Ok(Self {
            samples: Some(samples),
            ended,
            shared,
            dropped_samples: 0,
            closed: false,
        })
    }

    /// Passes the readings of one tick to the thread, without waiting. If the queue is full, or if
    /// the thread has ended, the readings are dropped and counted as one sample. Does nothing if
    /// there are no readings.
    pub(crate) fn hand_in(&mut self, sample: RawSample) {
        let rows = sample.rows.len();
        if rows == 0 {
            return;
        }
        let waiting = self.shared.waiting_rows.load(Ordering::Relaxed);
        let room = waiting == 0 || waiting + rows <= MOST_WAITING_ROWS;
        let sender = self.samples.as_ref().filter(|_| room);
        self.shared.waiting_rows.fetch_add(rows, Ordering::Relaxed);
        if sender.is_none_or(|sender| sender.send(sample).is_err()) {
            self.shared.waiting_rows.fetch_sub(rows, Ordering::Relaxed);
            self.dropped_samples += 1;
        }
    }

    /// Waits until the thread has written its queue and closed its file. Gives up after ten seconds
    /// if the disk does not answer. Samples that are handed in afterwards are dropped.
    pub(crate) fn close(&mut self) {
        self.samples = None;
        self.closed = self.ended.recv_timeout(CLOSE_WITHIN) != Err(RecvTimeoutError::Timeout);
    }

    /// Returns the number of ticks whose readings were dropped, because the queue was full or the
    /// thread had ended.
    pub(crate) fn dropped_samples(&self) -> u64 {
        self.dropped_samples
    }

    /// Returns a copy of the periods in which the disk accepted no samples.
    pub(crate) fn outages(&self) -> Outages {
        self.shared.outages().clone()
    }

    /// Returns the number of rows written to disk, over all files, removed ones included.
    pub(crate) fn written_rows(&self) -> u64 {
        self.shared.written_rows.load(Ordering::Relaxed)
    }

    /// Returns the number of bytes written to disk, over all files, removed ones included.
    pub(crate) fn written_bytes(&self) -> u64 {
        self.shared.written_bytes.load(Ordering::Relaxed)
    }

    /// Returns the number of times that a file was written again because it was removed or moved
    /// while it was open.
    pub(crate) fn restored(&self) -> u64 {
        self.shared.restored.load(Ordering::Relaxed)
    }

    /// Returns the error after which no raw samples are written for the rest of the recording;
    /// `None` if there is none. A full disk is an outage, and no such error.
    pub(crate) fn failure(&self) -> Option<&StreamError> {
        self.shared.failure.get()
    }

    /// Returns the first error of an old file that could not be removed; `None` if there is none.
    pub(crate) fn unremoved(&self) -> Option<&StreamError> {
        self.shared.unremoved.get()
    }

    /// Returns true if the disk did not answer in time when the file was to be closed.
    pub(crate) fn left_open(&self) -> bool {
        self.samples.is_none() && !self.closed
    }
}

struct WriterThread {
    files: Files,
    hold_ns: u64,
    inbox: Receiver<RawSample>,
    taken_samples: u64,
    shared: Arc<WriterState>,
}

impl WriterThread {
    /// Writes samples until the recording ends. Drops samples while the disk is full or unwritable,
    /// and then continues. Fails on an error that cannot pass.
    fn run(&mut self) -> Result<(), StreamError> {
        loop {
            let written = self.write();
            self.note();
            match written {
                Err(error) if Files::can_resume(&error) => {
                    let mut outages = self.shared.outages();
                    outages.begin(self.files.written().until_ns, &error);
                }
                ended => return ended,
            }
            if !self.wait_for_room() {
                return Ok(());
            }
        }
    }

    /// Drops ticks until one can be written to disk again, and then returns true. Returns false if
    /// the recording ends before that.
    fn wait_for_room(&mut self) -> bool {
        let mut again_ns = monotonic_ns() + RETRY_NS;
        loop {
            let lost = self.taken_samples - self.files.written().samples;
            self.shared.outages().lose(lost);
            let Ok(sample) = self.inbox.recv() else {
                return false;
            };
            self.take(&sample);
            if monotonic_ns() >= again_ns {
                if self.files.resume(&sample).is_ok() {
                    self.shared.outages().end(sample.at_ns);
                    self.note();
                    return true;
                }
                again_ns = monotonic_ns() + RETRY_NS;
            }
            self.shared.outages().last(sample.at_ns);
        }
    }

    fn take(&mut self, sample: &RawSample) {
        self.taken_samples += 1;
        let rows = sample.rows.len();
        self.shared.waiting_rows.fetch_sub(rows, Ordering::Relaxed);
    }

    fn write(&mut self) -> Result<(), StreamError> {
        let mut due_ns = None;
        loop {
            let sample = match due_ns {
                None => self
                    .inbox
                    .recv()
                    .map_err(|_| RecvTimeoutError::Disconnected),
                Some(due_ns) => {
                    let left_ns = u64::saturating_sub(due_ns, monotonic_ns());
                    self.inbox.recv_timeout(Duration::from_nanos(left_ns))
                }
            };
            match sample {
                Ok(sample) => {
                    self.take(&sample);
                    self.files.add(&sample)?;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.files.close(),
            }
            let due = *due_ns.get_or_insert_with(|| monotonic_ns() + self.hold_ns);
            if monotonic_ns() >= due || self.files.waiting_rows() >= BATCH_ROWS {
                self.files.flush()?;
                self.note();
                due_ns = None;
            }
        }
    }

    fn note(&mut self) {
        let Self { files, shared, .. } = self;
        let written = files.written();
        shared.written_bytes.store(written.bytes, Ordering::Relaxed);
        shared.written_rows.store(written.rows, Ordering::Relaxed);
        shared.restored.store(files.restored(), Ordering::Relaxed);
        if let Some(error) = files.take_unremoved() {
            let _ = shared.unremoved.set(error);
        }
    }
}
