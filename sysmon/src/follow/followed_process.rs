//! Process that is followed, with its latest figures and its history.

use std::sync::Arc;

use host_metrics::CommandLine;
use host_metrics::rate_window::{Baseline, FigureValue};
use host_metrics::source::process::{
    ProcessDetail, ProcessFields, ProcessIo, ProcessSample, SchedulerWait,
};
use host_metrics::source::{ReadSpan, Timed};

use super::fault_counters::FaultCounters;
use super::process_recorder::ProcessRecorder;
use crate::metric::{Metric, process as metric};

/// Largest number of characters of a command line that are stored; the rest is cut off.
const COMMAND_CHARS: usize = 200;

/// Number of samples after which the control group of a process is read again. A process may be
/// moved to its group shortly after its start.
const GROUP_EVERY: u32 = 16;

/// Followed process, with its latest figures and its history `H`.
#[derive(Debug)]
pub(crate) struct FollowedProcess<H = ()> {
    /// Name of the process in the last sample.
    pub name: Arc<str>,
    /// CPU time that the process has used during the recording or live view so far, in nanoseconds.
    pub used_ns: u64,
    /// Largest resident memory of the process in any sample so far, in bytes.
    pub rss_max_bytes: u64,
    /// Bytes that the process has moved to and from disks during the recording so far; 0 if they are not read.
    pub disk_bytes: u64,
    command: Option<Arc<str>>,
    target: Option<Arc<str>>,
    /// Name of the control group at the last look; `None` for the root group.
    cgroup: Option<String>,
    /// Number of samples of the process so far.
    samples: u32,
    latest: Vec<(&'static str, FigureValue)>,
    history: Option<H>,
    faults: Baseline<FaultCounters>,
    children: Baseline<Option<u64>>,
    io: Baseline<ProcessIo>,
    waiting: Baseline<SchedulerWait>,
}

impl<H: ProcessRecorder> FollowedProcess<H> {
    pub(super) fn new(sample: &ProcessSample, keeps_history: bool, least_window_ns: u64) -> Self {
        let mut history = keeps_history.then(H::default);
        if let Some(history) = &mut history {
            history.label("pid", &sample.id.pid.to_string());
            history.label("name", &sample.name);
        }
        Self {
            name: Arc::clone(&sample.name),
            used_ns: 0,
            rss_max_bytes: 0,
            disk_bytes: 0,
            command: None,
            target: None,
            cgroup: None,
            samples: 0,
            latest: Vec::new(),
            history,
            faults: Baseline::with_least_window(0),
            children: Baseline::with_least_window(least_window_ns),
            io: Baseline::with_least_window(0),
            waiting: Baseline::with_least_window(0),
        }
    }

    /// Iterates over the figures in the last sample of the process, each with its name. Figures
    /// that could not be read are left out.
    pub(crate) fn latest(&self) -> impl Iterator<Item = (&'static str, FigureValue)> {
        self.latest.iter().copied()
    }

    /// Returns the first 200 characters of the command line, with secrets masked; `None` if command
    /// lines are not recorded or it could not be read.
    #[cfg(feature = "watch")]
    pub(crate) fn command(&self) -> Option<&str> {
        self.command.as_deref()
    }

    /// Returns the label of the target to whose tree the process belongs; `None` if it belongs to
    /// none.
    #[cfg(feature = "watch")]
    pub(crate) fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    /// Returns the history of the figures; `None` in a live view.
    pub(crate) fn history(&self) -> Option<&H> {
        self.history.as_ref()
    }

    pub(super) fn history_mut(&mut self) -> Option<&mut H> {
        self.history.as_mut()
    }

    /// Returns true if the process still has the name `name`. The name changes if the process
    /// executes another program.
    pub(super) fn is_named(&self, name: &Arc<str>) -> bool {
        self.name == *name
    }

    pub(super) fn rename(&mut self, name: &Arc<str>) {
        self.name = Arc::clone(name);
        self.label("name", name);
    }

    /// Stores the first `COMMAND_CHARS` characters of the masked command line, also as a label of
    /// the history.
    pub(super) fn set_command(&mut self, line: &CommandLine) {
        let shown: String = line.to_string().chars().take(COMMAND_CHARS).collect();
        self.label("command", &shown);
        self.command = Some(shown.into());
    }

    /// Sets the label of the target to whose tree the process belongs, also as a label of the
    /// history.
    pub(super) fn set_target(&mut self, label: &str) {
        self.label("follow", label);
        self.target = Some(label.into());
    }

    /// Counts one more sample, and returns true if the control group of the process has to be read:
    /// at the first two samples, and now and then.
    pub(super) fn is_group_due(&mut self) -> bool {
        let count = self.samples;
        self.samples = self.samples.wrapping_add(1);
        count < 2 || count.is_multiple_of(GROUP_EVERY)
    }

    /// Sets the label of the control group in which the process is; the last known one stays if it
    /// could not be read.
    pub(super) fn set_cgroup(&mut self, name: Option<String>) {
        if let Some(name) = name
            && self.cgroup.as_ref() != Some(&name)
        {
            self.label("cgroup", &name);
            self.cgroup = Some(name);
        }
    }

    fn label(&mut self, key: &'static str, value: &str) {
        if let Some(history) = &mut self.history {
            history.label(key, value);
        }
    }

    /// Adds the figures of the sample that ended at `at_ns`, in nanoseconds of the monotonic clock.
    /// `cores` is the number of cores that the process used, `detail` contains further figures, and
    /// `fields` the groups of figures to add.
    pub(super) fn record(
        &mut self,
        at_ns: u64,
        sample: &ProcessSample,
        cores: Option<FigureValue>,
        detail: ProcessDetail,
        (fields, tick_ns): (ProcessFields, u64),
    ) {
        self.latest.clear();
        self.put(at_ns, metric::CPU_CORES.name(), cores);
        self.put_gauge(at_ns, &metric::RSS, sample);
        if fields.threads {
            self.put_gauges(at_ns, metric::THREADS, sample);
        }
        if fields.faults {
            let faults = timed(sample.span, FaultCounters::of(sample));
            let rates = rates(&mut self.faults, metric::FAULTS, Some(faults));
            self.put_all(at_ns, rates);
        }
        if fields.children {
            self.record_children(at_ns, sample, tick_ns);
        }
        self.record_detail(at_ns, detail, fields);
    }

    fn record_children(&mut self, at_ns: u64, sample: &ProcessSample, tick_ns: u64) {
        let children = timed(sample.span, sample.children_cpu_ns);
        let mut cores = None;
        self.children.advance(Some(children), |old, new, window| {
            cores = window.mean(*old, *new, 2 * tick_ns);
        });
        self.put(at_ns, metric::CHILDREN_CPU_CORES.name(), cores);
    }

    fn record_detail(&mut self, at_ns: u64, detail: ProcessDetail, fields: ProcessFields) {
        if fields.descriptors || detail.descriptors.is_some() {
            self.put_gauge(at_ns, &metric::DESCRIPTORS, &detail);
        }
        if fields.swap {
            self.put_gauge(at_ns, &metric::SWAP, &detail);
        }
        if fields.pss {
            self.put_gauge(at_ns, &metric::PSS, &detail);
        }
        if fields.io {
            let rates = rates(&mut self.io, metric::IO, detail.io);
            self.put_all(at_ns, rates);
        }
        if fields.scheduler {
            let rates = rates(&mut self.waiting, metric::SCHEDULER, detail.scheduler);
            self.put_all(at_ns, rates);
        }
    }

    fn put_gauges<S>(&mut self, at_ns: u64, metrics: &[&Metric<S>], sample: &S) {
        for metric in metrics {
            self.put_gauge(at_ns, metric, sample);
        }
    }

    fn put_gauge<S>(&mut self, at_ns: u64, metric: &Metric<S>, sample: &S) {
        let reading = metric.gauge_value(sample).map(FigureValue::from);
        self.put(at_ns, metric.name(), reading);
    }

    fn put_all(&mut self, at_ns: u64, readings: Vec<(&'static str, Option<FigureValue>)>) {
        for (name, reading) in readings {
            self.put(at_ns, name, reading);
        }
    }

    fn put(&mut self, at_ns: u64, name: &'static str, reading: Option<FigureValue>) {
        self.latest.extend(reading.map(|reading| (name, reading)));
        if let Some(history) = &mut self.history {
            history.put(at_ns, name, reading);
        }
    }
}

/// Derives the rates of `metrics` from the baseline's sample to `sample`, which becomes the new
/// baseline. A rate is `None` at the first sample, without a sample, or if its counter fell.
fn rates<S>(
    baseline: &mut Baseline<S>,
    metrics: &[&Metric<S>],
    sample: Option<Timed<S>>,
) -> Vec<(&'static str, Option<FigureValue>)> {
    let mut rates: Vec<_> = metrics.iter().map(|m| (m.name(), None)).collect();
    baseline.advance(sample, |old, new, window| {
        for (metric, (_, rate)) in metrics.iter().zip(&mut rates) {
            *rate = metric.derive(old, new, window);
        }
    });
    rates
}

fn timed<T>(span: ReadSpan, value: T) -> Timed<T> {
    Timed { span, value }
}
