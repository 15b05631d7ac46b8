//! Tests that a healthy run has no problem, a limiting factor for each component, and parts of the time that
//! add up.

use crate::assessment::Readiness;

use super::common::Plant;
use super::{assess, named};

#[test]
fn a_healthy_run_has_no_problem_and_is_ready() {
    let assessment = assess(&Plant::default());
    assert_eq!(named(&assessment), Vec::<&str>::new());
    assert_eq!(
        assessment.verdict.readiness,
        Readiness::Ready,
        "{:?}",
        assessment.verdict
    );
    assert!(assessment.ruled_out.len() > 15);
    assert_eq!(assessment.components.len(), 4);
    for component in &assessment.components {
        assert_ne!(
            component.limiting_factor.factor, "inconclusive",
            "{component:?}"
        );
    }
}

#[test]
fn healthy_runs_of_other_sizes_have_no_problem_either() {
    for users in [1, 8] {
        for busy in [0.2, 0.85, 0.97] {
            let plant = Plant {
                users,
                cpu: (busy, busy * 0.6, busy * 0.3),
                ..Plant::default()
            };
            let assessment = assess(&plant);
            assert_eq!(
                named(&assessment),
                Vec::<&str>::new(),
                "{users} users, busy {busy}"
            );
        }
    }
}

#[test]
fn the_operating_point_is_the_recommended_pool_and_its_time_adds_up() {
    let assessment = assess(&Plant::default());
    let postgres = &assessment.components[0];
    let point = postgres.operating_point.as_ref().unwrap();
    assert!(point.setting.contains("deadpool") && point.setting.contains("pool size 8"));
    let model = postgres.time_model.as_ref().unwrap();
    let sum: f64 = model.parts.iter().map(|p| p.ns).sum();
    assert!((sum / model.whole_ns - 1.0).abs() < 0.01, "{model:?}");
    for part in ["server_cpu", "rest"] {
        assert!(model.part(part).unwrap().share_ratio > 0.0, "{part}");
    }
}
