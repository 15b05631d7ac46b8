//! Tests of raw samples on disk: what was written is read back, however the file ends.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::Array as _;
use arrow_array::cast::AsArray as _;
use arrow_array::types::Int32Type;
use arrow_ipc::reader::StreamReader;
use bench_report::clock::ClockAnchor;
use bench_report::{Report, Tool, WarningCode};
use host_metrics::rate_window::FigureValue;
use nix::sys::stat::Mode;
use test_support::eventually;

use crate::label_text::label_text;
use crate::stream::sample::{RawSample, SampleRow};
use crate::stream::{Ending, RawHeader, RawReader, RawWriter, Rotation, StreamError, paths, read};

const BEGAN_NS: u64 = 1_000_000_000;
const SECOND_NS: u64 = 1_000_000_000;

fn header(interval_ns: u64) -> RawHeader {
    RawHeader {
        run_id: "run-7".to_owned(),
        tool: "sysmon 1.2.3".to_owned(),
        host: Some("here".to_owned()),
        started_at: "2026-03-14T09:15:00.000Z".to_owned(),
        clock: ClockAnchor {
            boot_id: Some("a-boot".to_owned()),
            monotonic_ns: BEGAN_NS,
        },
        interval_ns,
        part: 1,
    }
}

fn row(series: &'static str, labels: &[(&str, &str)], value: f64, error: f64) -> SampleRow {
    SampleRow {
        series,
        labels: label_text(labels.iter().copied()),
        reading: FigureValue {
            error,
            ..FigureValue::from(value)
        },
    }
}

/// Writer of raw samples in a temporary directory.
struct Desk {
    home: tempfile::TempDir,
    writer: RawWriter,
}

impl Desk {
    fn new(header: RawHeader, rotation: Rotation) -> Self {
        Self::at(tempfile::tempdir().unwrap(), header, rotation)
    }

    fn at(home: tempfile::TempDir, header: RawHeader, rotation: Rotation) -> Self {
        let report = home.path().join("r.json");
        let writer = RawWriter::start(&report, header, rotation).unwrap();
        Self { home, writer }
    }

    /// Passes a tick that ended at `at_ns` to the writer and waits until it is on disk, or until
    /// the writer has failed, as if time had passed.
    fn tick(&mut self, at_ns: u64, rows: Vec<SampleRow>) {
        let expected = self.writer.written_rows() + rows.len() as u64;
        self.writer.hand_in(RawSample { at_ns, rows });
        eventually("the tick is on disk", || {
            self.writer.written_rows() >= expected || self.writer.failure().is_some()
        });
    }

    fn report(&self) -> PathBuf {
        self.home.path().join("r.json")
    }

    fn file(&self) -> PathBuf {
        paths::single(&self.report())
    }

    fn files(&self) -> Vec<String> {
        let files = paths::files(&self.report()).unwrap();
        let name = |file: &PathBuf| file.file_name().unwrap().to_str().unwrap().to_owned();
        files.iter().map(name).collect()
    }
}

/// Returns each row of a file of raw samples as text, and how the file ends. Panics if it cannot be
/// read.
fn rows(path: &Path) -> (Vec<String>, Ending) {
    let mut reader = RawReader::open(path).unwrap();
    let mut found = Vec::new();
    while let Some(batch) = reader.next_batch().unwrap() {
        for row in batch.rows() {
            found.push(format!("{} {} {:?}", row.series, row.labels, row.point));
        }
    }
    (found, reader.ending())
}

#[test]
fn what_is_written_is_read_back_series_by_series() {
    let mut desk = Desk::new(header(SECOND_NS), Rotation::default());
    let named = [("pid", "7"), ("name", "a \"quoted\", b")];
    desk.tick(
        2 * SECOND_NS,
        vec![
            row("cpu.user_ratio", &[("core", "0")], 0.25, 0.01),
            row("memory.used_bytes", &[], 5.0, 0.0),
        ],
    );
    desk.tick(
        3 * SECOND_NS,
        vec![
            row("process.rss_bytes", &named, 9.0, 0.0),
            row("cpu.user_ratio", &[("core", "0")], 0.5, 0.0),
        ],
    );
    desk.writer.close();
    let recording = read(&desk.file()).unwrap();
    assert_eq!(recording.header, header(SECOND_NS));
    assert_eq!(recording.ending, Ending::Closed);
    let [cpu, memory, process] = recording.series.as_slice() else {
        panic!("{:?}", recording.series);
    };
    let points: Vec<_> = cpu
        .points
        .iter()
        .map(|p| (p.at_ns, p.value, p.error))
        .collect();
    assert_eq!(
        points,
        [
            (2 * SECOND_NS, 0.25, Some(0.01)),
            (3 * SECOND_NS, 0.5, None)
        ]
    );
    assert_eq!(cpu.labels, BTreeMap::from([("core".into(), "0".into())]));
    assert_eq!(
        (memory.name.as_str(), memory.points.len()),
        ("memory.used_bytes", 1)
    );
    assert!(memory.labels.is_empty());
    assert_eq!(process.labels["name"], "a \"quoted\", b");
}

#[test]
fn a_file_that_is_cut_is_read_up_to_the_cut_and_says_so() {
    let mut desk = Desk::new(header(SECOND_NS), Rotation::default());
    for second in 2..5 {
        // Each tick has a label of its own, so that dictionaries are cut, too.
        let pid = second.to_string();
        desk.tick(
            second * SECOND_NS,
            vec![row("x", &[("pid", &pid)], 1.0, 0.0)],
        );
    }
    desk.writer.close();
    let (whole, ending) = rows(&desk.file());
    assert_eq!((whole.len(), ending), (3, Ending::Closed));
    let bytes = fs::read(desk.file()).unwrap();
    let cut = desk.home.path().join("cut.arrows");
    let (mut open, mut torn, mut most) = (0, 0, 0);
    // Messages begin at multiples of eight bytes; a cut exactly there differs from one a byte later.
    for length in (0..bytes.len()).filter(|length| length % 8 < 2) {
        fs::write(&cut, &bytes[..length]).unwrap();
        let Ok(_) = RawReader::open(&cut) else {
            assert_eq!(most, 0, "the header is whole, and not read at {length}");
            continue;
        };
        let (found, ending) = rows(&cut);
        assert_eq!(found, whole[..found.len()], "cut at {length}");
        assert!(found.len() >= most, "cut at {length}");
        most = found.len();
        match ending {
            Ending::Open => open += 1,
            Ending::Torn => torn += 1,
            other => panic!("cut at {length}: {other:?}"),
        }
    }
    assert_eq!(most, 3);
    assert!(open >= 4 && torn > 100, "{open} {torn}");
}

#[test]
fn what_follows_the_last_batch_is_told_from_an_end() {
    let mut desk = Desk::new(header(SECOND_NS), Rotation::default());
    desk.tick(2 * SECOND_NS, vec![row("x", &[], 1.0, 0.0)]);
    let open = fs::read(desk.file()).unwrap();
    let damaged = desk.home.path().join("damaged.arrows");
    // What a file system may leave after a power failure.
    fs::write(&damaged, [open.as_slice(), &[0; 4096]].concat()).unwrap();
    let (found, ending) = rows(&damaged);
    assert!(matches!(ending, Ending::Damaged(_)), "{ending:?}");
    assert_eq!(found.len(), 1);
    for place in (0..open.len()).step_by(3) {
        let mut bytes = open.clone();
        bytes[place] ^= 1 << (place % 8);
        fs::write(&damaged, &bytes).unwrap();
        // There may be no panic and no more rows than were written; what is read depends on the changed bit.
        if let Ok(recording) = read(&damaged) {
            assert!(
                recording
                    .series
                    .iter()
                    .all(|series| series.points.len() <= 1)
            );
        }
    }
}

#[test]
fn what_is_no_recording_is_refused_by_name() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("x.arrows");
    let error = || RawReader::open(&file).unwrap_err();
    assert!(matches!(error(), StreamError::Read { .. }));
    for odd in [
        "",
        "{}",
        "no stream, but long enough to be one at first sight",
    ] {
        fs::write(&file, odd).unwrap();
        assert!(matches!(error(), StreamError::NotSamples { .. }), "{odd:?}");
        assert!(error().to_string().contains("x.arrows"));
    }
}

#[test]
fn the_dictionary_of_a_file_stays_small_however_many_processes_come_and_go() {
    let mut desk = Desk::new(header(1), Rotation::default());
    let (ticks, at_once) = (2000_u64, 10);
    for tick in 0..ticks {
        let rows = (tick..tick + at_once).map(|pid| {
            let pid = pid.to_string();
            let name = "with-a-name-that-takes-some-room-in-the-dictionary-of-the-file";
            row(
                "process.rss_bytes",
                &[("pid", &pid), ("name", name)],
                1.0,
                0.0,
            )
        });
        let rows = rows.collect();
        desk.writer.hand_in(RawSample { at_ns: tick, rows });
        if tick % 100 == 99 {
            // A batch has at most a hundred ticks.
            let handed_in = (tick + 1) * at_once;
            eventually("they are written", || {
                desk.writer.written_rows() == handed_in
            });
        }
    }
    desk.writer.close();
    let recording = read(&desk.file()).unwrap();
    assert_eq!(recording.series.len() as u64, ticks + at_once - 1);
    let most = recording.series.iter().map(|s| s.points.len()).max();
    assert_eq!(most, Some(at_once as usize));
    let file = fs::File::open(desk.file()).unwrap();
    let stream = StreamReader::try_new(file, None).unwrap();
    let known = stream.map(|batch| {
        let batch = batch.unwrap();
        let labels = batch.column_by_name("labels").unwrap();
        labels.as_dictionary::<Int32Type>().values().len()
    });
    let known = known.max().unwrap();
    assert!(known < 300, "a batch carries {known} of {ticks} labels");
}

#[test]
fn sampling_never_waits_for_a_disk_that_stands_still_and_what_is_lost_is_counted() {
    let home = tempfile::tempdir().unwrap();
    let fifo = home.path().join("r.arrows");
    nix::unistd::mkfifo(&fifo, Mode::S_IRWXU).unwrap();
    let path = fifo.clone();
    let (go, read_on) = std::sync::mpsc::channel::<()>();
    let reader = std::thread::spawn(move || {
        let mut fifo = fs::File::open(path).unwrap();
        read_on.recv().unwrap();
        let mut bytes = Vec::new();
        fifo.read_to_end(&mut bytes).unwrap();
        bytes
    });
    let mut desk = Desk::at(home, header(SECOND_NS), Rotation::default());
    let labels = label_text([("core", "0")].into_iter());
    let (ticks, rows_each) = (500_u64, 1000);
    for tick in 0..ticks {
        let row = SampleRow {
            series: "x",
            labels: Arc::clone(&labels),
            reading: FigureValue::from(1.0),
        };
        let rows = vec![row; rows_each];
        desk.writer.hand_in(RawSample { at_ns: tick, rows });
    }
    // All ticks were accepted, although nothing was written to the disk meanwhile.
    let dropped = desk.writer.dropped_samples();
    assert!(dropped > ticks / 2 && dropped < ticks, "{dropped}");
    go.send(()).unwrap();
    desk.writer.close();
    let file = desk.home.path().join("what-came.arrows");
    fs::write(&file, reader.join().unwrap()).unwrap();
    let (found, ending) = rows(&file);
    assert_eq!(ending, Ending::Closed);
    assert_eq!(found.len() as u64, (ticks - dropped) * rows_each as u64);

    let tool = Tool {
        name: "sysmon".to_owned(),
        version: "0".to_owned(),
        commit: None,
    };
    let mut report = Report::begin(tool, "run-7".to_owned(), "record");
    desk.writer.fill(&mut report);
    let [warning] = report.warnings.as_slice() else {
        panic!("{:?}", report.warnings);
    };
    assert_eq!(warning.code, WarningCode::EvidenceMissing);
    assert!(warning.message.starts_with(&format!("{dropped} samples")));
}

#[test]
fn files_are_turned_by_age_and_the_oldest_of_this_recording_removed() {
    let home = tempfile::tempdir().unwrap();
    let foreign = ["r.000004.arrows", "r.000005.arrows", "r.arrows", "r.json"];
    for name in foreign {
        fs::write(home.path().join(name), "of another recording").unwrap();
    }
    let rotation = Rotation {
        age_ns: Some(10 * SECOND_NS),
        keep: Some(2),
        ..Rotation::default()
    };
    let mut desk = Desk::at(home, header(SECOND_NS), rotation);
    for second in 0..45 {
        let rows = vec![row("x", &[("core", "0")], f64::from(second), 0.0)];
        desk.tick(BEGAN_NS + u64::from(second as u32) * SECOND_NS, rows);
    }
    desk.writer.close();
    let (ours, theirs) = (["r.000009.arrows", "r.000010.arrows"], &foreign[..2]);
    assert_eq!(desk.files()[1..], [theirs, &ours].concat());
    for name in foreign {
        let kept = fs::read_to_string(desk.home.path().join(name)).unwrap();
        assert_eq!(kept, "of another recording");
    }
    // Each file can be read without the others, and continues the one before.
    for (name, part, seconds) in [(ours[0], 4, 30..40), (ours[1], 5, 40..45)] {
        let recording = read(&desk.home.path().join(name)).unwrap();
        assert_eq!(recording.ending, Ending::Closed);
        assert_eq!(
            recording.header,
            RawHeader {
                part,
                ..header(SECOND_NS)
            }
        );
        let values = recording.series[0].points.iter().map(|p| p.value as u64);
        assert!(values.eq(seconds), "{name}");
    }
    assert_eq!(desk.writer.written_rows(), 45);
}

#[test]
fn files_are_turned_by_size_and_all_are_kept_where_nothing_is_said() {
    let rotation = Rotation {
        size_bytes: Some(20_000),
        ..Rotation::default()
    };
    let mut desk = Desk::new(header(SECOND_NS), rotation);
    for tick in 0..60_u64 {
        // Values that compression cannot make smaller.
        let odd = |i: u64| (tick * 100 + i).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let rows = (0..100).map(|i| row("x", &[("core", "0")], odd(i) as f64, 0.0));
        let rows = rows.collect();
        desk.tick(BEGAN_NS + tick * SECOND_NS, rows);
    }
    desk.writer.close();
    let files = paths::files(&desk.report()).unwrap();
    assert!(files.len() > 3, "{files:?}");
    let sizes: Vec<u64> = files
        .iter()
        .map(|f| fs::metadata(f).unwrap().len())
        .collect();
    let all_but_last = &sizes[..sizes.len() - 1];
    // A file is closed when it has reached the size; the batch that makes it so large is still in it.
    assert!(
        all_but_last
            .iter()
            .all(|size| (20_000..26_000).contains(size)),
        "{sizes:?}"
    );
    assert_eq!(sizes.iter().sum::<u64>(), desk.writer.written_bytes());
    let found: usize = files.iter().map(|file| rows(file).0.len()).sum();
    assert_eq!(found, 6000);
}
