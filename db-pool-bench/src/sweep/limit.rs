//! What held throughput at the best setting, as far as this report's own figures tell.

use bench_report::{Environment, Limit, LimitOwner};

use crate::results::Results;

/// Share of CPU above which there is none left to speak of.
const CPU_BOUND: f64 = 0.9;
/// Share of the sessions that were at work above which what they waited for is the limit.
const WAIT_BOUND: f64 = 0.5;
const WAITS: [(&str, &str); 4] = [
    ("sessions.lock_mean", "locks of other sessions"),
    ("sessions.lwlock_mean", "the server's own latches"),
    ("sessions.io_mean", "the disk"),
    ("sessions.other_wait_mean", "other processes of the server"),
];

/// Whose limit the throughput of `best` was; `None` where it held no step.
pub(super) fn of(best: &Results, environment: &Environment) -> Option<Limit> {
    let value = best.throughput_per_s()?;
    let (owner, reason) = owner(best, environment)?;
    let reason = format!("{}: {reason}", best.name);
    Some(Limit {
        parameter: "throughput_per_s".to_owned(),
        value,
        owner,
        reason,
    })
}

fn owner(best: &Results, environment: &Environment) -> Option<(LimitOwner, String)> {
    let generator_ratio = best.mean(|step| step.generator.cpu_ratio)?;
    let generator_cores =
        best.mean(|step| step.generator.cpu_ns as f64 / 1e9 / step.window.measured_s())?;
    if let Some((wait, share)) = dominant_wait(best) {
        let percent = share * 100.0;
        return Some((
            LimitOwner::Target,
            format!("sessions at work waited for {wait} {percent:.0} % of their time"),
        ));
    }
    if generator_ratio >= CPU_BOUND {
        let percent = generator_ratio * 100.0;
        return Some((
            LimitOwner::Generator,
            format!("the load generator used {percent:.0} % of its threads"),
        ));
    }
    let unknown = || {
        (
            LimitOwner::Unknown,
            "the server's CPU time could not be read from here".to_owned(),
        )
    };
    let Some(server_ns) = best.server("server.cpu_ns") else {
        return Some(unknown());
    };
    let server_cores = server_ns / 1e9 / best.mean(|step| step.window.measured_s())?;
    let cores = environment.cores_available.or(environment.cores)? as f64;
    let used = format!(
        "of {cores} cores the server used {server_cores:.1} and the load generator {generator_cores:.1}"
    );
    if (server_cores + generator_cores) / cores < CPU_BOUND {
        return Some((
            LimitOwner::Unknown,
            format!("neither waits nor CPU explain it; {used}"),
        ));
    }
    let owner = if server_cores >= generator_cores {
        LimitOwner::Target
    } else {
        LimitOwner::Generator
    };
    Some((owner, used))
}

fn dominant_wait(best: &Results) -> Option<(&'static str, f64)> {
    let cpu = best.server("sessions.cpu_mean")?;
    let waits: Vec<(&str, f64)> = WAITS
        .iter()
        .filter_map(|(figure, name)| Some((*name, best.server(figure)?)))
        .collect();
    let at_work = cpu + waits.iter().map(|(_, mean)| mean).sum::<f64>();
    let (name, largest) = waits.into_iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let share = largest / at_work;
    (share > WAIT_BOUND).then_some((name, share))
}

#[cfg(test)]
mod tests {
    use bench_report::ServerEvidence;

    use super::*;
    use crate::sweep::tests::step;

    fn limit(figures: &[(&str, f64)], generator_cpu_ns: u64, generator_ratio: f64) -> Limit {
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
        let results = Results::of(
            crate::drivers::Driver::Deadpool,
            "deadpool, pool of 4".to_owned(),
            4,
            &steps,
            |_| true,
        );
        of(&results, &environment).unwrap()
    }

    #[test]
    fn what_was_planted_is_named() {
        let waits = [
            ("sessions.cpu_mean", 0.5),
            ("sessions.lock_mean", 3.0),
            ("sessions.io_mean", 0.1),
        ];
        let lock = limit(&waits, 100_000_000, 0.1);
        assert_eq!(lock.owner, LimitOwner::Target);
        assert!(lock.reason.contains("locks"), "{}", lock.reason);

        let working = [
            ("sessions.cpu_mean", 3.0),
            ("sessions.lock_mean", 0.1),
            ("server.cpu_ns", 1.2e9),
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
    }
}
