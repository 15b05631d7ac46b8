//! Tests of what PostgreSQL counts, on both sides of the bounds of the rules: dead rows, updates, transactions,
//! sessions, and rows that a statement returns.

use bench_report::{CheckoutParts, Report};

use super::causes::{assess, ruled_out, statements, tables};
use super::common::hist;
use super::common::server::{Server, row};
use super::errors::{fail, first};
use super::{assess_reports, finding, is_told, is_unknown};

fn counting(figures: &[(&'static str, f64)]) -> Server {
    Server {
        figures: figures.to_vec(),
        ..Server::default()
    }
}

/// Planted: a table with 1,000 dead rows, which are a fifth of its live ones, or less.
#[test]
fn dead_rows_are_told_from_a_fifth_of_the_live_ones_on() {
    let with = |live: f64| {
        let figures = [("dead", 1_000.0), ("live", live)];
        assess(&Server {
            tables: vec![tables("accounts", &figures)],
            ..Server::default()
        })
    };
    assert!(is_told(&with(5_000.0), "dead_rows"));
    assert!(!is_told(&with(5_001.0), "dead_rows"));
}

/// Planted: a thousand updates or one less, of which half stayed within a page, or fewer.
#[test]
fn updates_touch_indexes_if_less_than_half_of_a_thousand_or_more_stay_within_a_page() {
    let told = |updated: f64, hot: f64| {
        let figures = [("updated", updated), ("hot_updated", hot)];
        let assessment = assess(&Server {
            tables: vec![tables("accounts", &figures)],
            ..Server::default()
        });
        let found = finding(&assessment, "updates_touch_indexes");
        found.map(|found| found.title.clone())
    };
    let some = told(1_000.0, 400.0).unwrap();
    let words = "Only 40 % of the updates of table accounts write no index";
    assert!(some.contains(words), "{some}");
    assert!(told(1_000.0, 499.0).is_some());
    assert!(told(1_000.0, 500.0).is_none());
    assert!(told(999.0, 0.0).is_none());
}

/// Planted: a report that has no table of holders. The measured part takes a second.
#[test]
fn dead_rows_are_laid_to_a_transaction_that_is_older_than_the_measured_part() {
    let detail = |figures: &[(&'static str, f64)]| {
        let dead = [("dead", 40_000.0), ("live", 1e5)];
        let assessment = assess(&Server {
            tables: vec![tables("accounts", &dead)],
            ..counting(figures)
        });
        finding(&assessment, "dead_rows").unwrap().detail.clone()
    };
    let older = detail(&[("transactions.oldest_age_s", 2.0)]);
    let words = "A transaction has been open for 2.00 s";
    assert!(older.contains(words), "{older}");
    let as_old = detail(&[("transactions.oldest_age_s", 1.0)]);
    assert!(!as_old.contains("has been open"), "{as_old}");
    let prepared = detail(&[("transactions.prepared", 1.0)]);
    let words = "Prepared transactions are open: 1.";
    assert!(prepared.contains(words), "{prepared}");
    let none = detail(&[("transactions.prepared", 0.0)]);
    assert!(!none.contains("Prepared transactions"), "{none}");
}

#[test]
fn transactions_are_rolled_back_from_twenty_and_a_twentieth_of_all_on() {
    let rolled_back = |count: f64, commits: f64| {
        let figures = [("database.rollbacks", count), ("database.commits", commits)];
        is_told(&assess(&counting(&figures)), "rolled_back")
    };
    assert!(rolled_back(20.0, 380.0));
    assert!(!rolled_back(20.0, 381.0));
    assert!(!rolled_back(19.0, 100.0));
}

/// Planted: 200 of 2,000 calls failed in the measured second, which stand for 300 in the 1.5 s of the counters, and
/// 1,000 transactions were rolled back.
#[test]
fn transactions_beyond_those_of_failed_requests_are_told_with_the_number_of_these() {
    let server = counting(&[("database.rollbacks", 1_000.0)]);
    let reports = server.run_with(|_, step| {
        let call = step.operations.get_mut("call").unwrap();
        call.succeeded -= 200;
        call.errors.insert("sqlstate.23505".into(), 200);
    });
    let assessment = assess_reports(&reports);
    let detail = &finding(&assessment, "rolled_back").unwrap().detail;
    let words = "In the measured part 200 requests failed";
    assert!(detail.contains(words), "{detail}");
}

/// Planted: prepared transactions in a step of two seconds, warm-up included.
#[test]
fn one_prepared_transaction_is_left_over_if_it_is_older_than_the_step() {
    let prepared = |count: f64, oldest_s: f64| {
        let figures = [
            ("deltas.span_s", 2.0),
            ("transactions.prepared", count),
            ("transactions.oldest_age_s", oldest_s),
        ];
        is_told(&assess(&counting(&figures)), "prepared_transactions")
    };
    assert!(prepared(1.0, 3.0));
    assert!(!prepared(1.0, 2.0));
    assert!(!prepared(0.0, 3.0));
}

/// Load whose calls wait 3 ms for their connection on average, while `opened` of 2,000 checkouts open one.
fn opening(opened: u64) -> Vec<Report> {
    Server::default().run_with(|_, step| {
        let call = step.operations.get_mut("call").unwrap();
        call.checkout = hist(3.002e6, call.succeeded);
        call.call = hist(5e6, call.succeeded);
        step.pool.as_mut().unwrap().checkout = Some(CheckoutParts {
            count: 2_000,
            opened,
            connect_mean_ns: 3e6,
            check_mean_ns: 1_000.0,
            ..CheckoutParts::default()
        });
    })
}

#[test]
fn connections_are_opened_all_the_time_from_a_hundredth_of_the_checkouts_on() {
    let rule = "connection_storm";
    assert!(is_told(&assess_reports(&opening(20)), rule));
    assert!(!is_told(&assess_reports(&opening(19)), rule));
}

/// Planted: sessions that the server began in 3,000 calls. The first 8 fill the pool: 29 others are 0.97 % of the
/// calls, and 52 are 1.7 %. How long the load took to connect was not measured.
#[test]
fn new_sessions_beyond_those_of_the_pool_tell_that_connections_are_opened() {
    let begun = |sessions: f64| assess(&counting(&[("database.sessions", sessions)]));
    let few = begun(37.0);
    assert!(ruled_out(&few, "connection_storm"));
    assert!(!is_unknown(&few, "connection_storm"));
    let many = begun(60.0);
    assert!(is_unknown(&many, "connection_storm"));
    assert!(!ruled_out(&many, "connection_storm"));
}

/// Planted: a process of the server, and an application whose sessions have ended, beside those that hold the
/// connections.
#[test]
fn only_sessions_of_clients_hold_connections() {
    let sessions = |kind: &str, application: &str, count: f64| {
        let labels = [("application", application), ("backend_type", kind)];
        row(&labels, &[("count", count), ("cpu_ns", 1e6)])
    };
    let told = |rows: Vec<_>| {
        let server = Server {
            tables: vec![("processes", rows)],
            ..Server::default()
        };
        let message = "sorry, too many clients already";
        let reports = server.run_with(|_, step| fail(step, "sqlstate.53300", 0.4, message));
        first(&reports).0.detail
    };
    let worker = || sessions("autovacuum worker", "", 3.0);
    let ended = || sessions("client backend", "ended", 0.0);
    let forgotten = sessions("client backend", "forgotten", 92.0);
    let some = told(vec![worker(), ended(), forgotten]);
    let words = "Sessions by application_name, of at most 100: forgotten 92.";
    assert!(some.contains(words), "{some}");
    let none = told(vec![worker(), ended()]);
    assert!(!none.contains("Sessions by"), "{none}");
}

/// Planted: a table that each call reads whole, 100,000 rows, and a statement on it that returns `returned` of them.
#[test]
fn an_index_helps_statements_with_a_condition_that_return_up_to_a_hundredth_of_the_rows() {
    let is_read_whole = |statement: &str, returned: f64| {
        let calls = Server::default().calls();
        let read = [("seq_scan", calls), ("seq_tup_read", calls * 1e5)];
        let assessment = assess(&Server {
            tables: vec![statements(statement, returned, &[]), tables("logs", &read)],
            ..Server::default()
        });
        is_told(&assessment, "sequential_scans")
    };
    let select = "SELECT note FROM logs WHERE who = $1";
    assert!(is_read_whole(select, 1_000.0));
    assert!(!is_read_whole(select, 1_001.0));
    assert!(!is_read_whole("SELECT note FROM logs", 1.0));
    let insert = "INSERT INTO copies SELECT note FROM logs WHERE who = $1";
    assert!(!is_read_whole(insert, 1.0));
}

/// Planted: a statement that returns a number of rows, so that it is not known how many match. The server computes
/// for a quarter of a call, or for a twentieth.
#[test]
fn rows_that_are_not_known_are_an_open_question_only_where_reading_them_takes_time() {
    let counting_rows = |outside: f64, server_cpu: f64| {
        let calls = Server::default().calls();
        let read = [("seq_scan", calls), ("seq_tup_read", calls * 1e5)];
        let select = "SELECT count(*) FROM logs WHERE who > $1";
        assess(&Server {
            outside,
            cpu: (0.45, server_cpu, 0.18),
            tables: vec![statements(select, 1.0, &[]), tables("logs", &read)],
            ..Server::default()
        })
    };
    let much = counting_rows(0.75, 0.25);
    assert!(is_unknown(&much, "sequential_scans"));
    assert!(!ruled_out(&much, "sequential_scans"));
    let little = counting_rows(0.95, 0.05);
    assert!(ruled_out(&little, "sequential_scans"));
    assert!(!is_unknown(&little, "sequential_scans"));
}
