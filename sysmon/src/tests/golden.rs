//! Snapshot tests of everything that a recording, an export and a result contain about one made-up
//! machine.

use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bench_report::{Report, Tool};
use host_metrics::source::process::ProcessFields;
use host_metrics::source::{KernelUnits, Roots};

use crate::derive::gpu_figures;
use crate::export::exporter::Exporter;
use crate::export::exposition::{Families, Page, PageFormat};
use crate::export::host;
use crate::export::page_store::PageStore;
use crate::figure::{Figure, Figures};
use crate::follow::FollowOptions;
use crate::gpu::{GpuBusy, GpuError, GpuMemory, GpuSample};
use crate::recording::LiveRecording;
use crate::render;
use crate::sampler::MachineSampler;
use crate::settings::SamplingSettings;

fn write(root: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

/// Creates a made-up machine in a temporary directory on which everything can be read, and the
/// settings that sample it.
fn machine() -> (tempfile::TempDir, SamplingSettings) {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), super::files::FILES);
    write(root.path(), super::files::VERSION_TWO);
    write(root.path(), &[("proc/7/fd/0", ""), ("proc/7/fd/1", "")]);
    let settings = SamplingSettings {
        roots: Roots::under(root.path()),
        units: KernelUnits {
            tick_ns: 10_000_000,
            page_bytes: 4096,
        },
        cores: Some(2),
        follow: Some(FollowOptions {
            most: 5,
            targets: vec![crate::masking::target("pid:7").unwrap()],
            fields: ProcessFields {
                children: true,
                faults: true,
                threads: true,
                io: true,
                descriptors: true,
                descriptors_if_cheap: false,
                scheduler: true,
                swap: true,
                pss: true,
            },
            command_lines: true,
            ..FollowOptions::default()
        }),
        socket_states: true,
        slow_max_age_ns: 0,
        ..SamplingSettings::host()
    };
    (root, settings)
}

/// Waits 120 ms, then advances counters in the files of the machine under `root`.
fn later(root: &Path) {
    std::thread::sleep(Duration::from_millis(120));
    let stat = format!("{}procs_blocked 3\n", super::files::LATER_STAT);
    let vmstat = "pswpin 2\npswpout 4\npgmajfault 5\noom_kill 1\n";
    let disks = "8 0 sda 20 1 300 15 30 2 400 26 1 20 31\n8 16 sdb 1 1 1 1 1 1 1 1 1 1 1\n";
    write(
        root,
        &[
            ("proc/stat", &stat),
            ("proc/vmstat", vmstat),
            ("proc/diskstats", disks),
        ],
    );
}

/// Returns name, labels and value of a figure as one line. The value of a rate is left out, because
/// it depends on the clock.
fn line(figure: &Figure) -> String {
    let labels: Vec<String> = figure
        .labels
        .iter()
        .map(|(k, v)| format!("{k}={v}"))
        .collect();
    let value = match figure.reading.over {
        None => format!(" {}", figure.reading.value),
        Some(_) => String::new(),
    };
    format!("{} {}{value}", figure.name, labels.join(","))
}

fn gpu() -> GpuSample {
    let absent = GpuError::Driver("not asked".to_owned());
    GpuSample {
        busy: Ok(GpuBusy {
            utilisation_ratio: 0.5,
            memory_ratio: 0.25,
        }),
        memory: Ok(GpuMemory {
            used_bytes: 1024,
            total_bytes: 4096,
        }),
        power_watts: Ok(70.5),
        temperature_celsius: Ok(40.0),
        sm_clock_hertz: Ok(1.5e9),
        ..GpuSample::lost(0, "Made-up".into(), &absent)
    }
}

#[test]
fn a_recording_has_the_series_that_it_had() {
    let (root, settings) = machine();
    let mut sampler = MachineSampler::new(&settings);
    sampler.sample();
    later(root.path());
    let mut figures = sampler.sample().figures;
    gpu_figures(&[gpu()], &mut figures);
    let mut lines: Vec<String> = figures.iter().map(line).collect();
    let (_, process) = sampler.follower().unwrap().live().next().unwrap();
    lines.extend(process.latest().map(|(name, reading)| {
        let mut figures = Figures::default();
        figures.put_labelled(name, &[], Some(reading));
        figures.iter().map(line).collect()
    }));
    lines.sort();
    insta::assert_snapshot!("series", lines.join("\n"));
}

#[test]
fn a_page_has_the_families_that_it_had() {
    let (root, settings) = machine();
    let tool = Tool {
        name: "sysmon".to_owned(),
        version: "1".to_owned(),
        commit: None,
    };
    let mut exporter = Exporter::new(&settings, tool);
    let pages = PageStore::default();
    exporter.first_page(&pages);
    later(root.path());
    let page = exporter.page(&pages);
    let text = page.body(PageFormat::OpenMetrics, &AtomicU64::new(0));
    let mut families = Families::default();
    host::gpus(&[gpu()], &mut families);
    let gpus = Page::new(families).body(PageFormat::OpenMetrics, &AtomicU64::new(0));
    let text = [&text[..], &gpus[..]].concat();
    let text = String::from_utf8(text).unwrap();
    let own = [
        "sysmon_sample_timestamp_seconds ",
        "process_cpu_seconds_total ",
        "sysmon_sampling_cpu",
    ];
    let varies = |line: &str| own.iter().any(|name| line.starts_with(name));
    let mut lines: Vec<&str> = text.lines().filter(|line| !varies(line)).collect();
    // The samples of a family have no order.
    lines.sort_unstable();
    insta::assert_snapshot!("page", lines.join("\n"));
}

#[test]
fn a_result_has_the_rows_that_it_had() {
    let (root, settings) = machine();
    let mut recording = LiveRecording::begin(&settings);
    later(root.path());
    recording.sample();
    let tool = Tool {
        name: "sysmon".to_owned(),
        version: "1".to_owned(),
        commit: None,
    };
    let mut report = Report::begin(tool, "test".to_owned(), "record");
    recording.fill(&mut report);
    let text = render::text(&report, &recording);
    let rows = text.lines().take_while(|line| !line.contains(" samples, "));
    let titles: Vec<&str> = rows
        .map(|line| line.trim().split("  ").next().unwrap())
        .collect();
    let own: Vec<String> = report.summary.figures.keys().cloned().collect();
    insta::assert_snapshot!(
        "result",
        format!("{}\n\n{}", titles.join("\n"), own.join("\n"))
    );
}
