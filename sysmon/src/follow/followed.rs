//! One process with series of its own.

use std::sync::Arc;

use bench_report::{Series, redaction};

use crate::derive::{Baseline, Window};
use crate::figure::Reading;
use crate::rolling::{Rolling, Spread};
use crate::source::process::{Detail, Fields, ProcessIo, ProcessSample, Waiting};
use crate::source::{Span, Timed};
use crate::stream::sample::label_text;

/// What is kept of a command line.
const COMMAND_CHARS: usize = 200;
/// Waiting is counted in nanoseconds.
const WAIT_QUANTUM_NS: u64 = 1;

/// A process with series of its own.
#[derive(Debug)]
pub struct Followed {
    /// Its name when last seen.
    pub name: Arc<str>,
    /// CPU time that it used during the recording, in nanoseconds.
    pub used_ns: u64,
    /// The most memory it held.
    pub rss_max_bytes: u64,
    labels: Series,
    keeps_series: bool,
    label_text: Arc<str>,
    latest: Vec<(&'static str, Reading)>,
    figures: Vec<(&'static str, Rolling)>,
    /// Where the next figure is, if figures come in the order of the tick before.
    next: usize,
    faults: Baseline<[Option<u64>; 2]>,
    children: Baseline<Option<u64>>,
    io: Baseline<ProcessIo>,
    waiting: Baseline<Waiting>,
}

impl Followed {
    pub(super) fn new(sample: &ProcessSample, keeps_series: bool, least_window_ns: u64) -> Self {
        let labels = Series::default()
            .label("pid", sample.id.pid.to_string())
            .label("name", &*sample.name);
        Self {
            name: Arc::clone(&sample.name),
            used_ns: 0,
            rss_max_bytes: 0,
            label_text: text_of(&labels),
            labels,
            keeps_series,
            latest: Vec::new(),
            figures: Vec::new(),
            next: 0,
            faults: Baseline::over(0),
            children: Baseline::over(least_window_ns),
            io: Baseline::over(0),
            waiting: Baseline::over(0),
        }
    }

    /// `process.cpu_cores` of the whole recording: 1.0 is one core.
    pub fn cores(&self) -> Option<&Spread> {
        let mut figures = self.figures.iter();
        let cores = figures.find(|(name, _)| *name == "process.cpu_cores");
        cores.map(|(_, rolling)| rolling.whole())
    }

    /// What was read at the last tick at which it was there, by the names of its series.
    pub fn latest(&self) -> impl Iterator<Item = (&'static str, Reading)> {
        self.latest.iter().copied()
    }

    /// A label of its series: `command` (redacted) where command lines are recorded, `follow`
    /// where it was asked for.
    pub fn told(&self, label: &str) -> Option<&str> {
        self.labels.labels.get(label).map(String::as_str)
    }

    /// Its labels as they stand in raw samples.
    pub fn label_text(&self) -> &Arc<str> {
        &self.label_text
    }

    pub(super) fn len(&self) -> usize {
        self.figures.len()
    }

    /// Keeps at least so many points of each series in a long recording.
    pub(super) fn keep_points(&mut self, points: usize) {
        for (_, rolling) in &mut self.figures {
            rolling.keep_points(points);
        }
    }

    /// Its series, those without any reading left out.
    pub(super) fn series(&self) -> impl Iterator<Item = Series> {
        let all = self.figures.iter().map(|(_, rolling)| rolling.series());
        all.filter(|series| series.mean.iter().any(Option::is_some))
    }

    /// A process changes its name when it becomes another program.
    pub(super) fn is_named(&self, name: &Arc<str>) -> bool {
        self.name == *name
    }

    pub(super) fn rename(&mut self, name: &Arc<str>) {
        self.name = Arc::clone(name);
        self.label("name", name);
    }

    /// Sets a label on all its series.
    pub(super) fn label(&mut self, key: &str, value: &str) {
        self.labels.labels.insert(key.to_owned(), value.to_owned());
        self.label_text = text_of(&self.labels);
        for (_, rolling) in &mut self.figures {
            rolling.relabel(key, value);
        }
    }

    /// Sets its command line, secrets masked.
    pub(super) fn label_command(&mut self, words: &[String]) {
        let shown = redaction::command_line(words).join(" ");
        let shown: String = shown.chars().take(COMMAND_CHARS).collect();
        self.label("command", &shown);
    }

    /// Takes in one tick.
    pub(super) fn take(
        &mut self,
        at_ns: u64,
        sample: &ProcessSample,
        cores: Option<Reading>,
        detail: Detail,
        (fields, tick_ns): (Fields, u64),
    ) {
        self.latest.clear();
        self.put(at_ns, "process.cpu_cores", cores);
        let rss = Some(Reading::from(sample.rss_bytes));
        self.put(at_ns, "process.rss_bytes", rss);
        if fields.threads {
            let threads = sample.threads.map(Reading::from);
            self.put(at_ns, "process.threads", threads);
        }
        if fields.faults {
            self.take_faults(at_ns, sample);
        }
        if fields.children {
            self.take_children(at_ns, sample, tick_ns);
        }
        self.take_detail(at_ns, detail, fields);
    }

    fn take_faults(&mut self, at_ns: u64, sample: &ProcessSample) {
        let faults = timed(sample.span, [sample.minor_faults, sample.major_faults]);
        let [mut minor, mut major] = [None; 2];
        self.faults.advance(Some(faults), |old, new, window| {
            minor = window.per_s(old[0], new[0]);
            major = window.per_s(old[1], new[1]);
        });
        self.put(at_ns, "process.minor_faults_per_s", minor);
        self.put(at_ns, "process.major_faults_per_s", major);
    }

    fn take_children(&mut self, at_ns: u64, sample: &ProcessSample, tick_ns: u64) {
        let children = timed(sample.span, sample.children_cpu_ns);
        let mut cores = None;
        self.children.advance(Some(children), |old, new, window| {
            cores = window.mean(*old, *new, 2 * tick_ns);
        });
        self.put(at_ns, "process.children_cpu_cores", cores);
    }

    fn take_detail(&mut self, at_ns: u64, detail: Detail, fields: Fields) {
        if fields.io {
            self.take_io(at_ns, detail.io);
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
                self.put(at_ns, name, value.map(Reading::from));
            }
        }
    }

    fn take_io(&mut self, at_ns: u64, io: Option<Timed<ProcessIo>>) {
        let mut rates = [None; 4];
        self.io.advance(io, |old, new, window: Window| {
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

    fn put(&mut self, at_ns: u64, name: &'static str, reading: Option<Reading>) {
        self.latest.extend(reading.map(|reading| (name, reading)));
        if !self.keeps_series {
            return;
        }
        let is_it = |(known, _): &(&'static str, Rolling)| *known == name;
        let next = self.next % self.figures.len().max(1);
        let found = match self.figures.get(next) {
            Some(figure) if is_it(figure) => Some(next),
            _ => self.figures.iter().position(is_it),
        };
        let place = found.unwrap_or_else(|| {
            let series = Series {
                name: name.to_owned(),
                ..self.labels.clone()
            };
            self.figures.push((name, Rolling::new(series)));
            self.figures.len() - 1
        });
        self.next = place + 1;
        let rolling = &mut self.figures[place].1;
        match reading {
            Some(reading) => rolling.take(at_ns, reading),
            None => rolling.push(at_ns, None),
        }
    }
}

fn text_of(labels: &Series) -> Arc<str> {
    let labels = labels.labels.iter();
    label_text(labels.map(|(key, of)| (key.as_str(), of.as_str())))
}

fn timed<T>(span: Span, value: T) -> Timed<T> {
    Timed { span, value }
}
