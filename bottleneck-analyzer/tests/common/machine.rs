//! Recording of `sysmon`, made up for tests.

use bench_report::{Report, Series};

use super::parts::PlantFigure as _;
use super::parts::{SECOND, begin};
use super::{CORES, Plant, START};

/// Series of the machine that rises or falls evenly from one value to another.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Recorded {
    pub(crate) name: &'static str,
    pub(crate) labels: Vec<(&'static str, &'static str)>,
    pub(crate) from: f64,
    pub(crate) to: f64,
}

impl Recorded {
    /// Returns a series that keeps its value.
    pub(crate) fn flat(
        name: &'static str,
        labels: &[(&'static str, &'static str)],
        value: f64,
    ) -> Self {
        Self::rising(name, labels, value, value)
    }

    pub(crate) fn rising(
        name: &'static str,
        labels: &[(&'static str, &'static str)],
        from: f64,
        to: f64,
    ) -> Self {
        let labels = labels.to_vec();
        Self {
            name,
            labels,
            from,
            to,
        }
    }

    fn series(&self) -> Series {
        let mut series = Series::new(self.name);
        for (key, value) in &self.labels {
            series = series.label(key, *value);
        }
        for i in 0..400u64 {
            let value = self.from + (self.to - self.from) * i as f64 / 399.0;
            series.push(START + (i + 1) * SECOND / 4, Some(value));
        }
        series
    }
}

/// Returns the series of a healthy machine that [`Plant::recorded`] may replace.
fn healthy() -> Vec<Recorded> {
    let root = [("mount", "/"), ("type", "ext4"), ("device", "vda")];
    let eth0 = [("interface", "eth0")];
    let group = [("cgroup", "app.slice")];
    let postgres = [
        ("pid", "1000"),
        ("name", "postgres"),
        ("cgroup", "app.slice/db"),
    ];
    let mut all = vec![
        Recorded::flat("memory.oom_kills", &[], 0.0),
        Recorded::flat("memory.anonymous_bytes", &[], 2e9),
        Recorded::flat("process.rss_bytes", &postgres, 1e9),
        Recorded::flat("cgroup.memory.used_ratio", &group, 0.4),
        Recorded::flat("cgroup.memory.limit_bytes", &group, 2e9),
        Recorded::flat("cgroup.memory.limit_hits", &group, 0.0),
        Recorded::flat("cgroup.memory.oom_kills", &group, 0.0),
        Recorded::flat("cgroup.pressure.memory.some_ratio", &group, 0.0),
        Recorded::flat("cgroup.pids", &group, 30.0),
        Recorded::flat("cgroup.pids_limit", &group, 300.0),
        Recorded::flat("cgroup.pids.used_ratio", &group, 0.1),
        Recorded::flat("cgroup.pids.refused", &group, 0.0),
        Recorded::flat("network.receive_bytes_per_s", &eth0, 1e6),
        Recorded::flat("network.transmit_bytes_per_s", &eth0, 1e6),
        Recorded::flat("network.receive_used_ratio", &eth0, 0.008),
        Recorded::flat("network.transmit_used_ratio", &eth0, 0.008),
        Recorded::flat("network.receive_packets_per_s", &eth0, 1e4),
        Recorded::flat("network.receive_drops_per_s", &eth0, 0.0),
        Recorded::flat("network.softnet_packets_per_s", &[], 1e4),
        Recorded::flat("network.softnet_drops_per_s", &[], 0.0),
        Recorded::flat("conntrack.count", &[], 100.0),
        Recorded::flat("conntrack.most", &[], 262_144.0),
        Recorded::flat("conntrack.drops_per_s", &[], 0.0),
        Recorded::flat("tcp.ephemeral_ports", &[], 28_232.0),
        Recorded::flat("tcp.sockets_in_use", &[], 50.0),
        Recorded::flat("tcp.time_wait", &[], 10.0),
        Recorded::flat("tcp.segments_sent_per_s", &[], 1e4),
        Recorded::flat("tcp.retransmits_per_s", &[], 0.1),
        Recorded::flat("tcp.listen_overflows_per_s", &[], 0.0),
        Recorded::flat("tcp.listen_drops_per_s", &[], 0.0),
        Recorded::flat("udp.received_per_s", &[], 10.0),
        Recorded::flat("udp.receive_buffer_errors_per_s", &[], 0.0),
    ];
    all.extend([
        Recorded::flat("filesystem.used_ratio", &root, 0.4),
        Recorded::rising("filesystem.available_bytes", &root, 60e9, 59e9),
        Recorded::flat("filesystem.inodes_used_ratio", &root, 0.03),
        Recorded::flat("filesystem.silent_ns", &root, 0.0),
    ]);
    all
}

impl Plant {
    /// Returns a recording of the machine with the planted shares: 4 samples per second for 100 s.
    pub(crate) fn sysmon(&self) -> Report {
        let mut report = begin("sysmon", "record", START);
        let (busy, server, generator) = self.cpu;
        let mut all = vec![
            ("cpu.busy_ratio", busy),
            ("cpu.user_ratio", busy * 0.7),
            ("cpu.system_ratio", busy * 0.3),
            ("cpu.iowait_ratio", 0.001),
            ("cpu.steal_ratio", self.steal),
            ("memory.used_ratio", self.memory),
            ("pressure.cpu.some_ratio", busy * 0.3),
            ("pressure.memory.some_ratio", self.memory_pressure),
            ("pressure.io.some_ratio", 0.01),
            ("swap.in_bytes_per_s", self.swap_in),
        ];
        all.sort_by(|a, b| a.0.cmp(b.0));
        all.retain(|(name, _)| !self.recorded.iter().any(|one| one.name == *name));
        all.retain(|(name, _)| !self.unrecorded.contains(name));
        for (name, mean) in all {
            report.series.push(series(Series::new(name), mean));
        }
        let disk = Series::new("disk.busy_ratio").label("device", "vda");
        report.series.push(series(disk, 0.05));
        let mut processes = vec![
            ("postgres".to_owned(), server * CORES),
            ("db-pool-bench".to_owned(), generator * CORES),
            ("sysmon".to_owned(), 0.02),
        ];
        processes.extend(self.outsider.clone());
        for (pid, (name, cores)) in processes.into_iter().enumerate() {
            let labelled = Series::new("process.cpu_cores")
                .label("pid", (1000 + pid).to_string())
                .label("name", name);
            report.series.push(series(labelled, cores));
        }
        let replaced = |one: &&Recorded| {
            let mut planted = self.recorded.iter();
            !planted.any(|p| (p.name, &p.labels) == (one.name, &one.labels))
        };
        let healthy = healthy();
        let kept = healthy.iter().filter(replaced).chain(&self.recorded);
        let kept = kept.filter(|one| !self.unrecorded.contains(&one.name));
        report.series.extend(kept.map(Recorded::series));
        report.summary.plant("samples", 400.0);
        report.duration_ns = 100 * SECOND;
        report
    }
}

/// Returns the series with 100 s of samples at 4 Hz added: `mean` with a ripple of 1 %, and a last
/// point at which nothing was read.
fn series(mut series: Series, mean: f64) -> Series {
    for i in 0..400u64 {
        let ripple = if i % 2 == 0 { 0.99 } else { 1.01 };
        let most = if series.name.ends_with("_ratio") {
            1.0
        } else {
            f64::MAX
        };
        let value = (i != 399).then_some((mean * ripple).min(most));
        series.push(START + (i + 1) * SECOND / 4, value);
    }
    series
}
