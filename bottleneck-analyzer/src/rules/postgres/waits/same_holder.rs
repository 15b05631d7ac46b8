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

    #[test]
    fn locks_of_others_of_nobody_outside_the_load_and_of_another_rule_are_causes_of_their_own() {
        let by = |title: &str, holder: Option<&str>, rule: Rule| {
            let (cost, _) = held(title, 1.0);
            (CauseCost { rule, ..cost }, holder.map(str::to_owned))
        };
        let costs = vec![
            by("rows", Some("report"), Rule::LockWaits),
            by("tables", Some("vacuum"), Rule::LockWaits),
            by("snapshots", None, Rule::LockWaits),
            by("keys", None, Rule::LockWaits),
            by("pins", Some("report"), Rule::OtherWaits),
        ];
        let marks: Vec<String> = join(costs).iter().map(CauseCost::mark).collect();
        assert_eq!(marks, ["rows", "tables", "snapshots", "keys", "pins"]);
    }

    /// Two locks of a holder, whose costs differ in what they advise and in whether they can be avoided.
    #[test]
    fn a_joined_cause_has_each_action_once_and_the_smaller_bound() {
        let with = |title: &str, own_ns: f64, actions: [&str; 2]| {
            let (cost, holder) = held(title, own_ns);
            let actions = actions.map(str::to_owned).to_vec();
            (CauseCost { actions, ..cost }, holder)
        };
        let mut first = with("rows", 2e6, ["end it", "lock less"]);
        first.0.avoidable = false;
        let mut second = with("tables", 1e6, ["end it", "wait less"]);
        second.0.least = 0.05;
        let joined = join(vec![first, second]);
        assert_eq!(joined[0].actions, ["end it", "lock less", "wait less"]);
        assert!(joined[0].avoidable);
        assert!((joined[0].least - 0.05).abs() < 1e-9);
        let words = "of the 3.00 ms, 2.00 ms is rows and 1.00 ms is tables.";
        let detail = &joined[0].detail;
        assert!(detail.contains(words), "{detail}");
        let computed = &joined[0].computed;
        assert_eq!(computed.len(), 1);
        assert!((computed[0].value - 1e6).abs() < 1e-3, "{computed:?}");
    }
}
