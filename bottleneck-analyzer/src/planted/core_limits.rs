//! Tests of servers and loads that may not use all cores of an otherwise idle machine.

use crate::assessment::{ComponentKind, FindingKind, ImpactOf};

use super::common::Plant;
use super::common::server::Server;
use super::{assess_reports, factor, finding, is_unknown, named};

/// Creates a load of 32 users on a pool of 8 on a machine of four cores. Server and generator use 0.22 and
/// 0.02 of the machine, and `server_cores` and `either` are the cores that the server, and that server or
/// load, may use. Of a call in service, 16 ms, the server's sessions wait for a CPU for `ready` (0 to 1).
fn pinned(server_cores: f64, either: f64, ready: f64) -> Server {
    let calls = 500.0 * 1.5;
    Server {
        users: 32.0,
        service_ns: 16e6,
        cpu: (0.26, 0.22, 0.02),
        figures: vec![
            ("cores_allowed", server_cores),
            ("cores_allowed_either", either),
            ("server.load_cpu_ns", calls * 16e6 * (0.95 - ready)),
            ("server.load_ready_ns", calls * 16e6 * ready),
        ],
        ..Server::default()
    }
}

#[test]
fn server_and_load_on_one_core_use_up_what_they_may_use() {
    let assessment = assess_reports(&pinned(1.0, 1.0, 0.85).run());
    assert_eq!(named(&assessment), Vec::<&str>::new());
    assert!(is_unknown(&assessment, "pool_too_small"));
    assert_eq!(
        factor(&assessment, ComponentKind::Postgres),
        "cpu_quota.server"
    );
    let found = finding(&assessment, "cpu_saturated").expect("told");
    assert_eq!(found.kind, FindingKind::Information);
    let title = "The CPU that server and generator may use is used up, most of it by the server";
    assert_eq!(found.title, title);
    assert!(
        found
            .detail
            .contains("96 % of the 1 core allowed, machine busy 26 % of 4 cores"),
        "{}",
        found.detail
    );
    // Of 64 ms, 48 ms are the queue before the pool and 14 ms the queue for the core.
    let impact = found.impact.expect("what the idle cores would give");
    assert_eq!(impact.of, ImpactOf::ResponseTime);
    assert!((impact.ratio - 0.96).abs() < 0.02, "{impact:?}");
    let advice = &found.advice.as_ref().unwrap().actions[0];
    assert!(advice.contains("the other cores"), "{advice}");
}

#[test]
fn a_server_on_one_core_beside_a_load_on_others_uses_up_its_own() {
    let server = Server {
        cpu: (0.27, 0.235, 0.02),
        ..pinned(1.0, 4.0, 0.85)
    };
    let assessment = assess_reports(&server.run());
    let found = finding(&assessment, "cpu_saturated").expect("told");
    assert!(
        found
            .title
            .starts_with("The CPU that the server may use is used up"),
        "{}",
        found.title
    );
    assert!(
        found
            .detail
            .contains("94 % of the 1 core allowed to the server"),
        "{}",
        found.detail
    );
}

/// The affinity is not known, as of a server in another container; only its sessions' wait for a CPU is.
#[test]
fn a_pool_is_not_called_too_small_while_its_sessions_wait_for_a_cpu() {
    let unknown = |ready| {
        let mut server = pinned(4.0, 4.0, ready);
        server
            .figures
            .retain(|(name, _)| !name.starts_with("cores_allowed"));
        assess_reports(&server.run())
    };
    assert!(is_unknown(&unknown(0.85), "pool_too_small"));
    assert!(finding(&unknown(0.85), "pool_too_small").is_none());
    assert_eq!(named(&unknown(0.1)), ["pool_too_small"]);
}

/// One setting was measured, with 40 sessions on four cores that the server uses up.
#[test]
fn a_pool_far_larger_than_the_cpu_can_serve_is_told_without_a_sweep() {
    let crowd = |users: f64| {
        let calls = users / 40e6 * 1e9 * 1.5;
        let server = Server {
            users,
            pool: 80,
            service_ns: 40e6,
            cpu: (0.99, 0.95, 0.03),
            figures: vec![
                ("server.load_cpu_ns", calls * 4e6),
                ("server.load_ready_ns", calls * 36e6),
            ],
            ..Server::default()
        };
        assess_reports(&server.run())
    };
    let assessment = crowd(40.0);
    assert_eq!(named(&assessment), Vec::<&str>::new());
    let found = finding(&assessment, "pool_too_large").expect("told");
    assert_eq!(
        found.title,
        "40 sessions share 4 cores that are used up: 34 of them wait for a CPU"
    );
    assert!(
        found.detail.starts_with("The pool of 80 lets them all in"),
        "{}",
        found.detail
    );
    let advice = &found.advice.as_ref().unwrap().actions[0];
    assert!(advice.contains("--pool-sizes 4,8,16"), "{advice}");
    assert!(
        finding(&crowd(8.0), "pool_too_large").is_none(),
        "two for each core"
    );
}

/// The thread of the generator was busy for 86 % of the time; the hypervisor took 8 % of it, so that it had
/// next to nothing left.
#[test]
fn a_generator_that_used_what_the_hypervisor_left_is_the_limit() {
    let stolen = |steal: f64| {
        let plant = Plant {
            steal,
            ..Plant::default()
        };
        let mut report = plant.redis();
        for step in &mut report.steps {
            step.generator.cpu_ratio = 0.86;
        }
        assess_reports(&[report, plant.sysmon()])
    };
    let assessment = stolen(0.08);
    assert!(named(&assessment).contains(&"generator_spoilt_results"));
    let found = finding(&assessment, "generator_spoilt_results").unwrap();
    for words in [
        "86 % busy",
        "took 8 % of the machine",
        "93 % of what it left",
    ] {
        assert!(found.detail.contains(words), "{words}: {}", found.detail);
    }
    assert_eq!(factor(&assessment, ComponentKind::Redis), "generator_cpu");
    assert!(finding(&stolen(0.0), "generator_spoilt_results").is_none());
}

#[test]
fn cores_that_are_not_used_up_are_no_limit() {
    let mut roomy = pinned(2.0, 2.0, 0.1);
    roomy.users = 8.0;
    let assessment = assess_reports(&roomy.run());
    assert!(finding(&assessment, "cpu_saturated").is_none());
    let ruled_out = &assessment.ruled_out;
    let told = ruled_out
        .iter()
        .find(|r| r.rule == "cpu_saturated")
        .unwrap();
    assert!(
        told.statement.contains("48 % of the 2 cores allowed"),
        "{}",
        told.statement
    );
}

/// Planted: server and load use 0.96 of the one core that they may use, and programs outside the run leave four, two or
/// one of the machine's cores. By Erlang's C formula, a call of 1.92 ms of CPU waits 0.01 ms for one of four, and 0.57 ms
/// for one of two.
#[test]
fn idle_cores_give_less_where_programs_outside_the_run_leave_fewer_of_them() {
    let saved_ns = |busy: f64| {
        let server = Server {
            cpu: (busy, 0.22, 0.02),
            ..pinned(1.0, 1.0, 0.85)
        };
        let assessment = assess_reports(&server.run());
        let impact = finding(&assessment, "cpu_saturated").unwrap().impact;
        impact.and_then(|impact| impact.saved_ns)
    };
    let (four, two) = (saved_ns(0.26).unwrap(), saved_ns(0.69).unwrap());
    assert!(((four - two) / 1e6 - 0.564).abs() < 0.03, "{four} {two}");
    assert_eq!(saved_ns(0.94), None);
}
