//! Polls of the Redis server within a step: highest values of gauges, periods in which it saved
//! data, and its response time. A poll is a minimal query, so it waits only if the server's main
//! thread is busy or stopped.

use std::time::Instant;

use bench_report::clock::monotonic_ns;
use bench_report::names::redis::saving;
use bench_report::names::{self, FigureName};
use bench_report::{EvidenceRow, ServerEvidence};
use redis::{Connection, RedisResult};

use crate::server::info::Info;

/// Gauges of `INFO` that are polled, each with the name of the figure that contains its highest
/// value.
const MOST: [(&str, FigureName); 3] = [
    ("connected_clients", names::redis::CONNECTED_CLIENTS_MAX),
    ("blocked_clients", names::redis::BLOCKED_CLIENTS_MAX),
    (
        "client_recent_max_output_buffer",
        names::redis::OUTPUT_BUFFER_MAX_BYTES,
    ),
];
/// Gauges of `INFO` that are 1 while a child process saves data, each with the purpose of the
/// child.
const SAVING: [(&str, &str); 3] = [
    ("rdb_bgsave_in_progress", "snapshot"),
    ("aof_rewrite_in_progress", "rewrite of the append-only file"),
    ("module_fork_in_progress", "module's child"),
];
/// Largest number of saving periods that are stored for a step; later ones are dropped.
const MAX_SAVE_PERIODS: usize = 100;

/// Period in which a child process of the server saved data: from the first poll that saw the
/// process to the last, in nanoseconds of the monotonic clock.
#[derive(Debug)]
struct SavePeriod {
    what: &'static str,
    from_ns: u64,
    to_ns: u64,
}

/// Polls the server now, with two `INFO` commands, and adds the answers to each of `polls`.
///
/// # Errors
/// Fails if the server does not answer; a response time may have been added then.
pub(super) fn poll(polls: &mut [&mut StepPolls], connection: &mut Connection) -> RedisResult<()> {
    for polls in &mut *polls {
        polls.note_asked(2);
    }
    let began = Instant::now();
    let clients = Info::section(connection, "clients")?;
    let answer_ns = began.elapsed().as_nanos() as u64;
    for polls in &mut *polls {
        polls.answers.add(answer_ns);
    }
    let persistence = Info::section(connection, "persistence")?;
    let at_ns = monotonic_ns();
    for polls in polls {
        polls.add(&clients, &persistence, at_ns);
    }
    Ok(())
}

/// Results of all polls of the server in one step, or in a part of it.
#[derive(Debug, Default)]
pub(super) struct StepPolls {
    /// Number of `INFO` commands that this program sent, answered or not.
    asked: u64,
    count: u64,
    /// Number of polls that saw a child process saving data; `None` if the server does not report
    /// it.
    saving: Option<u64>,
    savings: Vec<SavePeriod>,
    /// True if the last poll saw a child process saving data.
    saved_just_now: bool,
    /// Highest value of each gauge in [`MOST`], in that order; `None` if the server does not have
    /// it.
    most: [Option<f64>; MOST.len()],
    /// Response times of the first `INFO` of each poll, in nanoseconds.
    answers: ResponseTimes,
}

#[derive(Debug, Default)]
struct ResponseTimes {
    count: u64,
    sum_ns: u64,
    least_ns: Option<u64>,
    most_ns: u64,
}

impl ResponseTimes {
    fn add(&mut self, ns: u64) {
        self.count += 1;
        self.sum_ns += ns;
        self.least_ns = Some(self.least_ns.map_or(ns, |least| least.min(ns)));
        self.most_ns = self.most_ns.max(ns);
    }
}

impl StepPolls {
    /// Returns the number of `INFO` commands that this program sent, answered or not.
    pub(super) fn asked(&self) -> u64 {
        self.asked
    }

    /// Notes that this program sent `INFO` `count` times, answered or not.
    pub(super) fn note_asked(&mut self, count: u64) {
        self.asked += count;
    }

    /// Adds the answers of one poll to `INFO`: the section about clients, and the section about
    /// persistence. They were received at `at_ns`, in nanoseconds of the monotonic clock.
    pub(super) fn add(&mut self, clients: &Info, persistence: &Info, at_ns: u64) {
        self.count += 1;
        let gauge =
            |(field, what): &(&str, &'static str)| Some((persistence.number(field)?, *what));
        let gauges: Vec<(f64, &'static str)> = SAVING.iter().filter_map(gauge).collect();
        if !gauges.is_empty() {
            let now = gauges
                .iter()
                .find(|(on, _)| *on > 0.0)
                .map(|(_, what)| *what);
            *self.saving.get_or_insert(0) += u64::from(now.is_some());
            self.note_saving(now, at_ns);
        }
        for (most, (field, _)) in self.most.iter_mut().zip(MOST) {
            if let Some(value) = clients.number(field) {
                *most = Some(most.map_or(value, |most| most.max(value)));
            }
        }
    }

    fn note_saving(&mut self, now: Option<&'static str>, at_ns: u64) {
        let just_now = std::mem::replace(&mut self.saved_just_now, now.is_some());
        let Some(what) = now else { return };
        if let Some(last) = self.savings.last_mut()
            && just_now
            && last.what == what
        {
            last.to_ns = at_ns;
        } else if self.savings.len() < MAX_SAVE_PERIODS {
            self.savings.push(SavePeriod {
                what,
                from_ns: at_ns,
                to_ns: at_ns,
            });
        }
    }

    /// Adds the figures of the polls, and the table of saving periods if there are any, to
    /// `evidence`.
    pub(super) fn add_to(&self, evidence: &mut ServerEvidence) {
        for (most, (_, figure)) in self.most.iter().zip(MOST) {
            if let Some(most) = most {
                evidence.figure(figure, *most);
            }
        }
        if let Some(saving) = self.saving {
            evidence.figure(
                names::redis::SAVING_RATIO,
                saving as f64 / self.count as f64,
            );
        }
        let row = |saving: &SavePeriod| {
            EvidenceRow::new(
                [(saving::WHAT, saving.what.to_owned())],
                [
                    (saving::FROM_NS, saving.from_ns as f64),
                    (saving::TO_NS, saving.to_ns as f64),
                ],
            )
        };
        if !self.savings.is_empty() {
            let rows = self.savings.iter().map(row).collect();
            evidence.table(saving::TABLE, rows);
        }
        if let Some(least_ns) = self.answers.least_ns {
            let count = self.answers.count as f64;
            evidence.figure(names::redis::ANSWERS, count);
            evidence.figure(
                names::redis::ANSWER_MEAN_NS,
                self.answers.sum_ns as f64 / count,
            );
            evidence.figure(names::redis::ANSWER_LEAST_NS, least_ns as f64);
            evidence.figure(names::redis::ANSWER_MOST_NS, self.answers.most_ns as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(polls: &mut StepPolls, at_ns: u64, clients: u64, saving: u64) {
        polls.add(
            &Info::parse(&format!("connected_clients:{clients}\n")),
            &Info::parse(&format!("rdb_bgsave_in_progress:{saving}\n")),
            at_ns,
        );
    }

    #[test]
    fn what_comes_and_goes_within_a_step_is_told_by_its_most_and_its_times() {
        let mut polls = StepPolls::default();
        let seen = [
            (3, 0),
            (9, 1),
            (4, 1),
            (2, 0),
            (2, 1),
            (2, 0),
            (2, 0),
            (2, 0),
        ];
        for (at_ns, (clients, saving)) in (100..).zip(seen) {
            look(&mut polls, at_ns, clients, saving);
        }
        let mut evidence = ServerEvidence::default();
        polls.add_to(&mut evidence);
        assert!((evidence.figures["connected_clients_max"] - 9.0).abs() < 1e-9);
        assert!((evidence.figures["saving_ratio"] - 3.0 / 8.0).abs() < 1e-9);
        assert!(
            !evidence.figures.contains_key("blocked_clients_max"),
            "missing is not zero"
        );
        let times: Vec<(f64, f64)> = evidence.tables["saving"]
            .iter()
            .map(|row| (row.figures["from_ns"], row.figures["to_ns"]))
            .collect();
        assert_eq!(times, [(101.0, 102.0), (104.0, 104.0)]);
    }

    #[test]
    fn a_stall_shows_in_the_longest_answer_and_hardly_in_the_mean() {
        let mut polls = StepPolls::default();
        for ns in [100_000, 120_000, 1_000_000_000, 110_000] {
            polls.answers.add(ns);
        }
        let mut evidence = ServerEvidence::default();
        polls.add_to(&mut evidence);
        assert_eq!(evidence.figures["answer_most_ns"], 1e9);
        assert_eq!(evidence.figures["answer_least_ns"], 1e5);
    }
}
