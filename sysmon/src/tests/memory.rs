//! Test of the memory that a recording of an hour takes, with ten samples a second of 200
//! processes. Storing and saving use made-up samples and a made-up clock; reading needs only a
//! buffer or two at any time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bench_report::run_id::run_id;
use bench_report::store::{ReportFile, load};
use bench_report::{Report, Series, Tool};
use host_metrics::CommandLine;
use host_metrics::source::ReadSpan;
use host_metrics::source::process::{ProcessDetail, ProcessFields, ProcessId, ProcessSample};

use super::own_process::in_own_process;
use crate::figure::Figures;
use crate::follow::{FollowOptions, Follower, ProcessLookup};
use crate::masking::MASKING;
use crate::own_cost::OwnCost;
use crate::process_history::{ProcessFollower, process_series};
use crate::recording::bound;
use crate::rolling::ALL_POINTS;
use crate::series_store::SeriesStore;

const TICK_NS: u64 = 100_000_000;
const TICKS: u64 = 36_000;
const PROCESSES: u32 = 200;
const CORES: u64 = 8;
/// Largest growth of the peak memory, in bytes: two thirds of what the whole program may use.
const MOST_BYTES: u64 = 20_000_000;

/// Source that knows the command line of each process, and no further details.
struct Silent;

impl ProcessLookup for Silent {
    fn detail(&mut self, _: ProcessId, _: ProcessFields) -> ProcessDetail {
        ProcessDetail::default()
    }

    fn command_line(&mut self, pid: u32) -> Option<CommandLine> {
        let words = vec![format!("/usr/lib/server/{pid}"), "--serve".to_owned()];
        Some(CommandLine::new(words, MASKING))
    }

    fn listeners(&mut self, _: &BTreeSet<u16>) -> BTreeMap<u16, BTreeSet<u32>> {
        BTreeMap::new()
    }
}

fn process(pid: u32) -> ProcessSample {
    ProcessSample {
        id: ProcessId { pid, started: 1 },
        parent: 0,
        name: Arc::from(format!("server-{pid}")),
        cpu_ns: 0,
        children_cpu_ns: None,
        rss_bytes: 0,
        threads: Some(1),
        minor_faults: Some(0),
        major_faults: Some(0),
        span: ReadSpan::default(),
    }
}

/// Returns 96 figures of the machine at a tick: twelve for each of its eight cores.
fn figures(tick: u64) -> Figures {
    const NAMES: [&str; 12] = [
        "cpu.busy_ratio",
        "cpu.user_ratio",
        "cpu.nice_ratio",
        "cpu.system_ratio",
        "cpu.irq_ratio",
        "cpu.softirq_ratio",
        "cpu.guest_ratio",
        "cpu.iowait_ratio",
        "cpu.steal_ratio",
        "cpu.idle_ratio",
        "cpu.clock_hertz",
        "temperature.celsius",
    ];
    let mut figures = Figures::default();
    for core in 0..CORES {
        let core = core.to_string();
        for name in NAMES {
            figures.put_labelled(name, &[("core", &core)], Some(tick as f64 / 7.0));
        }
    }
    figures
}

/// Returns the peak of this process's resident memory in bytes, without the pages of its files.
/// Their number grows with the tests in this executable and has nothing to do with a recording.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let file = status
        .lines()
        .find_map(|line| line.strip_prefix("RssFile:"));
    let file_kib = file.and_then(|value| value.trim().strip_suffix(" kB"));
    let file_kib: u64 = file_kib.unwrap().parse().unwrap();
    OwnCost::rss_max_bytes().unwrap() - file_kib * 1024
}

#[test]
fn an_hour_fits_into_its_memory_and_so_does_saving_it() {
    in_own_process(
        "tests::memory::an_hour_fits_into_its_memory_and_so_does_saving_it",
        record_an_hour,
    );
}

fn record_an_hour() {
    let before = peak_bytes();
    let following = FollowOptions {
        most: 512,
        command_lines: true,
        ..FollowOptions::default()
    };
    let mut follower: ProcessFollower = Follower::new(&following, Some(CORES), 10_000_000, TICK_NS);
    let mut series_store = SeriesStore::default();
    let mut processes: Vec<ProcessSample> = (1..=PROCESSES).map(process).collect();
    for tick in 1..=TICKS {
        let at_ns = tick * TICK_NS;
        for (n, process) in processes.iter_mut().enumerate() {
            process.cpu_ns += 10_000_000 * (n as u64 % 3);
            process.rss_bytes = (1 << 30) + 4096 * (tick % 1000) * n as u64;
            (process.span.begin_ns, process.span.end_ns) = (at_ns, at_ns);
        }
        let mut figures = figures(tick);
        follower.observe(at_ns, &processes, &mut Silent, &mut figures);
        series_store.take(at_ns, figures);
        bound(&mut series_store, Some(&mut follower));
    }
    let tool = Tool {
        name: "sysmon".to_owned(),
        version: "0".to_owned(),
        commit: None,
    };
    let mut report = Report::begin(tool, run_id(), "record");
    report.series = series_store
        .series()
        .chain(process_series(&follower))
        .collect();
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("r.json");
    ReportFile::create(&path, &report).unwrap();
    let grown = peak_bytes() - before;
    assert!(grown <= MOST_BYTES, "{grown} bytes more than at first");

    // Memory is bounded because few points are kept of many series, and not because series are missing.
    let series = &report.series;
    assert_eq!(series.len() as u64, 12 * CORES + 2 * u64::from(PROCESSES));
    let points: usize = series.iter().map(Series::len).sum();
    let enough = ALL_POINTS / 3..=ALL_POINTS;
    assert!(enough.contains(&points), "{points}");
    for series in series {
        assert_eq!(series.at_ns.last(), Some(&(TICKS * TICK_NS)));
        assert!(series.at_ns[0] <= 60 * 1_000_000_000, "{}", series.name);
    }
    assert_eq!(load(&path).unwrap().series.len(), series.len());
}
