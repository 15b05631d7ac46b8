//! Counters of writes: who writes dirty pages, and why the background writer does not.

use bench_report::names::{FigureName, postgres};

use super::super::wait_group::WaitGroup;
use super::counter_facts::CounterFacts;
use crate::figures::{duration_ns, plain};
use crate::postgres::waits::Wait;

/// Smallest share of the writes, from 0 to 1, that sessions make themselves at which the background writer
/// does not keep up.
const MUCH: f64 = 0.5;

/// Returns true if sessions in `group` write or enlarge tables.
pub(super) fn is_of_pages(group: &WaitGroup) -> bool {
    group.has("io.datafilewrite") || group.has("io.datafileextend")
}

/// Returns true if sessions in `group` flush files.
pub(super) fn is_of_flushes(group: &WaitGroup) -> bool {
    group.has("io.datafilesync") || group.has("timeout.registersyncrequest")
}

/// Tells how much sessions write themselves beside the others, how often they enlarge tables, and what the
/// background writer did meanwhile.
pub(super) fn by_whom(facts: &mut CounterFacts<'_, '_>, group: &WaitGroup) {
    let ratio = writers(facts);
    if let Some(times) = facts.positive(postgres::IO_CLIENT_EXTENDS) {
        let sentence = format!("Sessions enlarged tables {} times.", plain(times));
        facts.say(&sentence, &[postgres::IO_CLIENT_EXTENDS]);
    }
    let mostly = group.main().map(|wait: &Wait| wait.key.as_str());
    if mostly == Some("io.datafileextend") {
        facts
            .actions
            .push("insert several rows per statement, or use COPY".to_owned());
        // The background writer enlarges no tables.
        facts.acquitted.push("bgwriter_lru_maxpages");
        return;
    }
    background_writer(facts, ratio);
}

/// Tells who writes how much: from `pg_stat_io`, which version 16 has, or from `pg_stat_bgwriter` before.
/// Returns the share of the writes that sessions make, from 0 to 1; `None` if it is not known.
fn writers(facts: &mut CounterFacts<'_, '_>) -> Option<f64> {
    let now = [(postgres::IO_CLIENT_WRITES, postgres::IO_CLIENT_WRITE_NS)];
    let Some(written) = facts.timed_count(&now) else {
        return writers_before_16(facts);
    };
    let each = written
        .each_ns()
        .map_or(String::new(), |ns| format!(" ({} each)", duration_ns(ns)));
    let others = [(postgres::IO_OTHER_WRITES, "other processes")];
    let mut names = written.names.to_vec();
    let (told, all) = beside(facts, written.count, &others);
    names.extend(others.map(|(name, _)| name));
    let count = plain(written.count);
    let sentence = format!("Sessions made {count} writes of pages{each}{told}.");
    facts.say(&sentence, &names);
    Some(written.count / all?)
}

/// Does the same for an older server, which counts pages that enlarge a table too, and the time only for the
/// load's database.
fn writers_before_16(facts: &mut CounterFacts<'_, '_>) -> Option<f64> {
    let name = postgres::BGWRITER_BACKEND_BUFFERS_WRITTEN;
    let written = facts.positive(name)?;
    let others = [
        (postgres::CHECKPOINTER_BUFFERS_WRITTEN, "checkpoints"),
        (postgres::BGWRITER_BUFFERS_CLEANED, "the background writer"),
    ];
    let (told, all) = beside(facts, written, &others);
    let count = plain(written);
    let sentence = format!("Sessions wrote {count} pages, new ones of tables included{told}.");
    facts.say(&sentence, &[name]);
    facts.cite(&others.map(|(name, _)| name));
    if let Some(ns) = facts.positive(postgres::DATABASE_BLOCK_WRITE_NS) {
        let sentence = format!("In this database that took {}.", duration_ns(ns));
        facts.say(&sentence, &[postgres::DATABASE_BLOCK_WRITE_NS]);
    }
    Some(written / all?)
}

/// Returns words for the writes of `others`, and the sum of all writes, of which sessions made `own`; `None` if
/// one of them was not counted.
fn beside(
    facts: &CounterFacts<'_, '_>,
    own: f64,
    others: &[(FigureName, &str)],
) -> (String, Option<f64>) {
    let mut told = String::new();
    let mut all = Some(own);
    for (name, who) in others {
        let count = facts.figure(*name);
        told += &count.map_or(String::new(), |count| format!(", {who} {}", plain(count)));
        all = all.zip(count).map(|(all, count)| all + count);
    }
    (told, all)
}

/// Tells whether the background writer stopped at its limit. `ratio` is the share of the writes that sessions
/// made, from 0 to 1; `None` if it is not known.
fn background_writer(facts: &mut CounterFacts<'_, '_>, ratio: Option<f64>) {
    const STOPPED: [FigureName; 1] = [postgres::BGWRITER_STOPPED_EARLY];
    match facts.figure(STOPPED[0]) {
        Some(times) if times > 0.0 => {
            let sentence = format!(
                "The background writer stopped {} times because it had written bgwriter_lru_maxpages pages.",
                plain(times)
            );
            facts.say(&sentence, &STOPPED);
        }
        Some(_) if ratio.is_some_and(|ratio| ratio >= MUCH) => {
            let sentence = "The background writer never reached bgwriter_lru_maxpages.";
            facts.say(sentence, &STOPPED);
            facts
                .actions
                .push("let the background writer run more often: lower bgwriter_delay".to_owned());
            facts.acquitted.push("bgwriter_lru_maxpages");
        }
        _ => {}
    }
}

/// Tells how often sessions flushed files themselves, and how long checkpoints flushed.
pub(super) fn flushes(facts: &mut CounterFacts<'_, '_>) {
    let names = [
        postgres::IO_CLIENT_FSYNCS,
        postgres::BGWRITER_BACKEND_FSYNCS,
    ];
    let counted = names
        .into_iter()
        .find_map(|name| Some((name, facts.positive(name)?)));
    if let Some((name, times)) = counted {
        let sentence = format!(
            "Sessions flushed files {} times themselves: the checkpointer's list of requests was full, or an \
             index was built.",
            plain(times)
        );
        facts.say(&sentence, &[name]);
    }
    if let Some(ns) = facts.positive(postgres::CHECKPOINTER_SYNC_NS) {
        let sentence = format!("Checkpoints flushed files for {}.", duration_ns(ns));
        facts.say(&sentence, &[postgres::CHECKPOINTER_SYNC_NS]);
    }
}
