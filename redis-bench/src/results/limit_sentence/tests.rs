use bench_report::names::FigureName;
use bench_report::{Pacing, PoolUsage, Report};

use super::*;
use bench_report::ServerEvidence;
use bench_report::names::redis;

use crate::results::group::groups;
use crate::results::summary::tests::{report, step};
use crate::run::workload::Variants;

/// Creates a step of a pool in which a call took 1 ms and the server was read for 2 s.
fn planted(figures: &[(FigureName, f64)]) -> Step {
    let mut server = ServerEvidence::default();
    server.figure(redis::INTERVAL_S, 2.0);
    for (name, value) in figures {
        server.figure(*name, *value);
    }
    Step {
        server: Some(server),
        ..step("pooled", "pool_size", 8, 0, 97_100.0)
    }
}

/// Returns the figure of a main thread that used the CPU for `cpu_s` of the 2 s.
fn busy(cpu_s: f64) -> [(FigureName, f64); 1] {
    [(redis::CPU_MAIN_THREAD_S, cpu_s)]
}

fn with_wait(step: Step, wait_mean_ns: f64) -> Step {
    let checkout = CheckoutParts {
        count: 1,
        wait_mean_ns,
        ..CheckoutParts::default()
    };
    let pool = PoolUsage {
        max_size: 8,
        checkout: Some(checkout),
        ..PoolUsage::default()
    };
    Step {
        pool: Some(pool),
        ..step
    }
}

fn said(step: Step) -> String {
    let mut report: Report = report(&[], &[]);
    report.steps.push(step);
    let text = limits(&groups(&report, &Variants::default()));
    assert!(text.lines().all(|l| l.chars().count() <= 80), "{text}");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Each case plants the measurements of one limit; the sentence must name it and no other.
#[test]
fn each_limit_is_named_by_what_was_measured_of_it() {
    let starved = [
        (redis::CPU_MAIN_THREAD_S, 0.94),
        (redis::MAIN_THREAD_READY_S, 0.96),
    ];
    let in_commands = [
        (redis::IO_THREADS_ACTIVE, 1.0),
        (redis::EVENTLOOP_COMMANDS_US, 0.4e6),
        (redis::CPU_MAIN_THREAD_S, 2.0),
    ];
    let sent = [
        (redis::CPU_MAIN_THREAD_S, 0.6),
        (redis::NET_OUTPUT_BYTES, 2.0 * 1_048_576.0),
    ];
    let mut thinking = planted(&busy(0.2));
    thinking.load = Load::Closed {
        users: 50,
        think_time_ns: 9_000_000,
    };
    for (step, wanted) in [
        (
            planted(&busy(1.88)),
            "at 97.1 k/s: limited by Redis's thread, busy 94.0 %.",
        ),
        (
            planted(&starved),
            "Redis's thread, busy 47.0 % and ready without a core for another 48.0 % of the time.",
        ),
        (
            with_wait(planted(&busy(0.62)), 710_000.0),
            "the pool: waits for a connection are 71.0 % of a call, and Redis's thread is busy \
             31.0 %.",
        ),
        (
            thinking,
            "Limit not reached, users think for 90.0 % of the time: pool of 8.",
        ),
        (
            with_wait(planted(&busy(1.5)), 710_000.0),
            "unknown: Redis's thread is busy 75.0 %, waits for a connection are 71.0 % of a call.",
        ),
        // With I/O threads, the CPU time of polling says nothing, and there may be no time left.
        (
            with_wait(planted(&in_commands), 710_000.0),
            "unknown: Redis's thread is busy at least 20.0 %, waits",
        ),
        (
            planted(&[]),
            "unknown: the use of Redis's thread is not known.",
        ),
        (
            planted(&sent),
            "it sent 1.00 MiB/s over a network of unknown speed.",
        ),
    ] {
        let text = said(step);
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
}

/// Planted: a server that sent 1 MiB/s, over links of several speeds, with a pool whose waits are most of a call.
#[test]
fn bytes_are_the_limit_of_a_link_only_if_they_nearly_fill_it() {
    let over = |link_mib: f64| {
        let figures = [
            (redis::CPU_MAIN_THREAD_S, 0.6),
            (redis::NET_OUTPUT_BYTES, 2.0 * 1_048_576.0),
            (redis::LINK_BYTES_PER_S, link_mib * 1_048_576.0),
        ];
        planted(&figures)
    };
    let full = said(with_wait(over(1.1), 710_000.0));
    let told = "limited by the bytes per second: 1.00 MiB/s of the 1.10 MiB/s of the link, 90.9 %.";
    assert!(full.contains(told), "{full}");
    let half = said(with_wait(over(1.2), 710_000.0));
    assert!(half.contains("limited by the pool"), "{half}");
    let idle = said(over(10.0));
    let told = "it sent 1.00 MiB/s over a link of 10.0 MiB/s.";
    assert!(idle.contains(told), "{idle}");
    let mut same_machine = planted(&[
        (redis::CPU_MAIN_THREAD_S, 0.6),
        (redis::NET_OUTPUT_BYTES, 2.0 * 1_048_576.0),
    ]);
    let unavailable = &mut same_machine.server.as_mut().unwrap().unavailable;
    unavailable.insert("link".to_owned(), "both ends are on one machine".to_owned());
    let told = "over a network of unknown speed (both ends are on one machine).";
    let text = said(same_machine);
    assert!(text.contains(told), "{text}");
}

#[test]
fn a_generator_that_had_no_time_left_is_named_and_accuses_no_pool() {
    let mut full = planted(&busy(1.0));
    full.generator.cpu_ratio = 0.97;
    let mut both = planted(&busy(1.9));
    both.generator.busiest_thread_ratio = Some(0.95);
    let starving = |ready_ns| {
        let mut step = with_wait(planted(&busy(0.62)), 710_000.0);
        step.generator.cpu_ratio = 0.3;
        step.generator.cpu_ns = 300;
        step.generator.ready_ns = Some(ready_ns);
        step
    };
    for (step, wanted) in [
        (
            full,
            "limited perhaps by the generator, whose threads used nearly all of their time.",
        ),
        (
            both,
            "limited perhaps by the generator, one of whose threads was at work for 95.0 % of the time, and \
             so was Redis's thread, busy 95.0 %.",
        ),
        (
            starving(660),
            "limited perhaps by the generator, whose threads were at work, or ready without a core, for \
             96.0 % of the time.",
        ),
        // A pool that waits for a core of this machine may not be too small.
        (
            starving(450),
            "unknown: Redis's thread is busy 31.0 %, waits for a connection are 71.0 % of a call, \
             the generator's threads were at work, or ready without a core, for 75.0 %",
        ),
    ] {
        let text = said(step);
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
}

#[test]
fn a_given_rate_that_was_carried_is_no_limit_even_if_the_thread_is_full() {
    let open = |carried: f64| {
        let mut step = planted(&[(redis::CPU_MAIN_THREAD_S, 1.9)]);
        step.load = Load::Open {
            rate_per_s: 100.0,
            pacing: Pacing::Constant,
            in_flight_cap: 1_024,
            delayed_at_cap: 0,
        };
        step.window.measure_end_ns = step.window.measure_start_ns + 2_000_000_000;
        let get = step.operations.get_mut("get").unwrap();
        get.pacing_lag.clone_from(&get.call);
        (get.attempted, get.throughput_per_s) = (200, 100.0 * carried);
        step
    };
    let carried = "Limit not reached, the rate was given: pool of 8.";
    assert_eq!(said(open(1.0)), carried);
    assert!(said(open(0.8)).contains("at 80.0/s: limited by Redis's thread"));
}

/// A step without an answer of the server, among others, makes the thread's use unknown.
#[test]
fn one_step_of_which_nothing_is_known_makes_the_limit_unknown() {
    let busy = planted(&[(redis::CPU_MAIN_THREAD_S, 1.9)]);
    let away = Step {
        server: None,
        ..busy.clone()
    };
    let found = ThroughputLimit::of(&[&busy, &away]).unwrap();
    assert!(matches!(found, ThroughputLimit::Unknown(_)), "{found:?}");
    assert_eq!(ThroughputLimit::of(&[]), None);
}
