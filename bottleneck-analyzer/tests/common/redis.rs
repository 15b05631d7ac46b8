//! Run of `redis-bench cache`, made up for tests.

use bench_report::{EvidenceRow, Load, Parameter, Report, ServerEvidence};

use super::parts::{PlantFigure as _, row};
use super::parts::{SECOND, begin, generator, hist, operation, step};
use super::{Plant, START};

impl Plant {
    /// Returns a run of one step with each client: pools of 4 and 8, and one multiplexed
    /// connection.
    pub(crate) fn redis(&self) -> Report {
        let from = START + 60 * SECOND;
        let mut report = begin("redis-bench", "cache", from);
        report.config.insert("url".into(), "throwaway".into());
        report.config.insert("value_bytes".into(), 100.into());
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
            let mean_cost = 0.9 * self.hit_ratio + 0.9 * miss * 2.2 + 0.1 * 1.1;
            step.load = closed_load(throughput, mean_cost * self.redis_ns);
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
                server.plant(name, value);
            }
            healthy_server(&mut server, throughput, miss);
            step.server = Some(server);
            step.generator = generator(0.2);
            report.steps.push(step);
        }
        report.duration_ns = 9 * SECOND;
        report
    }
}

/// Returns a closed loop that makes this throughput with calls of `call_ns` nanoseconds: as few users as can,
/// with a short pause.
fn closed_load(throughput: f64, call_ns: f64) -> Load {
    let users = (throughput * call_ns / 1e9).ceil();
    Load::Closed {
        users: users as u64,
        think_time_ns: (users / throughput * 1e9 - call_ns) as u64,
    }
}

/// Fills in the evidence of a recent Redis server over about a second in which nothing is wrong.
/// `throughput` is in requests per second, and `miss` is the share of reads that miss.
fn healthy_server(server: &mut ServerEvidence, throughput: f64, miss: f64) {
    for (name, value) in [
        ("interval_s", 1.0),
        ("forks", 0.0),
        ("saving_ratio", 0.0),
        ("aof_enabled", 0.0),
        ("aof_delayed_fsync", 0.0),
        ("expire_cycle_cpu_ms", 4.0),
        ("expire_cap_reached", 0.0),
        ("rejected_connections", 0.0),
        ("maxclients", 10_000.0),
        ("connected_clients_max", 20.0),
        ("connections_received", 0.0),
        ("commands_processed", throughput * 1.1),
        ("net_output_bytes", throughput * 100.0),
        ("net_input_bytes", throughput * 50.0),
        ("output_buffer_max_bytes", 0.0),
        ("answers", 10.0),
        ("answer_mean_ns", 130_000.0),
        ("answer_least_ns", 100_000.0),
        ("answer_most_ns", 400_000.0),
        ("slowlog_entries", 0.0),
    ] {
        server.figures.entry(name.into()).or_insert(value);
    }
    let (gets, sets) = (throughput * 0.9, throughput * (0.1 + 0.9 * miss));
    let rows = vec![
        command("get", "load", (gets, gets * 2.0), 64.0),
        command("set", "load", (sets, sets * 3.0), 64.0),
        command("info", "bench", (20.0, 400.0), 128.0),
    ];
    server.tables.insert("commands".into(), rows);
    let setting = |name: &str, value: &str| row([("setting", name), ("value", value)], []);
    let settings = vec![
        setting("appendfsync", "everysec"),
        setting("io-threads", "1"),
        setting("slowlog-log-slower-than", "10000"),
    ];
    server.tables.insert("settings".into(), settings);
}

/// Returns a row of the table of commands: `calls` of equal length, `usec` microseconds in all,
/// except for one of `longest_us` microseconds.
pub(crate) fn command(
    name: &str,
    whose: &str,
    (calls, usec): (f64, f64),
    longest_us: f64,
) -> EvidenceRow {
    row(
        [("command", name), ("whose", whose)],
        [
            ("calls", calls),
            ("usec", usec),
            ("longest_us", longest_us),
            ("squares_us2", usec * usec / calls + longest_us * longest_us),
        ],
    )
}
