//! Costs of causes: the time that each cause takes of a call, measured in every repeat of the operating point
//! and judged over all repeats.
//!
//! The own time of a cause is the time that a call spends in it. Removing the cause can save more than that.
//! If calls queue for the connections on which the time is spent, the queue gets shorter, too: its length is
//! computed again without the cause (Erlang's C formula). A queue is never a cause itself.

mod cause_across_repeats;
mod check_result;
mod filing;
mod mean_call;
mod removal_plan;
mod repeat_facts;

pub(crate) use check_result::{CauseCost, CheckResult, Note};
pub(crate) use filing::{RepeatRule, check_repeats};
pub(crate) use repeat_facts::RepeatFacts;
