//! Recording in memory: takes samples, derives figures, stores them, and writes them into a report.

use bench_report::clock::{monotonic_ns, process_cpu_ns};
use bench_report::names::summaries;
use bench_report::{Report, Warning, WarningCode};
use host_metrics::rate_window::tick_window_ns;

use crate::follow::Follower;
use crate::gpu::watch::GpuWatch;
use crate::growth::{GrowthThreshold, growing};
use crate::marks::{MOST_MARKS, MarksFile, MarksFileError};
use crate::own_cost::OwnCost;
use crate::process_history::{ProcessFollower, ProcessHistory, has_series, process_series};
use crate::rolling::{POINTS, points_of_each};
use crate::sampler::MachineSampler;
use crate::series_store::SeriesStore;
use crate::settings::SamplingSettings;
use crate::stream::RawWriter;
use crate::stream::sample::RowBuilder;
use crate::tick_schedule::TickSchedule;
use crate::wall_clock::WallClock;

/// Headline of a report that is saved while the recording is still running; readers recognize it by
/// this text.
pub(crate) const UNFINISHED: &str = "interrupted before its end";

/// Missed samples as a share of all due ones; above it, the report has a warning.
const MISSED_RATIO: f64 = 0.01;

/// Recording in progress: its sampler, and the series recorded so far.
#[derive(Debug)]
pub struct LiveRecording {
    sampler: MachineSampler,
    series_store: SeriesStore,
    marks: Option<MarksFile>,
    raw: Option<(RawWriter, RowBuilder)>,
    cost: OwnCost,
    cadence: TickSchedule,
    wall_clock: WallClock,
    growth: GrowthThreshold,
    /// Length in nanoseconds below which a recording has no rates of figures that the kernel counts
    /// in clock ticks, so that the report has a warning.
    least_window_ns: u64,
    began_ns: u64,
    last_ns: u64,
}

impl LiveRecording {
    /// Starts a recording, and takes its first sample, from which rates are computed. What cannot
    /// be read becomes a warning in the report.
    pub fn begin(settings: &SamplingSettings) -> Self {
        Self::begin_into(settings, None)
    }

    /// Starts a recording as [`begin`](Self::begin) does. Its samples are also written to `raw`, if
    /// given.
    pub(crate) fn begin_into(settings: &SamplingSettings, raw: Option<RawWriter>) -> Self {
        let began_ns = monotonic_ns();
        let mut recording = Self {
            sampler: MachineSampler::new(settings),
            series_store: SeriesStore::default(),
            marks: None,
            raw: raw.map(|raw| (raw, RowBuilder::default())),
            cost: OwnCost::default(),
            cadence: TickSchedule::new(began_ns, settings.interval_ns),
            wall_clock: WallClock::default(),
            growth: settings.growth,
            least_window_ns: tick_window_ns(settings.interval_ns),
            began_ns,
            last_ns: began_ns,
        };
        recording.read();
        recording
    }

    /// Returns the time at which the next sample is due, in nanoseconds of the monotonic clock.
    pub(crate) fn due_ns(&self) -> u64 {
        self.cadence.due_ns()
    }

    /// Returns the time at which the recording began, just before its first sample, in nanoseconds
    /// of the monotonic clock.
    pub(crate) fn began_ns(&self) -> u64 {
        self.began_ns
    }

    /// Takes a sample now, and schedules the next one.
    pub fn sample(&mut self) {
        self.cadence.sampled(monotonic_ns());
        self.read();
    }

    /// Takes a last sample, so that the time since the previous one is covered; it may be early.
    /// Takes none if that time is too short for a rate, unless there is only one sample. Then reads
    /// the last marks and removes their file.
    pub(crate) fn finish(&mut self) {
        let now_ns = monotonic_ns();
        let since_ns = now_ns.saturating_sub(self.last_ns);
        if now_ns >= self.due_ns() {
            self.sample();
        } else if since_ns >= self.least_window_ns || self.cost.samples() < 2 {
            self.read();
        }
        if let Some(marks) = &mut self.marks {
            marks.close();
        }
    }

    /// Follows the process `pid` from the next sample on, even if it uses little CPU time and
    /// memory. Does nothing if processes are not sampled.
    pub(crate) fn pin(&mut self, pid: u32) {
        self.sampler.pin(pid);
    }

    /// Adds the figures that `gpus` reads to each later sample.
    pub(crate) fn watch_gpus(&mut self, gpus: GpuWatch) {
        self.sampler.watch_gpus(gpus);
    }

    /// Reads marks from the file in `inbox` from now on; `None` reads none. An error is recorded as
    /// a warning of the report.
    pub(crate) fn take_marks(&mut self, inbox: Result<Option<MarksFile>, MarksFileError>) {
        let gaps = self.sampler.gaps_mut();
        self.marks = gaps.keep("what `sysmon mark` would tell", inbox).flatten();
    }

    /// Returns a sentence with the reason why the recording has no reading at all; `None` if it has
    /// any.
    pub(crate) fn empty_because(&self) -> Option<String> {
        let any_process = self.follower().is_some_and(has_series);
        let any = any_process
            || self
                .series_store
                .stats()
                .any(|(.., all)| all.max().is_some());
        let first = || {
            let gap = self.sampler.gaps().iter().next();
            gap.map_or_else(String::new, |(what, why)| {
                format!(", {what} for one: {why}")
            })
        };
        (!any).then(|| format!("nothing at all could be read{}", first()))
    }

    /// Returns the reader of GPUs; `None` if none was set.
    pub(crate) fn gpus(&self) -> Option<&GpuWatch> {
        self.sampler.gpus()
    }

    /// Returns the writer of raw samples; `None` if the recording writes none.
    pub(crate) fn raw(&self) -> Option<&RawWriter> {
        self.raw.as_ref().map(|(raw, _)| raw)
    }

    /// Closes the file of raw samples; later samples are not written to it.
    pub(crate) fn close_raw(&mut self) {
        if let Some((raw, _)) = &mut self.raw {
            raw.close();
        }
    }

    /// Returns the series of the machine, its devices and groups, without those of single
    /// processes.
    pub(crate) fn series_store(&self) -> &SeriesStore {
        &self.series_store
    }

    /// Returns the followed processes with their series; `None` if processes are not sampled.
    pub(crate) fn follower(&self) -> Option<&ProcessFollower> {
        self.sampler.follower()
    }

    fn read(&mut self) {
        let Self {
            sampler,
            series_store,
            marks,
            raw,
            wall_clock,
            ..
        } = self;
        self.last_ns = self.cost.of_sample(|| {
            let tick = sampler.sample();
            if let Some((raw, rows)) = raw {
                let live = sampler.follower().filter(|_| tick.listed);
                raw.hand_in(rows.sample(tick.at_ns, &tick.figures, live));
            }
            series_store.take(tick.at_ns, tick.figures);
            bound(series_store, sampler.follower_mut());
            if let Some(marks) = marks {
                marks.read_new();
                marks.restore();
            }
            wall_clock.look();
            tick.at_ns
        });
    }

    /// Replaces series, marks, figures, growth and warnings in `report` by those of the recording
    /// so far. Adds the names of the GPUs, or the reason why there are none, to its configuration.
    pub fn fill(&self, report: &mut Report) {
        report.duration_ns = monotonic_ns().saturating_sub(report.clock.monotonic_ns);
        report.series = self.series_store.series().collect();
        let processes = self.follower().into_iter().flat_map(process_series);
        report.series.extend(processes);
        report.marks = self
            .marks
            .as_ref()
            .map(MarksFile::marks)
            .unwrap_or_default();
        report.summary.growth = growing(&report.series, self.growth);
        self.fill_figures(report);
        if let Some(gpus) = self.gpus() {
            let found = gpus
                .found()
                .map_or_else(str::to_owned, |all| all.join(", "));
            report.config.insert("gpu".to_owned(), found.into());
        }
        report.warnings = self.warnings();
        if let Some(raw) = self.raw() {
            raw.fill(report);
        }
    }

    fn fill_figures(&self, report: &mut Report) {
        let summary = &mut report.summary;
        for (name, labels, spread) in self.series_store.stats() {
            if labels.is_empty()
                && let (Some(mean), Some(max)) = (spread.mean(), spread.max())
            {
                summary.member(summaries::MACHINE_MEANS, name, mean);
                summary.member(summaries::MACHINE_MAXIMA, name, max);
            }
        }
        summary.figure(summaries::OWN_CPU_NS, process_cpu_ns() as f64);
        summary.figure(summaries::SAMPLES, self.cost.samples() as f64);
        summary.figure(summaries::MISSED_SAMPLES, self.cadence.missed() as f64);
        if let Some(ns) = self.cost.cpu_per_sample_ns() {
            summary.figure(summaries::OWN_CPU_PER_SAMPLE_NS, ns as f64);
        }
        if let Some(bytes) = OwnCost::rss_max_bytes() {
            summary.figure(summaries::OWN_RSS_MAX_BYTES, bytes as f64);
        }
        let gpu_read = self.gpus().map(GpuWatch::read_ns);
        if let Some((mean, max)) = gpu_read.and_then(|ns| ns.mean().zip(ns.max())) {
            summary.figure(summaries::OWN_GPU_READ_NS_MEAN, mean);
            summary.figure(summaries::OWN_GPU_READ_NS_MAX, max);
        }
    }

    fn warnings(&self) -> Vec<Warning> {
        let missing = |(_, told)| Warning::new(WarningCode::EvidenceMissing, told);
        let mut warnings: Vec<Warning> = self.sampler.gaps().sentences().map(missing).collect();
        let unfound = self.follower().into_iter().flat_map(Follower::unfound);
        warnings.extend(unfound.map(|target| {
            let message = format!("--follow {target}: no such process was seen");
            Warning::new(WarningCode::EvidenceMissing, message)
        }));
        if let Some((left_out, most)) = self.follower().and_then(Follower::left_out) {
            let message = format!(
                "process is absent for up to {left_out} processes at once: a recording tells apart \
                 the {most} that used the most CPU time and the {most} that held the most memory; \
                 --follow records others by name"
            );
            warnings.push(Warning::new(WarningCode::EvidenceMissing, message));
        }
        if self.series_store.turned_away() {
            let message = "some devices or interfaces are absent: there are too many to keep";
            warnings.push(Warning::new(WarningCode::EvidenceMissing, message));
        }
        if self.marks.as_ref().is_some_and(MarksFile::is_full) {
            let message = format!("a recording keeps {MOST_MARKS} marks; later ones are absent");
            warnings.push(Warning::new(WarningCode::EvidenceMissing, message));
        }
        warnings.extend(self.wall_clock.warning(self.began_ns));
        let (samples, missed) = (self.cost.samples(), self.cadence.missed());
        let missed_ratio = missed as f64 / (samples + missed).max(1) as f64;
        if missed_ratio > MISSED_RATIO {
            let message = format!(
                "{missed} of {} samples were missed: the machine was too busy, sysmon was stopped, or \
                 the interval is too short; rates are still right, peaks may be lost",
                samples + missed
            );
            let warning = Warning::new(WarningCode::GeneratorStalled, message);
            warnings.push(warning.with_figures(missed_ratio, MISSED_RATIO));
        }
        let recorded_ns = self.last_ns.saturating_sub(self.began_ns);
        if recorded_ns < self.least_window_ns {
            let message = format!(
                "{} ms is too short for CPU and disk figures: their counters tick every 10 ms",
                recorded_ns / 1_000_000
            );
            let warning = Warning::new(WarningCode::TooFewSamples, message);
            warnings.push(warning.with_figures(recorded_ns as f64, self.least_window_ns as f64));
        }
        warnings
    }
}

/// Limits the number of points of each series, so that all series of the machine and of processes
/// together stay within [`ALL_POINTS`](crate::rolling::ALL_POINTS) where possible.
pub(crate) fn bound(series_store: &mut SeriesStore, mut follower: Option<&mut ProcessFollower>) {
    let histories = follower.iter().flat_map(|follower| follower.histories());
    let of_processes: usize = histories.map(ProcessHistory::len).sum();
    let points = points_of_each(series_store.len() + of_processes);
    if points < POINTS {
        series_store.keep_points(points);
        if let Some(follower) = &mut follower {
            for history in follower.histories_mut() {
                history.keep_points(points);
            }
        }
    }
}
