//! Runs the steps of the search one after the other on the connections that are open, and adds each
//! to the report.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bench_cli::bench::Bench;
use bench_report::clock::monotonic_ns;
use bench_report::{Step, StepEnd, Window};
use load_engine::{CpuReading, LoadThreads, Phase, self_check};

use crate::connection_step::{ConnectionStep, RunSetup};
use crate::evidence::{ServerProcessReader, own_rss_bytes};
use crate::open_files::ReservedFiles;
use crate::settings::LimitSettings;
use crate::step_record::StepRecord;
use crate::step_timeline::{StepTimeline, UsageSnapshot};
use crate::thread_pool::{ThreadPool, ThreadPoolError};
use crate::verdict::{BreakReason, StepBounds};
use crate::worker_thread::ThreadCommand;

/// Time from the command to hold a step to its first message.
const HEAD_START_NS: u64 = 2_000_000;
/// Attempts to reach the step's number of connections: a server that accepts connections only to
/// drop them would otherwise be asked for ever.
const MAX_FILL_ROUNDS: usize = 3;

/// Result of a step.
#[derive(Debug)]
pub(crate) enum StepVerdict {
    /// All bounds were kept.
    Held,
    /// A bound was broken, with `open` connections open.
    Broken { why: BreakReason, open: u64 },
    /// A signal came.
    Interrupted,
}

/// Runs steps.
pub(crate) struct StepRunner<'a> {
    pub(crate) bench: &'a mut Bench,
    pub(crate) pool: ThreadPool,
    pub(crate) setup: Arc<RunSetup>,
    pub(crate) settings: &'a LimitSettings,
    pub(crate) watch: ServerProcessReader,
    /// Steps after this one, if none breaks.
    pub(crate) steps_left: usize,
}

impl StepRunner<'_> {
    /// Opens connections until there are `connections`, holds and checks them, and adds the step to
    /// the report.
    ///
    /// # Errors
    /// Fails when a worker thread is gone, or the report cannot be saved.
    pub(crate) fn run_step(
        &mut self,
        connections: u64,
        repeat: u64,
    ) -> anyhow::Result<StepVerdict> {
        let bounds = StepBounds {
            error_ratio: self.settings.error_ratio(),
            p99: self.settings.p99_bound(),
            timeout: self.settings.timeout,
        };
        let threads = self.pool.threads();
        let missing = connections.saturating_sub(self.open());
        let step = Arc::new(
            ConnectionStep::new(connections, repeat, threads).with_allowance(missing, bounds),
        );
        let mut timeline = StepTimeline::new();
        let mut record = StepRecord::start(self.reading());
        record.ended = self.run(&step, &mut timeline, &mut record);
        record.open = self.open();
        let (ended, open, measured) = (record.ended, record.open, record.was_measured());
        if ended.is_err() {
            // Messages in flight record themselves as censored when they are dropped.
            self.pool.shut_down();
        }
        timeline.push_point(open, &step.echoes);
        let (reported, why) = record.into_step(&step, &self.setup.load, &timeline, threads, bounds);
        let warnings = if measured && ended.is_ok() {
            self_check::examine(&reported, None)
        } else {
            Vec::new()
        };
        self.print_result(&reported);
        self.bench
            .push_step(reported, timeline.into_series(), warnings);
        match (ended, why) {
            (Err(ThreadPoolError::Cancelled), _) => Ok(StepVerdict::Interrupted),
            (Err(gone), _) => Err(gone.into()),
            (Ok(()), None) => Ok(StepVerdict::Held),
            (Ok(()), Some(why)) => Ok(StepVerdict::Broken { why, open }),
        }
    }

    /// Closes the connections beyond `target`, and forgets those that were lost: a step is charged
    /// with its own losses only.
    ///
    /// # Errors
    /// Fails when a signal came first, or a worker thread is gone.
    pub(crate) fn close_surplus(&mut self, target: u64) -> Result<(), ThreadPoolError> {
        let surplus = self.open().saturating_sub(target);
        let surplus = Arc::new(AtomicU64::new(surplus));
        self.pool
            .run_command(&ThreadCommand::Close(surplus), |_| {})
    }

    fn reading(&self) -> CpuReading {
        CpuReading::read(&self.setup.threads)
    }

    fn open(&self) -> u64 {
        self.setup.open.load(Ordering::Relaxed)
    }

    /// Has all worker threads carry out `command`, keeping the timeline and the progress meanwhile.
    fn run_command(
        &mut self,
        command: &ThreadCommand,
        step: &ConnectionStep,
        timeline: &mut StepTimeline,
    ) -> Result<(), ThreadPoolError> {
        let each = (self.settings.warmup + self.settings.measure) * self.settings.repeats as u32;
        let ahead = each * self.steps_left as u32;
        let (setup, bench) = (&self.setup, &mut self.bench);
        let began = Instant::now();
        let (watch, holds) = (
            &mut self.watch,
            matches!(command, ThreadCommand::Hold { .. }),
        );
        self.pool.run_command(command, |late| {
            if holds
                && timeline.read_at_window_ends(step.window(), || read_usage(watch, &setup.threads))
            {
                bench.phase(Phase::Measure);
            }
            let open = setup.open.load(Ordering::Relaxed);
            if timeline.heartbeat(late, open, &step.echoes) {
                let done = began.elapsed().min(each);
                let message = format!("{open} of {} connections open", step.connections);
                bench.tick(done, each + ahead, &message);
            }
        })
    }

    /// Fills, holds and checks the step.
    fn run(
        &mut self,
        step: &Arc<ConnectionStep>,
        timeline: &mut StepTimeline,
        record: &mut StepRecord,
    ) -> Result<(), ThreadPoolError> {
        self.bench.phase(Phase::Connect);
        let opened = self.fill(step, timeline);
        record.mark_connected(self.reading());
        opened?;
        if step.has_broken() {
            return Ok(());
        }
        self.hold(step, timeline, record)?;
        self.bench.phase(Phase::Drain);
        let checked = self.run_command(&ThreadCommand::Check(Arc::clone(step)), step, timeline);
        record.window.end_ns = monotonic_ns();
        checked
    }

    /// Opens the connections that are missing; again, if some were lost meanwhile.
    fn fill(
        &mut self,
        step: &Arc<ConnectionStep>,
        timeline: &mut StepTimeline,
    ) -> Result<(), ThreadPoolError> {
        let _reserve = ReservedFiles::open();
        for _ in 0..MAX_FILL_ROUNDS {
            let missing = step.connections.saturating_sub(self.open());
            if missing == 0 || step.has_broken() {
                break;
            }
            let command = ThreadCommand::Open {
                step: Arc::clone(step),
                missing,
            };
            self.run_command(&command, step, timeline)?;
        }
        Ok(())
    }

    /// Holds the connections while the talkers send messages, and reads the use of generator and
    /// server at both ends of the measured part.
    fn hold(
        &mut self,
        step: &Arc<ConnectionStep>,
        timeline: &mut StepTimeline,
        record: &mut StepRecord,
    ) -> Result<(), ThreadPoolError> {
        self.bench.phase(if self.settings.warmup.is_zero() {
            Phase::Measure
        } else {
            Phase::WarmUp
        });
        record.rss_bytes = own_rss_bytes();
        let first = read_usage(&mut self.watch, &self.setup.threads);
        let hold_ns = monotonic_ns() + HEAD_START_NS;
        if self.settings.warmup.is_zero() {
            timeline.set_measuring_start(first.clone());
        }
        let measure_start_ns = hold_ns + self.settings.warmup.as_nanos() as u64;
        let measure_end_ns = measure_start_ns + self.settings.measure.as_nanos() as u64;
        let window = Window {
            start_ns: hold_ns,
            measure_start_ns,
            measure_end_ns,
            end_ns: measure_end_ns,
        };
        step.set_window(window);
        let command = ThreadCommand::Hold {
            step: Arc::clone(step),
            talkers: self.pool.shares(step.talkers(&self.setup.load)),
        };
        let held = self.run_command(&command, step, timeline);
        let over_ns = monotonic_ns();
        let (began, ended) = timeline.window_usage();
        let began = began.unwrap_or(first);
        let ended = ended.unwrap_or_else(|| read_usage(&mut self.watch, &self.setup.threads));
        record.readings = (began.own, ended.own);
        record.server = Some(self.watch.evidence(began.server, ended.server));
        record.window.measure_start_ns = measure_start_ns.min(over_ns);
        record.window.measure_end_ns = measure_end_ns.min(over_ns);
        record.window.end_ns = over_ns;
        held
    }

    fn print_result(&mut self, reported: &Step) {
        let ended = match &reported.end {
            StepEnd::Completed => "held".to_owned(),
            StepEnd::Stopped { reason, .. } => format!("broke: {reason}"),
            StepEnd::Interrupted => "interrupted".to_owned(),
            StepEnd::Failed { reason } => format!("failed: {reason}"),
        };
        self.bench.line(&format!("{}: {ended}", reported.name));
    }
}

fn read_usage(watch: &mut ServerProcessReader, threads: &LoadThreads) -> UsageSnapshot {
    // The server first: its CPU time takes longer to read than ours.
    let server = watch.read();
    UsageSnapshot {
        own: CpuReading::read(threads),
        server,
    }
}
