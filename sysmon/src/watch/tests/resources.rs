//! Tests of the lines about each resource.

use crate::watch::model::Model;

use super::machine::{GIB, MIB, about, busy_machine, figures, news, processes, shares};
use super::screen::{lines, screen};

#[test]
fn in_a_container_shares_are_of_the_limit() {
    let mut f = figures(0);
    let own = [("cgroup", "own")];
    for (name, value) in [
        ("cgroup.cpu.quota_cores", 0.5),
        ("cgroup.cpu.used_ratio", 0.92),
        ("cgroup.cpu.throttled_periods_ratio", 0.4),
        ("cgroup.memory.limit_bytes", 512.0 * MIB),
        ("cgroup.memory.used_ratio", 0.81),
    ] {
        f.put_labelled(name, &own, Some(value));
    }
    let mut model = Model::new(about());
    model.take(news(0, f, processes()));
    let all = screen(&mut model, (80, 24));
    let line = |of: &str| all.lines().find(|l| l.starts_with(of)).unwrap();
    let cpu = line("CPU ");
    assert!(
        cpu.contains("92.0 %") && cpu.contains("of a 0.50-core limit"),
        "{all}"
    );
    let memory = line("Memory");
    assert!(
        memory.contains("81.0 %") && memory.contains("of a 512 MiB limit"),
        "{all}"
    );
    assert!(all.contains("held back in 40.0 % of periods"), "{all}");
    assert!(all.contains("machine busy 25.0 %") && all.contains("machine used 25.0 %"));
}

#[test]
fn iowait_and_steal_are_told_from_busy() {
    let mut model = busy_machine();
    let all = screen(&mut model, (160, 40));
    let core = all.lines().find(|line| line.starts_with("core 0")).unwrap();
    let bar = core.split_once('%').unwrap().0;
    for shape in ['█', '▓', 'w', 's'] {
        assert!(bar.contains(shape), "{shape}: {core}");
    }
    assert!(bar.trim_end().ends_with("85"), "{core}");
}

#[test]
fn more_cores_than_bars_become_a_line_of_them() {
    let mut f = figures(0);
    for core in 0..96 {
        let core = core.to_string();
        shares(
            &mut f,
            &[("core", &core)],
            if core == "17" { 0.8 } else { 0.0 },
        );
    }
    for (core, state) in [("40", "cpu.iowait_ratio"), ("41", "cpu.steal_ratio")] {
        f.put_labelled(state, &[("core", core)], Some(0.9));
    }
    let mut model = Model::new(about());
    model.take(news(0, f, processes()));
    let all = lines(&mut model, (80, 24));
    let at = all
        .iter()
        .position(|line| line.starts_with("Cores"))
        .unwrap();
    assert!(all[at].contains("ws"), "{}", all[at]);
    assert!(all[at + 1].starts_with("from 71"), "{}", all[at + 1]);
    let one = lines(&mut model, (200, 30)).join("\n");
    assert!(one.contains("busiest 17: 95.0 %"), "{one}");
}

#[test]
fn a_gpu_has_its_line() {
    let mut f = figures(0);
    let labels = [("gpu", "0"), ("name", "Made-up 9000")];
    for (name, value) in [
        ("gpu.utilisation_ratio", 0.87),
        ("gpu.memory_used_bytes", 12.5 * GIB),
        ("gpu.memory_total_bytes", 139.0 * GIB),
        ("gpu.power_watts", 412.0),
    ] {
        f.put_labelled(name, &labels, Some(value));
    }
    let mut model = Model::new(about());
    model.take(news(0, f, processes()));
    let all = screen(&mut model, (100, 40));
    let gpu = all.lines().find(|l| l.starts_with("GPU 0")).unwrap();
    assert!(
        gpu.contains("87.0 %") && gpu.contains("12.5 GiB of 139 GiB"),
        "{gpu}"
    );
    assert!(all.contains("Made-up 9000  power 412 W  at – "), "{all}");
}
