//! Writes the reports of a made-up run of an hour: a sweep of 500 steps, and a recording of 200
//! processes, to measure what the analyzer takes for it:
//! `cargo run --release -p bottleneck-analyzer --example long_run -- DIR`.

#[path = "../tests/common/mod.rs"]
#[allow(clippy::unwrap_used)]
mod common;

use bench_report::Series;
use common::{Plant, START, save};

/// Number of processes that the recording follows.
const PROCESSES: u64 = 200;
/// Number of points of each series, as many as sysmon keeps of a long recording.
const POINTS: u64 = 256;
/// Length of the recording in nanoseconds: an hour, of which sysmon read ten times a second.
const HOUR_NS: u64 = 3_600_000_000_000;
/// Metrics that sysmon records of each process.
const METRICS: [&str; 8] = [
    "process.cpu_cores",
    "process.rss_bytes",
    "process.pss_bytes",
    "process.descriptors",
    "process.threads",
    "process.read_bytes_per_s",
    "process.write_bytes_per_s",
    "process.context_switches_per_s",
];

fn main() -> std::io::Result<()> {
    let directory = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "long-run".to_owned());
    std::fs::create_dir_all(&directory)?;
    let plant = Plant {
        pool_sizes: (1..=125).collect(),
        ..Plant::default()
    };
    save(directory.as_ref(), &plant.postgres());
    let mut recording = plant.sysmon();
    recording.duration_ns = HOUR_NS;
    for process in 0..PROCESSES {
        for metric in METRICS {
            recording.series.push(series(metric, process));
        }
    }
    save(directory.as_ref(), &recording);
    Ok(())
}

/// Returns a series of one process that varies around its mean.
fn series(metric: &str, process: u64) -> Series {
    let name = format!("worker-{process}");
    let mut series = Series::new(metric)
        .label("process", name)
        .label("pid", (1_000 + process).to_string());
    for point in 0..POINTS {
        let wave = ((point * 37 + process * 11) % 100) as f64 / 1e4;
        series.push(START + (point + 1) * HOUR_NS / POINTS, Some(wave));
        let last = series.mean.len() - 1;
        series.max[last] = Some(wave * 1.5);
        series.min[last] = Some(wave * 0.5);
    }
    series
}
