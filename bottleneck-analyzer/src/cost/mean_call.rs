//! Mean call at the operating point, from which causes are taken out one after another. Each time, the queues
//! that calls stand in are computed again: the run queue of the processors (M/M/c), a hot lock (M/M/1) and
//! the pool (Erlang's C formula).
//!
//! The load stays the same: as many calls per second as were measured. What the calls could do at most
//! follows from the demands that are left (the operational laws; see `demand`).

use bench_report::{Load, Step};

use crate::assessment::{NextLimit, TimeModel};
use crate::capacity_gain::CapacityGain;
use crate::demand::LockHold;
use crate::postgres::{LockHolders, PostgresEvidence};
use crate::queueing::{erlang_wait_ns, shorter_queue_ratio, single_server_wait_ns};
use crate::step_cpu_use::StepCpuUse;
use crate::time_model::checkout;

/// Share of all lock waits, from 0 to 1. If a removed cause was at least that much of them, the lock is no
/// limit any more.
const THE_LOCK: f64 = 0.5;

/// Time by which a cause shortens each part of a call, and CPU that it frees.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Removal {
    /// Time taken out of each part of the model, in nanoseconds, in the order of the parts.
    pub(super) parts_ns: Vec<f64>,
    /// Share of the machine's CPU, from 0 to 1, that programs outside of the run give back.
    pub(super) freed_cpu_ratio: f64,
    /// True if the pool gets as many connections as it needs.
    pub(super) lifts_pool: bool,
}

/// Processors that server and generator may use, and how busy they are.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Processors {
    count: f64,
    busy: f64,
    /// Share of the machine that is neither stolen nor used by other programs, ÷ share that server and
    /// generator use: the throughput that the CPU allows ÷ the measured one.
    ours: f64,
    left_for_us: f64,
}

/// Mean call of one repeat, shortened by the causes removed so far.
#[derive(Debug, Clone)]
pub(super) struct MeanCall<'m> {
    model: &'m TimeModel,
    /// Length of each part of the model now, in nanoseconds.
    parts_ns: Vec<f64>,
    rate_per_s: f64,
    pool_size: Option<f64>,
    /// Mean wait for a place in the pool as measured, in nanoseconds; `None` if it is not known apart from
    /// the rest of a checkout.
    pool_wait_ns: Option<f64>,
    lock: Option<LockHold>,
    lock_wait_ns: f64,
    /// True if a session outside the load held a whole table: all that waited for it went on at once. False in a
    /// closed loop, whose users queue for the CPU anyway.
    releases_at_once: bool,
    processors: Option<Processors>,
    /// CPU time of calls with their parallel workers ÷ without, as `server_cpu` has it.
    cpu_with_workers_ratio: f64,
    load: Load,
}

impl<'m> MeanCall<'m> {
    /// Describes the mean call of the step in `server`, as measured. `cpu` is the CPU use in the step.
    pub(super) fn measured(
        model: &'m TimeModel,
        server: &PostgresEvidence<'_>,
        cpu: Option<&StepCpuUse>,
    ) -> Self {
        let step: &Step = server.step;
        let queue = model.part("checkout").map_or(0.0, |part| part.ns);
        Self {
            model,
            parts_ns: model.parts.iter().map(|part| part.ns).collect(),
            rate_per_s: server.calls_per_s(),
            pool_size: step.pool.as_ref().map(|pool| pool.max_size as f64),
            pool_wait_ns: checkout::wait_ns(step, queue).filter(|_| queue > 0.0),
            lock: LockHold::of(model, server),
            lock_wait_ns: model.lock_ns(),
            releases_at_once: matches!(step.load, Load::Open { .. })
                && LockHolders::find(server, &["relation"])
                    .is_some_and(|holders| holders.outsider.is_some()),
            processors: cpu.and_then(Processors::of),
            cpu_with_workers_ratio: server.cpu_with_workers_ratio(),
            load: step.load.clone(),
        }
    }

    /// Returns the mean time of a call, in nanoseconds.
    pub(super) fn total_ns(&self) -> f64 {
        self.parts_ns.iter().sum()
    }

    /// Returns the time of a call in the parts for which `is_one` is true, in nanoseconds.
    fn sum_of(&self, is_one: impl Fn(&str) -> bool) -> f64 {
        let parts = self.model.parts.iter().zip(&self.parts_ns);
        parts
            .filter(|(p, _)| is_one(&p.name))
            .map(|(_, ns)| ns)
            .sum()
    }

    fn served_ns(&self) -> f64 {
        self.sum_of(|name| !TimeModel::is_queue(name))
    }

    fn shorten(&mut self, is_one: impl Fn(&str) -> bool, ratio: f64) {
        for (part, ns) in self.model.parts.iter().zip(&mut self.parts_ns) {
            if is_one(&part.name) {
                *ns *= ratio;
            }
        }
    }

    /// Returns the call without the cause that `removal` describes, with all queues computed again.
    pub(super) fn without(&self, removal: &Removal) -> Self {
        let mut then = self.clone();
        for (ns, less) in then.parts_ns.iter_mut().zip(&removal.parts_ns) {
            *ns = (*ns - less).max(0.0);
        }
        then.run_queue(self, removal.freed_cpu_ratio);
        then.release(self);
        then.lock_queue(self);
        then.pool_queue(self);
        then.pool_size = then.pool_size.filter(|_| !removal.lifts_pool);
        then
    }

    /// Shortens the wait for a CPU: by the CPU time that calls need no longer, and by the CPU that others give
    /// back. Has no effect if neither changed.
    fn run_queue(&mut self, before: &Self, freed_cpu_ratio: f64) {
        let Some(processors) = &mut self.processors else {
            return;
        };
        let is_cpu = |name: &str| name == "server_cpu";
        let less_ns = before.sum_of(is_cpu) - {
            let parts = self.model.parts.iter().zip(&self.parts_ns);
            parts
                .filter(|(p, _)| is_cpu(&p.name))
                .map(|(_, ns)| ns)
                .sum::<f64>()
        };
        let less_ns = less_ns.max(0.0) * self.cpu_with_workers_ratio;
        let cores = (self.rate_per_s * less_ns / 1e9).min(processors.ours);
        let freed = freed_cpu_ratio * processors.count;
        if cores + freed <= 0.0 {
            return;
        }
        let now = processors.busy;
        processors.busy = (now - cores - freed).max(0.0);
        processors.ours -= cores;
        processors.left_for_us += freed;
        let ratio = shorter_queue_ratio(processors.count, now, processors.busy);
        self.shorten(is_run_queue, ratio);
    }

    /// Shortens the wait for a CPU to what calls at random times would wait (Erlang's C formula), if the waits
    /// for a table that a session outside the load held are removed: it lets all that wait go at once, and
    /// they queue for the CPU.
    fn release(&mut self, before: &Self) {
        let Some(processors) = self.processors.filter(|_| self.releases_at_once) else {
            return;
        };
        let waited = before.sum_of(is_table_lock);
        let cpu_ns = self.sum_of(|name| name == "server_cpu");
        if waited <= 0.0 || self.sum_of(is_table_lock) > (1.0 - THE_LOCK) * waited || cpu_ns <= 0.0
        {
            return;
        }
        // All that is busy counts as calls of the same length.
        let rate_per_s = processors.busy / cpu_ns * 1e9;
        let waits = self.sum_of(is_run_queue);
        let alone = erlang_wait_ns(processors.count.floor(), rate_per_s, cpu_ns);
        if let Some(alone) = alone.filter(|alone| *alone < waits) {
            self.shorten(is_run_queue, alone / waits);
        }
    }

    /// Shortens the wait for the hot lock if holders keep it for a shorter time now; removes the lock if the
    /// cause was the larger part of the waiting itself.
    fn lock_queue(&mut self, before: &Self) {
        let waits = self.sum_of(is_lock);
        if before.lock_wait_ns > 0.0 && waits < (1.0 - THE_LOCK) * self.lock_wait_ns {
            self.lock = None;
        }
        let Some(lock) = &mut self.lock else {
            return;
        };
        let lengths = before.parts_ns.iter().zip(&self.parts_ns);
        let parts = self.model.parts.iter().zip(lengths);
        let parts: Vec<_> = parts.map(|(part, (b, now))| (part, *b, *now)).collect();
        let hold = lock.ns;
        lock.shorten(&parts);
        if lock.ns >= hold {
            return;
        }
        let hold = lock.ns;
        if let Some(wait) = single_server_wait_ns(self.rate_per_s, hold).filter(|_| waits > 0.0) {
            self.shorten(is_lock, (wait / waits).min(1.0));
        }
    }

    /// Computes the wait for a place in the pool again if connections are held for a shorter time now.
    fn pool_queue(&mut self, before: &Self) {
        let (Some(size), Some(wait)) = (self.pool_size, self.pool_wait_ns) else {
            return;
        };
        let served = self.served_ns();
        if served >= before.served_ns() {
            return;
        }
        let Some(then) = erlang_wait_ns(size, self.rate_per_s, served) else {
            return;
        };
        let part = self.sum_of(|name| name == "checkout");
        if part > 0.0 {
            let shorter = (part - (wait - then).max(0.0)).max(0.0);
            self.shorten(|name| name == "checkout", shorter / part);
            self.pool_wait_ns = Some(wait.min(then));
        }
    }

    /// Returns the throughput that this call allows at most, in calls per second: the smallest bound of the
    /// CPU, the hot lock, the pool and the number of users. `None` if the CPU was not recorded.
    pub(super) fn most_per_s(&self) -> Option<f64> {
        Some(self.bound()?.1)
    }

    /// Returns the smallest bound of the throughput with its value in calls per second; `None` if the CPU was
    /// not recorded.
    fn bound(&self) -> Option<(NextLimit, f64)> {
        let processors = self.processors?;
        let cpu = self.rate_per_s * processors.left_for_us / processors.ours;
        let mut bounds = vec![(NextLimit::Cpu, cpu)];
        let lock = self.lock.as_ref();
        bounds.extend(lock.map(|lock| (NextLimit::HotLock, 1e9 / lock.ns.max(1.0))));
        if let Some(size) = self.pool_size {
            let held = self.served_ns() - self.sum_of(|name| is_lock(name) || is_lwlock(name));
            bounds.push((NextLimit::Pool, size / held.max(1.0) * 1e9));
        }
        if let Load::Closed {
            users,
            think_time_ns,
        } = self.load
        {
            // Without the queues, as bounds leave them out: users wait in them only as long as another bound
            // is lower.
            let queues = self.sum_of(|name| name == "checkout" || is_lock(name));
            let cycle = self.total_ns() - queues + think_time_ns as f64;
            bounds.push((NextLimit::Users, users as f64 / cycle.max(1.0) * 1e9));
        }
        let least = bounds.into_iter().min_by(|a, b| a.1.total_cmp(&b.1));
        least.filter(|(_, per_s)| per_s.is_finite() && self.rate_per_s > 0.0)
    }

    /// Returns the possible rise of throughput above the measured one, and the limit at which it ends; `None`
    /// if the CPU was not recorded.
    pub(super) fn capacity_gain(&self) -> Option<CapacityGain> {
        let (limit, most) = self.bound()?;
        Some(CapacityGain {
            ratio: most / self.rate_per_s - 1.0,
            limit: Some(limit),
        })
    }

    /// Returns the mean time for which a call holds the hot lock, in nanoseconds; `None` without one.
    pub(super) fn hold_ns(&self) -> Option<f64> {
        Some(self.lock.as_ref()?.ns)
    }

    /// Returns the mean time of a call as measured, in nanoseconds.
    pub(super) fn measured_ns(&self) -> f64 {
        self.model.whole_ns
    }

    /// Returns the parts of the call as measured, with their lengths now.
    pub(super) fn parts(&self) -> impl Iterator<Item = (&'m crate::assessment::TimePart, f64)> {
        self.model.parts.iter().zip(self.parts_ns.iter().copied())
    }
}

impl Processors {
    /// Reads the processors from the CPU use of a step; `None` if how much server and generator used is not
    /// known.
    fn of(cpu: &StepCpuUse) -> Option<Self> {
        if let Some(limit) = cpu.binding_limit() {
            let busy = cpu.used_ratio()? * limit.cores;
            return Some(Self {
                count: limit.cores,
                busy,
                ours: busy,
                left_for_us: limit.cores,
            });
        }
        let machine = Self {
            count: cpu.cores,
            busy: cpu.busy_ratio() * cpu.cores,
            ours: cpu.known_ratio() * cpu.cores,
            left_for_us: (cpu.left_ratio() - cpu.unexplained_ratio()) * cpu.cores,
        };
        if cpu.others_ratio().is_some() {
            return Some(machine);
        }
        // The server's use is not known, so the CPU allows as much more as is idle.
        let used = cpu.used_ratio()?;
        Some(Self {
            ours: used * cpu.cores,
            left_for_us: cpu.cores,
            ..machine
        })
    }
}

fn is_lock(name: &str) -> bool {
    name == "lock" || name.starts_with("lock.")
}

fn is_table_lock(name: &str) -> bool {
    name == "lock.relation"
}

fn is_run_queue(name: &str) -> bool {
    name == "server_runnable"
}

fn is_lwlock(name: &str) -> bool {
    name == "lwlock" || name.starts_with("lwlock.")
}

#[cfg(test)]
pub(super) mod tests;
