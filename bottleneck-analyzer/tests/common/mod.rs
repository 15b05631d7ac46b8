//! Runs made in code: healthy by default, with one thing planted at a time.
#![allow(dead_code, reason = "each test uses its part")]

use std::path::Path;

use bench_report::histogram::{self, Histogram};
use bench_report::{
    Environment, Generator, Limit, LimitOwner, Load, Operation, Parameter, PoolUsage,
    Recommendation, Report, Series, ServerEvidence, Status, Step, StepEnd, Tool, Window, store,
};

pub(crate) const SECOND: u64 = 1_000_000_000;
pub(crate) const RUN: &str = "20260314-091500-7f3a";
const BOOT: &str = "11111111-2222-3333-4444-555555555555";
/// When the run began on the monotonic clock.
pub(crate) const START: u64 = 1_000 * SECOND;
const CORES: f64 = 4.0;

/// What is planted in a run. `Plant::default()` is a healthy run.
#[derive(Debug, Clone)]
pub(crate) struct Plant {
    /// Pool sizes that the sweep tried.
    pub(crate) pool_sizes: Vec<u64>,
    /// Users of the sweep.
    pub(crate) users: u64,
    /// Share of PostgreSQL's service time that is waiting for locks, internal locks, files.
    pub(crate) lock: f64,
    pub(crate) lwlock: f64,
    pub(crate) io: f64,
    /// Service time of a statement.
    pub(crate) service_ns: f64,
    /// Failed share of PostgreSQL's requests.
    pub(crate) errors: f64,
    /// Server connections in use, and the server's limit.
    pub(crate) connections: (f64, f64),
    /// Busy share of the machine at PostgreSQL's operating point, the server's share of the
    /// machine, the generator's.
    pub(crate) cpu: (f64, f64, f64),
    /// A program that takes no part, with the cores it uses.
    pub(crate) stranger: Option<(String, f64)>,
    pub(crate) steal: f64,
    pub(crate) memory: f64,
    pub(crate) memory_pressure: f64,
    pub(crate) swap_in: f64,
    pub(crate) hit_ratio: f64,
    pub(crate) evicted: f64,
    pub(crate) redis_main_thread: f64,
    /// Median call of Redis.
    pub(crate) redis_ns: f64,
    /// Throughput of the multiplexed client ÷ the pooled one's.
    pub(crate) multiplexed_gain: f64,
    pub(crate) limit: LimitOwner,
    /// Requests of PostgreSQL that never came back.
    pub(crate) censored: u64,
    /// What a hostile name looks like.
    pub(crate) step_name: Option<String>,
}

impl Default for Plant {
    fn default() -> Self {
        Self {
            pool_sizes: vec![2, 4, 8, 16, 32],
            users: 8,
            lock: 0.01,
            lwlock: 0.01,
            io: 0.02,
            service_ns: 1e6,
            errors: 0.0,
            connections: (12.0, 100.0),
            cpu: (0.62, 0.40, 0.18),
            stranger: None,
            steal: 0.002,
            memory: 0.35,
            memory_pressure: 0.0,
            swap_in: 0.0,
            hit_ratio: 0.94,
            evicted: 0.0,
            redis_main_thread: 0.55,
            redis_ns: 300_000.0,
            multiplexed_gain: 1.05,
            limit: LimitOwner::Target,
            censored: 0,
            step_name: None,
        }
    }
}

impl Plant {
    /// Writes the run's four reports into `directory`.
    pub(crate) fn write(&self, directory: &Path) {
        for report in [
            self.postgres(),
            self.redis(),
            self.websocket(),
            self.sysmon(),
        ] {
            save(directory, &report);
        }
    }

    /// A sweep over pool sizes whose knee is a pool of 8.
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

    /// Eight servers' worth of work, each of a millisecond: what a pool of 8 can carry.
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
            server.figure(name, value);
        }
        server
    }

    /// The cache with each client, pools of 4 and 8.
    pub(crate) fn redis(&self) -> Report {
        let from = START + 60 * SECOND;
        let mut report = begin("redis-bench", "cache", from);
        let clients = [
            ("pooled", Some(4u64)),
            ("pooled", Some(8)),
            ("multiplexed", None),
        ];
        for (index, (client, size)) in clients.into_iter().enumerate() {
            let gain = if size.is_none() {
                self.multiplexed_gain
            } else {
                1.0
            };
            let throughput = 20_000.0 * gain * if size == Some(4) { 0.9 } else { 1.0 };
            let mut step = step(
                &format!("{client} {size:?}"),
                from + index as u64 * 3 * SECOND,
            );
            step.parameters.insert("client".into(), client.into());
            step.parameters
                .insert("users".into(), Parameter::Integer(16));
            if let Some(size) = size {
                step.parameters
                    .insert("pool_size".into(), Parameter::Integer(size));
            }
            let miss = 1.0 - self.hit_ratio;
            for (name, part, cost) in [
                ("get", 0.9 * self.hit_ratio, 1.0),
                ("miss", 0.9 * miss, 2.2),
                ("set", 0.1, 1.1),
            ] {
                let mut operation = operation(throughput * part, self.redis_ns * cost);
                operation.service = hist(self.redis_ns * cost * 0.95, operation.succeeded);
                operation.checkout =
                    size.and_then(|_| hist(self.redis_ns * cost * 0.05, operation.succeeded));
                step.operations.insert(name.into(), operation);
            }
            step.figures.insert("hit_ratio".into(), self.hit_ratio);
            step.figures
                .insert("server_hit_ratio".into(), self.hit_ratio - 0.002);
            let mut server = ServerEvidence::default();
            for (name, value) in [
                ("evicted_keys", self.evicted),
                ("used_memory_bytes", 60e6),
                ("maxmemory_bytes", 64e6),
                ("cpu_main_thread_s", self.redis_main_thread),
                ("commands.get.calls", throughput * 0.9),
                ("commands.get.usec", throughput * 0.9 * 2.0),
                ("commands.set.calls", throughput * (0.1 + 0.9 * miss)),
                ("commands.set.usec", throughput * 0.1 * 3.0),
            ] {
                server.figure(name, value);
            }
            step.server = Some(server);
            step.generator = generator(0.2);
            report.steps.push(step);
        }
        report.duration_ns = 9 * SECOND;
        report
    }

    /// Levels up to 8,000 connections, of which 4,000 were held.
    pub(crate) fn websocket(&self) -> Report {
        let from = START + 80 * SECOND;
        let mut report = begin("ws-bench", "limit", from);
        for (index, level) in [500u64, 1000, 2000, 4000, 8000].into_iter().enumerate() {
            let mut step = step(
                &format!("{level} connections"),
                from + index as u64 * 3 * SECOND,
            );
            step.parameters
                .insert("connections".into(), Parameter::Integer(level));
            let mut connect = operation(400.0, 900_000.0 * (1.0 + level as f64 / 4000.0));
            connect.service.clone_from(&connect.call);
            if level > 4000 {
                connect.errors.insert("refused".into(), 200);
                connect.attempted += 200;
                step.end = StepEnd::Stopped {
                    rule: "errors>10%".into(),
                    reason: "33 % of the connections failed".into(),
                };
            }
            step.operations.insert("connect".into(), connect);
            let echo = operation(2_000.0, 500_000.0 * (1.0 + level as f64 / 2000.0));
            step.operations.insert("echo".into(), echo);
            step.figures.insert("connect.tcp_p50_ns".into(), 180_000.0);
            step.figures
                .insert("connect.upgrade_p50_ns".into(), 520_000.0);
            step.figures.insert("open_connections".into(), level as f64);
            step.generator = generator(0.25);
            report.steps.push(step);
        }
        report.summary.limit = Some(Limit {
            parameter: "connections".into(),
            value: 4000.0,
            owner: self.limit,
            reason: "the server refused 200 of 600 connections past 4,000".into(),
        });
        report.duration_ns = 15 * SECOND;
        report
    }

    /// The machine at 4 samples per second for 100 s.
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
        processes.extend(self.stranger.clone());
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

/// Saves a report under its name.
pub(crate) fn save(directory: &Path, report: &Report) {
    let path = directory.join(format!("{}.json", report.file_stem()));
    store::save_json(&path, report).unwrap();
}

fn begin(tool: &str, scenario: &str, at_ns: u64) -> Report {
    let tool = Tool {
        name: tool.into(),
        version: "0.1.0".into(),
        commit: None,
    };
    let mut report = Report::begin(tool, RUN.into(), scenario);
    report.status = Status::Complete;
    report.started_at = "2026-03-14T09:15:00.000Z".into();
    report.clock.boot_id = Some(BOOT.into());
    report.clock.monotonic_ns = at_ns;
    // A machine of its own, whatever the tests run on.
    report.environment = Environment {
        cores: Some(CORES as u64),
        cores_available: Some(CORES as u64),
        ..Environment::default()
    };
    report
}

fn step(name: &str, start_ns: u64) -> Step {
    Step {
        name: name.into(),
        parameters: std::collections::BTreeMap::new(),
        repeat: 0,
        window: Window {
            start_ns,
            measure_start_ns: start_ns + SECOND / 2,
            measure_end_ns: start_ns + SECOND * 3 / 2,
            end_ns: start_ns + SECOND * 3 / 2 + 1000,
        },
        load: Load::Closed {
            users: 8,
            think_time_ns: 0,
        },
        operations: std::collections::BTreeMap::new(),
        parts: std::collections::BTreeMap::new(),
        failures: vec![],
        pool: None,
        server: None,
        generator: Generator::default(),
        figures: std::collections::BTreeMap::new(),
        end: StepEnd::Completed,
    }
}

fn generator(machine_ratio: f64) -> Generator {
    Generator {
        threads: 4,
        cpu_ns: (machine_ratio * CORES * SECOND as f64) as u64,
        cpu_ratio: machine_ratio,
        busiest_thread_ratio: None,
        cpu_per_operation_ns: Some(40_000.0),
        worst_stall_ns: 2_000_000,
    }
}

/// One second of successes at a rate, whose calls take `call_ns` on average.
fn operation(throughput_per_s: f64, call_ns: f64) -> Operation {
    let succeeded = throughput_per_s as u64;
    Operation {
        attempted: succeeded,
        succeeded,
        throughput_per_s,
        call: hist(call_ns, succeeded),
        ..Operation::default()
    }
}

/// A distribution with this mean and an exponential tail.
pub(crate) fn hist(mean_ns: f64, count: u64) -> Option<Histogram> {
    let mut recording = histogram::recording();
    let n = count.clamp(1, 500);
    for i in 0..n {
        let q = (i as f64 + 0.5) / n as f64;
        let value = mean_ns * (0.6 - 0.4 * (1.0 - q).ln());
        let weight = count / n + u64::from(i < count % n);
        recording.saturating_record_n(value as u64, weight);
    }
    Histogram::of(&recording)
}

/// 100 s at 4 Hz around a mean, with a small ripple; nothing read at one point.
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
