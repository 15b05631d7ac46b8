//! Rules about PostgreSQL: each looks at one step, and [`crate::cost`] judges over its repeats.

mod checkpoints;
mod connecting;
mod dead_rows;
mod deadlocks;
pub(super) mod ended_sessions;
mod finding_parents;
mod foreign_keys;
mod functions;
mod other_applications;
mod planning;
mod round_trips;
mod scans;
mod statements;
mod temp_files;
mod waits;

use crate::assessment::ComponentKind;
use crate::conclusions::Conclusions;
use crate::cost::{self, RepeatRule};
use crate::run_facts::RunFacts;

const ALL: [RepeatRule; 12] = [
    waits::look,
    temp_files::look,
    scans::look,
    foreign_keys::look,
    functions::look,
    planning::look,
    connecting::look,
    round_trips::look,
    statements::look,
    checkpoints::look,
    dead_rows::look,
    other_applications::look,
];

pub(super) fn look(facts: &RunFacts<'_>, out: &mut Conclusions) {
    for bench in facts.of(ComponentKind::Postgres) {
        cost::check_repeats(bench, facts, &ALL, out);
        deadlocks::look(bench, out);
        finding_parents::assign(bench, out);
    }
}
