//! Tests of directories in which more lies than the reports of a run.

use std::path::Path;

use crate::assessment::{Assessment, Readiness};
use crate::render::{html, terminal};
use crate::run_reports::RunReports;

use super::common::{Plant, save};
use super::judge;

const K6_POINTS: &str =
    "{\"type\": \"Metric\", \"metric\": \"vus\"}\n{\"type\": \"Point\", \"metric\": \"vus\"}\n";
const K6_SUMMARY: &str = r#"{"metrics": {"http_req_duration": {"type": "trend", "contains": "time",
    "values": {"avg": 12.5, "p(95)": 31.0}}}, "root_group": {"name": "", "path": ""}}"#;

/// Adds one more entry to the directory of a healthy run.
fn beside(plant: impl FnOnce(&Path)) -> Assessment {
    let home = tempfile::tempdir().unwrap();
    Plant::default().write(home.path());
    plant(home.path());
    let (run, assessment) = judge(home.path());
    let shown = terminal::render(&assessment).replace("\n    ", " ");
    let page = html::page(&run, &assessment);
    // The text names the first few of them, and how many there are.
    for (index, skipped) in assessment.skipped.iter().enumerate() {
        let is_told = skipped.makes_incomplete || index < 6;
        assert!(!is_told || shown.contains(&skipped.file), "{shown}");
        assert!(page.contains(&skipped.file), "{page}");
    }
    assessment
}

/// Entry of a directory: its name, part of the reason for which it is skipped, and how it is made.
type Entry<'a> = (&'a str, &'a str, Box<dyn FnOnce(&Path) + 'a>);

/// Adds `entries` to the directory of a healthy run, and panics unless each of them is skipped for
/// its reason, and makes the run incomplete or not as `are_lost` says.
fn all_skipped(entries: Vec<Entry<'_>>, are_lost: bool) -> Assessment {
    let expected: Vec<(String, String)> = entries
        .iter()
        .map(|(name, why, _)| ((*name).to_owned(), (*why).to_owned()))
        .collect();
    let assessment = beside(|home| {
        for (name, _, plant) in entries {
            plant(&home.join(name));
        }
    });
    assert_eq!(
        assessment.skipped.len(),
        expected.len(),
        "{:?}",
        assessment.skipped
    );
    for (name, why) in expected {
        let skipped = assessment
            .skipped
            .iter()
            .find(|skipped| skipped.file == name)
            .unwrap();
        assert_eq!(skipped.makes_incomplete, are_lost, "{skipped:?}");
        assert!(
            skipped.reason.contains(&name) && skipped.reason.contains(&why),
            "{skipped:?}"
        );
        assert_eq!(assessment.missing.contains(&skipped.reason), are_lost);
    }
    assert_eq!(assessment.reports.len(), 4);
    assessment
}

/// Panics unless each of `entries` is skipped, and the verdict is that of the run without them.
fn are_foreign(entries: Vec<Entry<'_>>) {
    let assessment = all_skipped(entries, false);
    assert_eq!(assessment.verdict.readiness, Readiness::Ready);
}

/// Panics unless each of `entries` is skipped, and there is no verdict because of them.
fn are_lost(entries: Vec<Entry<'_>>) {
    let assessment = all_skipped(entries, true);
    assert_eq!(assessment.verdict.readiness, Readiness::CannotTell);
    assert!(
        assessment.verdict.headline.contains("missing: "),
        "{}",
        assessment.verdict.headline
    );
}

fn pipe(path: &Path) {
    nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap();
}

fn socket(path: &Path) {
    std::os::unix::net::UnixListener::bind(path).unwrap();
}

fn link_to(target: &str) -> Box<dyn FnOnce(&Path) + '_> {
    Box::new(move |path| std::os::unix::fs::symlink(target, path).unwrap())
}

fn text<'a>(text: impl AsRef<[u8]> + 'a) -> Box<dyn FnOnce(&Path) + 'a> {
    Box::new(move |path| std::fs::write(path, text).unwrap())
}

#[test]
fn what_is_no_file_is_skipped_and_named() {
    are_foreign(vec![
        ("pipe.json", "is a pipe", Box::new(pipe)),
        ("socket.json", "is a socket", Box::new(socket)),
        ("zeros.json", "is a device", link_to("/dev/zero")),
        ("random.json", "is a device", link_to("/dev/urandom")),
        ("nowhere.json", "cannot read", link_to("/nowhere/at/all")),
        ("itself.json", "cannot read", link_to("itself.json")),
        (
            "old.json",
            "is a directory",
            Box::new(|path| std::fs::create_dir(path).unwrap()),
        ),
    ]);
}

#[test]
fn json_of_other_programs_is_skipped_and_named() {
    let schema = r#"{"schema": "https://json-schema.org/draft/2020-12/schema"}"#;
    let assessment = r#"{"schema": "plimsoll.assessment/1", "run_id": "r"}"#;
    are_foreign(vec![
        ("summary.json", "no `schema`", text(K6_SUMMARY)),
        ("points.json", "trailing characters", text(K6_POINTS)),
        (
            "package.json",
            "no `schema`",
            text(r#"{"name": "shop", "version": "1.0.0"}"#),
        ),
        ("list.json", "expected a report", text("[1, 2, 3]")),
        ("empty.json", "cut short", text("")),
        ("notes.json", "expected", text("to do: tidy up")),
        ("latin.json", "UTF-8", text(b"{\"caf\xe9\": 1}")),
        ("wide.json", "UTF-8", text(b"\xff\xfe{\0}\0")),
        ("marked.json", "no `schema`", text("\u{feff}{}")),
        ("deep.json", "expected a report", text("[".repeat(200_000))),
        (
            "deeper.json",
            "recursion limit",
            text("{\"a\":".repeat(200_000)),
        ),
        ("twice.json", "no `schema`", text(r#"{"a": 1, "a": 2}"#)),
        ("schema.json", "json-schema.org", text(schema)),
        ("last-week.json", "plimsoll.assessment/1", text(assessment)),
    ]);
}

#[test]
fn a_report_that_cannot_be_read_leaves_no_verdict() {
    let whole = serde_json::to_string(&Plant::default().redis()).unwrap();
    let half = &whole[..whole.len() / 2];
    let wrong = whole.replacen("\"attempted\":", "\"attempted\":-", 1);
    let twice = whole.replacen("\"run_id\":", "\"run_id\":\"x\",\"run_id\":", 1);
    are_lost(vec![
        ("redis-bench.cache.2.json", "cut short", text(half)),
        ("copy.json", "cut short", text(half)),
        ("redis-bench.pool.json", "cut short", text("")),
        ("sysmon.node.json", "is a pipe", Box::new(pipe)),
        (
            "ws-bench.limit.2.json",
            "cannot read",
            link_to("/nowhere/at/all"),
        ),
        (
            "later.json",
            "plimsoll.report/2",
            text(whole.replace("report/1", "report/2")),
        ),
        (
            "other.json",
            "mongo-bench",
            text(whole.replace("redis-bench", "mongo-bench")),
        ),
        (
            "wrong.json",
            "steps[0].operations.get.attempted",
            text(wrong),
        ),
        ("twice.json", "\"run_id\" is there twice", text(twice)),
    ]);
}

#[test]
fn an_entry_of_the_manifest_that_cannot_be_read_leaves_no_verdict() {
    let broken = |home: &Path| {
        std::fs::create_dir(home.join("manifest")).unwrap();
        pipe(&home.join("manifest/redis-bench.json"));
    };
    let assessment = beside(broken);
    assert_eq!(assessment.verdict.readiness, Readiness::CannotTell);
    assert!(
        assessment.missing[0].contains("is a pipe"),
        "{:?}",
        assessment.missing
    );
    let foreign = beside(|home| std::fs::write(home.join("manifest"), "of a parcel").unwrap());
    assert_eq!(foreign.verdict.readiness, Readiness::Ready);
}

#[test]
fn a_report_with_a_byte_order_mark_and_one_of_a_later_minor_version_are_read() {
    let assessment = beside(|home| {
        let path = home.join("redis-bench.cache.json");
        let whole = std::fs::read_to_string(&path).unwrap();
        let later = whole.replace("plimsoll.report/1", "plimsoll.report/1.3");
        std::fs::write(&path, format!("\u{feff}{later}")).unwrap();
    });
    assert_eq!((assessment.reports.len(), assessment.skipped.len()), (4, 0));
    assert_eq!(assessment.verdict.readiness, Readiness::Ready);
}

#[test]
fn a_warning_of_a_later_version_is_shown_by_its_own_name() {
    let home = tempfile::tempdir().unwrap();
    save(home.path(), &Plant::default().redis());
    let path = home.path().join("redis-bench.cache.json");
    let whole = std::fs::read_to_string(&path).unwrap();
    let mut document: serde_json::Value = serde_json::from_str(&whole).unwrap();
    document["warnings"] = serde_json::json!([{
        "code": "network_shaped", "message": "the network was shaped", "spoils": ["/steps"],
    }]);
    std::fs::write(&path, document.to_string()).unwrap();
    let (_, assessment) = judge(home.path());
    assert_eq!(assessment.spoiled[0].code, "network_shaped");
    assert!(assessment.spoiled[0].touches_a_conclusion);
}

#[test]
fn a_directory_with_nothing_but_foreign_files_says_what_it_found() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("summary.json"), K6_SUMMARY).unwrap();
    pipe(&home.path().join("pipe.json"));
    let error = RunReports::load(&[home.path().to_owned()])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("no report that can be read: pipe.json is a pipe"),
        "{error}"
    );
    assert!(error.ends_with("and 1 more"), "{error}");
}

#[test]
fn a_file_that_was_named_is_refused_and_not_skipped() {
    let home = tempfile::tempdir().unwrap();
    Plant::default().write(home.path());
    let good = home.path().join("redis-bench.cache.json");
    let named = |plant: fn(&Path)| {
        let path = home.path().join("named.json");
        plant(&path);
        let error = RunReports::load(&[good.clone(), path.clone()])
            .unwrap_err()
            .to_string();
        std::fs::remove_file(&path).unwrap();
        error
    };
    assert!(named(pipe).contains("named.json is a pipe"));
    assert!(named(|path| link_to("/dev/zero")(path)).contains("named.json is a device"));
    assert!(named(|path| link_to("/nowhere/at/all")(path)).contains("does not exist"));
    assert!(named(|path| std::fs::write(path, K6_SUMMARY).unwrap()).contains("no `schema`"));
}
