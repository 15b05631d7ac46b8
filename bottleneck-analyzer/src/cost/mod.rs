//! Costs of causes: the time that each takes of a call, checked in every repeat of the operating point
//! and judged over all of them.
//!
//! The own time of a cause is the time that a call spends in it. Without the cause a call gains more
//! than that if calls queue for the connections that it holds: the queue is computed again without the
//! cause (Erlang's C formula) and is never a cause itself.

mod cause_across_repeats;
mod check_result;
mod filing;
mod repeat_facts;

pub(crate) use check_result::{CauseCost, CheckResult, Note};
pub(crate) use filing::{RepeatRule, check_repeats};
pub(crate) use repeat_facts::RepeatFacts;
