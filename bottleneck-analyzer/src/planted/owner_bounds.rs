//! Tests of who is named as the owner of a limit, on both sides of the bounds: programs outside the run, control groups
//! with a quota, processes that the kernel ended, and the generator.

use bench_report::{Load, Pacing, Report, Series, Warning, WarningCode};

use crate::assessment::{Assessment, Confidence, Finding, FindingKind, ImpactOf};

use super::causes::{ruled_out, saved_ns};
use super::common::server::Server;
use super::common::{Plant, Recorded, SECOND, START, hist};
use super::machine_bounds::exactly;
use super::{assess, assess_reports, finding};

fn told<'a>(assessment: &'a Assessment, rule: &str) -> &'a Finding {
    finding(assessment, rule).unwrap_or_else(|| panic!("{rule}: {:?}", assessment.findings))
}

fn computed(finding: &Finding, what: &str) -> f64 {
    let mut all = finding.computed.iter();
    all.find(|figure| figure.what == what).unwrap().value
}

/// Returns the CPU use of a program outside the run, in cores.
fn program(name: &'static str, cores: f64) -> Recorded {
    let labels = [("cgroup", "other.slice"), ("name", name), ("pid", "7000")];
    Recorded::flat("process.cpu_cores", &labels, cores)
}

/// Returns the assessment of a load on PostgreSQL beside `recorded`, with the shares `cpu` of four cores: all that is
/// busy, the server's, the generator's.
fn beside(cpu: (f64, f64, f64), recorded: Vec<Recorded>) -> Assessment {
    let plant = Plant {
        cpu,
        recorded,
        ..Plant::default()
    };
    assess_reports(&[plant.postgres(), plant.sysmon()])
}

/// Planted: two programs use 1.2 and 0.4 of four cores, on a machine of which server and generator use 48 %.
#[test]
fn each_program_outside_the_run_is_told_with_its_own_cores_and_share() {
    let programs = vec![program("make", 1.2), program("rsync", 0.4)];
    let assessment = beside((0.93, 0.3, 0.18), programs);
    let found = told(&assessment, "cpu_others");
    for (what, value) in [
        ("cores of make", 1.2),
        ("share of make", 0.3),
        ("cores of rsync", 0.4),
        ("share of rsync", 0.1),
        ("share of the outside programs", 0.45),
    ] {
        let shown = computed(found, what);
        assert!((shown / value - 1.0).abs() < 0.05, "{what}: {shown}");
    }
    assert!(!found.title.contains("the rest"), "{}", found.title);
    let group = "make is in the control group other.slice.";
    assert!(found.detail.contains(group), "{}", found.detail);
}

/// Planted: a program uses 0.6 of four cores, the bound of 15 % of the machine, or a little less, beside a load on a server
/// elsewhere.
#[test]
fn outside_programs_are_told_from_15_percent_of_the_machine_on() {
    let is_told = |cores: f64| {
        let plant = Plant {
            cpu: (0.9, 0.0, 0.25),
            recorded: vec![program("make", cores)],
            ..Plant::default()
        };
        let mut bench = plant.websocket();
        let url = "ws://app.example/";
        bench.config.insert("url".into(), url.into());
        let assessment = exactly(&[bench, plant.sysmon()]);
        let found = finding(&assessment, "cpu_others").is_some();
        assert_eq!(ruled_out(&assessment, "cpu_others"), !found);
        found
    };
    assert!(is_told(0.6) && !is_told(0.59));
}

/// Planted: outside programs use 60 % of the machine, of which those with a name use 20 %, and then none.
#[test]
fn programs_without_a_name_are_the_rest_and_one_that_used_nothing_has_no_group() {
    let using = |cores: f64| beside((0.9, 0.2, 0.1), vec![program("make", cores)]);
    let some = using(0.8);
    let found = told(&some, "cpu_others");
    assert!(found.title.contains("make 20 %"), "{}", found.title);
    let rest = "the rest too short-lived or too small to be recorded";
    assert!(found.title.contains(rest), "{}", found.title);
    assert!(found.confidence < Confidence::High, "{found:?}");
    let none = using(0.0);
    let found = told(&none, "cpu_others");
    let words = "but none was recorded by name";
    assert!(found.title.contains(words), "{}", found.title);
    assert!(!found.detail.contains("control group"), "{}", found.detail);
}

/// Planted: a program uses 0.8 of four cores, and tasks wait for a CPU, on a machine that is or is not busy.
#[test]
fn outside_programs_are_a_problem_only_on_a_busy_machine_whose_tasks_wait_for_a_cpu() {
    let kind = |busy: f64, waits: f64| {
        let pressure = Recorded::flat("pressure.cpu.some_ratio", &[], waits);
        let recorded = vec![program("make", 0.8), pressure];
        let assessment = beside((busy, busy - 0.35, 0.1), recorded);
        told(&assessment, "cpu_others").kind
    };
    assert_eq!(kind(0.8, 0.6), FindingKind::Problem);
    assert_eq!(kind(0.5, 0.6), FindingKind::Information);
    assert_eq!(kind(0.8, 0.3), FindingKind::Information);
}

/// Planted: the program `backup` writes four fifths of the disks' bytes while something waits in two fifths of the time.
/// The control group `backup.slice` may start no more processes, which is a finding of its own.
#[test]
fn a_program_at_the_disks_is_no_part_of_a_problem_that_is_no_wait_for_them() {
    let group = [("cgroup", "backup.slice")];
    let process = [("name", "backup"), ("pid", "77")];
    let assessment = assess(&Plant {
        recorded: vec![
            Recorded::flat("pressure.io.some_ratio", &[], 0.4),
            Recorded::flat("disk.write_bytes_per_s", &[("device", "vda")], 1e8),
            Recorded::flat("process.disk_write_bytes_per_s", &process, 8e7),
            Recorded::flat("cgroup.pids.refused", &group, 4.0),
        ],
        ..Plant::default()
    });
    let other = told(&assessment, "group_pids_limit");
    assert_eq!(other.kind, FindingKind::Problem);
    let disks = told(&assessment, "disk_others");
    assert_eq!(disks.kind, FindingKind::Problem);
    assert_eq!(disks.parent, None);
    let impact = disks.impact.unwrap();
    assert!((impact.ratio - 0.32).abs() < 0.001, "{impact:?}");
}

/// Returns the figures of a server whose quota stopped it in `throttled` of `periods` periods, for `lost` of 1.5 s.
fn quota(throttled: f64, periods: f64, lost: f64) -> Server {
    Server {
        figures: vec![
            ("server.cgroup.periods", periods),
            ("server.cgroup.throttled_periods", throttled),
            ("server.cgroup.throttled_ns", lost * 1.5e9),
            ("server.cgroup.quota_cores", 0.5),
        ],
        ..Server::default()
    }
}

#[test]
fn the_longer_a_quota_stopped_its_processes_the_surer_it_held_them_back() {
    for (lost, confidence) in [
        (0.011, Confidence::Low),
        (0.013, Confidence::Medium),
        (0.016, Confidence::High),
    ] {
        let assessment = assess_reports(&quota(148.0, 150.0, lost).run());
        let found = told(&assessment, "throttled");
        assert_eq!(found.confidence, confidence, "{lost}");
    }
}

#[test]
fn twenty_periods_show_how_often_a_quota_runs_out_and_half_of_them_leave_no_burst() {
    let of = |throttled: f64, periods: f64| {
        let assessment = assess_reports(&quota(throttled, periods, 0.3).run());
        let found = told(&assessment, "throttled");
        let action = found.advice.as_ref().unwrap().actions[0].clone();
        (found.kind, action.contains("cpu.max.burst"))
    };
    assert_eq!(of(10.0, 20.0), (FindingKind::Problem, false));
    assert_eq!(of(9.0, 20.0), (FindingKind::Problem, true));
    assert_eq!(of(10.0, 19.0), (FindingKind::Information, false));
}

/// Planted: a quota that stopped the server in 2 of 150 periods; and one that stopped it in most of them, for a time that
/// was counted as none over a time that was not recorded.
#[test]
fn a_quota_that_stopped_hardly_anything_is_ruled_out_with_its_figures() {
    let rare = assess_reports(&quota(2.0, 150.0, 0.1).run());
    let mut all = rare.ruled_out.iter();
    let told_of = &all.find(|r| r.rule == "throttled").unwrap().statement;
    let words = "the server's control group was held back in 2 of 150 periods, quota 0.50 cores";
    assert!(told_of.starts_with(words), "{told_of}");
    let untimed = assess_reports(&quota(148.0, 150.0, 0.0).run_without("deltas.span_s"));
    assert!(finding(&untimed, "throttled").is_some());
    let timed = assess_reports(&quota(148.0, 150.0, 0.0).run());
    assert!(ruled_out(&timed, "throttled"));
}

/// Planted: a control group that its quota stopped for moments, and one that was stopped for most of the time.
#[test]
fn a_group_is_told_with_the_time_for_which_it_was_stopped_itself() {
    let of = |name, group, value| Recorded::flat(name, &[("cgroup", group)], value);
    let (periods, cores) = (
        "cgroup.cpu.throttled_periods_ratio",
        "cgroup.cpu.throttled_cores",
    );
    let recorded = vec![
        of(periods, "quiet.slice", 0.02),
        of(cores, "quiet.slice", 0.001),
        of(periods, "tenant.slice", 0.6),
        of(cores, "tenant.slice", 0.8),
    ];
    let assessment = beside(Plant::default().cpu, recorded);
    let found = told(&assessment, "throttled");
    assert_eq!(found.kind, FindingKind::Information);
    let thing = found.thing.as_deref();
    assert_eq!(thing, Some("the control group tenant.slice"));
    let words = "60 % of its periods; stopped for 80 % of the time";
    assert!(found.title.contains(words), "{}", found.title);
}

/// Planted: a control group that uses 98 % of its memory limit, with a program below it.
#[test]
fn a_group_that_is_near_its_memory_limit_is_told_with_its_programs() {
    let process = [
        ("cgroup", "app.slice/one"),
        ("name", "worker"),
        ("pid", "7000"),
    ];
    let recorded = vec![
        Recorded::flat("cgroup.memory.used_ratio", &[("cgroup", "app.slice")], 0.98),
        Recorded::flat("process.cpu_cores", &process, 0.1),
    ];
    let assessment = beside(Plant::default().cpu, recorded);
    let found = told(&assessment, "group_memory_limit");
    assert!(
        found.detail.ends_with(" Its programs: worker."),
        "{}",
        found.detail
    );
}

/// Returns a load of three steps that ends 5.5 s after the start, and a recording in whose sample `point` (a quarter of
/// a second) the kernel ended a process. `report-job` was seen last at the end of sample `seen`.
fn killed(point: usize, seen: u64) -> Vec<Report> {
    let mut reports = Server::default().run();
    for step in &mut reports[0].steps {
        step.window.end_ns = step.window.measure_end_ns;
    }
    let machine = &mut reports[1];
    let mut series = machine.series.iter_mut();
    let kills = series.find(|s| s.name == "memory.oom_kills").unwrap();
    kills.mean[point] = Some(1.0);
    kills.max[point] = Some(1.0);
    let mut job = Series::new("process.rss_bytes")
        .label("pid", "7000")
        .label("name", "report-job");
    for sample in [seen - 1, seen] {
        job.push(START + (sample + 1) * SECOND / 4, Some(3e9));
    }
    machine.series.push(job);
    reports
}

/// Planted: a kill in the sample that ends with the load, and one in the sample that begins there.
#[test]
fn a_kill_in_the_sample_after_the_load_has_changed_no_measurement() {
    let within = assess_reports(&killed(21, 3));
    assert_eq!(told(&within, "oom_kill").kind, FindingKind::Problem);
    let afterwards = assess_reports(&killed(22, 3));
    let found = told(&afterwards, "oom_kill");
    assert_eq!(found.kind, FindingKind::Information);
    let words = "It was seen 250 ms after the end of the load";
    assert!(found.detail.contains(words), "{}", found.detail);
    let mut pointers = found.evidence.iter().map(|item| item.pointer.as_str());
    assert!(pointers.any(|pointer| pointer == "/steps/2/window/end_ns"));
}

/// Planted: a kill in the sample 40, and processes that were seen last one sample before the sample before it, in that
/// one, in the sample of the kill, and after it. At the end of the recording, of 400 samples, a process counts as ended
/// if it was not seen in the last two.
#[test]
fn a_process_was_ended_if_it_was_last_seen_around_the_kill() {
    let is_named = |point: usize, seen: u64| {
        let assessment = assess_reports(&killed(point, seen));
        told(&assessment, "oom_kill").thing.is_some()
    };
    for (seen, named) in [(37, false), (38, true), (39, true), (40, true), (41, false)] {
        assert_eq!(is_named(40, seen), named, "{seen}");
    }
    assert!(is_named(396, 396) && !is_named(397, 397));
}

/// Returns an open load of 2,000 requests each second, each answered after 3 ms, 1 ms of which it was sent late, with a
/// warning about each step.
fn spoilt(code: WarningCode) -> Assessment {
    let mut reports = Server::default().run_with(|_, step| {
        step.load = Load::Open {
            rate_per_s: 2_000.0,
            pacing: Pacing::Constant,
            in_flight_cap: 1_000,
            delayed_at_cap: 0,
        };
        step.generator.cpu_ratio = 0.95;
        step.generator.worst_stall_ns = 200_000_000;
        for operation in step.operations.values_mut() {
            let call = operation.call.as_ref().unwrap();
            operation.response = hist(call.mean_ns + 1e6, call.count);
            operation.pacing_lag = hist(1e6, call.count);
        }
    });
    for index in 0..reports[0].steps.len() {
        let warning = Warning::new(code, "the generator was not as it should be");
        reports[0].warnings.push(warning.about_step(index, &[]));
    }
    assess_reports(&reports)
}

#[test]
fn a_late_generator_costs_response_time_and_a_saturated_one_hides_capacity() {
    let late = spoilt(WarningCode::PacingLag);
    let late = told(&late, "generator_spoilt_results");
    assert_eq!(late.kind, FindingKind::Information);
    let words = "The generator was not as it should be. The target may be faster";
    assert!(late.detail.starts_with(words), "{}", late.detail);
    let saved = saved_ns(late);
    assert!((saved / 1e6 - 1.0).abs() < 0.1, "{saved}");
    // A stall of 200 ms in a second tells nothing about the time of each call.
    let stalled = spoilt(WarningCode::GeneratorStalled);
    let stalled = told(&stalled, "generator_spoilt_results");
    let impact = stalled.impact.unwrap();
    assert_eq!((impact.of, impact.saved_ns), (ImpactOf::ResponseTime, None));
    assert!((impact.ratio - 0.2).abs() < 0.001, "{impact:?}");
    let saturated = spoilt(WarningCode::GeneratorSaturated);
    let saturated = told(&saturated, "generator_spoilt_results");
    assert_eq!(saturated.kind, FindingKind::Problem);
    let impact = saturated.impact.unwrap();
    assert_eq!((impact.of, impact.saved_ns), (ImpactOf::Capacity, None));
    assert!((impact.ratio - 0.95).abs() < 0.001, "{impact:?}");
}

/// Planted: the hypervisor took `steal` of a machine that was busy in `busy` of the time, and the generator's threads ran
/// in `ran` of it.
#[test]
fn a_generator_without_a_warning_is_the_limit_only_if_the_hypervisor_left_it_too_little() {
    let is_told = |steal: f64, busy: f64, ran: f64| {
        let plant = Plant {
            cpu: (busy, 0.05, 0.05),
            recorded: vec![Recorded::flat("cpu.steal_ratio", &[], steal)],
            ..Plant::default()
        };
        let mut report = plant.redis();
        for step in &mut report.steps {
            step.generator.cpu_ratio = ran;
        }
        let assessment = exactly(&[report, plant.sysmon()]);
        finding(&assessment, "generator_spoilt_results").is_some()
    };
    // Nine tenths of the half that was left.
    assert!(is_told(0.5, 0.3, 0.45) && !is_told(0.5, 0.3, 0.44));
    assert!(!is_told(0.0, 0.3, 0.95), "nothing was taken");
    assert!(!is_told(0.5, 0.49, 0.48), "all that was left is used up");
}
