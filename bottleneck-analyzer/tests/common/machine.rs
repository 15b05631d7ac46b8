//! Recording of `sysmon`, made up for tests.

use bench_report::{Report, Series};

use super::parts::{SECOND, begin};
use super::{CORES, Plant, START};

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
        report.summary.figure("samples", 400.0);
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
