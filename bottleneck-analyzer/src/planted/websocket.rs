//! Tests of WebSocket reports: the owner of the limit, and echoes counted apart from connections.

use crate::assessment::{ComponentKind, GateOutcome, Readiness};
use bench_report::{LimitOwner, Report, ServerEvidence, StepEnd};

use super::common::parts::PlantFigure as _;
use super::common::{Plant, SECOND, held_for, hist};
use super::{assess, assess_reports, factor, finding, gate, named, promise};

#[test]
fn whose_limit_the_websocket_search_met_decides_what_it_means() {
    for (limit, factor_name, problem) in [
        (LimitOwner::Target, "target", false),
        (LimitOwner::Network, "network", true),
        (LimitOwner::Generator, "generator", true),
        (LimitOwner::Bound, "bound", false),
        (LimitOwner::Unknown, "inconclusive", false),
    ] {
        let assessment = assess(&Plant {
            limit,
            ..Plant::default()
        });
        assert_eq!(factor(&assessment, ComponentKind::Websocket), factor_name);
        assert_eq!(named(&assessment).contains(&"websocket_limit"), problem);
    }
}

#[test]
fn a_search_that_held_no_level_has_no_operating_point_and_promises_nothing() {
    let mut report = Plant::default().websocket();
    report.summary.limit.as_mut().unwrap().value = 0.0;
    for step in &mut report.steps {
        step.end = StepEnd::Stopped {
            rule: "errors>1%".into(),
            reason: "connections failed".into(),
        };
    }
    let assessment = assess_reports(&[report]);
    assert_eq!(assessment.components[0].operating_point, None);
    assert_eq!(assessment.promises, []);
    assert!(
        assessment
            .gates
            .iter()
            .all(|g| g.outcome == GateOutcome::Unknown)
    );
    assert_eq!(assessment.verdict.readiness, Readiness::CannotTell);
}

/// Returns the report of a WebSocket search with steps of 600 s, after `change` changed every step.
fn changed(change: impl Fn(&mut bench_report::Step)) -> Report {
    let mut report = held_for(Plant::default().websocket(), 600);
    report.steps.iter_mut().for_each(change);
    report
}

#[test]
fn echoes_are_judged_apart_from_connecting() {
    let assessment = assess_reports(&[changed(|step| {
        let connect = step.operations.get_mut("connect").unwrap();
        connect.call = hist(3e9, connect.succeeded);
    })]);
    let echo = gate(&assessment, "websocket.limit.p95");
    assert_eq!(echo.outcome, GateOutcome::Pass);
    assert!(echo.evidence[0].pointer.contains("/operations/echo/"));
    let connect = gate(&assessment, "websocket.limit.connect_p95");
    assert_eq!(connect.outcome, GateOutcome::Fail);
    let promise = |name| promise(&assessment, ComponentKind::Websocket, name).unwrap();
    assert!(promise("latency_p95").value.unwrap() < 1e8);
    assert!(promise("connect_p95").value.unwrap() > 1e9);
    assert!(promise("connect_p95").shown.contains("of connecting"));
    assert_eq!(finding(&assessment, "latency_past_objective"), None);
}

#[test]
fn echoes_that_fail_are_not_hidden_among_connections() {
    let assessment = assess_reports(&[changed(|step| {
        let connect = step.operations.get_mut("connect").unwrap();
        connect.succeeded = 1_000_000;
        connect.attempted = connect.succeeded + connect.failures();
        let echo = step.operations.get_mut("echo").unwrap();
        echo.errors
            .insert("timeout.echo".into(), echo.succeeded / 10);
        echo.attempted += echo.succeeded / 10;
    })]);
    let errors = gate(&assessment, "websocket.limit.errors");
    assert_eq!(errors.outcome, GateOutcome::Fail);
    let promise = promise(&assessment, ComponentKind::Websocket, "availability");
    assert_eq!(promise.unwrap().value, None);
}

#[test]
fn lost_connections_count_against_the_connections_that_may_be_promised() {
    let kept = |lost: f64| {
        let assessment = assess_reports(&[changed(|step| {
            step.figures.insert("lost_connections".into(), lost);
        })]);
        let promise = |name| {
            promise(&assessment, ComponentKind::Websocket, name)
                .unwrap()
                .value
        };
        (
            promise("connections_kept").unwrap(),
            promise("availability"),
        )
    };
    let ((none, echoes), (forty, still)) = (kept(0.0), kept(40.0));
    // 40 of 4,000 connections were lost at the number that was held.
    assert!(forty < 0.99 && none >= 0.99, "{forty} {none}");
    assert_eq!(echoes, still);
}

/// 4,000 connections were held; 8,000 were tried next, and 16,000 after that.
#[test]
fn the_impact_of_a_limit_is_the_share_of_the_next_level_that_was_not_held() {
    let impact = |limit: LimitOwner| {
        let plant = Plant {
            limit,
            ..Plant::default()
        };
        let mut report = plant.websocket();
        let mut larger = report.steps[4].clone();
        let level = bench_report::Parameter::Integer(16_000);
        larger.parameters.insert("connections".into(), level);
        let window = &mut larger.window;
        for instant in [
            &mut window.start_ns,
            &mut window.measure_start_ns,
            &mut window.measure_end_ns,
            &mut window.end_ns,
        ] {
            *instant += 3 * SECOND;
        }
        report.steps.push(larger);
        let assessment = assess_reports(&[report]);
        finding(&assessment, "websocket_limit").unwrap().impact
    };
    let lost = impact(LimitOwner::Network).unwrap();
    assert!((lost.ratio - 0.5).abs() < 1e-9, "{lost:?}");
    // That is no loss where the limit is the server's own.
    assert_eq!(impact(LimitOwner::Target), None);
}

#[test]
fn a_limit_past_which_nothing_was_tried_has_no_impact() {
    let plant = Plant {
        limit: LimitOwner::Generator,
        ..Plant::default()
    };
    let mut report = plant.websocket();
    report.steps.pop();
    let assessment = assess_reports(&[report]);
    assert_eq!(
        finding(&assessment, "websocket_limit").unwrap().impact,
        None
    );
}

/// Memory and files of the server are those of the level that was held, and not of one above it.
#[test]
fn a_limit_is_told_with_memory_and_files_of_the_server_there() {
    let report = changed(|step| {
        let level = step.parameter("connections").unwrap();
        let mut server = ServerEvidence::default();
        server.plant("server.rss_bytes", level * 8_192.0);
        server.plant("server.open_files", level + 12.0);
        step.server = Some(server);
    });
    let shown = |report: Report| {
        let assessment = assess_reports(&[report]);
        let found = finding(&assessment, "websocket_limit").unwrap();
        let then = found.evidence.iter();
        let then = then.filter(|e| e.label.ends_with("of the server then"));
        then.map(|e| e.shown.clone()).collect::<Vec<String>>()
    };
    assert_eq!(shown(report), ["31.2 MiB", "4012"]);
    assert_eq!(shown(changed(|_| ())), Vec::<String>::new());
}
