//! Sentences about waits that rest on counters of the server: how often and how long it flushed, read and
//! wrote, and for whom. They sharpen the cause that the catalogue gives for an event.

mod counter_facts;
mod locks;
mod log;
mod reads;
mod standbys;
mod writes;

use super::client_pauses::pause_ns;
use super::wait_group::WaitGroup;
use crate::assessment::Rule;
use crate::catalogue::events::WaitKind;
use crate::cost::RepeatFacts;

use counter_facts::CounterFacts;

/// Reads the counters that concern `group` in one repeat.
pub(super) fn read<'r, 'a>(
    repeat: &'r RepeatFacts<'a, '_>,
    group: &WaitGroup,
) -> CounterFacts<'r, 'a> {
    let mut facts = CounterFacts::new(&repeat.server);
    match group.rule() {
        Rule::CommitWaits if group.kind() == WaitKind::Durable => log::flushes(&mut facts),
        Rule::LwlockWaits if group.has("lwlock.walbufmapping") => log::full_buffers(&mut facts),
        Rule::ReadWaits => reads::reads(&mut facts, group),
        Rule::IoWaits if writes::is_of_pages(group) => writes::by_whom(&mut facts, group),
        Rule::IoWaits if writes::is_of_flushes(group) => writes::flushes(&mut facts),
        Rule::SyncReplica => standbys::delays(&mut facts),
        Rule::LockWaits => locks::queue(&mut facts),
        Rule::KeptTransactions => locks::kept(&mut facts, pause_ns(repeat)),
        _ => {}
    }
    facts
}
