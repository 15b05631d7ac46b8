//! A run of `redis-bench cache`.

use bench_report::{Parameter, Report, ServerEvidence};

use super::parts::{SECOND, begin, generator, hist, operation, step};
use super::{Plant, START};

impl Plant {
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
}
