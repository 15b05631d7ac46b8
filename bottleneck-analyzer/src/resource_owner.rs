//! Owners of a resource of the machine: from the resource to the process, and from the process to its
//! control group.

use bench_report::{Series, Window};

use crate::assessment::EvidenceItem;
use crate::figures::show;
use crate::machine_recording::MachineRecording;
use crate::series_reading::SeriesReading;

/// Largest number of programs of a group that are named.
const NAMED: usize = 3;

/// Process that uses the most of a resource.
pub(crate) struct ResourceOwner {
    /// Process in words, as in `postgres (process 1004, control group app.slice)`.
    pub(crate) who: String,
    /// Amount of the resource that it uses, with its unit.
    pub(crate) uses: String,
    pub(crate) evidence: Option<EvidenceItem>,
}

impl ResourceOwner {
    /// Finds the process with the highest mean of `series`, such as `process.rss_bytes`, in the measured
    /// part of `window`; `None` if no process was recorded with that series.
    pub(crate) fn largest(
        machine: MachineRecording<'_>,
        series: &str,
        window: Window,
    ) -> Option<Self> {
        let by_mean = |a: &(&Series, SeriesReading), b: &(&Series, SeriesReading)| {
            a.1.mean.total_cmp(&b.1.mean)
        };
        let all = machine.all(series, window).into_iter();
        let (found, reading) = all.max_by(by_mean).filter(|(_, r)| r.mean > 0.0)?;
        let who = process_words(found);
        Some(Self {
            evidence: machine.typical_sample(&format!("{series} of {who}"), reading),
            uses: show(series, reading.mean),
            who,
        })
    }

    /// Returns a sentence about the owner, which begins with a space: ` It is used most by …`.
    pub(crate) fn sentence(&self) -> String {
        format!(" The largest user is {}, with {}.", self.who, self.uses)
    }
}

/// Returns the process of `series` in words, with its id and its control group.
pub(crate) fn process_words(series: &Series) -> String {
    let label = |key: &str| series.labels.get(key);
    let name = label("name").map_or("a process", String::as_str);
    let process = label("pid").map(|pid| format!("process {pid}"));
    let group = label("cgroup").map(|group| format!("control group {group}"));
    let more: Vec<String> = process.into_iter().chain(group).collect();
    if more.is_empty() {
        return name.to_owned();
    }
    format!("{name} ({})", more.join(", "))
}

/// Names the programs of a control group that use the most CPU time, in words: `postgres, pgbouncer`.
/// `None` if none of its processes was recorded. `own` is the group of the recorder.
pub(crate) fn programs_of_group(
    machine: MachineRecording<'_>,
    group: &str,
    window: Window,
) -> Option<String> {
    let mut names = names_in_group(machine, group, window);
    names.truncate(NAMED);
    (!names.is_empty()).then(|| names.join(", "))
}

/// Returns the names of the programs in a control group and in those below it, each once, in the order of the
/// CPU time of their busiest processes. Empty if none of its processes was recorded. `own` is the group of the
/// recorder.
pub(crate) fn names_in_group<'a>(
    machine: MachineRecording<'a>,
    group: &str,
    window: Window,
) -> Vec<&'a str> {
    let all = machine.all("process.cpu_cores", window);
    let own = || {
        let mut recorders = all
            .iter()
            .filter(|(s, _)| s.labels.get("name").is_some_and(|n| n == "sysmon"));
        recorders
            .find_map(|(s, _)| s.labels.get("cgroup"))
            .map(String::as_str)
    };
    let group = if group == "own" { own() } else { Some(group) };
    let Some(group) = group else {
        return Vec::new();
    };
    let is_in = |series: &Series| {
        let rest = series
            .labels
            .get("cgroup")
            .and_then(|of| of.strip_prefix(group));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let mut members: Vec<_> = all.iter().filter(|(series, _)| is_in(series)).collect();
    members.sort_by(|a, b| b.1.mean.total_cmp(&a.1.mean));
    let mut names: Vec<&'a str> = Vec::new();
    for (series, _) in members {
        if let Some(name) = series.labels.get("name")
            && !names.contains(&name.as_str())
        {
            names.push(name);
        }
    }
    names
}
