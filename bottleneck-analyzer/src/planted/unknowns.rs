//! Tests of what the reports cannot tell: each condition makes the analyzer say so, and name the measurement
//! that would tell.

use crate::assessment::{Assessment, ComponentKind, Confidence, LimitingFactor};
use bench_report::{Report, store};

use super::common::Plant;
use super::common::parts::PlantFigure as _;
use super::common::server::Server;
use super::redis_server::server as redis;
use super::{assess_reports, factor, finding, is_unknown, named};

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

/// Leaves out counters of Redis one by one: each is unknown then, because 0 would be a figure that nobody
/// measured.
#[test]
fn a_counter_of_redis_that_was_not_read_is_not_told_as_0() {
    let delayed = |counted: bool| {
        redis(move |s| {
            s.plant("aof_enabled", 1.0);
            s.plant("aof_delayed_fsync", 0.0);
            if !counted {
                s.figures.remove("aof_delayed_fsync");
            }
        })
    };
    assert!(!is_unknown(&delayed(true), "redis_append_only"));
    assert!(is_unknown(&delayed(false), "redis_append_only"));

    let saved = redis(|s| {
        s.plant("forks", 1.0);
        s.plant("saving_ratio", 0.6);
        s.figures.remove("latest_fork_us");
        s.figures.remove("rss_bytes");
    });
    let detail = &finding(&saved, "redis_saving").unwrap().detail;
    assert!(
        detail.starts_with("How long a fork took was not read, and a child process"),
        "{detail}"
    );

    let expired = redis(|s| {
        s.plant("expire_cycle_cpu_ms", 220.0);
        s.figures.remove("expired_keys");
        s.figures.remove("expire_cap_reached");
    });
    let detail = &finding(&expired, "redis_expiry").unwrap().detail;
    let unknown = ["An unknown number of keys", "an unknown number of times"];
    assert!(unknown.iter().all(|part| detail.contains(part)), "{detail}");
}

/// The kept reports of a leak and of nested checkouts, without the parameters of their steps.
#[test]
fn connections_that_are_kept_are_told_without_the_size_of_the_pool() {
    let of = |scenario: &str, sized: bool| {
        let file = format!(
            "{}/../crates/bench-report/tests/golden/db-pool-bench.{scenario}-1.json",
            env!("CARGO_MANIFEST_DIR")
        );
        let mut report = store::load(file.as_ref()).unwrap();
        for step in &mut report.steps {
            if !sized {
                step.parameters.remove("pool_size");
                step.parameters.remove("holders");
            }
        }
        assess_reports(&[report])
    };
    let leaked = |sized| {
        let assessment = of("lifecycle", sized);
        let found = finding(&assessment, "leaked_connections").unwrap();
        (found.title.clone(), found.impact)
    };
    let (sized, unknown) = (leaked(true), leaked(false));
    assert!(sized.0.contains(" of ") && sized.1.is_some(), "{sized:?}");
    assert!(
        unknown.0.ends_with("never came back") && !unknown.0.contains(" of "),
        "{unknown:?}"
    );
    assert!(unknown.1.is_none(), "{unknown:?}");
    let nested = of("exhaust", false);
    let detail = &finding(&nested, "nested_checkout").unwrap().detail;
    assert!(detail.contains(" all connections were held"), "{detail}");
}
