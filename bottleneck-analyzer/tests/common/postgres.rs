//! Sweep of `db-pool-bench`, made up for tests.

use bench_report::{Load, Parameter, PoolUsage, Recommendation, Report, ServerEvidence, Step};

use super::parts::PlantFigure as _;
use super::parts::{SECOND, begin, generator, hist, operation, step};
use super::{CORES, Plant, START};

impl Plant {
    /// Returns a sweep over pool sizes with two drivers and two repeats of each setting; the knee
    /// is a pool of 8.
    pub(crate) fn postgres(&self) -> Report {
        let mut report = begin("db-pool-bench", "sweep", START);
        for driver in ["deadpool", "sqlx"] {
            for &size in &self.pool_sizes {
                for repeat in 0..2 {
                    let index = report.steps.len() as u64;
                    report
                        .steps
                        .push(self.postgres_step(driver, size, repeat, index));
                }
            }
            self.recommend(&mut report, driver);
        }
        report.duration_ns = report.steps.len() as u64 * 2 * SECOND;
        report.summary.headline = "deadpool: 8 connections".into();
        report
    }

    fn recommend(&self, report: &mut Report, driver: &str) {
        let knee = self
            .pool_sizes
            .iter()
            .copied()
            .filter(|s| *s <= 8)
            .max()
            .unwrap_or(8);
        let at_knee = |s: &Step| {
            s.parameter("pool_size") == Some(knee as f64)
                && s.parameters.get("driver") == Some(&driver.into())
        };
        let steps: Vec<usize> = (0..report.steps.len())
            .filter(|i| at_knee(&report.steps[*i]))
            .collect();
        report.summary.recommendations.push(Recommendation {
            subject: driver.into(),
            parameter: "pool_size".into(),
            value: Some(knee as f64),
            low: Some(knee as f64 * 0.75),
            high: Some(knee as f64 * 1.5),
            throughput_per_s: Some(report.steps[steps[0]].throughput_per_s()),
            detectable_difference_ratio: Some(0.03),
            reason: "throughput stops rising here".into(),
            steps,
        });
    }

    /// Returns step `index` of the sweep, in which the pool of `size` carries at most what 8
    /// connections can. A call takes `service_ns` in a pool of up to 8, and longer in larger pools.
    fn postgres_step(&self, driver: &str, size: u64, repeat: u64, index: u64) -> Step {
        let slower = if driver == "sqlx" { 0.93 } else { 1.0 };
        let active = size.min(8).min(self.users) as f64;
        let throughput = slower * active / self.service_ns * 1e9;
        let crowd = size.max(8) as f64 / 8.0;
        let service = self.service_ns * if size > 8 { 1.0 + 0.05 * crowd } else { 1.0 };
        let call = self.users as f64 / throughput * 1e9;
        let checkout = (call - service).max(4_000.0);
        let mut step = step(
            &format!("{driver}, pool of {size}"),
            START + index * 2 * SECOND,
        );
        if let Some(name) = &self.step_name {
            step.name.clone_from(name);
        }
        step.repeat = repeat;
        step.load = Load::Closed {
            users: self.users,
            think_time_ns: 0,
        };
        for (key, value) in [("pool_size", size), ("users", self.users)] {
            step.parameters
                .insert(key.into(), Parameter::Integer(value));
        }
        step.parameters.insert("driver".into(), driver.into());
        step.parameters
            .insert("workload".into(), "read-heavy".into());
        for (name, part, weight) in [("read", 0.8, 0.9), ("write", 0.2, 1.4)] {
            let mut operation = operation(throughput * part, checkout + service * weight);
            operation.checkout = hist(checkout, operation.succeeded);
            operation.service = hist(service * weight, operation.succeeded);
            let failed = (operation.succeeded as f64 * self.errors) as u64;
            if failed > 0 {
                operation.errors.insert("connection_refused".into(), failed);
                operation.attempted += failed;
            }
            operation.censored = self.censored;
            operation.attempted += self.censored;
            step.operations.insert(name.into(), operation);
        }
        step.pool = Some(PoolUsage {
            max_size: size,
            size_mean: size as f64,
            in_use_mean: active,
            in_use_max: size,
            waiting_mean: Some((self.users.saturating_sub(size)) as f64),
            waiting_max: Some(self.users),
            samples: 100,
            checkout: None,
        });
        step.server = Some(self.postgres_server(active));
        step.generator = generator(self.cpu.2);
        step
    }

    fn postgres_server(&self, active: f64) -> ServerEvidence {
        let mut server = ServerEvidence::default();
        let waiting = self.lock + self.lwlock + self.io;
        for (name, value) in [
            ("sessions.cpu_mean", active * (0.85 - waiting).max(0.05)),
            ("sessions.lock_mean", active * self.lock),
            ("sessions.lwlock_mean", active * self.lwlock),
            ("sessions.io_mean", active * self.io),
            ("sessions.client_mean", active * 0.02),
            ("connections.used_max", self.connections.0),
            ("connections.limit", self.connections.1),
            ("connections.reserved", 3.0),
            ("database.blocks_hit", 1e6),
            ("database.blocks_read", 12.0),
            ("server.cpu_ns", self.cpu.1 * CORES * SECOND as f64),
        ] {
            server.plant(name, value);
        }
        server
    }
}
