//! Time that one cause costs each call: looked for in every repeat of the operating point, judged
//! over all of them.
//!
//! A cause's own time is what a call spends in it. What comes back at the same load is more where
//! calls queue for the connections that it holds: the queue is computed anew without it, and is
//! never a cause of its own.

mod cause_across_repeats;
mod check_result;
mod filing;
mod repeat_facts;

pub(crate) use check_result::{CauseCost, CheckResult, Note};
pub(crate) use filing::{RepeatRule, check_repeats};
pub(crate) use repeat_facts::RepeatFacts;
