//! Rules about PostgreSQL. Each rule checks one repeat of the operating point; [`crate::cost`] judges the
//! results of all repeats.

mod autovacuum;
mod checkpoints;
mod connecting;
pub(super) mod connection_holders;
mod dead_rows;
mod deadlocks;
pub(super) mod ended_sessions;
mod finding_parents;
mod foreign_keys;
mod full_page_images;
mod functions;
mod index_advice;
mod kept_rows;
mod other_applications;
mod plain_statement;
mod planning;
mod prepared_transactions;
mod rolled_back;
mod round_trips;
mod row_keepers;
mod scans;
mod setting_values;
mod slot_wal;
pub(super) mod standby_conflicts;
mod statement_cpu;
mod statement_work;
mod statements;
mod temp_files;
mod toast;
mod waits;

use crate::assessment::ComponentKind;
use crate::conclusions::Conclusions;
use crate::cost::{self, RepeatRule};
use crate::run_facts::RunFacts;

const ALL: [RepeatRule; 18] = [
    waits::check,
    temp_files::check,
    scans::check,
    toast::check,
    foreign_keys::check,
    functions::check,
    planning::check,
    connecting::check,
    round_trips::check,
    statement_cpu::check,
    checkpoints::check,
    full_page_images::check,
    autovacuum::check,
    dead_rows::check,
    other_applications::check,
    rolled_back::check,
    prepared_transactions::check,
    slot_wal::check,
];

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    for bench in facts.benches_of(ComponentKind::Postgres) {
        cost::check_repeats(bench, facts, &ALL, out);
        deadlocks::check(bench, out);
        finding_parents::assign(bench, out);
        setting_values::add(bench, out);
    }
}
