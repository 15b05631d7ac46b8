//! Text about a replay: the trace, what of it was left out, and how far the requests lagged behind its
//! instants.

use bench_cli::table::{self, Table, counted, paragraph};
use bench_report::Report;
use bench_report::names::steps;

use super::lag_counts::LATE_NS;
use super::trace_survey::{TracePart, TraceSurvey};
use crate::results::group::{ClientGroup, groups};
use crate::run::workload::Variants;

/// What is told of a replay.
#[derive(Debug)]
pub(super) struct ToldReplay<'a> {
    /// Name of the trace file, without its folder.
    pub(super) file: String,
    /// Part of the trace that was sent.
    pub(super) part: &'a TracePart,
    /// What the first reading of the trace found.
    pub(super) survey: &'a TraceSurvey,
    /// Number of keys.
    pub(super) keys: u64,
    /// Number of keys of which the trace tells no size of a value.
    pub(super) without_size: u64,
    /// Size of their values, in bytes.
    pub(super) unknown_bytes: u32,
    /// True if each request was sent after the answer to the one before.
    pub(super) in_order: bool,
}

impl ToldReplay<'_> {
    /// Returns the text of a finished run.
    pub(super) fn text(&self, report: &Report, variants: &Variants) -> String {
        let mut text = format!("\n{}", paragraph(&self.trace(), 0));
        for left_out in self.left_out() {
            text.push_str(&paragraph(&left_out, 0));
        }
        text.push_str(&lag_table(&groups(report, variants), self.in_order));
        text
    }

    fn trace(&self) -> String {
        let [reads, writes, removals] = self.survey.requests;
        let speed = match (self.part.rate_per_s, self.part.speed) {
            (Some(per_s), _) => format!("{} in place of its own times", table::rate(per_s)),
            (None, 1.0) => "as fast as it was recorded".to_owned(),
            (None, speed) => format!(
                "{} times as fast as it was recorded, with times to live as much shorter",
                table::three_digits(speed)
            ),
        };
        format!(
            "Trace {} ({}): {}, {} and {} of {} in {}, {speed}.",
            self.file,
            self.part.format.name(),
            counted(reads, "read"),
            counted(writes, "write"),
            counted(removals, "removal"),
            counted(self.keys, "key"),
            table::duration_ns(self.survey.length.as_nanos() as u64),
        )
    }

    /// Returns a sentence about each kind of line that was left out or changed.
    fn left_out(&self) -> Vec<String> {
        let skipped = &self.survey.skipped;
        let mut told = Vec::new();
        if let Some(first) = &skipped.first_faulty {
            told.push(format!(
                "Left out as no request: {}, first {first}.",
                counted(skipped.faulty, "line")
            ));
        }
        if let Some(first) = skipped.first_command {
            told.push(format!(
                "Left out as no read, write or removal of a string: {}, first {first}.",
                counted(skipped.commands, "command")
            ));
        }
        if self.survey.out_of_order > 0 {
            told.push(format!(
                "Out of order: {} with a time before that of the one ahead; they were sent with it.",
                counted(self.survey.out_of_order, "request")
            ));
        }
        if self.without_size > 0 {
            told.push(format!(
                "Sizes: {} whose size the trace does not tell; their values had {} bytes.",
                counted(self.without_size, "key"),
                self.unknown_bytes
            ));
        }
        told
    }
}

/// Returns a table of the lag of each setting, over all repeats.
fn lag_table(groups: &[ClientGroup<'_>], in_order: bool) -> String {
    let mut table = Table::new(&["lag", "requests", "late", "longest lag", "not sent"]);
    for group in groups {
        let longest = group
            .all_steps()
            .filter_map(|step| step.value(steps::REPLAY_LONGEST_LAG_NS));
        let longest = longest.reduce(f64::max);
        let count = |name| {
            group
                .total(name)
                .map_or("–".to_owned(), |count| format!("{count:.0}"))
        };
        table.row(&[
            group.name(),
            count(steps::REPLAY_REQUESTS),
            count(steps::REPLAY_LATE),
            longest.map_or("–".to_owned(), |ns| table::duration_ns(ns as u64)),
            count(steps::REPLAY_UNSENT),
        ]);
    }
    let order = if in_order {
        " Each was sent after the answer to the one before, so that it waited for slow ones."
    } else {
        ""
    };
    let legend = format!(
        "lag: from the instant of a request in the trace until it is sent, with the warm-up and over \
         all repeats; late: more than {}. Latency counts from the instant, so the lag is part of \
         it.{order}",
        table::duration_ns(LATE_NS)
    );
    format!("\n{table}{}", paragraph(&legend, 0))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::super::arrival_counts::ArrivalCounts;
    use super::super::skipped_lines::SkippedLines;
    use super::super::trace_error::TracePlace;
    use super::super::trace_keys::TraceKeys;
    use super::super::trace_reader::TraceFormat;
    use super::*;
    use crate::results::summary::tests::report;

    #[test]
    fn what_was_left_out_and_the_lag_are_told() {
        let part = TracePart {
            file: PathBuf::from("/home/someone/day.csv"),
            format: TraceFormat::Twitter,
            speed: 60.0,
            rate_per_s: None,
            loops: 1,
            requests: None,
            longest: None,
        };
        let survey = TraceSurvey {
            requests: [900, 90, 1],
            keys: TraceKeys::default(),
            length: Duration::from_secs(20),
            arrivals: ArrivalCounts::default(),
            skipped: SkippedLines {
                faulty: 2,
                first_faulty: Some("line 7: the line has 3 columns, not 7".to_owned()),
                commands: 1,
                first_command: Some(TracePlace::Line(9)),
            },
            out_of_order: 3,
        };
        let mut report = report(&[100.0, 120.0], &[200.0]);
        for (step, longest_ns, unsent) in [(0, 4e6, 0.0), (2, 3e9, 15.0)] {
            let step = &mut report.steps[step];
            step.figure(steps::REPLAY_REQUESTS, 1_000.0);
            step.figure(steps::REPLAY_LATE, unsent);
            step.figure(steps::REPLAY_LONGEST_LAG_NS, longest_ns);
            step.figure(steps::REPLAY_UNSENT, unsent);
        }
        let told = ToldReplay {
            file: "day.csv".to_owned(),
            part: &part,
            survey: &survey,
            keys: 55,
            without_size: 4,
            unknown_bytes: 256,
            in_order: false,
        };
        let text = told.text(&report, &Variants::default());
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for wanted in [
            "Trace day.csv (twitter): 900 reads, 90 writes and 1 removal of 55 keys in 20.0 s, 60.0 \
             times as fast as it was recorded",
            "Left out as no request: 2 lines, first line 7: the line has 3 columns",
            "removal of a string: 1 command, first line 9.",
            "Out of order: 3 requests",
            "Sizes: 4 keys",
            "2000 15 3.00 s 15",
        ] {
            assert!(words.contains(wanted), "{wanted}: {words}");
        }
    }
}
