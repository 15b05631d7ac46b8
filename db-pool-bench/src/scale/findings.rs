//! Conclusions of `scale`: the number of users at which waiting begins, a check of Little's law, and the
//! largest number of users that keeps the objectives.

use bench_cli::Objective;
use bench_cli::table;
use bench_report::names::summaries;
use bench_report::{Load, Operation, Recommendation, Report, Step, Summary};

use super::plan::ScalePlan;
use crate::queue::little_concurrency;
use crate::results::SettingResults;
use crate::text::headline;

/// Share of the mean service time. Users wait if the mean checkout is longer than without waiting
/// by more than this share.
const WAIT_BEGINS: f64 = 0.1;

/// Number of users at which waiting for a connection of the pool begins, as far as it was
/// bracketed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WaitBegins {
    /// Users already wait at this number, the fewest that were measured: they outnumber the pool's
    /// connections.
    AtOrBelow(u64),
    /// Users do not wait at the first number, and wait in every repeat at the second, the next
    /// larger one that was measured.
    Between(u64, u64),
    /// Users do not wait up to this number, the largest that was measured.
    Beyond(u64),
}

/// Finds the number of users at which waiting for a connection of a pool of `pool_size` begins.
/// Users wait if, in every repeat, the mean checkout is longer than that of the fewest users by
/// more than a tenth of the mean service time. What a checkout costs without a wait, such as a
/// ping, thus does not count. `None` if nothing was measured. `results` are in ascending order of
/// users.
pub(super) fn wait_begins(results: &[SettingResults], pool_size: u64) -> Option<WaitBegins> {
    let measured: Vec<&SettingResults> = results.iter().filter(|r| !r.held.is_empty()).collect();
    let checkouts = |r: &SettingResults| r.phase_means(|o| o.checkout.as_ref());
    let fewest = measured.first()?;
    if fewest.value > pool_size {
        return Some(WaitBegins::AtOrBelow(fewest.value));
    }
    let without = statistics::mean(&checkouts(fewest))?;
    let service = statistics::mean(&fewest.phase_means(|o| o.service.as_ref()))?;
    let bound = without + WAIT_BEGINS * service;
    let waits = |r: &SettingResults| {
        let each = checkouts(r);
        !each.is_empty() && each.iter().all(|&wait| wait > bound)
    };
    let mut last = fewest.value;
    for result in &measured[1..] {
        if waits(result) {
            return Some(WaitBegins::Between(last, result.value));
        }
        last = result.value;
    }
    Some(WaitBegins::Beyond(last))
}

/// Returns the relative difference between the number of users that Little's law computes and the
/// actual number of users of a step. 0.02 means that the law computes 2 % too many. `None` if no
/// request finished or no time was measured, or for an open loop.
///
/// The law is N = X · (R + Z). X counts all finished requests per second, also failed ones, because
/// they occupy a user as well. R is the mean time of a request, Z the think time.
pub(super) fn little_discrepancy(step: &Step) -> Option<f64> {
    let Load::Closed {
        users,
        think_time_ns,
    } = step.load
    else {
        return None;
    };
    let seconds = step.window.measured_s();
    if seconds <= 0.0 || users == 0 {
        return None;
    }
    let in_system = |operation: &Operation| {
        let felt = [operation.call.as_ref(), operation.failed.as_ref()];
        let each = felt.into_iter().flatten().map(|histogram| {
            let residence_ns = histogram.mean_ns + think_time_ns as f64;
            little_concurrency(histogram.count as f64 / seconds, residence_ns)
        });
        each.sum::<f64>()
    };
    let counted: f64 = step.operations.values().map(in_system).sum();
    (counted > 0.0).then(|| counted / users as f64 - 1.0)
}

/// Finds the largest number of users that keeps `objectives`: every smaller number that was
/// measured keeps them, too, and the next larger one does not. The value of the recommendation is
/// `None` if the fewest users do not keep them. Returns `None` if there is no step. `results` are
/// in ascending order of users.
pub(super) fn most_users(
    subject: &str,
    results: &[SettingResults],
    objectives: &[Objective],
) -> Option<Recommendation> {
    let measured: Vec<&SettingResults> = results
        .iter()
        .filter(|r| !r.held.is_empty() || !r.broken.is_empty())
        .collect();
    measured.first()?;
    let kept = |r: &&&SettingResults| !r.held.is_empty() && r.is_admissible(objectives);
    let within = measured.iter().take_while(kept).count();
    let names: Vec<String> = objectives.iter().map(ToString::to_string).collect();
    let names = names.join(" and ");
    let most = within.checked_sub(1).map(|at| measured[at]);
    let broken = measured.get(within).map(|r| r.value);
    let reason = match (most, broken) {
        (Some(most), Some(next)) => {
            format!(
                "{} users keep {names} in every repeat, {next} do not",
                most.value
            )
        }
        (Some(most), None) => format!(
            "all numbers measured keep {names}: the most users are {} or more",
            most.value
        ),
        (None, _) => format!("not even {} users keep {names}", measured[0].value),
    };
    Some(Recommendation {
        subject: subject.to_owned(),
        parameter: "users".to_owned(),
        value: most.map(|r| r.value as f64),
        low: most.map(|r| r.value as f64),
        high: broken.map(|next| next.saturating_sub(1) as f64),
        throughput_per_s: most.and_then(SettingResults::throughput_per_s),
        detectable_difference_ratio: None,
        reason,
        steps: most
            .map(|r| r.held.iter().map(|(_, index, _)| *index).collect())
            .unwrap_or_default(),
    })
}

/// Returns the discrepancy of Little's law with the largest absolute value over the completed steps
/// in `results`; `None` if there is none.
pub(super) fn worst_discrepancy(results: &[SettingResults]) -> Option<f64> {
    let steps = results.iter().flat_map(|r| &r.held);
    let each = steps.filter_map(|(_, _, step)| little_discrepancy(step));
    each.max_by(|a, b| a.abs().total_cmp(&b.abs()))
}

/// Returns the scenario's conclusions from the data in the report: the headline, and figures and a
/// recommendation for each driver.
pub(super) fn summary(report: &Report, plan: &ScalePlan) -> Summary {
    let mut summary = Summary::default();
    let mut sentences = Vec::new();
    for (driver, results) in plan.results(report) {
        let name = driver.name();
        let Some(begins) = wait_begins(&results, plan.flags.pool.size) else {
            continue;
        };
        if let WaitBegins::Between(_, users) = begins {
            summary.member(summaries::WAIT_BEGINS_USERS, name, users as f64);
        }
        let mut sentence = format!("{name}: {}", begins.sentence(plan.flags.pool.size));
        if let Some(discrepancy) = worst_discrepancy(&results) {
            summary.member(summaries::LITTLE_DISCREPANCY_RATIO, name, discrepancy);
        }
        let best = results.iter().filter_map(SettingResults::throughput_per_s);
        if let Some(best) = best.max_by(f64::total_cmp) {
            summary.member(summaries::BEST_THROUGHPUTS, name, best);
        }
        if !plan.flags.objective.is_empty()
            && let Some(most) = most_users(name, &results, &plan.flags.objective)
        {
            sentence += &format!("; {}", most.reason);
            summary.recommendations.push(most);
        }
        sentences.push(sentence);
    }
    summary.headline = headline(&sentences);
    summary
}

impl WaitBegins {
    /// Returns a clause about the number of users at which waiting for a connection of a pool of
    /// `pool_size` begins.
    pub(super) fn sentence(self, pool_size: u64) -> String {
        let pool = format!("a pool of {pool_size}");
        match self {
            Self::AtOrBelow(users) => {
                format!("{users} users, the fewest measured, already wait for {pool}")
            }
            Self::Between(without, with) => format!(
                "users of {pool} wait for a connection from {with} on, and with {without} they \
                 do not"
            ),
            Self::Beyond(users) => {
                format!("up to {users} users nobody waits for {pool}")
            }
        }
    }
}

/// Returns a sentence about how far the measured figures differ from Little's law at most; `None`
/// if that could not be computed.
pub(super) fn little_sentence(results: &[SettingResults]) -> Option<String> {
    let worst = worst_discrepancy(results)?;
    let (share, side) = (
        table::ratio(worst.abs()),
        if worst < 0.0 { "few" } else { "many" },
    );
    Some(format!(
        "Little's law: throughput × time in the system counts the users with at most {share} too \
         {side}"
    ))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bench_report::Histogram;
    use bench_report::histogram::recording;
    use load_engine::{LoadPlan, StepPlan};

    use super::*;

    fn histogram(ns: u64, count: u64) -> Option<Histogram> {
        let mut times = recording();
        times.saturating_record_n(ns, count);
        Histogram::from_recording(&times)
    }

    /// Creates a step of one second: each of `users` makes 100 requests of 10 ms each, and waits
    /// for a connection for `wait_ns` of that time.
    fn step(users: u64, wait_ns: u64) -> Step {
        let load = LoadPlan::Closed {
            users,
            think_time: load_engine::ThinkTime::NONE,
        };
        let plan = StepPlan::new("a step", load, Duration::from_secs(1));
        let mut step = plan.not_begun(String::new());
        step.end = bench_report::StepEnd::Completed;
        step.window.measure_end_ns = step.window.measure_start_ns + 1_000_000_000;
        let count = 100 * users;
        let operation = Operation {
            attempted: count,
            succeeded: count,
            throughput_per_s: count as f64,
            call: histogram(10_000_000, count),
            checkout: histogram(wait_ns, count),
            service: histogram(10_000_000 - wait_ns, count),
            ..Operation::default()
        };
        step.operations.insert("read".to_owned(), operation);
        step
    }

    fn results(steps: &[Step]) -> Vec<SettingResults<'_>> {
        let users = steps.iter().map(|step| match step.load {
            Load::Closed { users, .. } => users,
            Load::Open { .. } | Load::Unknown => 0,
        });
        let of = |(at, users): (usize, u64)| {
            SettingResults::new(
                crate::drivers::Driver::Deadpool,
                format!("{users} users"),
                users,
                &steps[at..=at],
                |_| true,
            )
        };
        users.enumerate().map(of).collect()
    }

    #[test]
    fn a_checkout_that_takes_long_without_a_wait_is_no_wait() {
        // A ping of 2 ms precedes every request; from 8 users on there is a wait, too.
        let steps = [step(2, 2_000_000), step(4, 2_100_000), step(8, 5_000_000)];
        let found = wait_begins(&results(&steps), 4);
        assert_eq!(found, Some(WaitBegins::Between(4, 8)));
        let never = wait_begins(&results(&steps[..2]), 4);
        assert_eq!(never, Some(WaitBegins::Beyond(4)));
        let already = wait_begins(&results(&steps[2..]), 4);
        assert_eq!(already, Some(WaitBegins::AtOrBelow(8)));
        assert_eq!(wait_begins(&[], 4), None);
    }

    #[test]
    fn littles_law_counts_the_users_and_shows_the_time_that_is_missing() {
        let whole = little_discrepancy(&step(8, 1_000)).unwrap();
        assert!(whole.abs() < 0.01, "8 × 100/s × 10 ms = 8: {whole}");
        let mut half = step(8, 1_000);
        half.operations.get_mut("read").unwrap().call = histogram(5_000_000, 800);
        let missing = little_discrepancy(&half).unwrap();
        assert!((missing + 0.5).abs() < 0.01, "{missing}");
    }

    #[test]
    fn the_most_users_end_where_the_objective_first_breaks() {
        let mut steps = [step(2, 1_000), step(4, 1_000), step(8, 1_000)];
        steps[1].operations.get_mut("read").unwrap().call = histogram(50_000_000, 400);
        let objective = ["p99<20ms".parse().unwrap()];
        let most = most_users("deadpool", &results(&steps), &objective).unwrap();
        // 8 users keep the objective again by chance; that promises nothing.
        assert_eq!((most.value, most.high), (Some(2.0), Some(3.0)));
        let none = most_users("deadpool", &results(&steps[1..]), &objective).unwrap();
        assert_eq!(none.value, None);
        assert!(none.reason.contains("not even 4"), "{}", none.reason);
    }
}
