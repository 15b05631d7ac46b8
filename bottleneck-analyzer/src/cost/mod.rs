//! Costs of causes: the time that each cause takes of a call, measured in every repeat of the operating point
//! and judged over all repeats.
//!
//! The own time of a cause is the time that a call spends in it. Removing the cause can save more than that:
//! the queues behind which calls wait for it get shorter, too, and are computed again without the cause (a
//! hot lock, the run queue of the processors, the pool). A queue is never a cause itself. Causes overlap, so
//! they are also removed one after another, the largest first.

mod cause_across_repeats;
mod check_result;
mod filing;
mod mean_call;
mod removal_order;
mod removal_plan;
mod repeat_facts;
mod saving;

pub(crate) use check_result::{CauseCost, CheckResult, Note};
pub(crate) use filing::{RepeatRule, check_repeats};
pub(crate) use removal_order::remove_in_turn;
pub(crate) use repeat_facts::RepeatFacts;
pub(crate) use saving::Saving;
