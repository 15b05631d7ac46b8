//! Tests of limits on connections: of the server, of the load's role and of its database.

use crate::assessment::{Assessment, Finding, FindingKind, ResourceKind};
use bench_report::EvidenceRow;

use super::causes::ruled_out;
use super::common::server::{Server, row};
use super::errors::{fail, first};
use super::{assess_reports, finding, is_unknown, named};

const RULE: &str = "connections_near_limit";

/// Returns the row of a limit: kind and name of the thing that has it, connections in use and allowed.
/// `used` is `None` if the connections were not counted.
fn limit((kind, name): (&str, &str), used: Option<f64>, limit: f64) -> EvidenceRow {
    let used = used.map(|used| ("used_max", used));
    let figures: Vec<_> = [("limit", limit)].into_iter().chain(used).collect();
    row(&[("kind", kind), ("name", name)], &figures)
}

/// Returns a server with `used` of 100 connections in use, and these further limits.
fn server(used: f64, limits: Vec<EvidenceRow>) -> Server {
    Server {
        figures: vec![("connections.used_max", used)],
        tables: vec![("connection_limits", limits)],
        ..Server::default()
    }
}

fn of_role(used: f64, allowed: f64) -> EvidenceRow {
    limit(("role", "app"), Some(used), allowed)
}

fn of_database(used: f64, allowed: f64) -> EvidenceRow {
    limit(("database", "shop"), Some(used), allowed)
}

fn assess(server: &Server) -> Assessment {
    assess_reports(&server.run())
}

fn found(server: &Server) -> Finding {
    let assessment = assess(server);
    finding(&assessment, RULE).expect("named").clone()
}

/// Returns the actions of the finding in one text, and whether they need a restart.
fn advice(finding: &Finding) -> (String, bool) {
    let advice = finding.advice.as_ref().unwrap();
    (advice.actions.join("; "), advice.needs_restart)
}

/// The role may open 10 connections and has them all, which are a tenth of what the server has.
#[test]
fn a_role_at_its_limit_is_named_where_the_server_has_room() {
    let assessment = assess(&server(12.0, vec![of_role(10.0, 10.0)]));
    assert_eq!(named(&assessment), [RULE]);
    let found = finding(&assessment, RULE).unwrap();
    let told = "10 of 10 connections of role \"app\" are in use: near the role's limit";
    assert_eq!(found.title, told);
    assert_eq!(found.thing.as_deref(), Some("the limit of role \"app\""));
    let (actions, needs_restart) = advice(found);
    assert!(
        actions.contains("ALTER ROLE \"app\" CONNECTION LIMIT"),
        "{actions}"
    );
    assert!(!needs_restart);
    let resources = &assessment.components[0].resources;
    let mut rows = resources.iter();
    let row = rows.find(|row| row.resource == ResourceKind::Connections);
    let row = row.unwrap();
    assert_eq!(row.title(), "server's connections of role \"app\"");
    assert_eq!(row.utilisation.shown, "10 of 10 in use at most");
}

/// The warning begins at 70 %, the problem at 90 %.
#[test]
fn each_bound_holds_for_the_limit_of_a_role() {
    let below = assess(&server(12.0, vec![of_role(69.0, 100.0)]));
    assert!(finding(&below, RULE).is_none() && ruled_out(&below, RULE));
    let statement = below.ruled_out.iter().find(|r| r.rule == RULE).unwrap();
    let told =
        "12 of 100 connections in use (12 %); 69 of 100 connections of role \"app\" in use (69 %)";
    assert_eq!(statement.statement, told);
    for (used, kind) in [
        (70.0, FindingKind::Information),
        (89.0, FindingKind::Information),
        (90.0, FindingKind::Problem),
    ] {
        let found = found(&server(12.0, vec![of_role(used, 100.0)]));
        assert_eq!(found.kind, kind, "{used}");
    }
}

/// All three limits are near. The one of which the largest part is in use is named, with advice that fits
/// it, and the others are told.
#[test]
fn the_narrowest_of_three_limits_is_named_with_its_own_advice() {
    for (used, role, database, thing, action, restart) in [
        (
            95.0,
            16.0,
            32.0,
            "max_connections",
            "raise max_connections",
            true,
        ),
        (
            80.0,
            19.0,
            32.0,
            "the limit of role \"app\"",
            "ALTER ROLE \"app\"",
            false,
        ),
        (
            80.0,
            16.0,
            38.0,
            "the limit of database \"shop\"",
            "ALTER DATABASE \"shop\"",
            false,
        ),
    ] {
        let limits = vec![of_role(role, 20.0), of_database(database, 40.0)];
        let found = found(&server(used, limits));
        assert_eq!(found.thing.as_deref(), Some(thing));
        let (actions, needs_restart) = advice(&found);
        assert!(actions.contains(action), "{actions}");
        assert_eq!(needs_restart, restart, "{thing}");
        for part in [
            format!("{used} of 100 connections"),
            format!("{role} of 20 connections of role \"app\""),
            format!("{database} of 40 connections of database \"shop\""),
        ] {
            let told = found.title.contains(&part) != found.detail.contains(&part);
            assert!(told, "{part}: {} {}", found.title, found.detail);
        }
    }
}

/// The limit is known, but no sample of the sessions was taken.
#[test]
fn a_limit_whose_connections_were_not_counted_is_unknown_and_not_fine() {
    let uncounted = limit(("role", "app"), None, 10.0);
    let assessment = assess(&server(12.0, vec![uncounted.clone()]));
    assert!(finding(&assessment, RULE).is_none());
    assert!(!ruled_out(&assessment, RULE));
    let unknown = assessment.unknown.iter().find(|u| u.rule == RULE).unwrap();
    assert!(
        unknown.question.contains("the limit of role \"app\""),
        "{unknown:?}"
    );
    // Another limit that was counted is told nevertheless.
    let near = assess(&server(96.0, vec![uncounted]));
    assert!(is_unknown(&near, RULE));
    let thing = &finding(&near, RULE).unwrap().thing;
    assert_eq!(thing.as_deref(), Some("max_connections"));
    let nothing = assess_reports(&Server::default().run_without("connections.used_max"));
    assert!(is_unknown(&nothing, RULE) && !ruled_out(&nothing, RULE));
}

#[test]
fn a_refusal_leads_to_advice_about_the_limit_that_the_server_names() {
    let refused = |message: &str| {
        let limits = vec![of_role(20.0, 20.0), of_database(31.0, 40.0)];
        let server = server(60.0, limits);
        first(&server.run_with(|_, step| fail(step, "sqlstate.53300", 0.4, message))).0
    };
    for (message, action, told, restart) in [
        (
            "too many connections for role \"app\"",
            "ALTER ROLE",
            "At most 20 of the 20 connections that the limit of role \"app\" allows",
            false,
        ),
        (
            "too many connections for database \"shop\"",
            "ALTER DATABASE",
            "At most 31 of the 40 connections that the limit of database \"shop\" allows",
            false,
        ),
        (
            "remaining connection slots are reserved for roles with the SUPERUSER attribute",
            "without the reserved ones",
            "40.0 %",
            true,
        ),
    ] {
        let found = refused(message);
        let (actions, needs_restart) = advice(&found);
        assert!(actions.contains(action), "{message}: {actions}");
        assert_eq!(needs_restart, restart, "{message}: {actions}");
        let text = format!("{} {}", found.title, found.detail);
        assert!(text.contains(told), "{message}: {text}");
    }
    let other = refused("too many connections for role \"pooler\"");
    assert!(!other.detail.contains("\"app\""), "{}", other.detail);
}
