//! Tests of counters that sharpen a finding about waits: who writes, how long a flush or a read takes, and
//! what therefore helps.

use super::assess_reports;
use super::causes::{assess, first};
use super::common::server::Server;
use crate::assessment::Finding;

/// Returns the first problem of a load in which 60 % of the time in service is a wait for `event`, and whose
/// counters have these figures. Panics if it is not of `rule`.
fn found(rule: &str, event: &'static str, figures: &[(&'static str, f64)]) -> Finding {
    let server = Server {
        waits: vec![(event, 0.6)],
        service_ns: 2e7,
        figures: figures.to_vec(),
        ..Server::default()
    };
    first(&assess(&server), rule).clone()
}

fn actions(finding: &Finding) -> String {
    finding.advice.as_ref().unwrap().actions.join("; ")
}

/// Panics unless the finding's text contains each of `words`, and its evidence each of `figures`.
fn tells(finding: &Finding, words: &[&str], figures: &[(&str, f64)]) {
    for word in words {
        assert!(finding.detail.contains(word), "{word}: {}", finding.detail);
    }
    for (name, value) in figures {
        let mut all = finding.evidence.iter();
        let item = all.find(|item| item.pointer.ends_with(&format!("/{name}")));
        let item = item.unwrap_or_else(|| panic!("{name}: {:?}", finding.evidence));
        let found = item.value.as_f64().unwrap();
        let error = (found - value).abs();
        assert!(error <= 1e-6 * value.max(1.0), "{name}: {found}");
    }
}

#[test]
fn slow_commits_are_told_with_the_time_of_a_flush_and_the_rows() {
    let rows = [
        ("database.commits", 300.0),
        ("database.rows_inserted", 300.0),
        ("database.rows_updated", 200.0),
        ("database.rows_deleted", 100.0),
    ];
    // Versions up to 17 count the log in one view, and later ones in another.
    for names in [
        ["wal.syncs", "wal.sync_ns", "wal.writes", "wal.write_ns"],
        [
            "io.wal_fsyncs",
            "io.wal_fsync_ns",
            "io.wal_writes",
            "io.wal_write_ns",
        ],
    ] {
        let mut figures: Vec<_> = names.into_iter().zip([150.0, 1.5e9, 200.0, 1e8]).collect();
        figures.extend(rows);
        let slow = found("commit_waits", "IO.WalSync", &figures);
        let words = [
            "flushed its log 150 times, 10.0 ms each, for 300 commits.",
            "wrote it 200 times, 500 µs each.",
            "300 rows were inserted, 200 updated and 100 deleted",
        ];
        tells(&slow, &words, &figures);
        assert!(!actions(&slow).contains("wal_buffers"));
    }
}

#[test]
fn flushes_that_were_not_timed_are_told_with_the_setting_that_times_them() {
    let slow = found("commit_waits", "IO.WalSync", &[("wal.syncs", 150.0)]);
    tells(&slow, &["not measured: track_wal_io_timing"], &[]);
}

#[test]
fn full_buffers_of_the_log_are_advised_to_be_larger_where_they_are_often_full() {
    for (rule, event) in [
        ("commit_waits", "IO.WalSync"),
        ("lwlock_waits", "LWLock.WALBufMapping"),
    ] {
        let often = [("wal.buffers_full", 30.0), ("database.commits", 300.0)];
        let slow = found(rule, event, &often);
        tells(&slow, &["buffers were full 30 times"], &often[..1]);
        assert!(actions(&slow).starts_with("raise wal_buffers"));
        assert!(slow.advice.unwrap().needs_restart);
    }
    let seldom = [("wal.buffers_full", 2.0), ("database.commits", 300.0)];
    let slow = found("commit_waits", "IO.WalSync", &seldom);
    assert!(!actions(&slow).contains("wal_buffers"));
}

#[test]
fn reads_are_told_by_where_the_pages_were() {
    let figures = |each_ns: f64| {
        [
            ("io.client_reads", 30_000.0),
            ("io.client_read_ns", 30_000.0 * each_ns),
            ("io.client_read_bytes", 30_000.0 * 8_192.0),
            ("io.client_evictions", 29_000.0),
            ("io.other_reads", 9_000.0),
            ("database.cache_hit_ratio", 0.9),
            ("database.blocks_hit", 270_000.0),
            ("database.blocks_read", 30_000.0),
        ]
    };
    let cached = found("read_waits", "IO.DataFileRead", &figures(5e4));
    let words = [
        "read 30000 times, 50.0 µs each: so short that the system's cache",
        "Of all pages, 90.0 % were in shared_buffers",
        "read 234 MiB, they pushed 29000 pages out of shared_buffers: it is full",
        "(autovacuum, parallel workers) read 9000 times besides",
    ];
    tells(&cached, &words, &figures(5e4));
    let slow = found("read_waits", "IO.DataFileRead", &figures(2e6));
    tells(
        &slow,
        &["2.00 ms each: longer than the system's cache"],
        &[],
    );
    // A session that reads ahead waits for the rest only, so a short wait acquits no disk.
    let ahead = found("read_waits", "IO.AioIoCompletion", &figures(5e4));
    tells(&ahead, &["50.0 µs of waiting each"], &[]);
    assert!(!ahead.detail.contains("so short"), "{}", ahead.detail);
}

#[test]
fn reads_before_the_cache_is_full_are_told_as_such() {
    let cold = [
        ("io.client_read_bytes", 30_000.0 * 8_192.0),
        ("io.client_evictions", 100.0),
    ];
    let slow = found("read_waits", "IO.DataFileRead", &cold);
    tells(&slow, &["only 100 pages out of shared_buffers"], &cold);
    assert!(actions(&slow).starts_with("warm up"));
}

#[test]
fn reads_of_an_old_server_are_told_from_the_database_s_counters() {
    let timed = [
        ("database.blocks_read", 1_000.0),
        ("database.block_read_ns", 5e8),
    ];
    let slow = found("read_waits", "IO.DataFileRead", &timed);
    tells(&slow, &["read 1000 times, 500 µs each"], &timed);
    let slow = found("read_waits", "IO.DataFileRead", &timed[..1]);
    tells(&slow, &["not measured: track_io_timing"], &[]);
}

/// The background writer is told to write more where it stopped at its limit, and to run more often where it
/// never did.
#[test]
fn sessions_that_write_dirty_pages_themselves_are_told_with_what_the_background_writer_did() {
    let now = [
        ("io.client_writes", 8_000.0),
        ("io.other_writes", 2_000.0),
        ("io.client_write_ns", 8e8),
    ];
    let before = [
        ("bgwriter.backend_buffers_written", 8_000.0),
        ("checkpointer.buffers_written", 1_500.0),
        ("bgwriter.buffers_cleaned", 500.0),
        ("database.block_write_ns", 8e8),
    ];
    for (figures, words) in [
        (
            &now[..],
            "Sessions made 8000 writes of pages (100 µs each), other processes 2000.",
        ),
        (
            &before[..],
            "wrote 8000 pages, new ones of tables included, checkpoints 1500, the background writer 500. In \
             this database that took 800 ms.",
        ),
    ] {
        let with = |stopped: f64| {
            let mut all = figures.to_vec();
            all.push(("bgwriter.stopped_early", stopped));
            let slow = found("io_waits", "IO.DataFileWrite", &all);
            tells(&slow, &[words], &all);
            slow
        };
        let limited = with(12.0);
        tells(&limited, &["stopped 12 times"], &[]);
        assert!(actions(&limited).starts_with("raise bgwriter_lru_maxpages"));
        let seldom = with(0.0);
        tells(&seldom, &["never reached bgwriter_lru_maxpages"], &[]);
        let advised = actions(&seldom);
        assert!(advised.contains("lower bgwriter_delay"), "{advised}");
        assert!(
            !advised.contains("raise bgwriter_lru_maxpages"),
            "{advised}"
        );
    }
}

#[test]
fn sessions_that_enlarge_tables_are_not_sent_to_the_background_writer() {
    let figures = [("io.client_extends", 4_000.0)];
    let slow = found("io_waits", "IO.DataFileExtend", &figures);
    tells(&slow, &["enlarged tables 4000 times"], &figures);
    let advised = actions(&slow);
    assert!(advised.contains("COPY"), "{advised}");
    assert!(!advised.contains("bgwriter"), "{advised}");
}

#[test]
fn sessions_that_flush_files_themselves_are_told_beside_the_flushes_of_checkpoints() {
    for name in ["io.client_fsyncs", "bgwriter.backend_fsyncs"] {
        let figures = [(name, 40.0), ("checkpointer.sync_ns", 5e8)];
        let slow = found("io_waits", "IO.DataFileSync", &figures);
        let words = [
            "flushed files 40 times themselves",
            "Checkpoints flushed files for 500 ms",
        ];
        tells(&slow, &words, &figures);
    }
}

#[test]
fn commits_that_wait_for_a_standby_are_told_with_its_delays_and_whether_it_is_there() {
    let with = |commit: &str, standbys: f64| {
        let server = Server {
            waits: vec![("IPC.SyncRep", 0.6)],
            figures: vec![
                ("replication.synchronous_standbys", standbys),
                ("replication.flush_lag_ns_max", 2e6),
                ("replication.replay_lag_ns_max", 9e6),
            ],
            ..Server::default()
        };
        let mut reports = server.run();
        let settings = serde_json::json!({ "synchronous_commit": commit });
        reports[0].config.insert("server_settings".into(), settings);
        first(&assess_reports(&reports), "sync_replica").clone()
    };
    let applying = with("remote_apply", 1.0);
    let words = [
        "Synchronous standbys connected: 1.",
        "on its disk 2.00 ms later, and had applied it 9.00 ms later",
    ];
    tells(&applying, &words, &[]);
    assert!(actions(&applying).starts_with("do not wait until the standby has applied"));
    let flushing = actions(&with("on", 1.0));
    assert!(!flushing.contains("remote_apply"), "{flushing}");
    let gone = with("on", 0.0);
    tells(&gone, &["No synchronous standby was connected"], &[]);
    assert!(actions(&gone).starts_with("bring the standby back"));
}

#[test]
fn a_queue_for_locks_is_told_with_its_length_and_with_prepared_transactions() {
    let figures = [
        ("locks.looks", 20.0),
        ("locks.waiting_max", 12.0),
        ("blocking.chain_max", 5.0),
        ("transactions.prepared", 2.0),
    ];
    let slow = found("lock_waits", "Lock.transactionid", &figures);
    let words = [
        "At most 12 sessions waited for locks at once (samples: 20), in chains of up to 5",
        "Prepared transactions at the end of the measured part: 2",
    ];
    tells(&slow, &words, &figures);
    let plain = [("locks.waiting_max", 1.0), ("blocking.chain_max", 2.0)];
    let slow = found("lock_waits", "Lock.transactionid", &plain);
    assert!(!slow.detail.contains("chains"), "{}", slow.detail);
}

#[test]
fn transactions_that_are_kept_open_are_told_by_the_server_s_own_clock_too() {
    let figures = vec![
        ("database.idle_in_transaction_ns", 4e9),
        ("database.active_ns", 1e9),
    ];
    let kept = Server {
        idle_in_transaction: 0.7,
        service_ns: 2e7,
        figures: figures.clone(),
        ..Server::default()
    };
    let assessment = assess(&kept);
    let slow = first(&assessment, "kept_transactions");
    let words = ["in a transaction for 4.00 s and executed statements for 1.00 s"];
    tells(slow, &words, &figures);
}
