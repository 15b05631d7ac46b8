//! The machine's recording, read over the window of a step.

use bench_report::{Series, Window};

use crate::assessment::{Component, Evidence};
use crate::source::Source;

/// Programs of ours, as the kernel names them: cut at 15 bytes.
const TOOLS: [&str; 6] = [
    "db-pool-bench",
    "redis-bench",
    "ws-bench",
    "sysmon",
    "plimsoll",
    "bottleneck-anal",
];

/// What stands between a client and a server in a container.
const CARRIERS: [&str; 1] = ["docker-proxy"];

/// Programs that are, or stand before, a component's server. Any program may be a WebSocket
/// server.
fn servers(component: Component) -> &'static [&'static str] {
    match component {
        Component::Postgres => &["postgres", "pgbouncer", "pgcat", "odyssey"],
        Component::Redis => &["redis-server", "valkey-server", "keydb-server", "dragonfly"],
        Component::Websocket | Component::Machine => &[],
    }
}

/// Whether a program takes part in a run; whatever else uses CPU is somebody else's.
fn takes_part(name: &str) -> bool {
    let known = [Component::Postgres, Component::Redis].map(servers);
    let mut all = known.into_iter().flatten().chain(&TOOLS).chain(&CARRIERS);
    all.any(|known| name.starts_with(known))
}

/// One series over one window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// Index into the recording's `series`.
    pub series: usize,
    /// Mean over the window.
    pub mean: f64,
    /// Highest reading in the window.
    pub max: f64,
    /// Points behind it.
    pub samples: usize,
    /// The point nearest the mean: a typical sample to point at.
    pub typical: usize,
    /// The point with the highest reading.
    pub peak: usize,
}

/// A program that takes no part in the run, with its share.
#[derive(Debug, Clone, PartialEq)]
pub struct Stranger {
    /// Its name.
    pub name: String,
    /// Cores it used on average, all its processes together.
    pub cores: f64,
    /// Where its busiest process stands.
    pub reading: Reading,
}

/// The recording of the machine.
#[derive(Debug, Clone, Copy)]
pub struct Machine<'a> {
    /// The recording.
    pub source: &'a Source,
}

impl<'a> Machine<'a> {
    /// Processors of the machine; `None` where the recording does not say.
    pub fn cores(&self) -> Option<f64> {
        self.source.report.environment.cores.map(|n| n as f64)
    }

    /// The machine-wide series `name` over `window`; `None` where it was not read then.
    pub fn read(&self, name: &str, window: Window) -> Option<Reading> {
        let all = self.source.report.series.iter().enumerate();
        all.filter(|(_, s)| s.name == name && s.labels.is_empty())
            .find_map(|(i, s)| over(i, s, measured(window)))
    }

    /// The sibling of series `name` with the highest mean over `window`: the busiest disk, or the
    /// machine-wide series where there is one.
    pub fn busiest_of(&self, name: &str, window: Window) -> Option<(&'a Series, Reading)> {
        let all = self.source.report.series.iter().enumerate();
        all.filter(|(_, s)| s.name == name && !s.labels.contains_key("core"))
            .filter_map(|(i, s)| over(i, s, measured(window)).map(|r| (s, r)))
            .max_by(|a, b| a.1.mean.total_cmp(&b.1.mean))
    }

    /// Every series called `name`, over `window`.
    pub fn all(&self, name: &str, window: Window) -> Vec<(&'a Series, Reading)> {
        let all = self.source.report.series.iter().enumerate();
        all.filter(|(_, s)| s.name == name)
            .filter_map(|(i, s)| over(i, s, measured(window)).map(|r| (s, r)))
            .collect()
    }

    /// Cores that the run may use, where a quota or an affinity allows it fewer than the machine
    /// has, with what says so.
    pub fn allowed_cores(&self) -> Option<(f64, Option<Evidence>)> {
        let environment = &self.source.report.environment;
        let quota = environment.cgroup.as_ref().and_then(|g| g.cpu_quota_cores);
        let available = environment.cores_available.map(|n| n as f64);
        // What is available is the quota rounded down, unless an affinity allows fewer still.
        let (allowed, pointer) = match (quota, available) {
            (Some(quota), available) if available.is_none_or(|n| n >= quota.floor()) => {
                (quota, "/environment/cgroup/cpu_quota_cores")
            }
            (_, available) => (available?, "/environment/cores_available"),
        };
        let evidence = self.source.evidence("cores that the run may use", pointer);
        (allowed > 0.0 && allowed < self.cores()?).then_some((allowed, evidence))
    }

    /// Cores that the known servers of `component` used over `window`; `None` where none of them
    /// was recorded.
    pub fn cores_of_server(&self, component: Component, window: Window) -> Option<f64> {
        let processes = self.processes(window);
        let serving = processes.iter().filter(|(s, _)| {
            let name = s.labels.get("name").map_or("", String::as_str);
            servers(component).contains(&name)
        });
        let used: Vec<f64> = serving.map(|(_, r)| r.mean).collect();
        (!used.is_empty()).then(|| used.iter().sum())
    }

    /// How many processes called `name` were recorded over `window`.
    pub fn processes_called(&self, name: &str, window: Window) -> usize {
        let all = self.processes(window);
        let called = |s: &Series| s.labels.get("name").is_some_and(|n| n == name);
        all.iter().filter(|(s, _)| called(s)).count()
    }

    /// Programs that take no part in the run, busiest first; `server` is the name of the server's
    /// process, where it is known.
    pub fn strangers(&self, window: Window, server: Option<&str>) -> Vec<Stranger> {
        let mut found: Vec<Stranger> = self
            .processes(window)
            .into_iter()
            .filter_map(|(series, reading)| {
                let name = series.labels.get("name")?;
                let part = takes_part(name) || server == Some(name);
                (!part).then(|| Stranger {
                    name: name.clone(),
                    cores: reading.mean,
                    reading,
                })
            })
            .collect();
        // A program may run as many processes; the busiest of them stands for it.
        found.sort_by(|a, b| b.cores.total_cmp(&a.cores));
        let mut by_name: Vec<Stranger> = Vec::new();
        for one in found {
            match by_name.iter_mut().find(|s| s.name == one.name) {
                Some(program) => program.cores += one.cores,
                None => by_name.push(one),
            }
        }
        by_name.sort_by(|a, b| b.cores.total_cmp(&a.cores));
        by_name
    }

    /// A typical sample of a reading, labelled with the mean it stands for.
    pub fn typical(&self, what: &str, reading: Reading) -> Option<Evidence> {
        let name = &self.source.report.series.get(reading.series)?.name;
        let label = format!(
            "{what}: sample nearest the mean of {} over {} samples",
            crate::figures::show(name, reading.mean),
            reading.samples
        );
        let pointer = format!("/series/{}/mean/{}", reading.series, reading.typical);
        self.source.evidence(label, &pointer)
    }

    /// The highest reading.
    pub fn peak(&self, what: &str, reading: Reading) -> Option<Evidence> {
        let pointer = format!("/series/{}/max/{}", reading.series, reading.peak);
        self.source
            .evidence(format!("{what}: highest sample"), &pointer)
    }

    /// The whole recording as a window.
    pub fn whole(&self) -> Window {
        let start_ns = self.source.report.clock.monotonic_ns;
        let last = self
            .source
            .report
            .series
            .iter()
            .filter_map(|s| s.at_ns.last());
        let end_ns = last.max().copied().unwrap_or(start_ns);
        Window {
            start_ns,
            measure_start_ns: start_ns,
            measure_end_ns: end_ns,
            end_ns,
        }
    }

    fn processes(self, window: Window) -> Vec<(&'a Series, Reading)> {
        self.all("process.cpu_cores", window)
    }
}

fn measured(window: Window) -> (u64, u64) {
    (window.measure_start_ns, window.measure_end_ns)
}

fn over(index: usize, series: &Series, (from_ns, to_ns): (u64, u64)) -> Option<Reading> {
    let inside: Vec<(usize, f64)> = series
        .at_ns
        .iter()
        .zip(&series.mean)
        .enumerate()
        .filter(|(_, (at, _))| (from_ns..=to_ns).contains(*at))
        .filter_map(|(i, (_, value))| value.map(|v| (i, v)))
        .collect();
    if inside.is_empty() {
        return None;
    }
    let mean = inside.iter().map(|(_, v)| v).sum::<f64>() / inside.len() as f64;
    let distance = |v: f64| (v - mean).abs();
    let typical = inside
        .iter()
        .min_by(|a, b| distance(a.1).total_cmp(&distance(b.1)))?;
    let highest = |i: usize| series.max.get(i).copied().flatten().unwrap_or(f64::MIN);
    let peak = inside
        .iter()
        .max_by(|a, b| highest(a.0).total_cmp(&highest(b.0)))?;
    Some(Reading {
        series: index,
        mean,
        max: highest(peak.0).max(peak.1),
        samples: inside.len(),
        typical: typical.0,
        peak: peak.0,
    })
}
