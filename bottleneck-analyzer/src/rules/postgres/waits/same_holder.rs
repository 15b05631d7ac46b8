//! Waits for several locks that the same application outside the load holds: one open transaction of it may hold
//! them all, so they are one cause.

use crate::assessment::ComputedFigure;
use crate::cost::CauseCost;
use crate::figures::duration_ns;
use crate::own_time::SEVERAL_PARTS;

/// Cost of a wait, with the application outside the load that holds the lock, if one does; its name is empty if it
/// has none.
pub(super) type HeldCost = (CauseCost, Option<String>);

/// Joins the costs of waits for locks of the same holder outside the load into one, named by the longest.
pub(super) fn join(costs: Vec<HeldCost>) -> Vec<CauseCost> {
    let mut joined: Vec<HeldCost> = Vec::new();
    for (cost, holder) in costs {
        let same =
            |one: &&mut HeldCost| holder.is_some() && one.1 == holder && one.0.rule == cost.rule;
        match joined.iter_mut().find(same) {
            Some((first, _)) => *first = both(first.clone(), cost),
            None => joined.push((cost, holder)),
        }
    }
    joined.into_iter().map(|(cost, _)| cost).collect()
}

fn both(one: CauseCost, other: CauseCost) -> CauseCost {
    let (mut first, second) = if one.own_ns >= other.own_ns {
        (one, other)
    } else {
        (other, one)
    };
    first.detail += &format!(
        " The same holder keeps several locks: of the {}, {} is {} and {} is {}.",
        duration_ns(first.own_ns + second.own_ns),
        duration_ns(first.own_ns),
        first.thing,
        duration_ns(second.own_ns),
        second.thing
    );
    // The key is the same in every repeat, whichever of both is longer there.
    let mut keys = [first.key.as_str(), second.key.as_str()];
    keys.sort_unstable();
    first.key = keys.join(SEVERAL_PARTS);
    first.thing = format!("{}; {}", first.thing, second.thing);
    first.own_ns += second.own_ns;
    first.least = first.least.min(second.least);
    first.avoidable |= second.avoidable;
    first.computed.push(ComputedFigure::new(
        format!("time of {}, in nanoseconds", second.key),
        second.own_ns,
        "time of its events in the time model of a call",
    ));
    first.evidence.extend(second.evidence);
    first.computed.extend(second.computed);
    let others = second.actions.into_iter();
    let new: Vec<String> = others
        .filter(|action| !first.actions.contains(action))
        .collect();
    first.actions.extend(new);
    first
}
