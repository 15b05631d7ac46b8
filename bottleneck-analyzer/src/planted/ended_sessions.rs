//! Tests of failures that the server itself counted: sessions that it ended, statements that it cancelled.

use super::common::server::{Server, row};
use super::errors::{fail, first};

/// A time-out of the server ended a session, and the client learns only that its connection is
/// closed. The finding must name the time-out.
#[test]
fn a_connection_that_the_server_closed_is_told_with_the_server_s_time_out() {
    let ended = |sessions: f64| {
        let server = Server {
            figures: vec![("database.sessions_fatal", sessions)],
            ..Server::default()
        };
        let mut reports = server.run_with(|_, step| fail(step, "closed", 0.2, "connection closed"));
        let settings = serde_json::json!({"idle_in_transaction_session_timeout": "100ms"});
        reports[0].config.insert("server_settings".into(), settings);
        first(&reports).0
    };
    let found = ended(11.0);
    for word in ["33 by a fatal error", "timeout = 100ms", "25P03"] {
        assert!(found.detail.contains(word), "{word}: {}", found.detail);
    }
    assert!(!ended(0.0).detail.contains("25P03"));
}

/// The connection to the client broke, and no time-out of the server can be the reason.
#[test]
fn a_connection_that_broke_is_told_as_seen_by_the_server() {
    let server = Server {
        figures: vec![("database.sessions_abandoned", 7.0)],
        ..Server::default()
    };
    let mut reports = server.run_with(|_, step| fail(step, "closed", 0.2, "connection closed"));
    let settings = serde_json::json!({"idle_in_transaction_session_timeout": "100ms"});
    reports[0].config.insert("server_settings".into(), settings);
    let detail = first(&reports).0.detail;
    assert!(
        detail.contains("21 because the connection to the client was lost"),
        "{detail}"
    );
    assert!(!detail.contains("25P03"), "{detail}");
}

#[test]
fn statements_that_a_standby_cancelled_are_told_as_counted_by_it() {
    let detail = |conflicts: f64, message: &str| {
        let server = Server {
            figures: vec![("database.conflicts", conflicts)],
            ..Server::default()
        };
        let reports = server.run_with(|_, step| fail(step, "sqlstate.40001", 0.2, message));
        first(&reports).0.detail
    };
    let message = "canceling statement due to conflict with recovery";
    let told = "The server counts 36 statements that it cancelled";
    let found = detail(12.0, message);
    assert!(found.contains(told), "{found}");
    assert!(!detail(0.0, message).contains("The server counts"));
    let other = detail(12.0, "could not serialize access due to concurrent update");
    assert!(!other.contains("The server counts"), "{other}");
}

/// The pool of 8 is far below the limit of 100: somebody else holds the connections.
#[test]
fn who_holds_the_connections_is_told_where_the_server_has_none_left() {
    let sessions = |application: &str, count: f64| {
        let labels = [
            ("application", application),
            ("backend_type", "client backend"),
        ];
        row(&labels, &[("count", count), ("cpu_ns", 1e6)])
    };
    let server = Server {
        tables: vec![(
            "processes",
            vec![
                sessions("ours", 8.0),
                sessions("forgotten", 89.0),
                sessions("", 2.0),
                sessions("watch", 1.0),
            ],
        )],
        ..Server::default()
    };
    let message = "sorry, too many clients already";
    let reports = server.run_with(|_, step| fail(step, "sqlstate.53300", 0.4, message));
    let found = first(&reports).0;
    let told = "Sessions by application_name, of at most 100: forgotten 89, the load 8, sessions without an \
                application name 2.";
    assert!(found.detail.contains(told), "{}", found.detail);
    let unknown = Server::default();
    let reports = unknown.run_with(|_, step| fail(step, "sqlstate.53300", 0.4, message));
    assert!(!first(&reports).0.detail.contains("Sessions by"));
}
