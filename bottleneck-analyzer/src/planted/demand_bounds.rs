//! Tests of the throughput bounds of resources on both sides of the shares from which on they count.

use bench_report::{EvidenceRow, Report, Warning, WarningCode};

use crate::assessment::Confidence;
use crate::bench_facts::BenchFacts;
use crate::demand::{ResourceBound, bounds, cpu_matters};
use crate::step_cpu_use::StepCpuUse;
use crate::sweep::{Sweep, SweepSetting};

use super::common::server::{Server, row};
use super::common::{Plant, held_for};
use super::limit_bounds::{cpu_use, model, reading, with_facts};

#[track_caller]
fn near(value: f64, expected: f64) {
    assert!((value - expected).abs() < 1e-9, "{value}, not {expected}");
}

/// Returns the bound of the resource `factor`, whose name may go on, after `change` changed the facts of the first
/// bench.
fn bound(
    reports: Vec<Report>,
    factor: &str,
    change: impl FnOnce(&mut BenchFacts<'_>),
) -> Option<ResourceBound> {
    with_facts(reports, |facts| {
        change(&mut facts.benches[0]);
        let all = bounds(&facts.benches[0], facts);
        all.into_iter()
            .find(|bound| bound.factor.starts_with(factor))
    })
}

/// Returns true if a full CPU limits calls of 1 ms with these parts, whose sessions were ready for a CPU without
/// having one for `ready_ns` of each call.
fn matters(parts: &[(&str, f64)], ready_ns: f64) -> bool {
    let calls = 2_000.0;
    let server = Server {
        figures: vec![("server.load_ready_ns", calls * ready_ns)],
        ..Server::default()
    };
    with_facts(server.run(), |facts| {
        facts.benches[0].time_model = Some(model(parts));
        cpu_matters(&facts.benches[0])
    })
}

#[test]
fn a_cpu_matters_from_a_quarter_of_the_service_time_on_one_or_before_one() {
    let of = |on_cpu: f64, waits: f64| {
        let parts = [
            ("server_cpu", on_cpu),
            ("server_runnable", 50_000.0),
            ("rest", 60_000.0),
            ("ipc.executegather", 40_000.0),
            ("io.datafileread", waits),
        ];
        matters(&parts, 0.0)
    };
    assert!(of(100_000.0, 750_000.0));
    assert!(!of(99_000.0, 751_000.0));
    let counted = |ready_ns: f64| {
        let parts = [("server_cpu", 200_000.0), ("io.datafileread", 800_000.0)];
        matters(&parts, ready_ns)
    };
    assert!(counted(50_000.0) && !counted(49_000.0));
    // Without the CPU time of calls it may matter.
    assert!(matters(&[("io.datafileread", 1e6)], 0.0));
}

/// Returns the bound of the machine's CPU where calls do nothing but use it.
fn of_cpu(server: &Server, cpu: StepCpuUse) -> ResourceBound {
    let found = bound(server.run(), "machine_cpu", |bench| {
        bench.time_model = Some(model(&[("server_cpu", 2e6)]));
        bench.cpu = Some(cpu);
    });
    found.unwrap()
}

#[test]
fn a_cpu_s_bound_is_sure_from_three_samples_on_if_its_owner_is_known() {
    let sampled = |samples: usize, server_ratio: Option<f64>| {
        let mut cpu = cpu_use(0.75, server_ratio, 0.125);
        cpu.busy.samples = samples;
        of_cpu(&Server::default(), cpu).confidence
    };
    assert_eq!(sampled(3, Some(0.5)), Confidence::High);
    assert_eq!(sampled(2, Some(0.5)), Confidence::Medium);
    assert_eq!(sampled(3, None), Confidence::Medium);
}

#[test]
fn a_cpu_s_bound_tells_its_owner_and_what_would_make_it_certain_unless_the_server_is() {
    for (server_ratio, generator_ratio, factor) in [
        (Some(0.5), 0.125, "machine_cpu.server"),
        (Some(0.125), 0.5, "machine_cpu.generator"),
        (Some(0.125), 0.125, "machine_cpu.others"),
        (None, 0.125, "machine_cpu"),
    ] {
        let cpu = cpu_use(0.75, server_ratio, generator_ratio);
        let found = of_cpu(&Server::default(), cpu);
        assert_eq!(found.factor, factor);
        near(found.used_ratio, 0.75);
        let is_open = factor != "machine_cpu.server";
        assert_eq!(found.to_find_out.is_some(), is_open, "{factor}");
    }
}

#[test]
fn another_application_has_the_server_s_cpu_if_it_uses_more_than_half_of_it() {
    let beside = |cpu_ns: f64| {
        let backend = |application: &str, cpu_ns: f64| -> EvidenceRow {
            let labels = [
                ("backend_type", "client backend"),
                ("application", application),
            ];
            row(&labels, &[("cpu_ns", cpu_ns), ("count", 1.0)])
        };
        let processes = vec![backend("ours", 5e8), backend("report.py", cpu_ns)];
        let server = Server {
            tables: vec![("processes", processes)],
            ..Server::default()
        };
        of_cpu(&server, cpu_use(0.75, Some(0.5), 0.125))
    };
    assert_eq!(beside(5e8).factor, "machine_cpu.server");
    let more = beside(6e8);
    assert_eq!(more.factor, "machine_cpu.others");
    let told = "report.py, has 55 % of the server's use";
    assert!(more.reason.contains(told), "{}", more.reason);
}

/// Server and generator use 3.6 of four cores for a second, with no recording of the machine.
#[test]
fn reported_cpu_times_use_up_the_cpu_from_nine_tenths_on() {
    let of = |generator_ns: u64| {
        let server = Server {
            figures: vec![("server.cpu_ns", 3e9)],
            ..Server::default()
        };
        let mut report = server.run().remove(0);
        report.config.insert("url".into(), "throwaway".into());
        for step in &mut report.steps {
            step.generator.cpu_ns = generator_ns;
        }
        bound(vec![report], "machine_cpu", |bench| {
            bench.time_model = Some(model(&[("server_cpu", 2e6)]));
        })
    };
    let found = of(600_000_000).unwrap();
    near(found.used_ratio, 0.9);
    let told = "server and generator used 90 % of 4 cores";
    assert!(found.title.ends_with(told), "{}", found.title);
    assert!(of(599_000_000).is_none());
}

/// Returns the used share of the generator whose threads were busy for the share `ratio`, if each step has a warning
/// of `code`, where the machine is busy for the share `busy` and lost the share `stolen` to the hypervisor.
fn of_generator(ratio: f64, code: Option<WarningCode>, busy: f64, stolen: f64) -> f64 {
    let mut reports = Server::default().run_with(|_, step| {
        step.generator.cpu_ratio = ratio;
    });
    for index in 0..3 {
        let warning = code.map(|code| Warning::new(code, "told").about_step(index, &["generator"]));
        reports[0].warnings.extend(warning);
    }
    let found = bound(reports, "generator_cpu", |bench| {
        bench.cpu = Some(StepCpuUse {
            stolen: Some(reading(stolen)),
            ..cpu_use(busy, Some(0.25), 0.125)
        });
    });
    found.unwrap().used_ratio
}

#[test]
fn a_generator_is_the_limit_if_it_is_full_or_warned_or_had_no_more_cpu_unless_the_machine_is_full()
{
    near(of_generator(0.5, None, 0.5, 0.0), 0.5);
    // Just below the share at which a generator is full it explains nothing yet.
    near(of_generator(0.895, None, 0.5, 0.0), 0.891);
    let warned = Some(WarningCode::GeneratorSaturated);
    near(of_generator(0.5, warned, 0.5, 0.0), 0.9);
    near(of_generator(0.5, warned, 0.95, 0.0), 0.5);
    near(
        of_generator(0.5, Some(WarningCode::PacingLag), 0.5, 0.0),
        0.5,
    );
    // The hypervisor left four fifths of the time, of which three quarters of all time are most.
    near(of_generator(0.75, None, 0.5, 0.2), 0.9375);
    near(of_generator(0.75, None, 0.79, 0.2), 0.75);
    near(of_generator(0.95, None, 0.95, 0.0), 0.95);
}

#[test]
fn the_busiest_thread_of_a_generator_is_full_from_nine_tenths_on() {
    let busiest = |ratio: f64| {
        let reports = Server::default().run_with(|_, step| {
            step.generator.busiest_thread_ratio = Some(ratio);
        });
        bound(reports, "generator_thread", |_| ()).map(|bound| bound.used_ratio)
    };
    near(busiest(0.95).unwrap(), 0.95);
    near(busiest(0.9).unwrap(), 0.9);
    assert_eq!(busiest(0.89), None);
}

/// Returns the bound of locks for calls of 2 ms with these parts, where the share `busy` of the CPU is used, if
/// it was recorded.
fn of_lock(parts: &[(&str, f64)], busy: Option<f64>) -> Option<ResourceBound> {
    let holder = row(
        &[("lock", "tuple")],
        &[("looks", 1.0), ("looks_total", 1.0)],
    );
    let server = Server {
        tables: vec![("blockers", vec![holder])],
        ..Server::default()
    };
    bound(server.run(), "wait.lock", |bench| {
        bench.time_model = Some(model(parts));
        bench.cpu = busy.map(|busy| cpu_use(busy, Some(0.25), 0.125));
    })
}

#[test]
fn a_lock_can_be_the_limit_from_a_quarter_of_the_service_time_on() {
    let waiting = |ns: f64| {
        let parts = [("lock.tuple", ns), ("server_cpu", 2e6 - ns)];
        of_lock(&parts, Some(0.5))
    };
    assert!(waiting(0.5e6).is_some() && waiting(0.49e6).is_none());
}

#[test]
fn a_lock_is_no_limit_where_calls_spend_more_time_on_a_cpu_that_may_be_used_up() {
    let waiting = |ns: f64, busy: Option<f64>| {
        let parts = [
            ("lock.tuple", ns),
            ("server_cpu", 1.5e6 - ns),
            ("rest", 0.5e6),
        ];
        of_lock(&parts, busy).map(|bound| bound.reason)
    };
    let words = "; calls spend less time on a CPU";
    let full = waiting(1e6, Some(0.95)).unwrap();
    assert!(full.contains(words), "{full}");
    assert_eq!(waiting(0.9e6, Some(0.95)), None);
    // The CPU was not recorded, or it is not used up.
    assert!(waiting(1e6, None).is_some());
    assert_eq!(waiting(0.9e6, None), None);
    let roomy = waiting(0.9e6, Some(0.5)).unwrap();
    assert!(!roomy.contains(words), "{roomy}");
}

/// 2,000 calls a second that wait for 1 ms are two sessions of the four in service.
#[test]
fn a_lock_is_told_by_its_largest_wait_with_the_sessions_behind_it() {
    let parts = [
        ("lock.tuple", 0.4e6),
        ("lock.relation", 0.6e6),
        ("server_cpu", 1e6),
    ];
    let found = of_lock(&parts, Some(0.5)).unwrap();
    let title = "lock.relation: 50 % of a call's time in service (1.00 ms)";
    assert_eq!(found.title, title);
    let words = "2 of 4 sessions wait for one on average";
    assert!(found.reason.contains(words), "{}", found.reason);
    assert_eq!(found.confidence, Confidence::High);
    let equal = [
        ("lock.tuple", 0.5e6),
        ("lock.relation", 0.5e6),
        ("server_cpu", 1e6),
    ];
    let title = of_lock(&equal, Some(0.5)).unwrap().title;
    assert!(title.starts_with("lock.tuple: "), "{title}");
    // Where the events were not named, the kind of lock is not known.
    let class = [("lock", 1e6), ("server_cpu", 1e6)];
    let found = of_lock(&class, Some(0.5)).unwrap();
    assert_eq!(found.confidence, Confidence::Medium);
}

/// Returns the used share of a pool of four that carries 2,000 calls a second of 2 ms with these parts. The share
/// `busy` of the CPU is used, if it was recorded, and a larger pool carries `larger` calls a second, if it was
/// tried. 28 of 32 users wait for a connection.
fn of_pool(parts: &[(&str, f64)], busy: Option<f64>, larger: Option<f64>) -> Option<f64> {
    let server = Server {
        users: 32.0,
        pool: 4,
        ..Server::default()
    };
    let setting = |value: f64, steps: Vec<usize>, throughput_per_s: f64| SweepSetting {
        value,
        steps,
        throughput_per_s,
        p99_ns: None,
    };
    let found = bound(server.run(), "pool_size", |bench| {
        bench.time_model = Some(model(parts));
        bench.cpu = busy.map(|busy| cpu_use(busy, Some(0.125), 0.125));
        let settings = [setting(4.0, vec![0, 1, 2], 2_000.0)].into_iter();
        let larger = larger.map(|per_s| setting(8.0, Vec::new(), per_s));
        bench.sweeps = vec![Sweep {
            subject: String::new(),
            parameter: "pool_size".to_owned(),
            settings: settings.chain(larger).collect(),
        }];
    });
    found.map(|bound| bound.used_ratio)
}

#[test]
fn a_pool_can_be_the_limit_if_calls_wait_for_it_for_a_tenth_of_their_time() {
    let waiting = |ns: f64| {
        let parts = [("checkout", ns), ("server_cpu", 2e6 - ns)];
        of_pool(&parts, Some(0.3), None)
    };
    // 2,000 calls a second hold four connections for 1.8 ms.
    near(waiting(0.2e6).unwrap(), 0.9);
    assert_eq!(waiting(0.19e6), None);
}

#[test]
fn a_pool_explains_a_run_only_if_the_cpu_is_not_what_its_connections_wait_for() {
    let on_cpu = [("checkout", 0.2e6), ("server_cpu", 1.8e6)];
    near(of_pool(&on_cpu, None, None).unwrap(), 0.891);
    // Calls that read hardly need a CPU.
    let reads = [
        ("checkout", 0.2e6),
        ("server_cpu", 0.1e6),
        ("io.datafileread", 1.7e6),
    ];
    near(of_pool(&reads, None, None).unwrap(), 0.9);
    // A larger pool that carried more shows that the pool was the limit; noise is 5 %.
    near(of_pool(&on_cpu, None, Some(2_300.0)).unwrap(), 0.9);
    assert_eq!(of_pool(&on_cpu, None, Some(2_050.0)), None);
    assert_eq!(of_pool(&on_cpu, Some(0.3), Some(1_900.0)), None);
}

/// Connections wait for a CPU for half of the 1.8 ms for which they are held.
#[test]
fn a_wait_for_a_cpu_that_is_crowded_is_no_time_of_the_pool() {
    let parts = [
        ("checkout", 0.2e6),
        ("server_cpu", 0.9e6),
        ("server_runnable", 0.9e6),
    ];
    near(of_pool(&parts, Some(0.8), None).unwrap(), 0.45);
    near(of_pool(&parts, Some(0.3), None).unwrap(), 0.9);
}

/// Returns the used share of the main thread of a Redis that ran for 0.55 s of CPU time in a step of `seconds`, if
/// the time over which its counters were read is not known.
fn of_main_thread(seconds: u64) -> Option<f64> {
    let mut report = held_for(Plant::default().redis(), seconds);
    for step in &mut report.steps {
        let server = step.server.as_mut().unwrap();
        server.figures.remove("interval_s");
    }
    let found = bound(vec![report], "redis_main_thread", |_| ());
    found.map(|bound| bound.used_ratio)
}

#[test]
fn a_main_thread_without_the_time_of_its_counters_is_measured_over_the_step() {
    near(of_main_thread(1).unwrap(), 0.55);
    near(of_main_thread(2).unwrap(), 0.275);
    assert_eq!(of_main_thread(0), None);
}
