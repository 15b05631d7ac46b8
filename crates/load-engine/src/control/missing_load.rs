//! Warning about a step that was too short to make its load of requests.

use bench_report::{Step, StepEnd, Warning, WarningCode};

use super::step_load::StepLoad;

/// Warns if `step`, named as step 0, lasted as long as planned but was too short for its load: no
/// request began, or the spawn rate was too low for some users to start. `None` if neither is so,
/// or if the step ended in another way.
pub(super) fn missing_load(load: &StepLoad<'_>, step: &Step) -> Option<Warning> {
    if step.end != StepEnd::Completed {
        return None;
    }
    let measured_s = step.window.measured_s();
    let late = load.late_users();
    let attempted: u64 = step.operations.values().map(|o| o.attempted).sum();
    let (message, made, wanted) = match (attempted, late) {
        (0, None) => (
            format!("no request began in the {measured_s:.2} s that were measured"),
            0,
            1,
        ),
        (_, Some((came, wanted))) => (
            format!(
                "the step was too short for its users: at the spawn rate {came} of {wanted} came"
            ),
            came,
            wanted,
        ),
        (_, None) => return None,
    };
    let warning = Warning::new(WarningCode::StepTooShort, message)
        .with_figures(made as f64, wanted as f64)
        .about_step(0, &["operations"]);
    Some(warning)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::plan::load_curve::LoadCurve;
    use crate::plan::load_plan::LoadPlan;
    use crate::plan::step_plan::StepPlan;
    use crate::plan::think_time::ThinkTime;

    fn users(users: u64, measured_s: u64) -> StepPlan {
        let think_time = ThinkTime::NONE;
        let load = LoadPlan::Closed { users, think_time };
        StepPlan::new("", load, Duration::from_secs(measured_s))
    }

    fn late_users(plan: &StepPlan) -> Option<(u64, u64)> {
        StepLoad::new(plan, 0, Vec::new()).late_users()
    }

    #[test]
    fn users_whom_the_spawn_rate_keeps_away_are_counted() {
        let mut plan = users(50, 10).spawning(2.0);
        assert_eq!(late_users(&plan), Some((20, 50)));
        plan.warmup = Duration::from_secs(20);
        assert_eq!(late_users(&plan), None, "most of them come in the warm-up");
        assert_eq!(late_users(&users(50, 10)), None, "all come at once");
        let curve: LoadCurve = "spike:2,80/10s".parse().unwrap();
        let spike = |spawn_per_s| {
            let fitted = curve.over(Duration::from_secs(40)).unwrap();
            late_users(&users(80, 40).following(fitted).spawning(spawn_per_s))
        };
        assert_eq!(spike(3.0), Some((32, 80)));
        assert_eq!(spike(8.0), None);
    }
}
