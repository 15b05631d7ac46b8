//! Tests of limits of the machine: memory, control groups, network and GPUs, each with its owner.

use bench_report::{Growing, GrowthVerdict};

use crate::assessment::{Assessment, FindingKind};

use super::causes::ruled_out;
use super::common::{Plant, Recorded};
use super::{assess, assess_reports, finding, is_unknown, named};

const GROUP: [(&str, &str); 1] = [("cgroup", "app.slice")];
const ETH0: [(&str, &str); 1] = [("interface", "eth0")];

fn planted(recorded: Vec<Recorded>) -> Assessment {
    assess(&Plant {
        recorded,
        ..Plant::default()
    })
}

fn without(series: &[&'static str]) -> Assessment {
    assess(&Plant {
        unrecorded: series.to_vec(),
        ..Plant::default()
    })
}

fn flat(name: &'static str, value: f64) -> Recorded {
    Recorded::flat(name, &[], value)
}

/// Panics unless `rule` has a finding of the kind `kind` whose title contains `title`.
fn says<'a>(
    assessment: &'a Assessment,
    rule: &str,
    kind: FindingKind,
    title: &str,
) -> &'a crate::assessment::Finding {
    let found = finding(assessment, rule).unwrap_or_else(|| panic!("no {rule}"));
    assert!(found.title.contains(title), "{}", found.title);
    assert_eq!(found.kind, kind, "{}", found.title);
    found
}

#[test]
fn a_process_that_the_kernel_ended_is_named_with_the_group_whose_limit_it_was() {
    let kill = || Recorded::flat("cgroup.memory.oom_kills", &GROUP, 1.0);
    let assessment = planted(vec![kill()]);
    assert_eq!(named(&assessment), ["oom_kill"]);
    let title = "the memory limit of the control group app.slice ran out";
    says(&assessment, "oom_kill", FindingKind::Problem, title);
    let assessment = planted(vec![flat("memory.oom_kills", 1.0)]);
    says(
        &assessment,
        "oom_kill",
        FindingKind::Problem,
        "the machine's memory ran out",
    );
    assert!(ruled_out(&assess(&Plant::default()), "oom_kill"));
    let unknown = without(&["memory.oom_kills", "cgroup.memory.oom_kills"]);
    assert!(is_unknown(&unknown, "oom_kill"));
}

/// Returns the assessment of a run in whose recording, of 100 s, `sysmon` found that the memory of PostgreSQL grew
/// by `grown` bytes, while that of the machine grew by `anonymous`.
fn grown(verdict: GrowthVerdict, grown: f64, anonymous: f64) -> Assessment {
    growing(verdict, (grown, grown / 100.0), anonymous)
}

/// Returns the same for memory that grew by `grown` bytes in all and by `per_s` each second.
fn growing(verdict: GrowthVerdict, (grown, per_s): (f64, f64), anonymous: f64) -> Assessment {
    let plant = Plant {
        recorded: vec![Recorded::rising(
            "memory.anonymous_bytes",
            &[],
            2e9,
            2e9 + anonymous,
        )],
        ..Plant::default()
    };
    let mut recording = plant.sysmon();
    let mut series = recording.series.iter();
    let memory = series.find(|s| s.name == "process.rss_bytes").unwrap();
    let growing = Growing {
        series: memory.name.clone(),
        labels: memory.labels.clone(),
        verdict,
        per_s,
        grown,
        p_value: 1e-9,
    };
    recording.summary.growth.push(growing);
    assess_reports(&[plant.postgres(), recording])
}

#[test]
fn memory_that_keeps_growing_is_a_leak_only_if_it_is_the_process_s_own() {
    let leak = grown(GrowthVerdict::Leak, 2e8, 2e8);
    let title = "The memory of postgres (process 1000, control group app.slice/db) grew by 191 MiB";
    says(&leak, "memory_growth", FindingKind::Problem, title);
    let shared = grown(GrowthVerdict::Leak, 2e8, 0.0);
    let note = says(
        &shared,
        "memory_growth",
        FindingKind::Information,
        "grew by",
    );
    assert!(note.detail.contains("shares"), "{}", note.detail);
    let cache = grown(GrowthVerdict::Growing, 2e8, 2e8);
    let note = says(&cache, "memory_growth", FindingKind::Information, "grew by");
    assert!(
        note.detail.contains("may still level off"),
        "{}",
        note.detail
    );
    assert!(ruled_out(
        &grown(GrowthVerdict::Leak, 4e7, 4e7),
        "memory_growth"
    ));
    assert!(is_unknown(
        &without(&["process.rss_bytes"]),
        "memory_growth"
    ));
}

/// The means of the first and of the last third of an even growth differ by two thirds of it.
#[test]
fn half_of_the_growth_must_show_in_the_machine_s_anonymous_memory() {
    for (anonymous, kind) in [
        (1.01e8, FindingKind::Problem),
        (0.99e8, FindingKind::Information),
    ] {
        let assessment = grown(GrowthVerdict::Leak, 2e8, anonymous);
        says(&assessment, "memory_growth", kind, "grew by 191 MiB");
    }
}

#[test]
fn memory_grows_from_50_mb_and_5_percent_an_hour_on() {
    let is_told = |grown: f64, per_s: f64| {
        let assessment = growing(GrowthVerdict::Leak, (grown, per_s), 2e8);
        !ruled_out(&assessment, "memory_growth")
    };
    assert!(is_told(5e7, 5e5) && !is_told(49_999_999.0, 5e5));
    // 5 % of 1 GB are 13.9 kB a second for an hour.
    assert!(is_told(2e8, 14_000.0) && !is_told(2e8, 13_800.0));
}

#[test]
fn a_group_at_its_memory_limit_is_a_problem_only_where_its_tasks_wait() {
    let near = |waits: f64| {
        planted(vec![
            Recorded::flat("cgroup.memory.used_ratio", &GROUP, 0.98),
            Recorded::flat("cgroup.memory.limit_hits", &GROUP, 3.0),
            Recorded::flat("cgroup.pressure.memory.some_ratio", &GROUP, waits),
        ])
    };
    let assessment = near(0.3);
    assert_eq!(named(&assessment), ["group_memory_limit"]);
    let title = "The control group app.slice is held back by its memory limit";
    let found = says(
        &assessment,
        "group_memory_limit",
        FindingKind::Problem,
        title,
    );
    assert!(
        found.detail.contains("waited for memory 30 % of the time"),
        "{}",
        found.detail
    );
    let quiet = near(0.0);
    says(
        &quiet,
        "group_memory_limit",
        FindingKind::Information,
        "is near its memory limit",
    );
    assert!(ruled_out(&assess(&Plant::default()), "group_memory_limit"));
    assert!(is_unknown(
        &without(&["cgroup.memory.used_ratio"]),
        "group_memory_limit"
    ));
}

#[test]
fn a_group_that_may_start_no_more_processes_is_named() {
    let assessment = planted(vec![
        Recorded::flat("cgroup.pids.refused", &GROUP, 4.0),
        Recorded::flat("cgroup.pids.used_ratio", &GROUP, 1.0),
    ]);
    assert_eq!(named(&assessment), ["group_pids_limit"]);
    let title = "The control group app.slice may start no more processes";
    says(&assessment, "group_pids_limit", FindingKind::Problem, title);
    let near = planted(vec![Recorded::flat("cgroup.pids.used_ratio", &GROUP, 0.95)]);
    says(
        &near,
        "group_pids_limit",
        FindingKind::Information,
        "is near its limit",
    );
    assert!(ruled_out(&assess(&Plant::default()), "group_pids_limit"));
    assert!(is_unknown(&without(&["cgroup.pids"]), "group_pids_limit"));
}

#[test]
fn a_full_link_is_named_and_one_of_unknown_speed_is_not_judged() {
    let sending = |ratio| {
        vec![
            Recorded::flat("network.transmit_bytes_per_s", &ETH0, 1.2e8),
            Recorded::flat("network.transmit_used_ratio", &ETH0, ratio),
        ]
    };
    let assessment = planted(sending(0.95));
    assert_eq!(named(&assessment), ["link_saturated"]);
    let title = "The network link eth0 is used up: 95 % of its speed sent";
    says(&assessment, "link_saturated", FindingKind::Problem, title);
    assert!(ruled_out(&planted(sending(0.5)), "link_saturated"));
    let unknown = assess(&Plant {
        recorded: sending(0.95),
        unrecorded: vec!["network.transmit_used_ratio", "network.receive_used_ratio"],
        ..Plant::default()
    });
    assert!(is_unknown(&unknown, "link_saturated"));
    // Without a known speed, little traffic is little all the same.
    let quiet = without(&["network.transmit_used_ratio", "network.receive_used_ratio"]);
    assert!(ruled_out(&quiet, "link_saturated"));
}

#[test]
fn packets_that_cpus_drop_are_a_problem_and_those_of_an_interface_a_note() {
    let assessment = planted(vec![flat("network.softnet_drops_per_s", 50.0)]);
    assert_eq!(named(&assessment), ["packet_drops"]);
    let title = "CPUs drop 0.5 % of the packets that arrive";
    says(&assessment, "packet_drops", FindingKind::Problem, title);
    let foreign = planted(vec![Recorded::flat(
        "network.receive_drops_per_s",
        &ETH0,
        50.0,
    )]);
    says(
        &foreign,
        "packet_drops",
        FindingKind::Information,
        "Network interface eth0: 0.5 % received packets dropped",
    );
    assert!(ruled_out(&assess(&Plant::default()), "packet_drops"));
    assert!(is_unknown(
        &without(&["network.softnet_drops_per_s"]),
        "packet_drops"
    ));
}

#[test]
fn segments_sent_again_full_queues_and_lost_datagrams_are_told() {
    let again = planted(vec![flat("tcp.retransmits_per_s", 50.0)]);
    let title = "TCP sends 0.5 % of its segments again";
    says(&again, "retransmits", FindingKind::Information, title);
    let full = planted(vec![
        flat("tcp.listen_overflows_per_s", 20.0),
        flat("tcp.listen_drops_per_s", 20.0),
    ]);
    says(
        &full,
        "listen_overflows",
        FindingKind::Information,
        "its queue was full",
    );
    let lost = planted(vec![flat("udp.receive_buffer_errors_per_s", 1.0)]);
    says(
        &lost,
        "udp_drops",
        FindingKind::Information,
        "9.1 % of the datagrams",
    );
    let healthy = assess(&Plant::default());
    for (rule, series) in [
        ("retransmits", "tcp.retransmits_per_s"),
        ("listen_overflows", "tcp.listen_overflows_per_s"),
        ("udp_drops", "udp.receive_buffer_errors_per_s"),
    ] {
        assert!(ruled_out(&healthy, rule), "{rule}");
        assert!(is_unknown(&without(&[series]), rule), "{rule}");
    }
}

#[test]
fn a_firewall_s_full_table_is_a_problem_and_one_that_tracks_nothing_is_not() {
    let assessment = planted(vec![flat("conntrack.count", 260_000.0)]);
    assert_eq!(named(&assessment), ["conntrack_full"]);
    let title = "260000 of 262144 connections tracked";
    says(&assessment, "conntrack_full", FindingKind::Problem, title);
    let dropping = planted(vec![flat("conntrack.drops_per_s", 7.0)]);
    says(
        &dropping,
        "conntrack_full",
        FindingKind::Problem,
        "drops packets that it cannot track",
    );
    assert!(ruled_out(&without(&["conntrack.count"]), "conntrack_full"));
    let old = without(&["conntrack.count", "tcp.ephemeral_ports"]);
    assert!(is_unknown(&old, "conntrack_full"));
}

#[test]
fn ports_are_judged_by_destination_and_all_sockets_only_rule_them_out() {
    let used = |ports| planted(vec![flat("tcp.ephemeral_ports_used", ports)]);
    let assessment = used(28_000.0);
    assert_eq!(named(&assessment), ["ports_used_up"]);
    let title = "used up: 28000 of 28232 ports to one destination";
    says(&assessment, "ports_used_up", FindingKind::Problem, title);
    assert!(ruled_out(&used(20_000.0), "ports_used_up"));
    assert!(ruled_out(&assess(&Plant::default()), "ports_used_up"));
    // That many sockets may be of one destination, or of many.
    let many = planted(vec![flat("tcp.time_wait", 27_000.0)]);
    assert!(is_unknown(&many, "ports_used_up"));
    assert!(is_unknown(
        &without(&["tcp.ephemeral_ports"]),
        "ports_used_up"
    ));
}

#[test]
fn a_gpu_is_full_by_its_memory_and_busy_by_its_time() {
    const GPU: [(&str, &str); 2] = [("gpu", "0"), ("name", "NVIDIA H200")];
    let gpu = |used: f64, busy: f64| {
        vec![
            Recorded::flat("gpu.memory_used_bytes", &GPU, used),
            Recorded::flat("gpu.memory_total_bytes", &GPU, 150e9),
            Recorded::flat("gpu.utilisation_ratio", &GPU, busy),
        ]
    };
    let assessment = planted(gpu(148e9, 0.5));
    assert_eq!(named(&assessment), ["gpu_limit"]);
    let title = "The memory of GPU 0 (NVIDIA H200) is nearly full: 138 GiB of 140 GiB";
    says(&assessment, "gpu_limit", FindingKind::Problem, title);
    let busy = planted(gpu(50e9, 0.99));
    says(
        &busy,
        "gpu_limit",
        FindingKind::Information,
        "was never idle: a kernel ran 99 % of the time",
    );
    assert!(ruled_out(&planted(gpu(50e9, 0.5)), "gpu_limit"));
    let unknown = assess(&Plant {
        recorded: gpu(50e9, 0.5),
        unrecorded: vec!["gpu.memory_total_bytes"],
        ..Plant::default()
    });
    assert!(is_unknown(&unknown, "gpu_limit"));
}

#[test]
fn memory_that_the_cache_of_zfs_holds_is_not_used_up() {
    let cached = |arc: f64| Plant {
        memory: 0.9,
        recorded: vec![
            flat("memory.total_bytes", 100e9),
            flat("memory.arc_bytes", arc),
            flat("memory.arc_min_bytes", 5e9),
        ],
        ..Plant::default()
    };
    let assessment = assess(&cached(60e9));
    assert!(named(&assessment).is_empty());
    assert!(ruled_out(&assessment, "memory_used"));
    assert_eq!(named(&assess(&cached(10e9))), ["memory_used"]);
    // Where memory is really used up, its largest owner is named with its group.
    let used_up = assess(&Plant {
        memory: 0.9,
        ..Plant::default()
    });
    let found = finding(&used_up, "memory_used").unwrap();
    let owner =
        "The largest user is postgres (process 1000, control group app.slice/db), with 954 MiB.";
    assert!(found.detail.contains(owner), "{}", found.detail);
}
