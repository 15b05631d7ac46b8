//! Rule `temp_files`: sorts and hashes that do not fit into `work_mem`.
//!
//! Fires if a call writes 1 MiB or more to temporary files and that takes 2 % of the service time. Reads
//! `database.temp_bytes` (or `statements.temp_blocks_written`), `database.temp_files`, the `io.buffile*` waits
//! and `statements.temp_ns`. The cost is a lower bound, because most of the true cost is CPU. It is the largest of
//! three figures: the sampled waits, the timed reads and writes, and the time to copy the bytes twice at
//! 2 GiB/s. If there are fewer files than half of the calls, only some calls spill: the finding tells the size of
//! a file and not of a call.

use super::statement_work::{SPILLS, Worker};
use super::statements::short;
use crate::assessment::{ComputedFigure, Confidence, EvidenceItem, Rule};
use crate::cost::{CauseCost, CheckResult, RepeatFacts};
use crate::figures::{bytes, counted, duration_ns, share};
use crate::own_time::CausePart;
use crate::postgres::{PAGE_BYTES, PostgresEvidence};
use bench_report::names;

const RULE: Rule = Rule::TempFiles;
/// Smallest number of bytes per call at which the rule fires, because fewer bytes stay in the page
/// cache at little cost.
const LEAST_BYTES: f64 = 1_048_576.0;
/// Smallest share of the service time at which the rule fires. It is small because the cost is a lower bound.
const LEAST_SHARE: f64 = 0.02;
/// Memory that a sort needs ÷ size of its temporary files, in which rows are packed more densely.
const ROOM: f64 = 3.0;
/// Largest ratio of temporary files ÷ calls at which only some calls spill. Of more files, each call may have
/// written one.
const FEW_FILES: f64 = 0.5;
/// Upper bound for the speed of copying to and from the page cache, in bytes per second.
const FASTEST_COPY: f64 = 2_147_483_648.0;

pub(super) fn check(repeat: &RepeatFacts<'_, '_>) -> Vec<CheckResult> {
    let server = &repeat.server;
    let of_statements = || {
        let pages = server.figure(names::postgres::STATEMENTS_TEMP_BLOCKS_WRITTEN)?;
        let name = names::postgres::STATEMENTS_TEMP_BLOCKS_WRITTEN;
        Some((pages * PAGE_BYTES, name))
    };
    let of_database = server
        .figure(names::postgres::DATABASE_TEMP_BYTES)
        .map(|total| (total, names::postgres::DATABASE_TEMP_BYTES));
    let Some((total, name)) = of_database.or_else(of_statements) else {
        return vec![CheckResult::Unknown(
            RULE,
            "whether sorts spill to temporary files: the database's counters were not read"
                .to_owned(),
            "a role that may read pg_stat_database".to_owned(),
        )];
    };
    let commits = server
        .figure(names::postgres::DATABASE_COMMITS)
        .unwrap_or(0.0);
    let calls = server.calls_of_counters().unwrap_or(commits).max(1.0);
    let spilt = total / calls;
    let mut evidence: Vec<_> = server.evidence(name).into_iter().collect();
    if spilt < LEAST_BYTES {
        let statement = format!("temporary files: {} for each call on average", bytes(spilt));
        return vec![CheckResult::Fine(RULE, statement, evidence)];
    }
    evidence.extend(server.evidence(names::postgres::DATABASE_TEMP_FILES));
    evidence.extend(wait_evidence(repeat));
    let timed = [
        names::postgres::STATEMENTS_TEMP_NS,
        names::postgres::STATEMENTS_TEMP_BLOCKS_READ,
    ];
    evidence.extend(timed.into_iter().filter_map(|name| server.evidence(name)));
    vec![CheckResult::Cost(cost(repeat, (spilt, calls), evidence))]
}

/// Returns the evidence of the time model's parts for reading and writing temporary files.
fn wait_evidence(repeat: &RepeatFacts<'_, '_>) -> impl Iterator<Item = EvidenceItem> {
    let parts = repeat.model.parts.iter();
    let waits = parts.filter(|part| part.name.starts_with("io.buffile"));
    waits.flat_map(|part| part.evidence.iter().cloned())
}

/// Temporary files that the server counted.
#[derive(Debug, Clone, Copy)]
struct Files {
    count: f64,
    /// Mean size of a file, in bytes.
    size: f64,
    /// Largest share of the calls that may have written one, from 0 to 1, if only some did; `None` otherwise.
    of_calls: Option<f64>,
}

impl Files {
    /// Reads the temporary files of `calls` calls; `None` if they were not counted or there are none.
    fn read(server: &PostgresEvidence<'_>, calls: f64) -> Option<Self> {
        let total = server.figure(names::postgres::DATABASE_TEMP_BYTES)?;
        let count = server.figure(names::postgres::DATABASE_TEMP_FILES)?;
        let of_calls = Some(count / calls).filter(|of_calls| *of_calls < FEW_FILES);
        (count > 0.0).then(|| Self {
            count,
            size: total / count,
            of_calls,
        })
    }

    /// Returns a sentence that begins with a space.
    fn sentence(self) -> String {
        let at_most = self
            .of_calls
            .map(|part| format!(", so that at most {} of the calls spill", share(part)));
        format!(
            " The server wrote {} of {} on average{}.",
            counted(self.count, "file"),
            bytes(self.size),
            at_most.unwrap_or_default()
        )
    }
}

/// Returns the cost of temporary files into which each of `calls` calls writes `spilt` bytes on average.
fn cost(
    repeat: &RepeatFacts<'_, '_>,
    (spilt, calls): (f64, f64),
    mut evidence: Vec<EvidenceItem>,
) -> CauseCost {
    let spiller = SPILLS.most(&repeat.server);
    evidence.extend(spiller.iter().flat_map(|s| s.evidence(&repeat.server)));
    let told = spiller.as_ref().map_or(String::new(), Worker::sentence);
    let copied = 2.0 * spilt / FASTEST_COPY * 1e9;
    let least = repeat
        .model
        .sum_of("io.buffile")
        .max(timed_ns(repeat))
        .max(copied);
    let own_ns = least.min(repeat.model.served_ns());
    let statement = spiller.as_ref().map_or("", |spiller| spiller.text());
    let named = if statement.is_empty() {
        String::new()
    } else {
        format!("; {}", short(statement))
    };
    let files = Files::read(&repeat.server, calls);
    let (what, raise) = what_to_raise(spilt, files);
    CauseCost {
        rule: RULE,
        key: vec![CausePart::thing("spill")],
        thing: format!("temporary files (IO:BufFileWrite){named}"),
        own_ns,
        least: LEAST_SHARE,
        avoidable: true,
        lower_bound: true,
        highest_confidence: Confidence::High,
        computed: vec![ComputedFigure::new(
            "bytes of temporary files of a call",
            spilt,
            "bytes of temporary files ÷ calls",
        )],
        title: format!("Sorts or hashes {what} (IO:BufFileWrite{named})"),
        detail: format!(
            "The rows do not fit into work_mem.{} Reading and writing the files takes at least {} of a call; \
             copying and merging the rows takes CPU time besides.{told}",
            files.map_or(String::new(), Files::sentence),
            duration_ns(own_ns)
        ),
        evidence,
        actions: vec![
            raise,
            "or an index that gives the order, or fewer rows and columns to sort".to_owned(),
        ],
        rationale: "what fits into memory is sorted there once".to_owned(),
        restart: false,
    }
}

/// Returns what spills, as the end of a title, and the action to raise `work_mem`: by the size of a file if only
/// some calls spill, else by the `spilt` bytes of a call.
fn what_to_raise(spilt: f64, files: Option<Files>) -> (String, String) {
    let raise = |size: f64| {
        format!(
            "raise work_mem for this role or statement to {} or more, if memory allows it for all sessions at \
             once",
            bytes(ROOM * size)
        )
    };
    let Some(files) = files.filter(|files| files.of_calls.is_some()) else {
        let what = format!("spill {} of temporary files at each call", bytes(spilt));
        return (what, raise(spilt));
    };
    let what = format!(
        "of some calls spill {} of {} on average",
        counted(files.count, "temporary file"),
        bytes(files.size)
    );
    let more = "; a sort or hash that writes several files needs more";
    (what, raise(files.size) + more)
}

/// Returns the time of a call in temporary files as the server measured it, in nanoseconds; 0 if it was not
/// measured.
fn timed_ns(repeat: &RepeatFacts<'_, '_>) -> f64 {
    let timed = repeat.server.figure(names::postgres::STATEMENTS_TEMP_NS);
    timed
        .zip(repeat.server.calls_of_counters())
        .map_or(0.0, |(ns, calls)| ns / calls)
}
