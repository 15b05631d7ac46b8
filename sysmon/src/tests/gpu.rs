//! Tests with a made-up GPU on a made-up machine. Figures of the driver appear under their names,
//! missing ones are reported once, and a driver that hangs delays no sample.

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bench_report::clock::monotonic_ns;
use bench_report::{Report, Series, Tool, WarningCode};
use host_metrics::source::{Gaps, Roots};

use crate::gpu::watch::GpuWatch;
use crate::gpu::{GpuBusy, GpuDriver, GpuError, GpuMemory, GpuSample};
use crate::recording::LiveRecording;
use crate::render;
use crate::settings::SamplingSettings;

/// Longest time that a test waits: far longer than any machine needs, so that a longer wait is a
/// hang.
const HANG: Duration = Duration::from_mins(1);
/// Interval at which the GPUs of a test are read; the made-up driver answers at once.
const PERIOD: Duration = Duration::from_millis(2);
const GIB: u64 = 1 << 30;

/// Driver that returns the GPUs that the test set last.
#[derive(Clone)]
struct MadeUp(Arc<Mutex<Vec<GpuSample>>>);

impl MadeUp {
    fn telling(gpus: &[GpuSample]) -> Self {
        Self(Arc::new(Mutex::new(gpus.to_vec())))
    }

    fn plant(&self, gpus: &[GpuSample]) {
        *self.0.lock().unwrap() = gpus.to_vec();
    }
}

impl GpuDriver for MadeUp {
    fn read(&mut self) -> Vec<GpuSample> {
        self.0.lock().unwrap().clone()
    }
}

/// Driver that does not answer until the test drops the sender of this channel.
struct Hanging(Receiver<()>);

impl GpuDriver for Hanging {
    fn read(&mut self) -> Vec<GpuSample> {
        let _ = self.0.recv();
        Vec::new()
    }
}

fn healthy(index: u32) -> GpuSample {
    GpuSample {
        index,
        name: Arc::from("Made-up 9000"),
        busy: Ok(GpuBusy {
            utilisation_ratio: 0.75,
            memory_ratio: 0.25,
        }),
        memory: Ok(GpuMemory {
            used_bytes: 3 * GIB,
            total_bytes: 80 * GIB,
        }),
        power_watts: Ok(312.5),
        temperature_celsius: Ok(61.0),
        sm_clock_hertz: Ok(1.98e9),
    }
}

fn refused() -> GpuError {
    GpuError::Driver("it does not do that".to_owned())
}

fn lost(index: u32) -> GpuSample {
    let why = GpuError::Driver("it fell off the bus".to_owned());
    GpuSample::lost(index, Arc::from("Made-up 9000"), &why)
}

/// Recording on an empty made-up machine, so that it has no figures other than those of GPUs.
struct Bench {
    recording: LiveRecording,
    _root: tempfile::TempDir,
}

impl Bench {
    fn of<D: GpuDriver>(open: impl FnOnce() -> Result<D, GpuError> + Send + 'static) -> Self {
        let root = tempfile::tempdir().unwrap();
        let mut recording = LiveRecording::begin(&SamplingSettings {
            roots: Roots::under(root.path()),
            interval_ns: 1_000_000,
            ..SamplingSettings::host()
        });
        recording.watch_gpus(GpuWatch::start(PERIOD, open).unwrap());
        Self {
            recording,
            _root: root,
        }
    }

    fn with(gpus: &[GpuSample]) -> Self {
        let driver = MadeUp::telling(gpus);
        Self::of(move || Ok(driver))
    }

    fn report(&self) -> Report {
        let tool = Tool {
            name: "sysmon".into(),
            version: "0".into(),
            commit: None,
        };
        let mut report = Report::begin(tool, "test".into(), "record");
        self.recording.fill(&mut report);
        report
    }

    /// Takes samples until `seen` returns true for the report, and returns that report. Panics
    /// after [`HANG`] with the name `what`.
    fn until(&mut self, what: &str, seen: impl Fn(&Report) -> bool) -> Report {
        let begin = Instant::now();
        loop {
            self.recording.sample();
            let report = self.report();
            if seen(&report) {
                return report;
            }
            assert!(begin.elapsed() < HANG, "{what} did not come");
            std::thread::sleep(PERIOD);
        }
    }
}

fn of_gpu<'a>(report: &'a Report, index: &str) -> Vec<&'a Series> {
    let all = report.series.iter();
    all.filter(|s| s.labels.get("gpu").is_some_and(|of| of == index))
        .collect()
}

fn read(report: &Report, name: &str) -> Vec<f64> {
    let all = report.series.iter().filter(|s| s.name == name);
    all.flat_map(|s| s.max.iter().copied().flatten()).collect()
}

fn gaps(report: &Report) -> Vec<&str> {
    let all = report.warnings.iter();
    all.filter(|w| w.code == WarningCode::EvidenceMissing)
        .map(|w| w.message.as_str())
        .filter(|message| message.starts_with("gpu"))
        .collect()
}

#[test]
fn what_gpus_tell_is_recorded_under_number_and_name() {
    let idle = GpuSample {
        power_watts: Ok(70.0),
        ..healthy(1)
    };
    let mut bench = Bench::with(&[healthy(0), idle]);
    let report = bench.until("the second GPU", |r| !of_gpu(r, "1").is_empty());
    for (name, planted) in [
        ("gpu.utilisation_ratio", 0.75),
        ("gpu.memory_busy_ratio", 0.25),
        ("gpu.memory_used_bytes", 3.0 * GIB as f64),
        ("gpu.memory_total_bytes", 80.0 * GIB as f64),
        ("gpu.power_watts", 312.5),
        ("gpu.temperature_celsius", 61.0),
        ("gpu.sm_clock_hertz", 1.98e9),
    ] {
        let first = of_gpu(&report, "0");
        let series = first.iter().find(|s| s.name == name).unwrap();
        assert_eq!(series.labels["name"], "Made-up 9000");
        let read: Vec<f64> = series.mean.iter().copied().flatten().collect();
        assert!(
            !read.is_empty() && read.iter().all(|v| *v == planted),
            "{name}"
        );
    }
    let power = of_gpu(&report, "1");
    let power = power.iter().find(|s| s.name == "gpu.power_watts").unwrap();
    assert!(power.max.contains(&Some(70.0)) && !power.max.contains(&Some(312.5)));
    assert_eq!(report.config["gpu"], "0: Made-up 9000, 1: Made-up 9000");
    assert_eq!(gaps(&report), Vec::<&str>::new());
    let figures = &report.summary.figures;
    assert!(figures["own.gpu_read_ns_max"] >= figures["own.gpu_read_ns_mean"]);

    let text = render::text(&report, &bench.recording);
    for line in [
        "GPU 0: Made-up 9000",
        "GPU 0 busy",
        "GPU 1 power",
        "1980 MHz",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn each_figure_may_be_refused_without_taking_others_along() {
    type Refuse = fn(&mut GpuSample);
    let cases: [(&str, &[&str], Refuse); 5] = [
        (
            "gpu.utilisation",
            &["gpu.utilisation_ratio", "gpu.memory_busy_ratio"],
            |gpu| gpu.busy = Err(refused()),
        ),
        (
            "gpu.memory",
            &["gpu.memory_used_bytes", "gpu.memory_total_bytes"],
            |gpu| gpu.memory = Err(refused()),
        ),
        ("gpu.power", &["gpu.power_watts"], |gpu| {
            gpu.power_watts = Err(refused());
        }),
        ("gpu.temperature", &["gpu.temperature_celsius"], |gpu| {
            gpu.temperature_celsius = Err(refused());
        }),
        ("gpu.sm_clock", &["gpu.sm_clock_hertz"], |gpu| {
            gpu.sm_clock_hertz = Err(refused());
        }),
    ];
    for (what, absent, refuse) in cases {
        let mut gpu = healthy(0);
        refuse(&mut gpu);
        let mut bench = Bench::with(&[gpu]);
        let several = |r: &Report| of_gpu(r, "0").iter().any(|s| s.len() > 2);
        let report = bench.until("several reads", several);
        let named = format!("{what} is absent: GPU 0 (Made-up 9000): it does not do that");
        assert_eq!(gaps(&report), [named]);
        let seen = of_gpu(&report, "0");
        assert_eq!(seen.len(), 7 - absent.len(), "{what}");
        assert!(seen.iter().all(|s| !absent.contains(&s.name.as_str())));
    }
}

#[test]
fn a_gpu_that_vanishes_keeps_its_past_and_leaves_the_other_alone() {
    let planted = MadeUp::telling(&[healthy(0), healthy(1)]);
    let driver = planted.clone();
    let mut bench = Bench::of(move || Ok(driver));
    bench.until("both", |r| !of_gpu(r, "0").is_empty());
    planted.plant(&[lost(0), healthy(1)]);
    let report = bench.until("the loss", |r| !gaps(r).is_empty());
    let whole = ["gpu is absent: GPU 0 (Made-up 9000): it fell off the bus"];
    assert_eq!(gaps(&report), whole);

    let of_other = |r: &Report| read(r, "gpu.power_watts").len();
    let so_far = of_other(&report);
    let later = bench.until("more of the other", |r| of_other(r) > so_far + 2);
    assert_eq!(gaps(&later), whole);
    let after = of_gpu(&later, "0");
    assert_eq!(after.len(), 7);
    for series in after {
        assert!(series.mean[0].is_some() && series.mean.last() == Some(&None));
    }
}

#[test]
fn no_gpu_is_said_once_and_is_no_gap_but_a_driver_that_fails_is() {
    let version = "driver and library do not fit together";
    for (error, gap) in [
        (GpuError::Absent("no NVIDIA driver"), None),
        (
            GpuError::Driver(version.to_owned()),
            Some(format!("gpu is absent: {version}")),
        ),
    ] {
        let why = error.to_string();
        let mut bench = Bench::of(move || Err::<MadeUp, _>(error));
        let report = bench.until("the reason", |r| r.config["gpu"] == why.as_str());
        assert_eq!(gaps(&report), gap.iter().collect::<Vec<_>>());
        assert!(report.series.iter().all(|s| !s.name.starts_with("gpu.")));
        let text = render::text(&report, &bench.recording);
        assert!(!text.contains("GPU"), "{text}");
    }
}

#[test]
fn a_driver_that_hangs_costs_no_sample_and_is_named_in_time() {
    let (release, held) = channel();
    let mut bench = Bench::of(move || Ok(Hanging(held)));
    let samples = |r: &Report| r.summary.figures["samples"];
    let report = bench.until("twenty samples", |r| samples(r) > 20.0);
    assert!(report.config["gpu"].as_str().unwrap().contains("not known"));
    assert_eq!(gaps(&report), Vec::<&str>::new());
    drop(release);

    let (release, held) = channel();
    let mut watch = GpuWatch::start(PERIOD, move || Ok(Hanging(held))).unwrap();
    let mut named = Gaps::default();
    let now_ns = monotonic_ns();
    assert_eq!(watch.newest(now_ns, &mut named), None);
    assert_eq!(named.iter().count(), 0);
    assert_eq!(watch.newest(now_ns + 60_000_000_000, &mut named), None);
    let (what, why) = named.iter().next().unwrap();
    assert_eq!((what, why), ("gpu", "its driver was silent for 30 s"));
    drop(release);
}

#[test]
fn reads_are_half_an_interval_apart_and_at_most_two_a_second() {
    for (interval_ms, period_ms) in [(10, 500), (200, 500), (1000, 500), (4000, 2000)] {
        let period = GpuWatch::period(Duration::from_millis(interval_ms));
        assert_eq!(period, Duration::from_millis(period_ms));
    }
}

#[test]
fn every_read_keeps_its_begin_and_end() {
    let driver = MadeUp::telling(&[healthy(0)]);
    let mut watch = GpuWatch::start(PERIOD, move || Ok(driver)).unwrap();
    let began_ns = monotonic_ns();
    let mut last_ns = 0;
    let mut seen = 0;
    while seen < 3 {
        let Some(read) = watch.newest(monotonic_ns(), &mut Gaps::default()) else {
            assert!(monotonic_ns() - began_ns < HANG.as_nanos() as u64);
            std::thread::sleep(PERIOD);
            continue;
        };
        assert!(last_ns <= read.span.begin_ns && read.span.begin_ns <= read.span.end_ns);
        last_ns = read.span.end_ns;
        seen += 1;
    }
    assert!(watch.read_ns().mean().is_some());
}
