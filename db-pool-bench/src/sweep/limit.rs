//! Factor that limits the throughput of the best setting, as far as the figures of this report show
//! it.

use bench_report::names::{FigureName, postgres};
use bench_report::{Environment, Limit, LimitOwner, Operation, Step};
use pg_evidence::dominant_event;

use crate::results::SettingResults;
use bench_cli::settings::carries_its_rate;

/// Used share of all cores or of the load generator's threads from which on the processors are the
/// limit.
const CPU_BOUND: f64 = 0.9;
/// Share of the requests in service that wait for the same thing, above which this wait is the
/// limit.
const WAIT_BOUND: f64 = 0.5;
const WAITS: [(&str, FigureName, &str); 4] = [
    (
        "lock",
        postgres::SESSIONS_LOCK_MEAN,
        "locks of other sessions",
    ),
    (
        "lwlock",
        postgres::SESSIONS_LWLOCK_MEAN,
        "the server's own latches",
    ),
    ("io", postgres::SESSIONS_IO_MEAN, "the disk"),
    (
        "other_wait",
        postgres::SESSIONS_OTHER_WAIT_MEAN,
        "other waits in the server",
    ),
];

/// Returns the factor that limits the throughput of `best`; `None` if the setting completed no step
/// or the number of cores is unknown. `open_above` is true if throughput still rose at the largest
/// setting.
pub(super) fn find(
    best: &SettingResults,
    open_above: bool,
    environment: &Environment,
) -> Option<Limit> {
    let value = best.throughput_per_s()?;
    let (owner, reason) = owner(best, open_above, environment)?;
    let reason = format!("{}: {reason}", best.name);
    Some(Limit {
        parameter: "throughput_per_s".to_owned(),
        value,
        owner,
        reason,
    })
}

/// Finds the owner of the limit, with the reason. Checks the arrival rate first, then the
/// processors, because they explain whatever queues for them, then the waits of sessions, and at
/// last whether larger settings were tried. `None` if a figure that is always needed is missing.
fn owner(
    best: &SettingResults,
    open_above: bool,
    environment: &Environment,
) -> Option<(LimitOwner, String)> {
    let mut held = best.held.iter().map(|(_, _, step)| step);
    if held.all(|step| carries_its_rate(step) == Some(true)) {
        let reason = "the rate that was asked for was carried; a higher one was not tried";
        return Some((LimitOwner::Bound, reason.to_owned()));
    }
    let generator_ratio = best.mean(|step| step.generator.cpu_ratio)?;
    let cores = environment.cores_available.or(environment.cores)? as f64;
    let measured_s = best.mean(|step| step.window.measured_s())?;
    let generator_cores = best.mean(|step| step.generator.cpu_ns as f64)? / 1e9 / measured_s;
    let server_cores = best
        .server(postgres::SERVER_CPU_NS)
        .map(|cpu_ns| cpu_ns / 1e9 / measured_s);
    let used = server_cores.map(|server_cores| {
        format!(
            "of {cores} cores the server used {server_cores:.1} and the load generator {generator_cores:.1}"
        )
    });
    if let (Some(server_cores), Some(used)) = (server_cores, &used)
        && (server_cores + generator_cores) / cores >= CPU_BOUND
    {
        let owner = if server_cores >= generator_cores {
            LimitOwner::Target
        } else {
            LimitOwner::Generator
        };
        return Some((owner, used.clone()));
    }
    if generator_ratio >= CPU_BOUND {
        let percent = generator_ratio * 100.0;
        return Some((
            LimitOwner::Generator,
            format!("the load generator used {percent:.0} % of its threads"),
        ));
    }
    if let Some((class, wait, share)) = dominant_wait(best) {
        let percent = share * 100.0;
        let steps = best.held.iter();
        let evidence = steps.filter_map(|(_, _, step)| step.server.as_ref());
        let event = dominant_event(class, evidence);
        let event = event.map_or_else(String::new, |event| format!(" ({event})"));
        return Some((
            LimitOwner::Target,
            format!("requests in service waited for {wait}{event} {percent:.0} % of their time"),
        ));
    }
    let Some(used) = used else {
        let reason = "the server's CPU time could not be read from here";
        return Some((LimitOwner::Unknown, reason.to_owned()));
    };
    Some(if open_above {
        let most = best.value;
        let reason = format!("throughput still rose, and more than {most} were not tried; {used}");
        (LimitOwner::Bound, reason)
    } else {
        let reason = format!("neither waits nor CPU explain it; {used}");
        (LimitOwner::Unknown, reason)
    })
}

/// Returns the class of waits with the most sessions: its class, its name, and its share of all
/// requests in service. That number is throughput × service time (Little's law), so sessions that
/// are idle between requests or wait for the network do not count. `None` if no share is above
/// [`WAIT_BOUND`], or sessions were not sampled.
fn dominant_wait(best: &SettingResults) -> Option<(&'static str, &'static str, f64)> {
    let cpu = best.server(postgres::SESSIONS_CPU_MEAN)?;
    let waits: Vec<(&str, &str, f64)> = WAITS
        .iter()
        .filter_map(|(class, figure, name)| Some((*class, *name, best.server(*figure)?)))
        .collect();
    let at_work = cpu + waits.iter().map(|(.., mean)| mean).sum::<f64>();
    let (class, name, largest) = waits.into_iter().max_by(|a, b| a.2.total_cmp(&b.2))?;
    let share = largest / at_work.max(best.mean(in_service)?);
    (share > WAIT_BOUND).then_some((class, name, share))
}

fn in_service(step: &Step) -> f64 {
    let of = |operation: &Operation| {
        let mean_ns = operation.service.as_ref().map_or(0.0, |s| s.mean_ns);
        operation.throughput_per_s * mean_ns / 1e9
    };
    step.operations.values().map(of).sum()
}

#[cfg(test)]
mod tests {
    use bench_report::ServerEvidence;

    use super::*;
    use crate::sweep::tests::step;

    fn limit(figures: &[(FigureName, f64)], generator_cpu_ns: u64, generator_ratio: f64) -> Limit {
        limit_at(figures, generator_cpu_ns, generator_ratio, false)
    }

    fn limit_at(
        figures: &[(FigureName, f64)],
        generator_cpu_ns: u64,
        generator_ratio: f64,
        open_above: bool,
    ) -> Limit {
        let mut step = step(4, 0, 100.0);
        let mut server = ServerEvidence::default();
        for (name, value) in figures {
            server.figure(*name, *value);
        }
        step.server = Some(server);
        step.generator.cpu_ns = generator_cpu_ns;
        step.generator.cpu_ratio = generator_ratio;
        let mut environment = Environment::capture();
        environment.cores_available = Some(2);
        let steps = [step];
        let results = SettingResults::new(
            crate::drivers::Driver::Deadpool,
            "deadpool, pool of 4".to_owned(),
            4,
            &steps,
            |_| true,
        );
        find(&results, open_above, &environment).unwrap()
    }

    /// Verifies that used-up processors are named as the limit even if sessions show as waiting,
    /// because no processor is free to run them.
    #[test]
    fn processors_that_are_used_up_come_before_what_queues_for_them() {
        let crowded = [
            (postgres::SESSIONS_CPU_MEAN, 0.4),
            (postgres::SESSIONS_IO_MEAN, 4.5),
            (postgres::SERVER_CPU_NS, 1.49e9),
        ];
        let found = limit(&crowded, 360_000_000, 0.18);
        assert_eq!(found.owner, LimitOwner::Target);
        assert!(found.reason.contains("cores"), "{}", found.reason);
    }

    #[test]
    fn a_rate_that_was_carried_is_the_bound_and_no_knee() {
        let mut offered = step(4, 0, 100.0);
        offered.load = bench_report::Load::Open {
            rate_per_s: 100.0,
            pacing: bench_report::Pacing::Constant,
            in_flight_cap: 64,
            delayed_at_cap: 0,
        };
        let steps = [offered];
        let results = SettingResults::new(
            crate::drivers::Driver::Deadpool,
            "deadpool, pool of 4".to_owned(),
            4,
            &steps,
            |_| true,
        );
        let limit = find(&results, false, &Environment::capture()).unwrap();
        assert_eq!(limit.owner, LimitOwner::Bound);
        let found = bench_cli::settings::recommend("deadpool", "pool_size", &[&results], &[]);
        assert_eq!(found.unwrap().value, None);
    }

    #[test]
    fn settings_that_were_measured_and_cannot_be_chosen_were_measured() {
        let mut failing = [step(2, 0, 100.0), step(2, 1, 100.0)];
        for step in &mut failing {
            for operation in step.operations.values_mut() {
                operation.attempted *= 2;
                operation.errors.insert("sqlstate.22012".to_owned(), 100);
            }
        }
        let driver = crate::drivers::Driver::Deadpool;
        let results = SettingResults::new(
            driver,
            "deadpool, pool of 2".to_owned(),
            2,
            &failing,
            |_| true,
        );
        let found = bench_cli::settings::recommend("deadpool", "pool_size", &[&results], &[]);
        let reason = found.unwrap().reason;
        assert!(
            reason.starts_with("none of the 1 settings measured"),
            "{reason}"
        );
    }

    #[test]
    fn what_was_planted_is_named() {
        let waits = [
            (postgres::SESSIONS_CPU_MEAN, 0.5),
            (postgres::SESSIONS_LOCK_MEAN, 3.0),
            (postgres::SESSIONS_IO_MEAN, 0.1),
        ];
        let lock = limit(&waits, 100_000_000, 0.1);
        assert_eq!(lock.owner, LimitOwner::Target);
        assert!(lock.reason.contains("locks"), "{}", lock.reason);

        let working = [
            (postgres::SESSIONS_CPU_MEAN, 3.0),
            (postgres::SESSIONS_LOCK_MEAN, 0.1),
            (postgres::SERVER_CPU_NS, 1.2e9),
        ];
        assert_eq!(limit(&working, 700_000_000, 0.35).owner, LimitOwner::Target);
        assert_eq!(
            limit(&working, 1_950_000_000, 0.97).owner,
            LimitOwner::Generator
        );
        assert_eq!(
            limit(&working, 100_000_000, 0.05).owner,
            LimitOwner::Unknown
        );
        assert_eq!(limit(&[], 100_000_000, 0.05).owner, LimitOwner::Unknown);
        // If nothing is used up and more connections still gave more throughput, the sizes that were tried
        // are the limit.
        let rising = limit_at(&working, 100_000_000, 0.05, true);
        assert_eq!(rising.owner, LimitOwner::Bound);
        assert!(rising.reason.contains("more than 4"), "{}", rising.reason);
        let crowded = limit_at(&working, 700_000_000, 0.35, true);
        assert_eq!(crowded.owner, LimitOwner::Target);
    }
}
