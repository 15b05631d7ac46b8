//! Tests of followed processes on invented samples at invented times.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use host_metrics::rate_window::FigureValue;
use host_metrics::source::process::{
    ProcessDetail, ProcessFields, ProcessId, ProcessIo, ProcessSample,
};
use host_metrics::source::{ReadSpan, Timed};
use host_metrics::{CommandLine, Masking};

use super::follower::SLACK;
use super::target_matcher::TargetMatcher;
use super::*;
use crate::figure::Figures;

fn process(pid: u32, started: u64, cpu_ms: u64, rss_bytes: u64, at_ms: u64) -> ProcessSample {
    let ns = at_ms * 1_000_000;
    ProcessSample {
        id: ProcessId { pid, started },
        parent: 0,
        name: Arc::from(format!("p{pid}")),
        cpu_ns: cpu_ms * 1_000_000,
        children_cpu_ns: Some(0),
        rss_bytes,
        threads: Some(1),
        minor_faults: Some(0),
        major_faults: Some(0),
        span: ReadSpan {
            begin_ns: ns,
            end_ns: ns,
        },
    }
}

/// Recorder that stores every figure and the latest labels.
#[derive(Debug, Default)]
struct KeptFigures {
    labels: BTreeMap<&'static str, String>,
    figures: BTreeMap<&'static str, Vec<Option<f64>>>,
}

impl ProcessRecorder for KeptFigures {
    fn label(&mut self, key: &'static str, value: &str) {
        self.labels.insert(key, value.to_owned());
    }

    fn put(&mut self, _: u64, name: &'static str, reading: Option<FigureValue>) {
        let figures = self.figures.entry(name).or_default();
        if figures.is_empty() {
            // A rate is absent at the beginning of its first window.
            let is_rate = reading.is_some_and(|reading| reading.over.is_some());
            figures.extend(is_rate.then_some(None));
        }
        if reading.is_some() || !figures.is_empty() {
            figures.push(reading.map(|reading| reading.value));
        }
    }
}

fn observe(follower: &mut Follower<KeptFigures>, at_ms: u64, samples: &[ProcessSample]) {
    let mut out = Figures::default();
    follower.observe(at_ms * 1_000_000, samples, &mut NoDetails, &mut out);
}

/// Lookup that finds no further data of any process.
struct NoDetails;

impl ProcessLookup for NoDetails {
    fn detail(&mut self, _: ProcessId, _: ProcessFields) -> ProcessDetail {
        ProcessDetail::default()
    }

    fn command_line(&mut self, _: u32) -> Option<CommandLine> {
        None
    }

    fn listeners(&mut self, _: &BTreeSet<u16>) -> BTreeMap<u16, BTreeSet<u32>> {
        BTreeMap::new()
    }
}

fn follower(most: usize, cores: Option<u64>) -> Follower<KeptFigures> {
    follower_every(1000, most, cores)
}

fn follower_every(interval_ms: u64, most: usize, cores: Option<u64>) -> Follower<KeptFigures> {
    let following = FollowOptions {
        most,
        fields: ProcessFields {
            children: true,
            ..ProcessFields::default()
        },
        ..FollowOptions::default()
    };
    Follower::new(&following, cores, 10_000_000, interval_ms * 1_000_000)
}

fn means(follower: &Follower<KeptFigures>, name: &str, pid: u32) -> Vec<Option<f64>> {
    let wanted = pid.to_string();
    let mut all = follower.ranked_histories();
    let found = all.find(|kept| kept.labels["pid"] == wanted);
    found
        .and_then(|kept| kept.figures.get(name).cloned())
        .unwrap_or_default()
}

#[test]
fn cpu_time_becomes_cores() {
    let mut follower = follower(3, Some(4));
    observe(&mut follower, 1000, &[process(7, 1, 500, 100, 1000)]);
    observe(&mut follower, 2000, &[process(7, 1, 2000, 300, 2000)]);
    observe(&mut follower, 3000, &[process(7, 1, 2250, 200, 3000)]);
    assert_eq!(
        means(&follower, "process.cpu_cores", 7),
        [None, Some(1.5), Some(0.25)]
    );
    let ranked = follower.ranked();
    assert_eq!(ranked[0].1.used_ns, 1_750_000_000);
    assert_eq!(ranked[0].1.rss_max_bytes, 300);
}

#[test]
fn a_number_given_away_is_another_process() {
    let mut follower = follower(3, Some(4));
    observe(&mut follower, 1000, &[process(7, 1, 900_000, 100, 1000)]);
    observe(&mut follower, 2000, &[process(7, 50, 400, 100, 2000)]);
    let first = ProcessId { pid: 7, started: 1 };
    let ranked = follower.ranked();
    assert_eq!(ranked.len(), 2);
    assert_eq!(
        ranked[0].0,
        ProcessId {
            started: 50,
            ..first
        }
    );
    assert_eq!(ranked[0].1.used_ns, 400_000_000, "all since its birth");
    assert_eq!(ranked[1].1.used_ns, 0);
}

#[test]
fn an_old_process_that_comes_into_sight_has_no_rate_yet() {
    let mut follower = follower(3, Some(4));
    observe(&mut follower, 1000, &[process(9, 80, 0, 1, 1000)]);
    let hidden_until_now = process(7, 3, 1500, 1, 2000);
    observe(
        &mut follower,
        2000,
        &[process(9, 80, 0, 1, 2000), hidden_until_now],
    );
    assert_eq!(means(&follower, "process.cpu_cores", 7), Vec::new());
}

#[test]
fn cpu_time_that_falls_or_cannot_be_is_absent() {
    let mut follower = follower(3, Some(2));
    for (second, cpu_ms) in [
        (1, 500),
        (2, 100),
        (3, 600),
        (4, 90_000_000),
        (5, 90_001_000),
    ] {
        let at_ms = second * 1000;
        observe(&mut follower, at_ms, &[process(7, 1, cpu_ms, 1, at_ms)]);
    }
    assert_eq!(
        means(&follower, "process.cpu_cores", 7),
        [None, Some(0.5), None, Some(1.0)]
    );
    assert_eq!(follower.ranked()[0].1.used_ns, 1_500_000_000);
}

#[test]
fn ten_milliseconds_are_too_short_for_a_share() {
    let mut follower = follower_every(10, 3, Some(2));
    for tick in 0..=20u64 {
        let at_ms = 1000 + 10 * tick;
        // One core is fully used, but every second tick is seen one tick late.
        let cpu_ms = 10 * (tick + tick % 2);
        observe(&mut follower, at_ms, &[process(7, 1, cpu_ms, 1, at_ms)]);
    }
    let read: Vec<f64> = means(&follower, "process.cpu_cores", 7)
        .into_iter()
        .flatten()
        .collect();
    assert_eq!(read.len(), 2);
    assert!(
        read.iter().all(|cores| (0.9..=1.1).contains(cores)),
        "{read:?}"
    );
}

#[test]
fn at_ten_samples_a_second_none_is_lost_however_late_the_reads() {
    let mut follower = follower_every(100, 3, Some(2));
    for tick in 0..=100u64 {
        // Samples are up to 49 ms late, in an order that makes many windows shorter than the
        // interval.
        let at_ms = 1000 + 100 * tick + 7 * (5 * tick % 8);
        let mut burner = process(7, 1, at_ms, 1, at_ms);
        burner.children_cpu_ns = Some(at_ms * 1_000_000);
        observe(&mut follower, at_ms, &[burner]);
    }
    for name in ["process.cpu_cores", "process.children_cpu_cores"] {
        let read = means(&follower, name, 7).into_iter().flatten().count();
        assert_eq!(read, 100, "{name}");
    }
}

#[test]
fn a_thousand_passers_by_leave_the_bound_and_the_heavy_one() {
    let mut follower = follower(2, None);
    follower.pin(2);
    for round in 0..500u64 {
        let at_ms = 1000 * (round + 1);
        let pid = 100 + round as u32;
        let passers = [process(pid, 10 + round, 600, 1 << 20, at_ms)];
        let heavy = process(1, 1, 900 * round, 1, at_ms);
        let pinned = process(2, 2, 0, 0, at_ms);
        let all = [&passers[..], &[heavy, pinned]].concat();
        observe(&mut follower, at_ms, &all);
        let (histories, tracked) = follower.lengths();
        assert!(histories <= 2 * SLACK * 2 + 1);
        assert!(tracked <= 3);
    }
    assert_eq!(follower.ranked()[0].0.pid, 1);
    assert_eq!(means(&follower, "process.rss_bytes", 2).len(), 500);
    assert_eq!(means(&follower, "process.cpu_cores", 1).len(), 500);
}

/// Lookup that returns the same command line for all processes, with words separated by spaces.
struct OneCommandLine(&'static str);

impl ProcessLookup for OneCommandLine {
    fn detail(&mut self, _: ProcessId, _: ProcessFields) -> ProcessDetail {
        ProcessDetail::default()
    }

    fn command_line(&mut self, _: u32) -> Option<CommandLine> {
        let words = self.0.split(' ').map(str::to_owned);
        Some(CommandLine::new(words.collect(), Masking::NONE))
    }

    fn listeners(&mut self, _: &BTreeSet<u16>) -> BTreeMap<u16, BTreeSet<u32>> {
        BTreeMap::new()
    }
}

/// Lookup of processes that have written certain numbers of bytes to disks until `at_ms`, by process id. Of
/// others no counter can be read.
struct Written {
    at_ms: u64,
    bytes: BTreeMap<u32, u64>,
}

impl ProcessLookup for Written {
    fn detail(&mut self, id: ProcessId, fields: ProcessFields) -> ProcessDetail {
        let written = self.bytes.get(&id.pid).filter(|_| fields.io);
        let io = written.map(|bytes| Timed {
            span: process(id.pid, 1, 0, 1, self.at_ms).span,
            value: ProcessIo {
                disk_written_bytes: *bytes,
                ..ProcessIo::default()
            },
        });
        ProcessDetail {
            io,
            ..ProcessDetail::default()
        }
    }

    fn command_line(&mut self, _: u32) -> Option<CommandLine> {
        None
    }

    fn listeners(&mut self, _: &BTreeSet<u16>) -> BTreeMap<u16, BTreeSet<u32>> {
        BTreeMap::new()
    }
}

/// Planted: process 1 uses the CPU, 2 holds the memory, and 3 and 4 only write: 3 before the recording, and 4
/// during it. Process 5 starts later and writes less than 4.
#[test]
fn who_writes_the_most_during_the_recording_is_followed_though_it_uses_no_cpu_time() {
    const MIB: u64 = 1 << 20;
    let following = FollowOptions {
        most: 1,
        fields: ProcessFields {
            io: true,
            ..ProcessFields::default()
        },
        ..FollowOptions::default()
    };
    let second = 1_000_000_000;
    let mut follower = Follower::<KeptFigures>::new(&following, None, 10_000_000, second);
    for at_s in 0..8 {
        let mut samples = vec![
            process(1, 1, at_s * 900, 100, at_s * 1000),
            process(2, 1, 0, 900, at_s * 1000),
            process(3, 1, 0, 100, at_s * 1000),
            process(4, 1, 0, 100, at_s * 1000),
        ];
        let mut written = Written {
            at_ms: at_s * 1000,
            bytes: BTreeMap::from([(3, 900 * MIB), (4, at_s * 10 * MIB)]),
        };
        if at_s >= 5 {
            samples.push(process(5, 80, 0, 100, at_s * 1000));
            written.bytes.insert(5, 20 * MIB);
        }
        let mut out = Figures::default();
        follower.observe(at_s * second, &samples, &mut written, &mut out);
    }
    let kept = follower.ranked_histories();
    let mut kept: Vec<&str> = kept.map(|kept| kept.labels["pid"].as_str()).collect();
    kept.sort_unstable();
    assert_eq!(kept, ["1", "2", "4"]);
    let rates = means(&follower, "process.disk_write_bytes_per_s", 4);
    assert_eq!(rates.last(), Some(&Some(10.0 * MIB as f64)));
}

#[test]
fn a_program_that_starts_another_of_its_name_in_its_place_is_found_by_the_new_command_line() {
    let mut targets =
        TargetMatcher::new(&[ProcessTarget::parse("command:shop$", Masking::NONE).unwrap()]);
    let python = [process(7, 1, 0, 1, 0)];
    let mut is_found = |at_ms: u64, line| {
        let found = targets.members(at_ms * 1_000_000, &python, &mut OneCommandLine(line));
        found.contains_key(&python[0].id)
    };
    assert!(!is_found(3000, "python3 wait.py"));
    assert!(
        !is_found(3100, "python3 -m shop"),
        "not looked at each time"
    );
    assert!(is_found(5000, "python3 -m shop"));
    assert!(
        is_found(9000, "python3 -m shop: idle"),
        "once found it stays"
    );
}
