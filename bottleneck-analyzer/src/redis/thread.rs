//! The one thread that carries out commands, as a queue with one server (M/G/1).
//!
//! Mean wait in front of it, by Pollaczek and Khinchine: Σ λE\[S²\] ÷ 2(1−ρ) (Kleinrock, *Queueing
//! Systems* I, 1975, §5.7). Long calls count by their square: one of 100 ms each second costs every
//! other call 5 ms on average while it takes a tenth of the thread.

use bench_report::EvidenceRow;

use super::evidence::RedisEvidence;

/// Beyond this use the formula's wait grows without bound while a step ends.
const RHO_MOST: f64 = 0.95;

impl RedisEvidence<'_> {
    /// Share of its time for which the main thread worked. With I/O threads Valkey's main thread
    /// polls while it has nothing to do: CPU and loop time then say nothing, and the time in
    /// commands is a lower bound.
    pub(crate) fn busy_ratio(&self) -> Option<f64> {
        let per_s = |name: &str, unit: f64| Some(self.figure(name)? * unit / self.seconds);
        if let Some(active) = per_s("main_thread_active_s", 1.0) {
            return Some(active);
        }
        if self.has_io_threads() {
            return per_s("eventloop_commands_us", 1e-6);
        }
        per_s("eventloop_busy_us", 1e-6).or_else(|| per_s("cpu_main_thread_s", 1.0))
    }

    /// Returns true if other threads read and write for it.
    pub(crate) fn has_io_threads(&self) -> bool {
        let threads = self
            .setting("io-threads")
            .and_then(|n| n.parse::<u32>().ok());
        threads.is_some_and(|n| n > 1) || self.figure("io_threads_active").is_some_and(|n| n > 0.0)
    }

    /// Mean time that each call of the load waited for the thread because of work that took
    /// `usec` in all, with the sum of its calls' squares, in nanoseconds. Who waits for an answer
    /// asks for nothing more meanwhile: all users together cannot wait longer than the work took.
    pub(crate) fn wait_behind(&self, usec: f64, squares_us2: f64) -> f64 {
        let rho = self.busy_ratio().unwrap_or(0.0).min(RHO_MOST);
        let open_us = squares_us2 / (self.seconds * 1e6) / (2.0 * (1.0 - rho));
        let most_us = self.users().map(|users| users * usec / self.calls);
        let wait_ns = 1e3 * most_us.map_or(open_us, |most| open_us.min(most));
        wait_ns.min(self.at_stake_ns())
    }

    /// Mean wait of a call behind a command, from its row. Without a histogram its calls are taken
    /// to be equally long, which is the least that they can have cost.
    pub(crate) fn wait_behind_command(&self, row: &EvidenceRow) -> f64 {
        let figure = |name: &str| row.figures.get(name).copied();
        let (calls, usec) = (
            figure("calls").unwrap_or(0.0),
            figure("usec").unwrap_or(0.0),
        );
        if calls <= 0.0 {
            return 0.0;
        }
        let least = usec * usec / calls;
        self.wait_behind(usec, figure("squares_us2").unwrap_or(0.0).max(least))
    }

    /// Mean wait of an answer for the disk where the thread flushes the append-only file after each
    /// round with a write: as much longer as a question that asks for nothing took than at its
    /// best. Time for which the thread had no CPU is no disk's.
    pub(crate) fn flush_wait_ns(&self) -> Option<f64> {
        let mean = self.figure("answer_mean_ns")?;
        let least = self.figure("answer_least_ns")?;
        let no_cpu = self
            .figure("main_thread_ready_s")
            .zip(self.figure("commands_processed"));
        let no_cpu = no_cpu.map_or(0.0, |(ready_s, commands)| ready_s * 1e9 / commands.max(1.0));
        Some((mean - least - no_cpu).max(0.0))
    }

    /// Time that the thread spent on anything but commands: reading requests and writing answers,
    /// expiring keys, flushing files, in seconds.
    pub(crate) fn outside_commands_s(&self) -> Option<f64> {
        if self.has_io_threads() {
            return None;
        }
        let commands = self.figure("eventloop_commands_us");
        let commands = commands.unwrap_or_else(|| self.commands_us());
        Some((self.busy_ratio()? * self.seconds - commands / 1e6).max(0.0))
    }

    /// Time in commands by their own statistics. Those inside of scripts and transactions are
    /// counted twice there: more than it was.
    pub(crate) fn commands_us(&self) -> f64 {
        let rows = self.rows("commands");
        rows.filter_map(|(_, row)| row.figures.get("usec")).sum()
    }
}
