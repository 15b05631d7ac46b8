//! Tests of what the reports cannot tell: each condition makes the analyzer say so, and name the measurement
//! that would tell.

use crate::assessment::{Assessment, ComponentKind, Confidence, LimitingFactor};
use bench_report::Report;

use super::common::Plant;
use super::common::server::Server;
use super::{assess_reports, factor, is_unknown, named};

fn limit(assessment: &Assessment) -> &LimitingFactor {
    &assessment.components[0].limiting_factor
}

/// More than half of a call of 0.4 ms passes outside of the server.
#[test]
fn time_that_no_figure_explains_is_asked_about() {
    let outside = |part: f64| Server {
        outside: part,
        service_ns: 4e5,
        ..Server::default()
    };
    let alone = |server: &Server| assess_reports(&server.run()[..1]);
    let far = alone(&outside(0.6));
    assert!(is_unknown(&far, "unexplained_time"), "{:?}", far.unknown);
    let asked = far.unknown.iter().find(|u| u.rule == "unexplained_time");
    let asked = asked.unwrap();
    assert!(asked.question.contains("of a call's 40"), "{asked:?}");
    assert!(asked.to_find_out.contains("ping"), "{asked:?}");
    // A longer round trip is asked about by its own rule, and asking once is enough.
    let long = alone(&Server {
        outside: 0.6,
        ..Server::default()
    });
    assert!(is_unknown(&long, "round_trips") && !is_unknown(&long, "unexplained_time"));
    let near = alone(&outside(0.1));
    assert!(!is_unknown(&near, "unexplained_time"));
    assert!(near.ruled_out.iter().any(|r| r.rule == "unexplained_time"));
    // Without samples of the sessions, that is what is asked for.
    let unsampled = assess_reports(&outside(0.6).run_without("sessions.cpu_mean")[..1]);
    assert!(!is_unknown(&unsampled, "unexplained_time"));
    assert!(is_unknown(&unsampled, "waits"));
}

#[test]
fn round_trips_that_are_told_explain_the_time_outside_of_the_server() {
    let assessment = assess_reports(
        &Server {
            outside: 0.9,
            service_ns: 2e7,
            ..Server::default()
        }
        .run(),
    );
    assert!(named(&assessment).contains(&"round_trips"));
    assert!(!is_unknown(&assessment, "unexplained_time"));
}

/// The sweep ends at the pool that carried most, so the limit may lie further on.
#[test]
fn a_limit_of_a_sweep_that_still_rises_was_not_reached() {
    let swept = |pool_sizes: Vec<u64>| {
        let plant = Plant {
            pool_sizes,
            ..Plant::default()
        };
        assess_reports(&[plant.postgres(), plant.sysmon()])
    };
    let rising = swept(vec![2, 4]);
    let told = limit(&rising);
    assert!(
        told.reason.contains("the limit was not reached"),
        "{told:?}"
    );
    assert!(told.confidence <= Confidence::Medium, "{told:?}");
    assert!(told.to_find_out.is_some(), "{told:?}");
    let flat = swept(vec![4, 8, 16]);
    assert!(!limit(&flat).reason.contains("not reached"));
}

#[test]
fn a_limit_that_rests_on_a_handful_of_samples_is_doubtful() {
    let locked = |samples: f64| {
        assess_reports(
            &Server {
                users: 16.0,
                pool: 16,
                waits: vec![("Lock.transactionid", 0.8)],
                samples,
                ..Server::default()
            }
            .run(),
        )
    };
    let few = locked(5.0);
    assert_eq!(factor(&few, ComponentKind::Postgres), "wait.lock");
    assert_eq!(limit(&few).confidence, Confidence::Low);
    assert!(
        limit(&few).reason.contains("only 15 times"),
        "{:?}",
        limit(&few)
    );
    assert_eq!(limit(&locked(200.0)).confidence, Confidence::High);
}

#[test]
fn a_server_elsewhere_whose_machine_was_not_recorded_is_not_said_to_have_room() {
    let at = |url: &str| -> Vec<Report> {
        let mut reports = Server::default().run();
        reports[0].config.insert("url".into(), url.into());
        reports
    };
    let far = assess_reports(&at("postgres://app@db.example/shop"));
    assert_eq!(factor(&far, ComponentKind::Postgres), "inconclusive");
    let told = limit(&far);
    assert!(told.reason.contains("on another machine"), "{told:?}");
    let measure = told.to_find_out.as_deref().unwrap();
    assert!(measure.contains("server's machine"), "{measure}");
    let near = assess_reports(&at("postgres://app@localhost/shop"));
    assert_eq!(factor(&near, ComponentKind::Postgres), "users");
}
