//! Tests of the machine: who used its CPU and its memory, and what its hypervisor took.

use crate::assessment::{ComponentKind, Confidence};
use bench_report::Cgroup;
use bench_report::Report;

use super::common::{Plant, START};
use super::{assess, assess_reports, factor, finding, is_unknown, named};

const SECOND: u64 = 1_000_000_000;

#[test]
fn a_cpu_that_the_generator_uses_up_is_laid_to_the_generator() {
    let assessment = assess(&Plant {
        cpu: (0.97, 0.3, 0.62),
        ..Plant::default()
    });
    assert_eq!(
        factor(&assessment, ComponentKind::Postgres),
        "machine_cpu.generator"
    );
}

#[test]
fn a_stranger_on_the_machine_is_named_by_its_name() {
    let assessment = assess(&Plant {
        outsider: Some(("stress-ng".into(), 2.0)),
        cpu: (0.99, 0.3, 0.18),
        ..Plant::default()
    });
    assert_eq!(named(&assessment)[0], "cpu_others");
    assert!(assessment.findings[0].title.contains("stress-ng"));
    let below = &assessment.findings[1];
    assert_eq!(below.parent.as_ref(), Some(&assessment.findings[0].id));
    assert_eq!(
        factor(&assessment, ComponentKind::Postgres),
        "machine_cpu.others"
    );
}

#[test]
fn a_stranger_whose_name_begins_like_a_server_s_is_a_stranger() {
    // Programs whose names look like those of participants. The kernel cuts `postgres_exporter` at 15 bytes.
    for name in ["postgres_export", "redis-server_ex", "sysmon-agent"] {
        let assessment = assess(&Plant {
            outsider: Some((name.into(), 2.0)),
            cpu: (0.99, 0.3, 0.18),
            ..Plant::default()
        });
        assert_eq!(named(&assessment)[0], "cpu_others", "{name}");
        assert!(assessment.findings[0].title.contains(name), "{name}");
    }
}

#[test]
fn a_cpu_of_which_the_hypervisor_took_the_rest_has_no_room() {
    let stolen = |steal| {
        assess(&Plant {
            steal,
            cpu: (0.58, 0.40, 0.16),
            ..Plant::default()
        })
    };
    let ruled_out = |assessment: &crate::assessment::Assessment| {
        let mut all = assessment.ruled_out.iter();
        all.any(|one| one.statement.starts_with("CPU at the operating point"))
    };
    assert!(ruled_out(&stolen(0.0)));
    let assessment = stolen(0.4);
    assert!(!ruled_out(&assessment), "58 % of the 60 % that were left");
    assert!(named(&assessment).contains(&"steal"));
    assert_eq!(
        factor(&assessment, ComponentKind::Postgres),
        "machine_cpu.server"
    );
    let told = assessment.findings.iter();
    let told: Vec<&str> = told.map(|f| f.detail.as_str()).collect();
    let words = "busy 58 % of 4 cores, 40 % taken by the hypervisor: ";
    assert!(told.iter().any(|t| t.contains(words)), "{told:?}");
}

#[test]
fn the_machine_s_own_troubles_are_named() {
    for (plant, rule) in [
        (
            Plant {
                steal: 0.2,
                ..Plant::default()
            },
            "steal",
        ),
        (
            Plant {
                memory: 0.9,
                ..Plant::default()
            },
            "memory_used",
        ),
        (
            Plant {
                memory_pressure: 0.4,
                ..Plant::default()
            },
            "memory_pressure",
        ),
        (
            Plant {
                swap_in: 5e7,
                ..Plant::default()
            },
            "swapping",
        ),
    ] {
        assert_eq!(named(&assess(&plant)), [rule]);
    }
}

/// Returns the recording of `plant` on a machine with four cores of which a quota allows one.
fn under_a_quota(plant: &Plant) -> Report {
    let mut recording = plant.sysmon();
    recording.environment.cgroup = Some(Cgroup {
        version: 2,
        cpu_quota_cores: Some(1.0),
        memory_limit_bytes: None,
    });
    recording.environment.cores_available = Some(1);
    recording
}

#[test]
fn a_quota_that_is_used_up_is_found_on_a_machine_that_is_idle() {
    let plant = Plant {
        users: 64,
        cpu: (0.26, 0.15, 0.09),
        ..Plant::default()
    };
    let assessment = assess_reports(&[plant.postgres(), under_a_quota(&plant)]);
    assert_eq!(
        factor(&assessment, ComponentKind::Postgres),
        "cpu_quota.server"
    );
    assert_eq!(factor(&assessment, ComponentKind::Machine), "cpu_quota");
    let limit = &assessment.components[0].limiting_factor.title;
    assert!(limit.contains("96 % of the 1 core allowed"), "{limit}");
    let found = finding(&assessment, "cpu_saturated").expect("told");
    assert!(
        found.title.starts_with("The CPU quota is used up"),
        "{}",
        found.title
    );
}

#[test]
fn a_quota_of_which_the_server_s_use_is_not_known_is_inconclusive() {
    let plant = Plant {
        cpu: (0.26, 0.15, 0.09),
        ..Plant::default()
    };
    let (mut bench, mut recording) = (plant.postgres(), under_a_quota(&plant));
    for step in &mut bench.steps {
        step.server
            .as_mut()
            .unwrap()
            .figures
            .remove("server.cpu_ns");
    }
    let named_postgres = |name: Option<&String>| name.is_some_and(|n| n == "postgres");
    recording
        .series
        .retain(|s| !named_postgres(s.labels.get("name")));
    let assessment = assess_reports(&[bench, recording]);
    assert_eq!(factor(&assessment, ComponentKind::Postgres), "inconclusive");
    assert!(is_unknown(&assessment, "cpu_saturated"));
}

#[test]
fn a_local_server_of_unknown_name_is_not_called_a_stranger() {
    let plant = Plant {
        outsider: Some(("node".into(), 2.4)),
        cpu: (0.9, 0.0, 0.25),
        ..Plant::default()
    };
    let mut bench = plant.websocket();
    bench
        .config
        .insert("url".into(), "ws://127.0.0.1:8080/".into());
    let assessment = assess_reports(&[bench.clone(), plant.sysmon()]);
    assert!(finding(&assessment, "cpu_others").is_none());
    assert!(is_unknown(&assessment, "cpu_others"));
    let mut told = bench.clone();
    let process = serde_json::json!({ "pid": 4711, "name": "node" });
    told.config.insert("server_process".into(), process);
    let told = assess_reports(&[told, plant.sysmon()]);
    assert!(finding(&told, "cpu_others").is_none() && !is_unknown(&told, "cpu_others"));
    bench
        .config
        .insert("url".into(), "ws://app.example/".into());
    let elsewhere = assess_reports(&[bench, plant.sysmon()]);
    assert_eq!(named(&elsewhere)[0], "cpu_others");
}

/// The recording has only the busiest processes, and the server's are not among them. The bench has
/// their CPU time from the kernel, so the server does not count as an outside program.
#[test]
fn a_server_whose_cpu_time_the_bench_counted_is_no_stranger() {
    let plant = Plant {
        outsider: Some(("report-job".into(), 2.0)),
        cpu: (0.99, 0.03, 0.05),
        ..Plant::default()
    };
    let (mut bench, mut recording) = (plant.postgres(), plant.sysmon());
    let url = "postgres://app@127.0.0.1:5432/shop";
    bench.config.insert("url".into(), url.into());
    let is_postgres = |name: Option<&String>| name.is_some_and(|n| n == "postgres");
    recording
        .series
        .retain(|s| !is_postgres(s.labels.get("name")));
    let assessment = assess_reports(&[bench.clone(), recording.clone()]);
    assert_eq!(named(&assessment)[0], "cpu_others");
    for step in &mut bench.steps {
        let figures = &mut step.server.as_mut().unwrap().figures;
        figures.remove("server.cpu_ns");
    }
    let unknown = assess_reports(&[bench, recording]);
    assert!(is_unknown(&unknown, "cpu_others"));
}

#[test]
fn proxies_and_relatives_of_the_servers_take_part() {
    for name in ["pgbouncer", "keydb-server", "docker-proxy"] {
        let assessment = assess(&Plant {
            outsider: Some((name.into(), 2.0)),
            ..Plant::default()
        });
        assert_eq!(named(&assessment), Vec::<&str>::new(), "{name}");
    }
}

#[test]
fn an_impact_that_nobody_measured_is_not_made_up() {
    let full = assess(&Plant {
        memory: 0.97,
        ..Plant::default()
    });
    assert_eq!(finding(&full, "memory_used").unwrap().impact, None);
    let mut recording = Plant {
        swap_in: 5e7,
        ..Plant::default()
    }
    .sysmon();
    recording
        .series
        .retain(|s| !s.name.starts_with("pressure."));
    let swapping = assess_reports(&[recording]);
    assert_eq!(finding(&swapping, "swapping").unwrap().impact, None);
}

/// Returns a recording of 100 seconds with short-lived compilers (`rustc`): each runs for a second
/// on a core of its own, and `at_once` run at any time.
fn with_compilers(plant: &Plant, at_once: u64) -> Report {
    let mut recording = plant.sysmon();
    for second in 0..100u64 {
        for place in 0..at_once {
            let mut series = bench_report::Series::new("process.cpu_cores")
                .label("pid", (5_000 + 10 * second + place).to_string())
                .label("name", "rustc");
            for tick in 0..=4 {
                let at_ns = START + second * SECOND + tick * SECOND / 4;
                series.push(at_ns, (tick > 0).then_some(1.0));
            }
            recording.series.push(series);
        }
    }
    recording
}

/// Returns the numbers before each ` %` in a text, in order.
fn percentages(text: &str) -> Vec<f64> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let pairs = words.windows(2).filter(|pair| pair[1].starts_with('%'));
    pairs.filter_map(|pair| pair[0].parse().ok()).collect()
}

#[test]
fn programs_that_come_and_go_count_for_the_time_that_they_are_there() {
    // Compilers use one core of four at any time; server and generator use 11 % of the machine.
    let plant = Plant {
        cpu: (0.36, 0.05, 0.06),
        ..Plant::default()
    };
    let assessment = assess_reports(&[plant.postgres(), with_compilers(&plant, 1)]);
    let found = finding(&assessment, "cpu_others").unwrap();
    assert!(found.title.contains("rustc"), "{}", found.title);
    for ratio in percentages(&found.title) {
        assert!((22.0..=26.0).contains(&ratio), "{}", found.title);
    }
    // Two thirds of the machine were idle, so the compilers took nothing from the run.
    assert!(!named(&assessment).contains(&"cpu_others"));
    assert!(found.impact.is_none(), "{found:?}");
}

#[test]
fn shares_of_the_cpu_add_up_to_no_more_than_was_busy() {
    // The CPU times of the processes add up to more than the machine's own reading leaves for them.
    for (busy, at_once) in [(0.45, 4), (0.97, 4)] {
        let plant = Plant {
            cpu: (busy, 0.10, 0.15),
            ..Plant::default()
        };
        let assessment = assess_reports(&[plant.postgres(), with_compilers(&plant, at_once)]);
        let found = finding(&assessment, "cpu_others").unwrap();
        let title = percentages(&found.title);
        let told = percentages(&found.detail);
        let (machine, owners) = (told[0], &told[1..4]);
        assert!(
            title[0] <= owners[2] + 0.5,
            "{} {}",
            found.title,
            found.detail
        );
        assert!(
            owners.iter().sum::<f64>() <= machine + 1.0,
            "{}",
            found.detail
        );
        assert_eq!(named(&assessment).contains(&"cpu_others"), busy > 0.9);
    }
}

#[test]
fn a_redis_elsewhere_uses_nothing_of_this_machine() {
    let plant = Plant {
        redis_main_thread: 2.9,
        cpu: (0.5, 0.0, 0.2),
        ..Plant::default()
    };
    let mut bench = plant.redis();
    bench
        .config
        .insert("url".into(), "redis://cache.example:6379".into());
    let assessment = assess_reports(&[bench, plant.sysmon()]);
    let told = assessment.ruled_out.iter().map(|r| r.statement.as_str());
    let told: Vec<&str> = told
        .filter(|s| s.starts_with("CPU at the operating"))
        .collect();
    assert_eq!(told.len(), 1);
    assert!(!told[0].contains("by the server"), "{}", told[0]);
}

#[test]
fn steal_during_a_step_is_not_lost_in_a_long_recording() {
    let plant = Plant::default();
    let (bench, mut recording) = (plant.postgres(), plant.sysmon());
    let mut series = recording.series.iter_mut();
    let steal = series.find(|s| s.name == "cpu.steal_ratio").unwrap();
    for (at_ns, value) in steal.at_ns.iter().zip(&mut steal.mean) {
        let all = bench.steps.iter().map(|s| s.window);
        let mut inside = all.map(|w| w.start_ns..=w.end_ns);
        if inside.any(|w| w.contains(at_ns)) {
            *value = Some(0.12);
        }
    }
    let whole = steal.mean.iter().flatten().sum::<f64>() / steal.mean.len() as f64;
    assert!(
        whole < 0.05,
        "below the bound over the whole recording: {whole}"
    );
    assert!(named(&assess_reports(&[bench, recording])).contains(&"steal"));
}

#[test]
fn programs_that_live_for_moments_are_counted_though_nothing_recorded_them() {
    // Server and generator use 15 % of a machine that is full, and no other process was recorded.
    let plant = Plant {
        cpu: (0.97, 0.05, 0.10),
        ..Plant::default()
    };
    let assessment = assess(&plant);
    assert_eq!(named(&assessment)[0], "cpu_others");
    let found = &assessment.findings[0];
    assert!(found.title.contains("82 %"), "{}", found.title);
    assert!(
        found.title.contains("none was recorded by name"),
        "{}",
        found.title
    );
    assert!(found.confidence < Confidence::High, "{found:?}");
}
