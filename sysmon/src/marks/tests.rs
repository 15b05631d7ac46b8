use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use bench_report::clock::monotonic_ns;

use super::active::AddMarkError;
use super::*;

fn report() -> (tempfile::TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let report = home.path().join("r.json");
    fs::write(&report, "{}").unwrap();
    (home, report)
}

fn names(inbox: &MarksFile) -> Vec<String> {
    inbox.marks().into_iter().map(|mark| mark.name).collect()
}

fn add(report: &Path, at_ns: u64, name: &str) -> Result<(), AddMarkError> {
    let mut recorder = ActiveRecording::find(report).unwrap().unwrap();
    recorder.add(&Mark::new(at_ns, name).unwrap())
}

#[test]
fn marks_come_in_in_order_of_time_and_the_file_goes_with_the_recording() {
    let (_home, report) = report();
    let mut inbox = MarksFile::open(&report).unwrap().unwrap();
    let early_ns = monotonic_ns();
    let mode = fs::metadata(path_for(&report))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
    add(&report, monotonic_ns(), "second").unwrap();
    inbox.read_new();
    add(&report, early_ns, "first").unwrap();
    inbox.close();
    assert_eq!(names(&inbox), ["first", "second"]);
    assert_eq!(inbox.marks()[0].at_ns, early_ns);
    assert!(!path_for(&report).exists());
}

#[test]
fn a_mark_that_comes_too_late_says_so() {
    let (_home, report) = report();
    let mut inbox = MarksFile::open(&report).unwrap().unwrap();
    let mut late = ActiveRecording::find(&report).unwrap().unwrap();
    inbox.close();
    let mark = Mark::new(1, "late").unwrap();
    assert!(matches!(late.add(&mark), Err(AddMarkError::Ended(_))));
    assert!(ActiveRecording::find(&report).unwrap().is_none());
}

#[test]
fn what_a_killed_recording_left_is_read_and_its_place_taken_over() {
    let (_home, report) = report();
    let inbox = MarksFile::open(&report).unwrap().unwrap();
    add(&report, monotonic_ns(), "before the kill").unwrap();
    let copy = fs::read(path_for(&report)).unwrap();
    drop(inbox);
    fs::write(path_for(&report), copy).unwrap();
    let left = unsaved(&report);
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].name, "before the kill");
    assert!(ActiveRecording::find(&report).unwrap().is_none());
    let mut inbox = MarksFile::open(&report).unwrap().unwrap();
    inbox.read_new();
    assert!(names(&inbox).is_empty());
}

#[test]
fn what_no_mark_may_hold_is_left_out_and_times_stay_within_the_recording() {
    let (_home, report) = report();
    let mut inbox = MarksFile::open(&report).unwrap().unwrap();
    let began_ns = monotonic_ns();
    let mut file = fs::OpenOptions::new()
        .append(true)
        .open(path_for(&report))
        .unwrap();
    let lines = [
        "not json",
        "{\"at_ns\": -1, \"name\": \"x\"}",
        "{\"at_ns\": 1, \"name\": \"\"}",
        "{\"at_ns\": 1, \"name\": \"a\\u001b[2J\"}",
        &format!("{{\"at_ns\": 1, \"name\": \"{}\"}}", "x".repeat(9000)),
        "\u{0}\u{0}",
        "{\"at_ns\": 18446744073709551615, \"name\": \"of the future\"}",
    ];
    file.write_all((lines.join("\n") + "\n").as_bytes())
        .unwrap();
    file.write_all(b"{\"at_ns\": 1, \"name\": \"half").unwrap();
    inbox.read_new();
    assert_eq!(names(&inbox), ["of the future"]);
    let at_ns = inbox.marks()[0].at_ns;
    assert!((began_ns..=monotonic_ns()).contains(&at_ns));
    file.write_all(b" a line\"}\n").unwrap();
    inbox.read_new();
    assert_eq!(names(&inbox), ["half a line", "of the future"]);
}

#[test]
fn a_recording_takes_so_many_marks_and_no_more() {
    let (_home, report) = report();
    let mut inbox = MarksFile::open(&report).unwrap().unwrap();
    let mut recorder = ActiveRecording::find(&report).unwrap().unwrap();
    let mark = Mark::new(1, &"é".repeat(120)).unwrap();
    for _ in 0..MOST_MARKS {
        recorder.add(&mark).unwrap();
    }
    assert!(matches!(recorder.add(&mark), Err(AddMarkError::Full(_))));
    assert!(matches!(add(&report, 1, "x"), Err(AddMarkError::Full(_))));
    inbox.read_new();
    assert!(inbox.is_full());
    assert_eq!(inbox.marks().len(), MOST_MARKS);
}

#[test]
fn nothing_that_is_not_ours_is_written_to() {
    let (home, report) = report();
    let place = path_for(&report);
    let precious = home.path().join("precious");
    fs::write(&precious, "precious").unwrap();
    symlink(&precious, &place).unwrap();
    assert!(matches!(
        MarksFile::open(&report),
        Err(MarksFileError::Write { .. })
    ));
    fs::remove_file(&place).unwrap();
    fs::hard_link(&precious, &place).unwrap();
    assert!(matches!(
        MarksFile::open(&report),
        Err(MarksFileError::Foreign(_))
    ));
    fs::remove_file(&place).unwrap();
    fs::write(&place, "notes of mine\n").unwrap();
    assert!(matches!(
        MarksFile::open(&report),
        Err(MarksFileError::Foreign(_))
    ));
    assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
    assert_eq!(fs::read_to_string(&place).unwrap(), "notes of mine\n");
    assert!(MarksFile::open(Path::new("/dev/null")).unwrap().is_none());
}

#[test]
fn two_recorders_do_not_share_a_file() {
    let (_home, report) = report();
    let _first = MarksFile::open(&report).unwrap().unwrap();
    assert!(matches!(
        MarksFile::open(&report),
        Err(MarksFileError::Taken(_))
    ));
}
