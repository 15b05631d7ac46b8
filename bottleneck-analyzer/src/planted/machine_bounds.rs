//! Tests of limits of the machine at their bounds, in recordings whose values stay exactly as planted.

use bench_report::{Report, Series, store};

use crate::assessment::{Assessment, Confidence, FindingKind};
use crate::run_reports::RunReports;
use crate::thresholds::Thresholds;
use crate::{analysis, cli};

use super::causes::ruled_out;
use super::common::parts::begin;
use super::common::{START, coherent};
use super::{finding, is_unknown};

/// Length of a sample in nanoseconds: a power of two, so that the mean of equal samples is exactly their value.
const SAMPLE_NS: u64 = 1 << 29;
const APP: [(&str, &str); 1] = [("cgroup", "app.slice")];
const DB: [(&str, &str); 1] = [("cgroup", "db.slice")];

/// Returns the assessment of `reports` with their figures exactly as they are.
pub(super) fn exactly(reports: &[Report]) -> Assessment {
    let home = tempfile::tempdir().unwrap();
    for report in reports {
        let path = home.path().join(format!("{}.json", report.file_stem()));
        store::save_json(&path, &coherent(report)).unwrap();
    }
    let run = RunReports::load(&[home.path().to_owned()]).unwrap();
    let thresholds = Thresholds::load(None).unwrap();
    analysis::assess(&run, &thresholds, cli::tool())
}

/// Returns the assessment of a recording of the machine alone.
fn recorded(series: Vec<Series>) -> Assessment {
    let mut report = begin("sysmon", "record", START);
    report.duration_ns = 2 * SAMPLE_NS;
    report.series = series;
    exactly(&[report])
}

fn two(name: &str, labels: &[(&str, &str)], samples: [f64; 2]) -> Series {
    let mut series = Series::new(name);
    for (key, value) in labels {
        series = series.label(key, *value);
    }
    series.push(START, None);
    series.push(START + SAMPLE_NS, Some(samples[0]));
    series.push(START + 2 * SAMPLE_NS, Some(samples[1]));
    series
}

fn of(name: &str, labels: &[(&str, &str)], value: f64) -> Series {
    two(name, labels, [value; 2])
}

fn flat(name: &str, value: f64) -> Series {
    of(name, &[], value)
}

fn kind(assessment: &Assessment, rule: &str) -> Option<FindingKind> {
    finding(assessment, rule).map(|found| found.kind)
}

fn statement<'a>(assessment: &'a Assessment, rule: &str) -> &'a str {
    let mut all = assessment.ruled_out.iter();
    &all.find(|one| one.rule == rule).unwrap().statement
}

#[test]
fn space_and_inodes_are_told_from_nine_tenths_on_and_are_a_problem_from_98_percent_on() {
    for (series, rule) in [
        ("filesystem.used_ratio", "file_system_full"),
        ("filesystem.inodes_used_ratio", "inodes_used_up"),
    ] {
        for (used, expected) in [
            (0.89, None),
            (0.9, Some(FindingKind::Information)),
            (0.95, Some(FindingKind::Information)),
            (0.98, Some(FindingKind::Problem)),
            (1.0, Some(FindingKind::Problem)),
        ] {
            let assessment = recorded(vec![of(series, &[("mount", "/srv")], used)]);
            assert_eq!(kind(&assessment, rule), expected, "{rule} at {used}");
            assert_eq!(ruled_out(&assessment, rule), expected.is_none(), "{used}");
        }
    }
}

/// Planted: file systems that did not answer for ten seconds, for a little longer, and for far longer.
#[test]
fn the_longer_a_file_system_did_not_answer_the_surer_it_hung() {
    for (silent_ns, confidence) in [
        (10e9, Confidence::Low),
        (13e9, Confidence::Medium),
        (42e9, Confidence::High),
    ] {
        let silent = of("filesystem.silent_ns", &[("mount", "/srv")], silent_ns);
        let assessment = recorded(vec![silent]);
        let found = finding(&assessment, "file_system_hung").unwrap();
        assert_eq!(found.confidence, confidence, "{silent_ns}");
    }
}

/// Planted: for each figure, its bound, and a little less.
#[test]
fn shares_of_the_machine_are_problems_from_their_bounds_on() {
    for (series, rule, bound, below) in [
        ("memory.used_ratio", "memory_used", 0.8, 0.799),
        ("pressure.memory.some_ratio", "memory_pressure", 0.1, 0.099),
        ("swap.in_bytes_per_s", "swapping", 1_048_576.0, 1_048_575.0),
        ("cpu.steal_ratio", "steal", 0.05, 0.049),
    ] {
        let at = recorded(vec![flat(series, bound)]);
        assert_eq!(kind(&at, rule), Some(FindingKind::Problem), "{rule}");
        let less = recorded(vec![flat(series, below)]);
        assert_eq!(kind(&less, rule), None, "{rule}");
        assert!(ruled_out(&less, rule), "{rule}");
    }
}

/// Planted: as many bytes as the bound allows, 1.3 times and ten times as many.
#[test]
fn the_more_is_read_back_from_swap_the_surer_the_machine_swaps() {
    for (times, confidence) in [
        (1.0, Confidence::Low),
        (1.3, Confidence::Medium),
        (10.0, Confidence::High),
    ] {
        let assessment = recorded(vec![flat("swap.in_bytes_per_s", times * 1_048_576.0)]);
        let found = finding(&assessment, "swapping").unwrap();
        assert_eq!(found.confidence, confidence, "{times}");
    }
}

/// Planted: something waits for a disk in a tenth of the time, or in less, and no transfers were recorded.
#[test]
fn who_keeps_the_disks_busy_is_asked_from_a_tenth_of_the_time_on() {
    let waiting = |share| recorded(vec![flat("pressure.io.some_ratio", share)]);
    let short = waiting(0.1);
    assert!(is_unknown(&short, "disk_others") && !ruled_out(&short, "disk_others"));
    assert!(ruled_out(&waiting(0.099), "disk_others"));
}

/// Returns the assessment of a machine with the memory used in two samples, the whole memory, and the memory that the
/// cache of ZFS holds and keeps at least.
fn with_zfs(used: [f64; 2], total: f64, (arc, least): (f64, f64)) -> Assessment {
    recorded(vec![
        two("memory.used_ratio", &[], used),
        flat("memory.total_bytes", total),
        flat("memory.arc_bytes", arc),
        flat("memory.arc_min_bytes", least),
    ])
}

#[test]
fn what_zfs_keeps_at_least_is_used_and_the_rest_of_its_cache_is_not() {
    // ZFS gives 20 of 100 bytes back.
    let given_back = with_zfs([0.9; 2], 100.0, (30.0, 10.0));
    assert_eq!(kind(&given_back, "memory_used"), None);
    let told = statement(&given_back, "memory_used");
    assert!(told.contains("gives back 20 % (ARC)"), "{told}");
    // What is left is the bound of 80 %, all the time.
    let at_the_bound = with_zfs([1.0; 2], 100.0, (30.0, 10.0));
    let expected = Some(FindingKind::Problem);
    assert_eq!(kind(&at_the_bound, "memory_used"), expected);
    // A memory of no size tells nothing about the cache.
    let no_size = with_zfs([0.9; 2], 0.0, (30.0, 10.0));
    assert_eq!(kind(&no_size, "memory_used"), expected);
}

/// Planted: 75 and 98 % are used, of which ZFS gives back a tenth of the memory: 65 and 88 % are left.
#[test]
fn memory_that_is_used_up_for_a_while_beside_the_cache_of_zfs_is_a_note() {
    let assessment = with_zfs([0.75, 0.98], 100.0, (30.0, 20.0));
    let found = finding(&assessment, "memory_used").unwrap();
    assert_eq!(found.kind, FindingKind::Information);
    assert!(found.title.contains("for a while"), "{}", found.title);
}

/// Returns the series of a control group with a memory limit.
fn limited(group: &[(&str, &str)], used: f64, hits: f64, waits: f64) -> Vec<Series> {
    vec![
        of("cgroup.memory.used_ratio", group, used),
        of("cgroup.memory.limit_bytes", group, 2e9),
        of("cgroup.memory.limit_hits", group, hits),
        of("cgroup.pressure.memory.some_ratio", group, waits),
    ]
}

#[test]
fn a_memory_limit_holds_a_group_back_if_it_was_reached_and_tasks_waited() {
    let of_group = |used, hits, waits| {
        let assessment = recorded(limited(&APP, used, hits, waits));
        let found = kind(&assessment, "group_memory_limit");
        assert_eq!(
            ruled_out(&assessment, "group_memory_limit"),
            found.is_none()
        );
        found
    };
    assert_eq!(of_group(0.4, 3.0, 0.3), Some(FindingKind::Problem));
    assert_eq!(of_group(0.4, 0.0, 0.3), None);
    assert_eq!(of_group(0.4, 3.0, 0.04), None);
    assert_eq!(of_group(0.98, 0.0, 0.3), Some(FindingKind::Information));
}

#[test]
fn the_group_that_reached_its_own_limit_is_the_one_that_is_named() {
    let mut both = limited(&DB, 0.4, 0.0, 0.0);
    both.extend(limited(&APP, 0.4, 3.0, 0.3));
    let assessment = recorded(both);
    let found = finding(&assessment, "group_memory_limit").unwrap();
    let thing = found.thing.as_deref();
    assert_eq!(thing, Some("the control group app.slice"));
    assert_eq!(found.kind, FindingKind::Problem);
}

/// Planted: a GPU whose memory was read as of no size.
#[test]
fn a_gpu_whose_memory_has_no_size_is_not_judged() {
    let gpu = [("gpu", "0"), ("name", "NVIDIA H200")];
    let assessment = recorded(vec![
        of("gpu.memory_used_bytes", &gpu, 10.0),
        of("gpu.memory_total_bytes", &gpu, 0.0),
    ]);
    assert_eq!(kind(&assessment, "gpu_limit"), None);
    assert!(is_unknown(&assessment, "gpu_limit"));
}

/// Returns the assessment of a firewall that tracks `count` of `most` connections, with packets dropped and entries
/// not inserted in each second.
fn tracking(count: f64, most: f64, dropped: f64, failed: f64) -> Assessment {
    recorded(vec![
        flat("conntrack.count", count),
        flat("conntrack.most", most),
        flat("conntrack.drops_per_s", dropped),
        flat("conntrack.insert_failed_per_s", failed),
    ])
}

#[test]
fn more_packets_dropped_than_entries_not_inserted_are_a_full_table_and_as_many_are_a_race() {
    let judged = |dropped, failed| kind(&tracking(10.0, 100.0, dropped, failed), "conntrack_full");
    assert_eq!(judged(6.0, 5.0), Some(FindingKind::Problem));
    assert_eq!(judged(5.0, 5.0), Some(FindingKind::Information));
    assert_eq!(judged(4.0, 5.0), Some(FindingKind::Information));
    assert_eq!(judged(1.0, 0.0), Some(FindingKind::Problem));
    assert_eq!(judged(0.9, 0.9), None);
}

#[test]
fn a_table_of_connections_is_nearly_full_from_nine_tenths_on_if_its_size_is_known() {
    let full = tracking(9.0, 10.0, 0.0, 0.0);
    assert_eq!(kind(&full, "conntrack_full"), Some(FindingKind::Problem));
    for (most, words) in [
        (10.0, "at most 8 of 10 connections tracked"),
        (0.0, "at most 8 connections tracked"),
    ] {
        let room = tracking(8.0, most, 0.0, 0.0);
        assert_eq!(kind(&room, "conntrack_full"), None);
        let told = statement(&room, "conntrack_full");
        assert!(told.contains(words), "{told}");
        let mut all = room.ruled_out.iter();
        let one = all.find(|one| one.rule == "conntrack_full").unwrap();
        let labels = one.evidence.iter().map(|item| item.label.as_str());
        let labels: Vec<&str> = labels.collect();
        assert!(labels[0].starts_with("connections tracked"), "{labels:?}");
        assert_eq!(labels.len(), if most > 0.0 { 2 } else { 1 });
    }
}

#[test]
fn ports_are_used_up_from_nine_tenths_on_and_all_sockets_bound_them_from_above() {
    let to_one = |used: f64| {
        recorded(vec![
            flat("tcp.ephemeral_ports", 10.0),
            flat("tcp.ephemeral_ports_used", used),
        ])
    };
    let full = to_one(9.0);
    assert_eq!(kind(&full, "ports_used_up"), Some(FindingKind::Problem));
    let room = statement(&to_one(8.0), "ports_used_up").to_owned();
    assert!(room.contains("8 of 10 ports to one"), "{room}");
    let in_all = |sockets: f64, waiting: f64| {
        recorded(vec![
            flat("tcp.ephemeral_ports", 100.0),
            flat("tcp.sockets_in_use", sockets),
            flat("tcp.time_wait", waiting),
        ])
    };
    let few = in_all(50.0, 10.0);
    let told = statement(&few, "ports_used_up");
    assert!(told.contains("no more than 60 sockets"), "{told}");
    assert!(is_unknown(&in_all(50.0, 30.0), "ports_used_up"));
}

#[test]
fn many_dropped_packets_that_are_a_small_share_of_all_are_no_finding() {
    let dropping = |packets: f64| {
        recorded(vec![
            flat("network.softnet_drops_per_s", 50.0),
            flat("network.softnet_packets_per_s", packets),
        ])
    };
    let problem = Some(FindingKind::Problem);
    assert_eq!(kind(&dropping(1e5), "packet_drops"), problem);
    assert!(ruled_out(&dropping(1e6), "packet_drops"));
}

/// Planted: connections refused each second because the queue was full, and for any reason.
#[test]
fn one_refused_connection_is_told_with_its_reason() {
    let refused = |overflows: f64, drops: f64| {
        recorded(vec![
            flat("tcp.listen_overflows_per_s", overflows),
            flat("tcp.listen_drops_per_s", drops),
        ])
    };
    for (overflows, drops, words) in [
        (1.0, 0.0, "stalled, or its queue is short"),
        (1.0, 1.0, "stalled, or its queue is short"),
        (0.0, 1.0, "Its queue was not full"),
    ] {
        let assessment = refused(overflows, drops);
        let found = finding(&assessment, "listen_overflows").unwrap();
        assert!(found.detail.contains(words), "{}", found.detail);
    }
    assert!(ruled_out(&refused(0.9, 0.9), "listen_overflows"));
}

/// Planted: `eth1` carries more than `eth0`, and only the speed of `eth0` is known. Neither carries as much as the
/// loopback.
#[test]
fn a_link_is_judged_by_its_own_speed_and_the_loopback_is_no_link() {
    let carrying = |interface: &'static str, bytes: f64| {
        let labels = [("interface", interface)];
        of("network.receive_bytes_per_s", &labels, bytes)
    };
    let known = |share: f64| {
        let labels = [("interface", "eth0")];
        of("network.receive_used_ratio", &labels, share)
    };
    let two_links = |used: f64| {
        recorded(vec![
            carrying("lo", 1e9),
            carrying("eth0", 1e6),
            carrying("eth1", 12.5e6),
            known(used),
        ])
    };
    let open = two_links(0.5);
    assert!(is_unknown(&open, "link_saturated") && !ruled_out(&open, "link_saturated"));
    let problem = Some(FindingKind::Problem);
    assert_eq!(kind(&two_links(0.8), "link_saturated"), problem);
    let little = recorded(vec![carrying("lo", 1e9), carrying("eth1", 12.4e6)]);
    let told = statement(&little, "link_saturated");
    assert!(told.ends_with("received by eth1"), "{told}");
}
