//! Tests of the work of background processes in a load: checkpoints and autovacuum.

use bench_report::{EvidenceRow, Report, Series};
use serde_json::json;

use super::causes::{first, ruled_out, saved_ns};
use super::common::SECOND;
use super::common::server::{Server, row};
use super::{assess_reports, finding, is_unknown, named};
use crate::assessment::{Assessment, FindingKind};

const TENTH: u64 = SECOND / 10;

/// Load whose every repeat has work of `process` in the tenths `during` of its measured second, in which
/// `slow` calls are answered each second, and 3,000 at other times.
struct Beside<'w> {
    process: &'w str,
    work: &'w str,
    during: &'w [u64],
    slow: f64,
    server: Server,
}

impl Beside<'_> {
    fn reports(&self) -> Vec<Report> {
        let mut throughput = Series::new("throughput_per_s");
        let mut reports = self.server.run_with(|_, step| {
            let from = step.window.measure_start_ns;
            let spans = self.during.iter().map(|tenth| {
                let begin = (from + tenth * TENTH) as f64;
                let figures = [("begin_ns", begin), ("end_ns", begin + TENTH as f64)];
                row(&[("process", self.process), ("work", self.work)], &figures)
            });
            let spans: Vec<EvidenceRow> = spans.collect();
            let server = step.server.as_mut().unwrap();
            server.tables.insert("background_work".into(), spans);
        });
        for step in &reports[0].steps {
            throughput.push(step.window.measure_start_ns, Some(3_000.0));
            for tenth in 0..10 {
                let at_ns = step.window.measure_start_ns + (tenth + 1) * TENTH;
                let busy = self.during.contains(&tenth);
                // No two intervals are equal, as in a real run.
                let other = 20.0 * (tenth % 3) as f64;
                let per_s = if busy { self.slow } else { 3_000.0 };
                throughput.push(at_ns, Some(per_s + other));
            }
        }
        reports[0].series.push(throughput);
        let settings = json!({
            "max_wal_size": "32MB", "checkpoint_timeout": "5min", "checkpoint_completion_target": "0.9",
            "autovacuum_vacuum_cost_delay": "2ms",
        });
        reports[0].config.insert("server_settings".into(), settings);
        reports
    }

    fn assess(&self) -> Assessment {
        assess_reports(&self.reports())
    }
}

/// Load whose checkpointer works in half of each second, in two spans, and halves the throughput.
fn checkpoints() -> Beside<'static> {
    Beside {
        process: "checkpointer",
        work: "checkpoint",
        during: &[1, 2, 5, 6, 7],
        slow: 1_000.0,
        server: Server {
            waits: vec![("IO.WalSync", 0.5)],
            figures: vec![
                ("checkpointer.requested", 3.0),
                ("checkpointer.timed", 0.0),
                ("wal.bytes", 90.0 * 1_048_576.0),
                ("wal.full_page_images", 1_000.0),
                ("checkpointer.done", 2.0),
                ("checkpointer.buffers_written", 6_000.0),
                ("checkpointer.write_ns", 4e8),
                ("checkpointer.sync_ns", 2.5e8),
            ],
            ..Server::default()
        },
    }
}

#[test]
fn checkpoints_that_slow_calls_down_are_the_first_finding_with_what_they_cost() {
    let assessment = checkpoints().assess();
    let found = first(&assessment, "requested_checkpoints");
    // 4 users: 2 ms at 2,000 calls a second, and 1.33 ms at the 3,000 of the time without a checkpoint.
    let lost = 2e6 - 4.0 / 3_000.0 * 1e9;
    assert!((saved_ns(found) / lost - 1.0).abs() < 0.1, "{found:?}");
    for word in [
        "50 % of the measured time",
        "grew past max_wal_size",
        "wrote 6000 pages in 400 ms, and flushed files for 250 ms; 2 of them ended within the step",
    ] {
        assert!(found.detail.contains(word), "{word}: {}", found.detail);
    }
    let action = &found.advice.as_ref().unwrap().actions[0];
    for word in [
        "60.0 MiB/s of log",
        "max_wal_size is 32MB now; a reload is enough",
    ] {
        assert!(action.contains(word), "{word}: {action}");
    }
    assert!(!found.advice.as_ref().unwrap().needs_restart);
    // The commits that wait meanwhile are a part of it.
    let commits = finding(&assessment, "commit_waits").unwrap();
    assert_eq!(commits.parent.as_ref(), Some(&found.id));
}

/// Planted: a wait for a lock beside checkpoints that cost a third of a call, and commits that cost half of it.
#[test]
fn checkpoints_are_the_reason_for_commits_beside_them_and_for_no_lock() {
    let mut load = checkpoints();
    load.server.waits = vec![("IO.WalSync", 0.5), ("Lock.relation", 0.15)];
    let assessment = load.assess();
    let found = finding(&assessment, "requested_checkpoints").unwrap();
    assert_eq!(found.kind, FindingKind::Problem);
    let commits = finding(&assessment, "commit_waits").unwrap();
    assert_eq!(commits.parent.as_ref(), Some(&found.id));
    let lock = finding(&assessment, "lock_waits").unwrap();
    assert_eq!((lock.kind, &lock.parent), (FindingKind::Problem, &None));
}

/// The checkpointer never rests, so that no calls are there to compare: the whole pages in the log are
/// what is known.
#[test]
fn checkpoints_without_a_pause_cost_the_whole_pages_that_the_log_holds() {
    let mut all_along = checkpoints();
    all_along.during = &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    let pages = 0.8 * 90.0 * 1_048_576.0 / 8_192.0;
    all_along.server.figures[3].1 = pages;
    let assessment = all_along.assess();
    let found = first(&assessment, "requested_checkpoints");
    // Half of the 95 % of the 2 ms that pass in the server wait for the log, 80 % of which are whole pages.
    let own = 0.5 * 0.95 * 2e6 * 0.8;
    assert!((saved_ns(found) / own - 1.0).abs() < 0.05, "{found:?}");
    assert!(
        found.detail.contains("80 % of the log are whole pages"),
        "{}",
        found.detail
    );
    let pages = finding(&assessment, "full_page_images").unwrap();
    assert_eq!(pages.parent.as_ref(), Some(&found.id));
}

/// Assesses the load on a server whose setting `name` is `value`.
fn assess_with(load: &Beside<'_>, name: &str, value: &str) -> Assessment {
    let mut reports = load.reports();
    let settings = reports[0].config.get_mut("server_settings").unwrap();
    settings[name] = value.into();
    assess_reports(&reports)
}

/// The step wrote far less log than `max_wal_size` allows. A single checkpoint that slows calls down may be
/// that of a backup.
#[test]
fn checkpoints_that_the_log_does_not_explain_are_not_laid_to_max_wal_size() {
    for (requested, kind) in [(3.0, FindingKind::Problem), (1.0, FindingKind::Information)] {
        let mut asked = checkpoints();
        asked.server.figures[0].1 = requested;
        let assessment = assess_with(&asked, "max_wal_size", "4GB");
        let found = finding(&assessment, "requested_checkpoints").unwrap();
        assert_eq!(found.kind, kind, "{found:?}");
        assert!(!found.title.contains("max_wal_size"), "{}", found.title);
        let words = "90.0 MiB of log, too little for max_wal_size (4GB)";
        assert!(found.detail.contains(words), "{}", found.detail);
        let actions = &found.advice.as_ref().unwrap().actions;
        assert!(!actions.join("; ").contains("max_wal_size"), "{actions:?}");
    }
}

/// Of `max_wal_size`, 32 MiB, the part 1 ÷ (1 + `checkpoint_completion_target`) lies between two checkpoints: 16
/// MiB for a target of 1, and 21.3 MiB for 0.5. Half of that is needed for each of three checkpoints.
#[test]
fn the_log_is_the_reason_for_a_checkpoint_from_half_of_what_lies_between_two_on() {
    let is_reason = |target: &str, log_bytes: f64| {
        let mut load = checkpoints();
        load.server.figures[2].1 = log_bytes;
        let assessment = assess_with(&load, "checkpoint_completion_target", target);
        let found = finding(&assessment, "requested_checkpoints").unwrap();
        found.title.contains("max_wal_size")
    };
    let eight_mib = 8.0 * 1_048_576.0;
    assert!(is_reason("1", 3.0 * eight_mib));
    assert!(!is_reason("1", 3.0 * (eight_mib - 1.0)));
    assert!(is_reason("0.5", 32.1 * 1_048_576.0));
    assert!(!is_reason("0.5", 31.9 * 1_048_576.0));
}

/// The checkpointer never rests, and how much of the log the compressed pages are is not known.
#[test]
fn checkpoints_without_a_pause_cost_an_unknown_time_where_whole_pages_are_compressed() {
    let mut all_along = checkpoints();
    all_along.during = &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    all_along.server.figures[3].1 = 0.8 * 90.0 * 1_048_576.0 / 8_192.0;
    let assessment = assess_with(&all_along, "wal_compression", "on");
    let found = finding(&assessment, "requested_checkpoints").unwrap();
    assert_eq!(found.kind, FindingKind::Information);
    let words = "What that costs was not measured";
    assert!(found.detail.contains(words), "{}", found.detail);
    assert!(is_unknown(&assessment, "full_page_images"));
    first(
        &assess_with(&all_along, "wal_compression", "off"),
        "requested_checkpoints",
    );
}

#[test]
fn checkpoints_that_calls_do_not_feel_are_information_and_uncounted_ones_are_unknown() {
    let mut harmless = checkpoints();
    harmless.slow = 2_990.0;
    let assessment = harmless.assess();
    assert_eq!(named(&assessment), Vec::<&str>::new());
    let found = finding(&assessment, "requested_checkpoints").unwrap();
    assert_eq!(found.kind, FindingKind::Information);
    assert!(
        found.detail.contains("no more than chance"),
        "{}",
        found.detail
    );

    let mut due = checkpoints();
    due.server.figures[0].1 = 0.0;
    assert!(ruled_out(&due.assess(), "requested_checkpoints"));

    let mut reports = checkpoints().reports();
    for step in &mut reports[0].steps {
        let server = step.server.as_mut().unwrap();
        server.figures.remove("checkpointer.requested");
    }
    assert!(is_unknown(
        &assess_reports(&reports),
        "requested_checkpoints"
    ));
}

fn vacuums(slow: f64, during: &'static [u64]) -> Beside<'static> {
    Beside {
        process: "autovacuum worker",
        work: "VACUUM public.orders",
        during,
        slow,
        server: Server {
            waits: vec![("IO.WalSync", 0.5)],
            ..Server::default()
        },
    }
}

#[test]
fn autovacuum_that_slows_calls_down_is_named_with_its_table() {
    let assessment = vacuums(1_000.0, &[1, 2, 5, 6, 7]).assess();
    let found = first(&assessment, "autovacuum");
    assert!(
        found.title.contains("VACUUM public.orders"),
        "{}",
        found.title
    );
    let lost = 2e6 - 4.0 / 3_000.0 * 1e9;
    assert!((saved_ns(found) / lost - 1.0).abs() < 0.1, "{found:?}");
    let actions = &found.advice.as_ref().unwrap().actions;
    assert!(
        actions[1].contains("autovacuum_vacuum_cost_delay is 2ms now"),
        "{actions:?}"
    );
}

#[test]
fn a_setting_that_only_the_advice_names_is_evidence() {
    let assessment = vacuums(1_000.0, &[1, 2, 5, 6, 7]).assess();
    let evidence = first(&assessment, "autovacuum").evidence.iter();
    let named = evidence.filter(|e| e.pointer.ends_with("/autovacuum_vacuum_cost_delay"));
    assert_eq!(named.count(), 1);
}

#[test]
fn autovacuum_that_calls_do_not_feel_is_ruled_out_and_one_that_never_rests_is_unknown() {
    assert!(ruled_out(
        &vacuums(2_990.0, &[1, 2, 5, 6, 7]).assess(),
        "autovacuum"
    ));
    assert!(ruled_out(&vacuums(1_000.0, &[]).assess(), "autovacuum"));
    let all = &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    assert!(is_unknown(&vacuums(1_000.0, all).assess(), "autovacuum"));
    let mut reports = vacuums(1_000.0, &[1, 2]).reports();
    for step in &mut reports[0].steps {
        let server = step.server.as_mut().unwrap();
        server.tables.remove("background_work");
    }
    assert!(is_unknown(&assess_reports(&reports), "autovacuum"));
}

/// Planted: 8 users and a pool of 4, so that a call waits for its connection for half of its time. Beside autovacuum
/// 1,024 calls are answered each second, and 3,012 at other times.
#[test]
fn autovacuum_costs_the_part_of_a_call_that_holds_a_connection() {
    let mut queued = vacuums(1_000.0, &[1, 2, 5, 6, 7]);
    queued.server.users = 8.0;
    queued.server.pool = 4;
    let assessment = queued.assess();
    let found = finding(&assessment, "autovacuum").unwrap();
    let mut all = found.computed.iter();
    let own = all.find(|figure| figure.what.starts_with("time that the cause itself takes"));
    let own_ns = own.unwrap().value;
    let expected_ns = 0.5 * (8e9 / 2_018.0 - 8e9 / 3_012.0);
    assert!((own_ns / expected_ns - 1.0).abs() < 0.01, "{own_ns}");
}

/// Planted: autovacuum in one and in three tenths of each second, in which too few intervals can be compared.
#[test]
fn what_autovacuum_costs_is_open_only_if_it_worked_for_a_fifth_of_the_time() {
    let short = vacuums(1_000.0, &[4]).assess();
    assert!(ruled_out(&short, "autovacuum"));
    assert!(!is_unknown(&short, "autovacuum"));
    let long = vacuums(1_000.0, &[3, 4, 5]).assess();
    assert!(is_unknown(&long, "autovacuum"));
    assert!(!ruled_out(&long, "autovacuum"));
}
