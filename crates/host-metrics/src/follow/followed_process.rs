//! One process that is followed.

use std::sync::Arc;

use super::process_recorder::ProcessRecorder;
use crate::CommandLine;
use crate::derive::{Baseline, RateWindow};
use crate::figure::FigureValue;
use crate::source::process::{
    ProcessDetail, ProcessFields, ProcessIo, ProcessSample, SchedulerWait,
};
use crate::source::{ReadSpan, Timed};

/// What is kept of a command line.
const COMMAND_CHARS: usize = 200;
/// Waiting is counted in nanoseconds.
const WAIT_QUANTUM_NS: u64 = 1;

/// A process that is followed, with its latest figures and its history `H`.
#[derive(Debug)]
pub struct FollowedProcess<H = ()> {
    /// Its name when last seen.
    pub name: Arc<str>,
    /// CPU time that it used during the recording, in nanoseconds.
    pub used_ns: u64,
    /// The most memory it held.
    pub rss_max_bytes: u64,
    command: Option<Arc<str>>,
    target: Option<Arc<str>>,
    latest: Vec<(&'static str, FigureValue)>,
    history: Option<H>,
    faults: Baseline<[Option<u64>; 2]>,
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
            command: None,
            target: None,
            latest: Vec::new(),
            history,
            faults: Baseline::over(0),
            children: Baseline::over(least_window_ns),
            io: Baseline::over(0),
            waiting: Baseline::over(0),
        }
    }

    /// What was read at the last tick at which it was there, by the names of its series.
    pub fn latest(&self) -> impl Iterator<Item = (&'static str, FigureValue)> {
        self.latest.iter().copied()
    }

    /// Returns its command line with secrets masked, where command lines are recorded.
    pub fn command(&self) -> Option<&str> {
        self.command.as_deref()
    }

    /// Returns the label of the target to whose tree it belongs.
    pub fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    /// Returns its history; absent in a live view.
    pub fn history(&self) -> Option<&H> {
        self.history.as_ref()
    }

    pub(super) fn history_mut(&mut self) -> Option<&mut H> {
        self.history.as_mut()
    }

    /// A process changes its name when it becomes another program.
    pub(super) fn is_named(&self, name: &Arc<str>) -> bool {
        self.name == *name
    }

    pub(super) fn rename(&mut self, name: &Arc<str>) {
        self.name = Arc::clone(name);
        self.label("name", name);
    }

    /// Keeps the first `COMMAND_CHARS` characters of its masked command line.
    pub(super) fn set_command(&mut self, line: &CommandLine) {
        let shown: String = line.to_string().chars().take(COMMAND_CHARS).collect();
        self.label("command", &shown);
        self.command = Some(shown.into());
    }

    /// Notes to which target it belongs.
    pub(super) fn set_target(&mut self, label: &str) {
        self.label("follow", label);
        self.target = Some(label.into());
    }

    fn label(&mut self, key: &'static str, value: &str) {
        if let Some(history) = &mut self.history {
            history.label(key, value);
        }
    }

    /// Takes in the tick that ended at `at_ns`.
    pub(super) fn record(
        &mut self,
        at_ns: u64,
        sample: &ProcessSample,
        cores: Option<FigureValue>,
        detail: ProcessDetail,
        (fields, tick_ns): (ProcessFields, u64),
    ) {
        self.latest.clear();
        self.put(at_ns, "process.cpu_cores", cores);
        let rss = Some(FigureValue::from(sample.rss_bytes));
        self.put(at_ns, "process.rss_bytes", rss);
        if fields.threads {
            let threads = sample.threads.map(FigureValue::from);
            self.put(at_ns, "process.threads", threads);
        }
        if fields.faults {
            self.record_faults(at_ns, sample);
        }
        if fields.children {
            self.record_children(at_ns, sample, tick_ns);
        }
        self.record_detail(at_ns, detail, fields);
    }

    fn record_faults(&mut self, at_ns: u64, sample: &ProcessSample) {
        let faults = timed(sample.span, [sample.minor_faults, sample.major_faults]);
        let [mut minor, mut major] = [None; 2];
        self.faults.advance(Some(faults), |old, new, window| {
            minor = window.per_s(old[0], new[0]);
            major = window.per_s(old[1], new[1]);
        });
        self.put(at_ns, "process.minor_faults_per_s", minor);
        self.put(at_ns, "process.major_faults_per_s", major);
    }

    fn record_children(&mut self, at_ns: u64, sample: &ProcessSample, tick_ns: u64) {
        let children = timed(sample.span, sample.children_cpu_ns);
        let mut cores = None;
        self.children.advance(Some(children), |old, new, window| {
            cores = window.mean(*old, *new, 2 * tick_ns);
        });
        self.put(at_ns, "process.children_cpu_cores", cores);
    }

    fn record_detail(&mut self, at_ns: u64, detail: ProcessDetail, fields: ProcessFields) {
        if fields.io {
            self.record_io(at_ns, detail.io);
        }
        if fields.scheduler {
            let [mut waited, mut switches] = [None; 2];
            self.waiting.advance(detail.scheduler, |old, new, window| {
                let (old_ns, new_ns) = (Some(old.waited_ns), Some(new.waited_ns));
                waited = window.mean(old_ns, new_ns, WAIT_QUANTUM_NS);
                switches = window.per_s(Some(old.switches), Some(new.switches));
            });
            self.put(at_ns, "process.waiting_threads", waited);
            self.put(at_ns, "process.context_switches_per_s", switches);
        }
        for (asked, name, value) in [
            (
                fields.descriptors || detail.descriptors.is_some(),
                "process.descriptors",
                detail.descriptors,
            ),
            (fields.swap, "process.swap_bytes", detail.swap_bytes),
            (fields.pss, "process.pss_bytes", detail.pss_bytes),
        ] {
            if asked {
                self.put(at_ns, name, value.map(FigureValue::from));
            }
        }
    }

    fn record_io(&mut self, at_ns: u64, io: Option<Timed<ProcessIo>>) {
        let mut rates = [None; 4];
        self.io.advance(io, |old, new, window: RateWindow| {
            let rate = |of: fn(&ProcessIo) -> u64| window.per_s(Some(of(old)), Some(of(new)));
            rates = [
                rate(|io| io.disk_read_bytes),
                rate(|io| io.disk_written_bytes),
                rate(|io| io.read_bytes),
                rate(|io| io.written_bytes),
            ];
        });
        let names = [
            "process.disk_read_bytes_per_s",
            "process.disk_write_bytes_per_s",
            "process.read_bytes_per_s",
            "process.write_bytes_per_s",
        ];
        for (name, rate) in names.into_iter().zip(rates) {
            self.put(at_ns, name, rate);
        }
    }

    fn put(&mut self, at_ns: u64, name: &'static str, reading: Option<FigureValue>) {
        self.latest.extend(reading.map(|reading| (name, reading)));
        if let Some(history) = &mut self.history {
            history.put(at_ns, name, reading);
        }
    }
}

fn timed<T>(span: ReadSpan, value: T) -> Timed<T> {
    Timed { span, value }
}
