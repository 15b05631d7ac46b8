//! Runs one level after the other on the connections that are there, and makes each a step of
//! the report.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bench_cli::bench::Bench;
use bench_report::clock::monotonic_ns;
use bench_report::{Step, StepEnd, Window};
use load_engine::{CpuReading, LoadThreads, Phase, self_check};

use crate::course::Course;
use crate::crew::{Crew, Unfinished};
use crate::evidence::{ServerWatch, own_rss_bytes};
use crate::hand::Order;
use crate::level::{Level, Setup};
use crate::nofile::Reserve;
use crate::settings::LimitSettings;
use crate::trail::{Look, Trail};
use crate::verdict::{Bounds, Break};

/// Between the order to hold a level and its first message.
const HEAD_START_NS: u64 = 2_000_000;
/// A server that takes connections only to drop them would be asked for ever.
const FILLED_AT_MOST: usize = 3;

/// How a level ended.
#[derive(Debug)]
pub(crate) enum Verdict {
    Held,
    /// With so many connections open.
    Broken {
        why: Break,
        open: u64,
    },
    /// A signal came.
    Interrupted,
}

/// Goes from level to level.
pub(crate) struct Climber<'a> {
    pub(crate) bench: &'a mut Bench,
    pub(crate) crew: Crew,
    pub(crate) setup: Arc<Setup>,
    pub(crate) settings: &'a LimitSettings,
    pub(crate) watch: ServerWatch,
    /// Levels after this one, if none breaks.
    pub(crate) levels_left: usize,
}

impl Climber<'_> {
    /// Goes up or down to `target` connections and holds them.
    ///
    /// # Errors
    /// Fails when a worker is gone, or the report cannot be saved.
    pub(crate) fn level(&mut self, target: u64, repeat: u64) -> anyhow::Result<Verdict> {
        let bounds = Bounds {
            error_ratio: self.settings.error_ratio(),
            p99: self.settings.p99_bound(),
            timeout: self.settings.bound,
        };
        let threads = self.crew.threads();
        let missing = target.saturating_sub(self.open());
        let level = Arc::new(Level::new(target, repeat, threads).with_allowance(missing, bounds));
        let mut trail = Trail::new();
        let mut course = Course::begin(self.reading());
        course.ended = self.run(&level, &mut trail, &mut course);
        course.open = self.open();
        let (ended, open, measured) = (course.ended, course.open, course.was_measured());
        if ended.is_err() {
            // What is under way records itself as censored when it is dropped.
            self.crew.dismiss();
        }
        trail.point(open, &level.echoes);
        let (step, why) = course.step(&level, &self.setup.load, &trail, threads, bounds);
        let warnings = if measured && ended.is_ok() {
            self_check::examine(&step, None)
        } else {
            Vec::new()
        };
        self.tell(&step);
        self.bench.push_step(step, trail.into_series(), warnings);
        match (ended, why) {
            (Err(Unfinished::Cancelled), _) => Ok(Verdict::Interrupted),
            (Err(gone), _) => Err(gone.into()),
            (Ok(()), None) => Ok(Verdict::Held),
            (Ok(()), Some(why)) => Ok(Verdict::Broken { why, open }),
        }
    }

    /// Closes what is open beyond `target`, and forgets connections that were lost: a level is
    /// charged with its own losses only.
    ///
    /// # Errors
    /// Fails when a signal came first, or a worker is gone.
    pub(crate) fn keep(&mut self, target: u64) -> Result<(), Unfinished> {
        let surplus = self.open().saturating_sub(target);
        let surplus = Arc::new(AtomicU64::new(surplus));
        self.crew.command(&Order::Close(surplus), |_| {})
    }

    fn reading(&self) -> CpuReading {
        CpuReading::read(&self.setup.threads)
    }

    fn open(&self) -> u64 {
        self.setup.open.load(Ordering::Relaxed)
    }

    fn command(
        &mut self,
        order: &Order,
        level: &Level,
        trail: &mut Trail,
    ) -> Result<(), Unfinished> {
        let each = (self.settings.warmup + self.settings.measure) * self.settings.repeats as u32;
        let ahead = each * self.levels_left as u32;
        let (setup, bench) = (&self.setup, &mut self.bench);
        let began = Instant::now();
        let (watch, holds) = (&mut self.watch, matches!(order, Order::Hold { .. }));
        self.crew.command(order, |late| {
            if holds && trail.watch(level.window(), || look(watch, &setup.threads)) {
                bench.phase(Phase::Measure);
            }
            let open = setup.open.load(Ordering::Relaxed);
            if trail.beat(late, open, &level.echoes) {
                let done = began.elapsed().min(each);
                let message = format!("{open} of {} connections open", level.target);
                bench.tick(done, each + ahead, &message);
            }
        })
    }

    fn run(
        &mut self,
        level: &Arc<Level>,
        trail: &mut Trail,
        course: &mut Course,
    ) -> Result<(), Unfinished> {
        self.bench.phase(Phase::Connect);
        let opened = self.fill(level, trail);
        course.connected(self.reading());
        opened?;
        if level.has_broken() {
            return Ok(());
        }
        self.hold(level, trail, course)?;
        self.bench.phase(Phase::Drain);
        let checked = self.command(&Order::Check(Arc::clone(level)), level, trail);
        course.window.end_ns = monotonic_ns();
        checked
    }

    /// Opens what is missing; once more, if connections were lost meanwhile.
    fn fill(&mut self, level: &Arc<Level>, trail: &mut Trail) -> Result<(), Unfinished> {
        let _reserve = Reserve::take();
        for _ in 0..FILLED_AT_MOST {
            let missing = level.target.saturating_sub(self.open());
            if missing == 0 || level.has_broken() {
                break;
            }
            let order = Order::Open {
                level: Arc::clone(level),
                missing,
            };
            self.command(&order, level, trail)?;
        }
        Ok(())
    }

    fn hold(
        &mut self,
        level: &Arc<Level>,
        trail: &mut Trail,
        course: &mut Course,
    ) -> Result<(), Unfinished> {
        self.bench.phase(if self.settings.warmup.is_zero() {
            Phase::Measure
        } else {
            Phase::WarmUp
        });
        course.rss_bytes = own_rss_bytes();
        let first = look(&mut self.watch, &self.setup.threads);
        let hold_ns = monotonic_ns() + HEAD_START_NS;
        if self.settings.warmup.is_zero() {
            trail.measuring_begins(first.clone());
        }
        let measure_start_ns = hold_ns + self.settings.warmup.as_nanos() as u64;
        let measure_end_ns = measure_start_ns + self.settings.measure.as_nanos() as u64;
        let window = Window {
            start_ns: hold_ns,
            measure_start_ns,
            measure_end_ns,
            end_ns: measure_end_ns,
        };
        level.set_window(window);
        let order = Order::Hold {
            level: Arc::clone(level),
            talkers: self.crew.shares(level.talkers(&self.setup.load)),
        };
        let held = self.command(&order, level, trail);
        let over_ns = monotonic_ns();
        let (began, ended) = trail.measured();
        let began = began.unwrap_or(first);
        let ended = ended.unwrap_or_else(|| look(&mut self.watch, &self.setup.threads));
        course.readings = (began.own, ended.own);
        course.server = Some(self.watch.evidence(began.server, ended.server));
        course.window.measure_start_ns = measure_start_ns.min(over_ns);
        course.window.measure_end_ns = measure_end_ns.min(over_ns);
        course.window.end_ns = over_ns;
        held
    }

    fn tell(&mut self, step: &Step) {
        let ended = match &step.end {
            StepEnd::Completed => "held".to_owned(),
            StepEnd::Stopped { reason, .. } => format!("broke: {reason}"),
            StepEnd::Interrupted => "interrupted".to_owned(),
            StepEnd::Failed { reason } => format!("failed: {reason}"),
        };
        self.bench.line(&format!("{}: {ended}", step.name));
    }
}

fn look(watch: &mut ServerWatch, threads: &LoadThreads) -> Look {
    // The server first: its CPU time takes longer to read than ours.
    let server = watch.look();
    Look {
        own: CpuReading::read(threads),
        server,
    }
}
