//! Tests of rates of counters that grow in clock ticks, are read late, or are read rarely.

use super::*;

#[test]
fn ten_milliseconds_say_nothing_about_a_counter_of_ten_millisecond_ticks() {
    let mut derivation = derivation_every(10);
    let files = |busy: u64, idle: u64, received| Files {
        stat: Some(format!("cpu  {busy} 0 0 {idle}\n")),
        dev: Some(dev([received, 0, 1, 0])),
        ..Files::default()
    };
    step(&mut derivation, 1000, &files(0, 0, 1000));
    let soon = step(&mut derivation, 1010, &files(2, 0, 1100));
    assert_eq!(figure(&soon, "cpu.busy_ratio", ALL), None);
    assert_eq!(
        figure(&soon, "network.receive_bytes_per_s", "lo"),
        Some(10_000.0)
    );
    // The window stays open: the CPU time of its first 10 ms is part of it.
    let later = step(&mut derivation, 1100, &files(5, 5, 1100));
    assert_eq!(figure(&later, "cpu.busy_ratio", ALL), Some(0.5));
}

/// Returns, for each series in `names`, the number of values in ten seconds. Samples are late by
/// varying times, up to nearly half an interval.
fn readings_in_ten_seconds(interval_ms: u64, names: [&'static str; 3]) -> [usize; 3] {
    let mut derivation = derivation_every(interval_ms);
    let ticks = 10_000 / interval_ms;
    let mut read = [0; 3];
    for tick in 0..=ticks {
        let late_ms = (interval_ms / 16) * (5 * tick % 8);
        let ms = 1000 + interval_ms * tick + late_ms;
        let files = Files {
            stat: Some(format!("cpu  {} 0 0 {}\n", ms / 20, ms / 20)),
            disks: Some(format!("8 0 sda {ms} 0 {ms} 0 20 0 200 0 0 {ms} 0\n")),
            ..Files::default()
        };
        let mut sample = sample(ms, &files);
        sample.cgroups = vec![CgroupSample {
            name: "own".to_owned(),
            cpu: Some(at(
                ms,
                CgroupCpu {
                    used_ns: ms * 500_000,
                },
            )),
            ..CgroupSample::default()
        }];
        for figure in derivation.figures(&mut sample) {
            let place = names.iter().position(|name| *name == figure.name);
            if let Some(place) = place.filter(|_| figure.labels.len() <= 1) {
                assert!(figure.reading.over.is_some(), "its window is told");
                read[place] += 1;
            }
        }
    }
    read
}

#[test]
fn no_interval_loses_rates_to_reads_that_come_a_little_late() {
    let names = ["cpu.busy_ratio", "disk.busy_ratio", "cgroup.cpu_cores"];
    for (interval_ms, intervals_each) in [
        (20, 5),
        (33, 3),
        (50, 2),
        (95, 1),
        (99, 1),
        (100, 1),
        (101, 1),
        (105, 1),
        (150, 1),
        (200, 1),
        (1000, 1),
    ] {
        let most = 10_000 / interval_ms / intervals_each;
        let read = readings_in_ten_seconds(interval_ms, names);
        // One window may still be open at the end.
        assert!(
            read.iter().all(|read| *read as u64 + 1 >= most),
            "{interval_ms} ms: {read:?} of {most}"
        );
    }
}

#[test]
fn after_a_failed_read_the_rate_spans_the_gap() {
    let mut derivation = derivation();
    let files = |received| Files {
        dev: Some(dev([received, 0, 1, 0])),
        ..Files::default()
    };
    step(&mut derivation, 1000, &files(1000));
    assert!(step(&mut derivation, 2000, &Files::default()).is_empty());
    let seen = step(&mut derivation, 3000, &files(2000));
    assert_eq!(
        figure(&seen, "network.receive_bytes_per_s", "lo"),
        Some(500.0)
    );
}

#[test]
fn an_interface_or_disk_that_appears_has_a_rate_from_its_second_reading() {
    let mut derivation = derivation();
    let files = |disks: &str| Files {
        disks: Some(disks.to_owned()),
        ..Files::default()
    };
    step(
        &mut derivation,
        1000,
        &files("8 0 sda 1 0 1 0 1 0 1 0 0 0 0\n"),
    );
    let hot = "8 0 sda 1 0 1 0 1 0 1 0 0 0 0\n8 16 sdb 9 0 9999999 0 1 0 1 0 0 0 0\n";
    let seen = step(&mut derivation, 2000, &files(hot));
    assert_eq!(figure(&seen, "disk.read_bytes_per_s", "sdb"), None);
    let seen = step(&mut derivation, 3000, &files(hot));
    assert_eq!(figure(&seen, "disk.read_bytes_per_s", "sdb"), Some(0.0));
}

#[test]
fn waiting_and_queue_of_a_disk_come_from_its_clock() {
    let mut derivation = derivation();
    let files = |line: &str| Files {
        disks: Some(format!("8 0 sda {line} 0 0\n")),
        ..Files::default()
    };
    step(
        &mut derivation,
        1000,
        &files("10 0 100 50 10 0 100 50 0 90 100"),
    );
    let seen = step(
        &mut derivation,
        2000,
        &files("30 0 500 150 10 0 100 50 3 590 1600"),
    );
    assert_eq!(figure(&seen, "disk.read_await_ns", "sda"), Some(5e6));
    assert_eq!(
        figure(&seen, "disk.write_await_ns", "sda"),
        None,
        "none ended"
    );
    assert_eq!(figure(&seen, "disk.queue_length", "sda"), Some(1.5));
    let wrapped = step(
        &mut derivation,
        3000,
        &files("40 0 600 3 10 0 100 50 0 10 7"),
    );
    for name in ["disk.read_await_ns", "disk.queue_length", "disk.busy_ratio"] {
        assert_eq!(figure(&wrapped, name, "sda"), None, "{name}");
    }
    assert_eq!(figure(&wrapped, "disk.reads_per_s", "sda"), Some(10.0));
}

#[test]
fn the_error_of_a_rate_holds_the_truth_whatever_the_tick_hides() {
    // A core is busy for 333 ms of a second; the counter shows only whole ticks.
    for begun_at_us in (0..10_000).step_by(700) {
        let ticks = |us: u64| (begun_at_us + us) / 10_000;
        let mut derivation = derivation();
        let files = |busy_us: u64, idle_us: u64| {
            let (busy, idle) = (ticks(busy_us), ticks(idle_us));
            stat(&[&format!("cpu  {busy} 0 0 {idle}"), "ctxt 5"])
        };
        step(&mut derivation, 1000, &files(0, 0));
        let figures = derivation.figures(&mut sample(2000, &files(333_000, 667_000)));
        let mut figures = figures.into_iter();
        let busy = figures
            .find(|f| f.name == "cpu.busy_ratio")
            .unwrap()
            .reading;
        assert!(busy.error > 0.0 && busy.error < 0.011, "{busy:?}");
        assert!((busy.value - 0.333).abs() <= busy.error, "{busy:?}");
    }
}

#[test]
fn a_rate_knows_how_long_its_reads_took() {
    let mut derivation = derivation();
    let files = |received| Files {
        dev: Some(dev([received, 0, 1, 0])),
        ..Files::default()
    };
    step(&mut derivation, 1000, &files(1000));
    let figures = derivation.figures(&mut sample(2000, &files(2000)));
    let mut figures = figures.into_iter();
    let rate = figures.find(|f| f.name == "network.receive_bytes_per_s");
    let rate = rate.unwrap().reading;
    // Each read took 100 µs, so the window may be 100 µs longer or shorter.
    assert!((rate.error - 0.1).abs() < 1e-9, "{rate:?}");
}

#[test]
fn context_switches_and_forks_are_rates_and_an_oom_kill_is_counted() {
    let mut derivation = derivation();
    let files = |ctxt: u64, forks: u64, kills: u64| Files {
        stat: Some(format!(
            "cpu  {ctxt} 0 0 {ctxt}\nctxt {ctxt}\nprocesses {forks}\n"
        )),
        vmstat: Some(format!("pgmajfault {forks}\noom_kill {kills}\n")),
        ..Files::default()
    };
    step(&mut derivation, 1000, &files(100, 10, 1));
    let seen = step(&mut derivation, 2000, &files(600, 30, 3));
    let rate = |name| figure(&seen, name, ALL);
    assert_eq!(rate("scheduler.context_switches_per_s"), Some(500.0));
    assert_eq!(rate("scheduler.forks_per_s"), Some(20.0));
    assert_eq!(rate("memory.major_faults_per_s"), Some(20.0));
    assert_eq!(rate("memory.oom_kills"), Some(2.0));
    let reset = step(&mut derivation, 3000, &files(700, 5, 0));
    assert_eq!(figure(&reset, "scheduler.forks_per_s", ALL), None);
    assert_eq!(figure(&reset, "memory.oom_kills", ALL), None);
}
