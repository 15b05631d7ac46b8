//! Share of time for which Redis's main thread, which executes all commands, was busy.

use bench_report::ServerEvidence;
use bench_report::names::redis::settings;
use bench_report::names::{self, FigureName};

/// Share of time for which the main thread was busy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ThreadTime {
    /// Share of time for which the thread was busy, from 0 to 1 but for errors of its measurement.
    pub(crate) busy: f64,
    /// True if `busy` has only the time in commands, so that the thread was busy for longer.
    pub(crate) is_lower_bound: bool,
    /// Share of time for which the thread was ready to run without a core, beside `busy`. `None` if it
    /// is not known, or if `busy` contains it.
    pub(crate) without_core: Option<f64>,
}

impl ThreadTime {
    /// Returns the share from the first measure that the server has: active time, time of the main
    /// loop, CPU time of the thread. With I/O threads the main thread polls while it is idle, so of the
    /// last two measures only the time in commands counts. `None` if nothing was measured.
    pub(crate) fn of(server: &ServerEvidence) -> Option<Self> {
        let seconds = server
            .value(names::redis::INTERVAL_S)
            .filter(|s| *s > 0.0)?;
        let share = |name: FigureName, unit_s: f64| Some(server.value(name)? * unit_s / seconds);
        let whole = |busy: f64| Self {
            busy,
            is_lower_bound: false,
            without_core: None,
        };
        if let Some(active) = share(names::redis::MAIN_THREAD_ACTIVE_S, 1.0) {
            return Some(whole(active));
        }
        if has_io_threads(server) {
            let busy = share(names::redis::EVENTLOOP_COMMANDS_US, 1e-6)?;
            return Some(Self {
                busy,
                is_lower_bound: true,
                without_core: None,
            });
        }
        if let Some(looped) = share(names::redis::EVENTLOOP_BUSY_US, 1e-6) {
            return Some(whole(looped));
        }
        Some(Self {
            without_core: share(names::redis::MAIN_THREAD_READY_S, 1.0),
            ..whole(share(names::redis::CPU_MAIN_THREAD_S, 1.0)?)
        })
    }
}

fn has_io_threads(server: &ServerEvidence) -> bool {
    let mut rows = server.rows(settings::TABLE).unwrap_or_default().iter();
    let setting = rows.find(|row| row.label(settings::SETTING) == Some("io-threads"));
    let threads = setting.and_then(|row| row.label(settings::VALUE)?.parse::<u32>().ok());
    threads.is_some_and(|threads| threads > 1)
        || server
            .value(names::redis::IO_THREADS_ACTIVE)
            .is_some_and(|active| active > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_measure_counts_and_polling_of_io_threads_does_not() {
        use names::redis::{
            CPU_MAIN_THREAD_S, EVENTLOOP_BUSY_US, EVENTLOOP_COMMANDS_US, IO_THREADS_ACTIVE,
            MAIN_THREAD_ACTIVE_S,
        };
        let (cpu, looped) = ((CPU_MAIN_THREAD_S, 1.9), (EVENTLOOP_BUSY_US, 1.5e6));
        let (commands, active) = ((EVENTLOOP_COMMANDS_US, 0.5e6), (MAIN_THREAD_ACTIVE_S, 1.0));
        let io = (IO_THREADS_ACTIVE, 1.0);
        for (figures, wanted) in [
            (&[cpu][..], Some((0.95, false))),
            (&[cpu, looped, commands], Some((0.75, false))),
            (&[cpu, looped, commands, io], Some((0.25, true))),
            (&[cpu, looped, commands, io, active], Some((0.5, false))),
            (&[cpu, io], None),
            (&[], None),
        ] {
            let mut server = ServerEvidence::default();
            server.figure(names::redis::INTERVAL_S, 2.0);
            for (name, value) in figures {
                server.figure(*name, *value);
            }
            let found = ThreadTime::of(&server).map(|time| (time.busy, time.is_lower_bound));
            assert_eq!(found, wanted, "{figures:?}");
        }
    }
}
