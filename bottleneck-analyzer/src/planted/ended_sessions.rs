//! Tests of failures that the server itself counted: sessions that it ended, statements that it cancelled.

use super::common::server::Server;
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
