//! Tests of the limiting factor on both sides of its bounds, in runs that were never saved: their figures stay
//! exactly as they were planted.

use std::path::PathBuf;

use bench_report::{
    FoundRate, Load, Pacing, RateSearchEnd, RateVerdict, Report, Step, StepEnd, TriedRate,
};

use crate::assessment::{Confidence, LimitingFactor, TimeModel};
use crate::bench_facts::BenchFacts;
use crate::chosen_step::ChosenStep;
use crate::core_limit::{CoreLimit, CoreLimitKind};
use crate::limiting_factor::{of_bench, of_machine};
use crate::run_facts::RunFacts;
use crate::run_reports::RunReports;
use crate::series_reading::SeriesReading;
use crate::source_report::SourceReport;
use crate::step_cpu_use::StepCpuUse;
use crate::sweep::{Sweep, SweepSetting};
use crate::thresholds::Thresholds;

use super::common::parts::PlantFigure as _;
use super::common::server::Server;
use super::common::{Plant, Recorded};

/// Returns a run of these reports as if they had been read.
pub(super) fn unsaved(reports: Vec<Report>) -> RunReports {
    let sources = reports.into_iter().map(|report| SourceReport {
        file: format!("{}.json", report.file_stem()),
        path: PathBuf::new(),
        raw: serde_json::to_value(&report).unwrap(),
        report,
    });
    RunReports {
        sources: sources.collect(),
        parts: Vec::new(),
        directory: PathBuf::new(),
        notes: Vec::new(),
        skipped: Vec::new(),
    }
}

/// Returns what `ask` makes of the facts of a run of these reports.
pub(super) fn with_facts<T>(reports: Vec<Report>, ask: impl FnOnce(&mut RunFacts<'_>) -> T) -> T {
    let run = unsaved(reports);
    let thresholds = Thresholds::load(None).unwrap();
    let mut facts = RunFacts::gather(&run, &thresholds);
    ask(&mut facts)
}

/// Creates the time of a call with these parts, each with its name and its length in nanoseconds.
pub(super) fn model(parts: &[(&str, f64)]) -> TimeModel {
    let whole_ns = parts.iter().map(|(_, ns)| ns).sum();
    let mut model = TimeModel::new("mean response time", whole_ns);
    for (name, ns) in parts {
        model.add_part(name, name, *ns, Vec::new());
    }
    model
}

/// Creates the CPU use of a step on four cores: shares of the machine that are busy, the server's if it is known,
/// and the generator's.
pub(super) fn cpu_use(busy: f64, server_ratio: Option<f64>, generator_ratio: f64) -> StepCpuUse {
    StepCpuUse {
        cores: 4.0,
        limit: None,
        busy: reading(busy),
        stolen: None,
        server_ratio,
        generator_ratio,
        evidence: Vec::new(),
    }
}

/// Creates a reading of ten samples of a series of the machine.
pub(super) fn reading(mean: f64) -> SeriesReading {
    SeriesReading {
        series: 0,
        mean,
        max: mean,
        samples: 10,
        covered_ns: 1,
        typical: 0,
        peak: 0,
    }
}

/// Returns the limiting factor of the first bench after `change` changed its facts.
fn limit(reports: Vec<Report>, change: impl FnOnce(&mut BenchFacts<'_>)) -> LimitingFactor {
    with_facts(reports, |facts| {
        change(&mut facts.benches[0]);
        of_bench(&facts.benches[0], facts)
    })
}

/// Makes the first step stand for the operating point, without repeats.
fn choose_first(bench: &mut BenchFacts<'_>) {
    bench.choice = Some(ChosenStep {
        step: 0,
        recommendation: None,
        reason: String::new(),
    });
    bench.repeats.clear();
}

fn open_load(step: &mut Step) {
    step.load = Load::Open {
        rate_per_s: 1_000.0,
        pacing: Pacing::Constant,
        in_flight_cap: 1_000,
        delayed_at_cap: 0,
    };
}

/// Of 1,000 requests a second that are offered, 980 are 98 %.
#[test]
fn an_offered_rate_is_carried_from_98_percent_of_it_on() {
    let factor = |carried: f64| {
        let reports = Server::default().run_with(|_, step| {
            open_load(step);
            step.operations.get_mut("call").unwrap().throughput_per_s = carried;
        });
        limit(reports, |_| ()).factor
    };
    assert_eq!(factor(980.0), "offered_rate");
    assert_ne!(factor(979.0), "offered_rate");
}

/// Returns the measurement to which the limit of a carried rate leads, if a search for a rate ended so.
fn after_search(end: RateSearchEnd, broken_per_s: Option<f64>) -> Option<String> {
    let mut reports = Server::default().run_with(|_, step| open_load(step));
    let tried = TriedRate {
        step: 0,
        rate_per_s: 1_000.0,
        verdict: RateVerdict::Held,
        reason: None,
    };
    reports[0].summary.found_rates = vec![FoundRate {
        subject: "pool of 8".to_owned(),
        objectives: vec!["p99<50ms".to_owned()],
        repeats: 1,
        held_per_s: Some(1_000.0),
        broken_per_s,
        end,
        reason: "so it ended".to_owned(),
        steps: vec![tried],
    }];
    let limit = limit(reports, choose_first);
    assert_eq!(limit.factor, "offered_rate");
    limit.to_find_out
}

#[test]
fn a_search_that_ended_leads_to_the_measurement_that_is_left() {
    let not_met = after_search(RateSearchEnd::NotMet, Some(1_100.0));
    assert_eq!(not_met, None);
    let above = after_search(RateSearchEnd::Bracketed, Some(1_100.0));
    let told = "a run with --rate above the rate that was held";
    assert_eq!(above.as_deref(), Some(told));
    let not_broken = after_search(RateSearchEnd::NotBroken, None);
    let told = "a search that comes to its end above this rate";
    assert_eq!(not_broken.as_deref(), Some(told));
}

/// Returns the limiting factor of users who pause for `think_time_ns` between calls with these parts. The CPU has
/// room, or it was not recorded.
fn of_users(think_time_ns: u64, parts: &[(&str, f64)], is_recorded: bool) -> String {
    let reports = Server::default().run_with(|_, step| {
        step.load = Load::Closed {
            users: 4,
            think_time_ns,
        };
    });
    let of = limit(reports, |bench| {
        choose_first(bench);
        bench.time_model = Some(model(parts));
        bench.cpu = is_recorded.then(|| cpu_use(0.45, Some(0.25), 0.125));
    });
    of.factor
}

/// Each user makes a call in 10 ms, of which 1 ms may be spent in queues.
#[test]
fn users_are_the_limit_while_they_queue_for_no_more_than_a_tenth_of_their_time() {
    let queued = |ns: f64| {
        let parts = [("checkout", ns), ("server_cpu", 4e6 - ns)];
        of_users(6_000_000, &parts, true)
    };
    assert_eq!(queued(1e6), "users");
    assert_eq!(queued(1.1e6), "inconclusive");
    // Where the CPU was not recorded, what passes outside of the server may be a queue, too.
    let outside = |ready: f64, is_recorded: bool| {
        let parts = [
            ("server_cpu", 3.6e6 - ready),
            ("server_runnable", ready),
            ("rest", 0.4e6),
        ];
        of_users(6_000_000, &parts, is_recorded)
    };
    assert_eq!(outside(0.6e6, false), "users");
    assert_eq!(outside(0.7e6, false), "inconclusive");
    assert_eq!(outside(0.7e6, true), "users");
}

#[test]
fn users_without_pauses_are_no_limit_where_the_cpu_was_not_recorded() {
    let parts = [("server_cpu", 4e6)];
    assert_eq!(of_users(0, &parts, false), "inconclusive");
    assert_eq!(of_users(1, &parts, false), "users");
    assert_eq!(of_users(0, &parts, true), "users");
}

#[test]
fn a_wait_is_named_from_a_quarter_of_the_service_time_on() {
    let waiting = |ns: f64| {
        let parts = [("io.walsync", ns), ("server_cpu", 4e6 - ns)];
        of_users(0, &parts, true)
    };
    assert_eq!(waiting(1e6), "wait.io");
    assert_eq!(waiting(0.9e6), "users");
}

/// Returns why there is no limit of a run whose three steps ended so, each with this number of attempted and of
/// successful calls.
fn why(end: &StepEnd, attempted: u64, succeeded: u64) -> String {
    let reports = Server::default().run_with(|_, step| {
        step.end = end.clone();
        let call = step.operations.get_mut("call").unwrap();
        (call.attempted, call.succeeded) = (attempted, succeeded);
    });
    let found = limit(reports, |bench| bench.choice = None);
    assert_eq!(found.factor, "inconclusive");
    found.reason
}

#[test]
fn a_run_without_an_operating_point_tells_why_it_has_none() {
    let stopped = StepEnd::Stopped {
        rule: "errors>10%".into(),
        reason: "too many".into(),
    };
    let rule = "the stop rule errors>10% ended 3 of 3 steps: too many";
    // Nothing was asked, or something succeeded.
    assert_eq!(why(&stopped, 0, 0), rule);
    assert_eq!(why(&stopped, 5, 5), rule);
    let nothing = why(&stopped, 5, 0);
    assert!(nothing.starts_with("no request succeeded"), "{nothing}");
    let failed = StepEnd::Failed {
        reason: "the server went away".into(),
    };
    let told = "no step ran to its end: the server went away";
    assert_eq!(why(&failed, 5, 5), told);
}

#[test]
fn a_step_in_which_nothing_succeeded_has_no_limit() {
    let reports = Server::default().run_with(|_, step| {
        step.operations.get_mut("call").unwrap().succeeded = 0;
    });
    let found = limit(reports, choose_first);
    assert_eq!(found.factor, "inconclusive");
    let told = &found.reason;
    assert!(
        told.starts_with("no request succeeded in any step"),
        "{told}"
    );
}

/// Planted: a hot lock, seen in 20 samples of three repeats or in 19.
#[test]
fn a_limit_rests_on_enough_samples_from_twenty_on() {
    let sampled = |first: f64| {
        let server = Server {
            users: 16.0,
            pool: 16,
            waits: vec![("Lock.transactionid", 0.8)],
            ..Server::default()
        };
        let reports = server.run_with(|repeat, step| {
            let samples = if repeat == 0 { first } else { 7.0 };
            let evidence = step.server.as_mut().unwrap();
            evidence.plant("sessions.samples", samples);
        });
        limit(reports, |_| ())
    };
    let enough = sampled(6.0);
    assert_eq!(enough.factor, "wait.lock");
    assert_eq!(enough.confidence, Confidence::High);
    assert!(!enough.reason.contains("sampled"), "{}", enough.reason);
    let few = sampled(5.0);
    assert_eq!(few.confidence, Confidence::Low);
    assert!(few.reason.contains("only 19 times"), "{}", few.reason);
}

/// Returns the limiting factor of a load of so many users at the largest of two pools. The smaller one carries 2,000
/// calls a second and the larger one `larger`; 5 % are noise.
fn at_the_largest(users: u64, larger: f64) -> LimitingFactor {
    let reports = Server::default().run_with(|_, step| {
        step.load = Load::Closed {
            users,
            think_time_ns: 0,
        };
    });
    let setting = |value: f64, steps: Vec<usize>, throughput_per_s: f64| SweepSetting {
        value,
        steps,
        throughput_per_s,
        p99_ns: None,
    };
    let pools = vec![
        setting(4.0, Vec::new(), 2_000.0),
        setting(8.0, vec![0, 1, 2], larger),
    ];
    limit(reports, |bench| {
        choose_first(bench);
        bench.sweeps = vec![Sweep {
            subject: String::new(),
            parameter: "pool_size".to_owned(),
            settings: pools,
        }];
    })
}

#[test]
fn a_limit_was_not_reached_only_if_the_bench_s_own_load_still_carried_more() {
    let rising = at_the_largest(4, 2_200.0);
    let words = "throughput still rose by 10 % from 4 to 8, the largest setting";
    assert!(rising.reason.contains(words), "{}", rising.reason);
    assert!(rising.confidence <= Confidence::Medium);
    let told = "a sweep to higher settings: more carried more";
    assert_eq!(rising.to_find_out.as_deref(), Some(told));
    let flat = at_the_largest(4, 2_040.0);
    assert_eq!(flat.factor, "users");
    assert!(!flat.reason.contains("still rose"), "{}", flat.reason);
    assert_eq!(flat.to_find_out, None);
    // Others made the load.
    let watched = at_the_largest(0, 2_200.0).reason;
    assert!(!watched.contains("still rose"), "{watched}");
}

/// Returns the limiting factor of a machine of whose memory the share `memory` is used. Server and generator
/// share two of its cores; the generator uses the share `generator` of the machine and the server a quarter.
fn of_the_machine(memory: f64, generator: f64) -> LimitingFactor {
    let plant = Plant {
        recorded: vec![Recorded::flat("memory.used_ratio", &[], memory)],
        ..Plant::default()
    };
    let reports = vec![Server::default().run().remove(0), plant.sysmon()];
    with_facts(reports, |facts| {
        let shared = CoreLimit {
            cores: 2.0,
            kind: CoreLimitKind::SharedAffinity,
            evidence: None,
        };
        facts.benches[0].cpu = Some(StepCpuUse {
            limit: Some(shared),
            ..cpu_use(0.5, Some(0.25), generator)
        });
        of_machine(facts.machine.unwrap(), facts)
    })
}

/// With an eighth of the machine for the generator, 1.5 of the two cores are used.
#[test]
fn the_allowed_cores_are_the_machine_s_limit_only_if_more_of_them_is_used_than_of_all_else() {
    let equal = of_the_machine(0.75, 0.125);
    assert_eq!(equal.factor, "memory");
    let near = "it is the resource nearest its end";
    assert!(equal.reason.starts_with(near), "{}", equal.reason);
    assert!(!equal.title.contains("operating point"), "{}", equal.title);
    assert_eq!(of_the_machine(0.75, 0.13).factor, "cpu_quota");
    let far = of_the_machine(0.69, 0.0);
    assert_eq!(far.factor, "memory");
    let told = "no resource of the machine is near its end";
    assert!(far.reason.starts_with(told), "{}", far.reason);
}

#[test]
fn the_machine_s_cpu_is_told_with_the_bench_at_whose_operating_point_it_was_busiest() {
    let server = Server {
        cpu: (0.62, 0.40, 0.18),
        ..Server::default()
    };
    let found = with_facts(server.run(), |facts| {
        of_machine(facts.machine.unwrap(), facts)
    });
    assert_eq!(found.factor, "cpu");
    let told = "used at the operating point of PostgreSQL";
    assert!(found.title.ends_with(told), "{}", found.title);
}
