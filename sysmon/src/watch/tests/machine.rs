//! Made-up machine for tests of the live view; it is busier in every second half of a minute.

use host_metrics::source::process::ProcessFields;

use crate::figure::Figures;
use crate::watch::model::{Model, SampleUpdate, ViewInfo, WatchCost};
use crate::watch::process::{CORES, MEMORY, ProcessView};

pub(crate) const S: u64 = 1_000_000_000;
pub(crate) const GIB: f64 = (1_u64 << 30) as f64;
pub(crate) const MIB: f64 = (1_u64 << 20) as f64;

pub(crate) fn about() -> ViewInfo {
    ViewInfo {
        host: "db-7".to_owned(),
        cores: Some(4),
        interval_ns: S,
        follows: false,
        fields: ProcessFields::default(),
    }
}

pub(crate) fn process(pid: u32, name: &str, cores: f64, memory: f64) -> ProcessView {
    ProcessView {
        pid,
        name: name.to_owned(),
        command: Some(format!("/usr/bin/{name} --config /etc/{name}.conf")),
        follow: None,
        figures: vec![(CORES, cores), (MEMORY, memory)],
    }
}

pub(crate) fn shares(f: &mut Figures, labels: &[(&'static str, &str)], user: f64) {
    for (name, share) in [
        ("cpu.busy_ratio", user + 0.15),
        ("cpu.user_ratio", user),
        ("cpu.system_ratio", 0.1),
        ("cpu.nice_ratio", 0.0),
        ("cpu.irq_ratio", 0.02),
        ("cpu.softirq_ratio", 0.03),
        ("cpu.guest_ratio", 0.0),
        ("cpu.iowait_ratio", 0.08),
        ("cpu.steal_ratio", 0.05),
        ("cpu.idle_ratio", 0.72 - user),
    ] {
        f.put_labelled(name, labels, Some(share));
    }
}

/// Returns the figures of the machine at a second of its course; it is busier in every second half
/// of a minute.
pub(crate) fn figures(second: u64) -> Figures {
    let mut f = Figures::default();
    let wave = if (second / 30).is_multiple_of(2) {
        0.1
    } else {
        0.6
    };
    shares(&mut f, &[], wave);
    for (core, user) in [("0", 0.7), ("1", 0.3), ("2", 0.1), ("3", 0.0)] {
        shares(&mut f, &[("core", core)], user);
    }
    for (name, value) in [
        ("load.average_1m", 1.25),
        ("load.average_5m", 0.8),
        ("load.average_15m", 0.5),
        ("load.runnable", 3.0),
        ("load.blocked", 1.0),
        ("load.tasks", 412.0),
        ("scheduler.context_switches_per_s", 12_345.0),
        ("scheduler.forks_per_s", 2.0),
        ("memory.total_bytes", 16.0 * GIB),
        ("memory.used_bytes", 4.0 * GIB),
        ("memory.used_ratio", 0.25),
        ("memory.cached_bytes", 6.5 * GIB),
        ("memory.dirty_bytes", 12.0 * MIB),
        ("memory.major_faults_per_s", 0.0),
        ("swap.used_bytes", 0.0),
        ("pressure.cpu.some_ratio", wave),
        ("pressure.memory.some_ratio", 0.0),
        ("pressure.io.some_ratio", 0.03),
    ] {
        f.put_labelled(name, &[], Some(value));
    }
    for (disk, read, written) in [("sda", 0.0, 4096.0), ("vda", 1.5 * MIB, 30.0 * MIB * wave)] {
        let labels = [("device", disk)];
        f.put_labelled("disk.read_bytes_per_s", &labels, Some(read));
        f.put_labelled("disk.write_bytes_per_s", &labels, Some(written));
        f.put_labelled("disk.busy_ratio", &labels, Some(wave / 2.0));
    }
    for (name, received, sent) in [("eth0", 2.5 * MIB * wave, 80_000.0), ("lo", 500.0, 500.0)] {
        let labels = [("interface", name)];
        f.put_labelled("network.receive_bytes_per_s", &labels, Some(received));
        f.put_labelled("network.transmit_bytes_per_s", &labels, Some(sent));
        f.put_labelled("network.drops_per_s", &labels, Some(0.0));
    }
    f
}

pub(crate) fn processes() -> Vec<ProcessView> {
    let mut all = vec![
        process(4711, "postgres", 1.25, 512.0 * MIB),
        process(812, "redis-server", 0.4, 96.0 * MIB),
        process(1, "systemd", 0.0, 12.0 * MIB),
        process(99_999, "数据库服务器", 0.31, 4.0 * MIB),
    ];
    all.extend((100..130).map(|pid| process(pid, "kworker/0:1", 0.0, 0.0)));
    all
}

pub(crate) fn news(second: u64, figures: Figures, processes: Vec<ProcessView>) -> SampleUpdate {
    SampleUpdate {
        at_ns: second * S,
        clock: "14:05:09 UTC".to_owned(),
        figures,
        processes,
        absent: vec![("gpu".to_owned(), "its driver hung".to_owned())],
        own: WatchCost {
            cores: Some(0.004),
            rss_max_bytes: Some(10 << 20),
            missed: 0,
        },
    }
}

/// Returns the state of the view after one sample in each of the first 150 seconds of the machine.
pub(crate) fn busy_machine() -> Model {
    let mut model = Model::new(about());
    for second in 0..150 {
        model.take(news(second, figures(second), processes()));
    }
    model
}
