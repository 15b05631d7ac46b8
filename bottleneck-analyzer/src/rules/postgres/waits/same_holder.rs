//! Waits for several locks that the same application outside the load holds: one open transaction of it may hold
//! them all, so they are one cause.

use crate::assessment::ComputedFigure;
use crate::cost::CauseCost;
use crate::figures::duration_ns;

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
    first.key.extend(second.key.iter().cloned());
    first.key.sort_unstable();
    first.thing = format!("{}; {}", first.thing, second.thing);
    first.own_ns += second.own_ns;
    first.least = first.least.min(second.least);
    first.avoidable |= second.avoidable;
    first.computed.push(ComputedFigure::new(
        format!("time of {}, in nanoseconds", second.mark()),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assessment::{Confidence, Rule};
    use crate::own_time::CausePart;

    /// Creates the cost of a wait of `own_ns` nanoseconds in the part `title`, for a lock that `report` holds.
    fn held(title: &str, own_ns: f64) -> HeldCost {
        let cost = CauseCost {
            rule: Rule::LockWaits,
            key: vec![CausePart::Title(title.to_owned())],
            thing: title.to_owned(),
            own_ns,
            least: 0.1,
            avoidable: true,
            lower_bound: false,
            highest_confidence: Confidence::High,
            title: String::new(),
            detail: String::new(),
            evidence: Vec::new(),
            computed: Vec::new(),
            actions: Vec::new(),
            rationale: String::new(),
            restart: false,
        };
        (cost, Some("report".to_owned()))
    }

    #[test]
    fn three_locks_of_a_holder_are_the_same_cause_whichever_is_waited_for_longest() {
        for lengths in [[3.0, 2.0, 1.0], [1.0, 2.0, 3.0], [2.0, 1.0, 3.0]] {
            let titles = ["rows", "tables", "snapshots"].into_iter();
            let costs = titles.zip(lengths).map(|(title, ns)| held(title, ns));
            let joined = join(costs.collect());
            assert_eq!(joined.len(), 1);
            let parts = ["rows", "snapshots", "tables"];
            let parts = parts.map(|title| CausePart::Title(title.to_owned()));
            assert_eq!(joined[0].key, parts);
            assert_eq!(joined[0].mark(), "rows; snapshots; tables");
            assert!((joined[0].own_ns - 6.0).abs() < 1e-9);
        }
    }
}
