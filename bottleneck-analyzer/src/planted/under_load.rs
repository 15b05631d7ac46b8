//! Tests that the machine is judged by what it did under the load, and that an impact is what would come back.

use std::ops::Range;

use bench_report::Report;

use crate::assessment::{Assessment, Finding, FindingKind, GateOutcome, ImpactOf};

use super::causes::{first, ruled_out};
use super::common::server::Server;
use super::common::{Plant, Recorded, SECOND, START};
use super::{assess, assess_reports, finding, gate, is_unknown, named};

/// Time of the load of [`beside`] in seconds since the start of the run, at which the recording begins.
const LOAD: Range<f64> = 0.0..6.0;
/// Time of the recording after that load.
const AFTERWARDS: Range<f64> = 20.0..101.0;
/// One sample of a quarter of a second under that load.
const MOMENT: Range<f64> = 0.9..1.1;

fn flat(name: &'static str, value: f64) -> Recorded {
    Recorded::flat(name, &[], value)
}

/// Returns the assessment of a load of three steps, healthy but for `server`, and of a recording of 100 s of
/// which `recorded` and `change` are planted.
fn beside(server: &Server, recorded: Vec<Recorded>, change: impl Fn(&mut Report)) -> Assessment {
    let plant = Plant {
        cpu: server.cpu,
        recorded,
        ..Plant::default()
    };
    let mut recording = plant.sysmon();
    change(&mut recording);
    assess_reports(&[server.run()[0].clone(), recording])
}

/// Sets the samples of the series `name` that end in `seconds` to `value`.
fn set(report: &mut Report, name: &str, seconds: &Range<f64>, value: Option<f64>) {
    let series = report.series.iter_mut().filter(|s| s.name == name);
    for series in series {
        for at in 0..series.len() {
            let at_s = (series.at_ns[at] - START) as f64 / SECOND as f64;
            if seconds.contains(&at_s) {
                series.mean[at] = value;
                series.min[at] = value;
                series.max[at] = value;
            }
        }
    }
}

fn of_kind<'a>(assessment: &'a Assessment, rule: &str, kind: FindingKind) -> &'a Finding {
    let found = finding(assessment, rule).unwrap_or_else(|| panic!("no {rule}"));
    assert_eq!(found.kind, kind, "{}", found.title);
    found
}

/// Creates a server whose quota stopped it in `throttled` of `periods` periods, for `stopped_ns` of 1.5 s in all.
fn under_a_quota(throttled: f64, periods: f64, stopped_ns: f64) -> Server {
    Server {
        figures: vec![
            ("server.cgroup.periods", periods),
            ("server.cgroup.throttled_periods", throttled),
            ("server.cgroup.throttled_ns", stopped_ns),
            ("server.cgroup.quota_cores", 2.0),
            ("server.load_cpu_ns", 1e9),
            ("server.load_ready_ns", 3e9),
        ],
        ..Server::default()
    }
}

#[test]
fn a_quota_that_stops_its_processes_for_moments_is_no_problem() {
    let of = |server: &Server| assess_reports(&server.run());
    assert!(ruled_out(&of(&under_a_quota(1.0, 6.0, 1e5)), "throttled"));
    let often = of(&under_a_quota(20.0, 300.0, 2e6));
    assert!(ruled_out(&often, "throttled"));
    assert!(finding(&often, "throttled").is_none());
    // Half of ten periods may be chance.
    let few = of(&under_a_quota(5.0, 10.0, 3e8));
    let few = of_kind(&few, "throttled", FindingKind::Information);
    assert!(few.impact.is_none() && few.detail.contains("a longer step"));
    // Sessions were ready half of the time, in a fifth of it because of the quota.
    let long = of(&under_a_quota(30.0, 150.0, 3e8));
    let long = of_kind(&long, "throttled", FindingKind::Problem);
    let ratio = long.impact.unwrap().ratio;
    assert!((0.15..0.25).contains(&ratio), "{ratio}");
}

/// Returns the series of a control group with the program `name` that was stopped in 60 % of its periods.
fn stopped_group(name: &'static str) -> Vec<Recorded> {
    let group = [("cgroup", "tenant.slice")];
    let process = [
        ("cgroup", "tenant.slice/one"),
        ("name", name),
        ("pid", "2000"),
    ];
    vec![
        Recorded::flat("cgroup.cpu.throttled_periods_ratio", &group, 0.6),
        Recorded::flat("cgroup.cpu.throttled_cores", &group, 0.8),
        Recorded::flat("process.cpu_cores", &process, 0.3),
    ]
}

#[test]
fn only_the_quota_of_the_server_or_of_the_generator_costs_calls_time() {
    let server = Server {
        figures: vec![("server.load_cpu_ns", 1e9), ("server.load_ready_ns", 2e9)],
        ..Server::default()
    };
    let of = |program| beside(&server, stopped_group(program), |_| {});
    let stranger = of("rsync");
    let note = of_kind(&stranger, "throttled", FindingKind::Information);
    assert_eq!(note.impact, None);
    assert!(
        note.detail.contains("Its programs: rsync"),
        "{}",
        note.detail
    );
    let own = of("postgres");
    let own = of_kind(&own, "throttled", FindingKind::Problem);
    assert!(own.impact.unwrap().saved_ns.is_some(), "{own:?}");
    let words = "60 % of its periods; stopped for 80 % of the time, added up over its processes";
    assert!(own.title.contains(words), "{}", own.title);
    // What the server's sessions waited for is not the quota of the generator.
    let load = of("db-pool-bench");
    let load = of_kind(&load, "throttled", FindingKind::Problem);
    let impact = load.impact.unwrap();
    assert_eq!((impact.of, impact.saved_ns), (ImpactOf::Capacity, None));
    assert!(load.detail.contains("The generator runs in it"));
}

#[test]
fn a_group_that_was_recorded_for_a_moment_of_the_step_is_not_judged() {
    let short = |report: &mut Report| {
        for name in [
            "cgroup.cpu.throttled_periods_ratio",
            "cgroup.cpu.throttled_cores",
        ] {
            set(report, name, &(0.8..101.0), None);
        }
    };
    let assessment = beside(&Server::default(), stopped_group("postgres"), short);
    assert!(finding(&assessment, "throttled").is_none());
    assert!(!ruled_out(&assessment, "throttled"));
}

#[test]
fn a_share_of_lost_packets_is_of_all_that_came_and_needs_some_that_were_lost() {
    let planted = |recorded| {
        assess(&Plant {
            recorded,
            ..Plant::default()
        })
    };
    let lost = planted(vec![
        flat("udp.receive_buffer_errors_per_s", 3_000.0),
        flat("udp.received_per_s", 1_000.0),
    ]);
    let lost = of_kind(&lost, "udp_drops", FindingKind::Information);
    assert!(lost.title.contains("75.0 %"), "{}", lost.title);
    // One packet in 50 s.
    let rare = planted(vec![
        flat("network.softnet_drops_per_s", 0.02),
        flat("network.softnet_packets_per_s", 100.0),
    ]);
    assert!(ruled_out(&rare, "packet_drops"), "{:?}", named(&rare));
    let all = planted(vec![
        flat("network.softnet_drops_per_s", 300.0),
        flat("network.softnet_packets_per_s", 100.0),
    ]);
    let all = of_kind(&all, "packet_drops", FindingKind::Problem);
    assert!(all.title.contains("75.0 %"), "{}", all.title);
}

/// Planted: one packet each second and half of another lost in each step, and 300 of 100,000 lost between the steps.
#[test]
fn a_large_share_of_hardly_any_packets_does_not_hide_the_loss_of_many() {
    let (drops, packets) = (
        "network.softnet_drops_per_s",
        "network.softnet_packets_per_s",
    );
    let recorded = vec![flat(drops, 300.0), flat(packets, 99_700.0)];
    let lost = beside(&Server::default(), recorded, |report| {
        for seconds in [0.6..1.55, 2.6..3.55, 4.6..5.55] {
            set(report, drops, &seconds, Some(0.5));
            set(report, packets, &seconds, Some(1.0));
        }
    });
    let lost = of_kind(&lost, "packet_drops", FindingKind::Problem);
    assert!(lost.title.contains("drop 0.3 %"), "{}", lost.title);
}

#[test]
fn a_program_that_used_the_disks_at_another_time_did_not_make_the_load_wait() {
    let copied = |during: &Range<f64>| {
        let name = "process.disk_write_bytes_per_s";
        let recorded = vec![
            flat("pressure.io.some_ratio", 0.01),
            Recorded::flat("disk.write_bytes_per_s", &[("device", "vda")], 1e8),
            Recorded::flat(name, &[("name", "rsync"), ("pid", "77")], 0.0),
        ];
        beside(&Server::default(), recorded, |report| {
            set(report, "pressure.io.some_ratio", &LOAD, Some(0.4));
            set(report, name, during, Some(9.9e7));
        })
    };
    let later = copied(&AFTERWARDS);
    assert!(ruled_out(&later, "disk_others"), "{:?}", named(&later));
    let meanwhile = copied(&LOAD);
    assert_eq!(named(&meanwhile), ["disk_others"]);
    let found = of_kind(&meanwhile, "disk_others", FindingKind::Problem);
    assert!(
        found.detail.contains("99 % of the disks' bytes"),
        "{}",
        found.detail
    );
}

#[test]
fn a_recording_on_another_clock_tells_nothing_about_the_load() {
    let plant = Plant {
        cpu: Server::default().cpu,
        steal: 0.2,
        memory: 0.9,
        memory_pressure: 0.4,
        swap_in: 5e7,
        ..Plant::default()
    };
    let rules = ["steal", "memory_used", "memory_pressure", "swapping"];
    let bench = Server::default().run()[0].clone();
    let told = assess_reports(&[bench.clone(), plant.sysmon()]);
    assert!(rules.iter().all(|rule| named(&told).contains(rule)));
    assert_eq!(gate(&told, "machine.memory").outcome, GateOutcome::Pass);
    let mut elsewhere = bench;
    elsewhere.clock.boot_id = None;
    let apart = assess_reports(&[elsewhere.clone(), plant.sysmon()]);
    assert_eq!(named(&apart), Vec::<&str>::new());
    for rule in rules
        .iter()
        .chain(&["disk_others", "packet_drops", "udp_drops"])
    {
        assert!(
            is_unknown(&apart, rule) && !ruled_out(&apart, rule),
            "{rule}"
        );
    }
    assert_eq!(gate(&apart, "machine.memory").outcome, GateOutcome::Unknown);
    // A second load on the clock of the recording is judged, and the gate is not passed for both.
    let both = assess_reports(&[elsewhere, plant.redis(), plant.sysmon()]);
    assert!(named(&both).contains(&"steal"));
    assert_eq!(gate(&both, "machine.memory").outcome, GateOutcome::Unknown);
}

#[test]
fn a_race_for_an_entry_is_no_full_table() {
    let table = |count: f64, drops: f64| {
        assess(&Plant {
            recorded: vec![
                flat("conntrack.count", count),
                flat("conntrack.insert_failed_per_s", 2.0),
                flat("conntrack.drops_per_s", drops),
            ],
            ..Plant::default()
        })
    };
    // Some kernels count the packet of a lost race among the drops.
    for drops in [0.0, 2.0] {
        let assessment = table(300.0, drops);
        let note = of_kind(&assessment, "conntrack_full", FindingKind::Information);
        assert!(note.detail.contains("300 of 262144"), "{}", note.detail);
        assert!(note.detail.contains("this is a race"), "{}", note.detail);
    }
    let full = table(250_000.0, 0.0);
    let full = of_kind(&full, "conntrack_full", FindingKind::Problem);
    assert!(full.title.contains("nearly full"), "{}", full.title);
    let dropping = table(300.0, 7.0);
    of_kind(&dropping, "conntrack_full", FindingKind::Problem);
}

#[test]
fn a_full_link_stands_behind_a_lock_whose_time_was_measured() {
    let server = Server {
        waits: vec![("Lock.transactionid", 0.6)],
        ..Server::default()
    };
    let eth0 = [("interface", "eth0")];
    let recorded = vec![
        Recorded::flat("network.transmit_bytes_per_s", &eth0, 1.2e8),
        Recorded::flat("network.transmit_used_ratio", &eth0, 0.95),
    ];
    let assessment = beside(&server, recorded, |_| {});
    first(&assessment, "lock_waits");
    let link = of_kind(&assessment, "link_saturated", FindingKind::Problem);
    assert_eq!(link.impact, None);
}

#[test]
fn a_group_full_of_cache_that_nobody_waits_for_is_not_called_short_of_memory() {
    let group = [("cgroup", "app.slice")];
    let used = Recorded::flat("cgroup.memory.used_ratio", &group, 0.98);
    let plant = Plant {
        recorded: vec![used],
        ..Plant::default()
    };
    let cached = assess(&plant);
    let note = of_kind(&cached, "group_memory_limit", FindingKind::Information);
    for words in ["but not the active one", "it was not short of it"] {
        assert!(note.detail.contains(words), "{words}: {}", note.detail);
    }
    let unknown = assess(&Plant {
        unrecorded: vec!["cgroup.pressure.memory.some_ratio"],
        ..plant
    });
    let note = of_kind(&unknown, "group_memory_limit", FindingKind::Information);
    assert!(note.detail.contains("was not recorded"), "{}", note.detail);
}

#[test]
fn swapping_is_judged_by_its_mean_under_the_load() {
    let swapped = |during: &Range<f64>, per_s: f64| {
        beside(&Server::default(), Vec::new(), |report| {
            set(report, "swap.in_bytes_per_s", during, Some(per_s));
        })
    };
    assert!(ruled_out(&swapped(&AFTERWARDS, 5e7), "swapping"));
    assert!(ruled_out(&swapped(&MOMENT, 2e6), "swapping"));
    let meanwhile = swapped(&LOAD, 5e7);
    of_kind(&meanwhile, "swapping", FindingKind::Problem);
}

#[test]
fn memory_is_judged_under_the_load_and_a_peak_of_it_is_a_note() {
    let used = |during: &Range<f64>| {
        beside(&Server::default(), Vec::new(), |report| {
            set(report, "memory.used_ratio", during, Some(0.95));
        })
    };
    assert!(ruled_out(&used(&AFTERWARDS), "memory_used"));
    let peak = used(&MOMENT);
    let peak = of_kind(&peak, "memory_used", FindingKind::Information);
    assert!(peak.title.contains("for a while: 95 %"), "{}", peak.title);
    of_kind(&used(&LOAD), "memory_used", FindingKind::Problem);
}

#[test]
fn a_process_that_was_ended_after_the_load_spoils_nothing() {
    let killed = |at: &Range<f64>| {
        beside(&Server::default(), Vec::new(), |report| {
            set(report, "memory.oom_kills", at, Some(1.0));
        })
    };
    let later = killed(&(49.9..50.1));
    let note = of_kind(&later, "oom_kill", FindingKind::Information);
    let words = "44.5 s after the end of the load";
    assert!(note.detail.contains(words), "{}", note.detail);
    let meanwhile = killed(&MOMENT);
    let found = of_kind(&meanwhile, "oom_kill", FindingKind::Problem);
    assert!(
        found.detail.contains("cannot be compared"),
        "{}",
        found.detail
    );
}
