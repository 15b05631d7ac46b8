//! Main thread of Redis, which executes all commands, as a queue with one server (M/G/1).
//!
//! The mean wait is Σ λE\[S²\] ÷ 2(1−ρ) by the formula of Pollaczek and Khinchine (Kleinrock, *Queueing
//! Systems* I, 1975, §5.7). Long calls count by their square: one call of 100 ms per second uses a tenth
//! of the thread and costs every other call 5 ms on average.

use bench_report::EvidenceRow;
use bench_report::names::{self, FigureName};

use super::evidence::RedisEvidence;

/// Commands that execute other commands, in lower case: scripts, functions and transactions. The server counts
/// a command inside one by itself and as a part of it.
const CONTAINERS: [&str; 7] = [
    "eval",
    "eval_ro",
    "evalsha",
    "evalsha_ro",
    "fcall",
    "fcall_ro",
    "exec",
];

/// Largest utilisation of the main thread, from 0 to 1, that the formula of the wait uses. Near 1
/// the formula's wait grows without a bound, while the wait in a step of finite length does not.
const RHO_MOST: f64 = 0.95;

impl RedisEvidence<'_> {
    /// Returns the share of time for which the main thread was busy, from 0 to 1; `None` if it was
    /// not measured. With I/O threads, Valkey's main thread polls while it is idle, so its CPU time
    /// and loop time do not count. If Valkey does not report its active time, the time in commands
    /// is used, which is a lower bound.
    pub(crate) fn busy_ratio(&self) -> Option<f64> {
        let per_s = |name: FigureName, unit: f64| Some(self.figure(name)? * unit / self.seconds);
        if let Some(active) = per_s(names::redis::MAIN_THREAD_ACTIVE_S, 1.0) {
            return Some(active);
        }
        if self.has_io_threads() {
            return per_s(names::redis::EVENTLOOP_COMMANDS_US, 1e-6);
        }
        per_s(names::redis::EVENTLOOP_BUSY_US, 1e-6)
            .or_else(|| per_s(names::redis::CPU_MAIN_THREAD_S, 1.0))
    }

    /// Returns true if I/O threads of the server are in use, by its settings or its statistics.
    pub(crate) fn has_io_threads(&self) -> bool {
        let threads = self
            .setting("io-threads")
            .and_then(|n| n.parse::<u32>().ok());
        threads.is_some_and(|n| n > 1)
            || self
                .figure(names::redis::IO_THREADS_ACTIVE)
                .is_some_and(|n| n > 0.0)
    }

    /// Returns the mean time that a call of the load waits for other work of the main thread, in
    /// nanoseconds. `usec` is the total time of that work in the step, in microseconds;
    /// `squares_us2` is the sum of the squares of the lengths of its pieces. In a closed loop a
    /// waiting user sends nothing, so the total wait is at most users × `usec`. The result is at
    /// most [`RedisEvidence::at_stake_ns`].
    pub(crate) fn wait_behind(&self, usec: f64, squares_us2: f64) -> f64 {
        let rho = self.busy_ratio().unwrap_or(0.0).min(RHO_MOST);
        let open_us = squares_us2 / (self.seconds * 1e6) / (2.0 * (1.0 - rho));
        let most_us = self.users().map(|users| users * usec / self.calls);
        let wait_ns = 1e3 * most_us.map_or(open_us, |most| open_us.min(most));
        wait_ns.min(self.at_stake_ns())
    }

    /// Returns the mean time that a call of the load waits for the command in `row`, in
    /// nanoseconds; 0 if it was not called. Without a histogram all calls of the command count as
    /// equally long, which gives a lower bound.
    pub(crate) fn wait_behind_command(&self, row: &EvidenceRow) -> f64 {
        self.wait_behind_part(row, 1.0)
    }

    /// Returns the smallest and the largest mean time that a call of the load waits for the command of other
    /// clients in `row`, in nanoseconds, beside its wait for their scripts and transactions. The two differ if
    /// calls of the command may have been inside of these, whose time contains theirs.
    pub(crate) fn wait_behind_other(&self, row: &EvidenceRow) -> (f64, f64) {
        let usec = usec_of(row);
        if usec <= 0.0 {
            return (0.0, 0.0);
        }
        let (least, most) = self.inside_others_us(row);
        let without = |inside: f64| self.wait_behind_part(row, 1.0 - inside / usec);
        (without(most), without(least))
    }

    /// Returns the wait of [`RedisEvidence::wait_behind_command`] for the share `part` (0 to 1) of the calls of
    /// the command.
    fn wait_behind_part(&self, row: &EvidenceRow, part: f64) -> f64 {
        let calls = row.value(names::redis::commands::CALLS).unwrap_or(0.0);
        if calls <= 0.0 {
            return 0.0;
        }
        let usec = usec_of(row);
        let squares = row.value(names::redis::commands::SQUARES_US2);
        let squares = squares.unwrap_or(0.0).max(usec * usec / calls);
        self.wait_behind(part * usec, part * squares)
    }

    /// Returns the smallest and the largest time, in microseconds, that the command in `row` took inside of
    /// scripts and transactions. It took no more there than these took, and a command whose calls are longer than
    /// the longest of these was inside of none. Servers that also count the time of all commands once tell how
    /// much was counted twice, but not of which commands.
    fn inside_others_us(&self, row: &EvidenceRow) -> (f64, f64) {
        let containers = || {
            let rows = self.rows("commands").map(|(_, row)| row);
            rows.filter(|row| is_container(row))
        };
        let longest = containers().try_fold(0.0_f64, |longest, row| {
            Some(longest.max(row.value(names::redis::commands::LONGEST_US)?))
        });
        let calls = row.value(names::redis::commands::CALLS).unwrap_or(0.0);
        let usec = usec_of(row);
        let is_longer = longest.is_some_and(|longest| usec / calls.max(1.0) > longest);
        if is_container(row) || is_longer {
            return (0.0, 0.0);
        }
        let held: f64 = containers().map(usec_of).sum();
        let all = self.commands_us();
        let once = self.figure(names::redis::EVENTLOOP_COMMANDS_US);
        let twice = once.map(|once| (all - once).max(0.0).min(held));
        let most = twice.unwrap_or(held).min(usec);
        // What was counted twice and the other commands did not take was of this command.
        let others = all - held - usec;
        let least = twice.map_or(0.0, |twice| (twice - others).max(0.0));
        (least.min(most), most)
    }

    /// Returns the mean time that an answer waits for the disk, in nanoseconds, at least 0. It is that
    /// only if the main thread flushes the append-only file before it answers, which the caller must
    /// check. Computed from minimal queries: the mean time of their answers, less the fastest answer,
    /// less the mean time per command for which the thread had no CPU (0 if unknown). `None` if no
    /// minimal query was timed.
    pub(crate) fn flush_wait_ns(&self) -> Option<f64> {
        let mean = self.figure(names::redis::ANSWER_MEAN_NS)?;
        let least = self.figure(names::redis::ANSWER_LEAST_NS)?;
        let no_cpu = self
            .figure(names::redis::MAIN_THREAD_READY_S)
            .zip(self.figure(names::redis::COMMANDS_PROCESSED));
        let no_cpu = no_cpu.map_or(0.0, |(ready_s, commands)| ready_s * 1e9 / commands.max(1.0));
        Some((mean - least - no_cpu).max(0.0))
    }

    /// Returns the main thread's time outside of commands in the step, in seconds: reading
    /// requests, writing answers, expiring keys, flushing files. `None` if its use was not
    /// measured, and with I/O threads, which do a part of that work.
    pub(crate) fn outside_commands_s(&self) -> Option<f64> {
        if self.has_io_threads() {
            return None;
        }
        let commands = self.figure(names::redis::EVENTLOOP_COMMANDS_US);
        let commands = commands.unwrap_or_else(|| self.commands_us());
        Some((self.busy_ratio()? * self.seconds - commands / 1e6).max(0.0))
    }

    /// Returns the time that the server spent in commands of all clients, in microseconds,
    /// according to its statistics. It is an upper bound, because commands inside scripts and
    /// transactions are counted twice.
    pub(crate) fn commands_us(&self) -> f64 {
        let rows = self.rows("commands");
        rows.map(|(_, row)| usec_of(row)).sum()
    }
}

/// Returns the time in the command of `row`, in microseconds; 0 if it was not read.
fn usec_of(row: &EvidenceRow) -> f64 {
    row.value(names::redis::commands::USEC).unwrap_or(0.0)
}

/// Returns true if the command of `row` executes other commands.
fn is_container(row: &EvidenceRow) -> bool {
    let command = row.label(names::redis::commands::COMMAND);
    command.is_some_and(|command| CONTAINERS.contains(&command))
}
