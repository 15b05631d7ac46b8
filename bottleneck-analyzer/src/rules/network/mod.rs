//! Rules about the limits of the machine's network.

mod drops;
mod link;
mod reading;
mod refused;
mod tables;

use crate::conclusions::Conclusions;
use crate::run_facts::RunFacts;

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    if let Some(machine) = facts.machine {
        link::check(facts, machine, out);
        drops::check(facts, machine, out);
        refused::check(facts, machine, out);
        tables::check(machine, out);
    }
}
