//! Table of the hit ratios by policy and memory, and the smallest memory that is as good as the
//! largest.

use bench_cli::table::{self, Table, paragraph};

use super::limited_step::MemoryLimit;

/// Difference from the best hit ratio that does not count, as a ratio: one point.
const AS_GOOD: f64 = 0.01;

/// Hit ratio at one limit of memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct CurvePoint {
    /// Limit of memory.
    pub(crate) limit: MemoryLimit,
    /// Number of keys that the server held; `None` if it is not known.
    pub(crate) keys: Option<u64>,
    /// Measured hit ratio; `None` if no step with this limit was completed.
    pub(crate) measured: Option<f64>,
    /// Hit ratio of the simulation; `None` if there was none.
    pub(crate) simulated: Option<f64>,
}

/// Returns the table of `points`, and one sentence about each policy with several limits.
pub(crate) fn curve_text(points: &[CurvePoint]) -> String {
    let unknown = || "n/a".to_owned();
    let ratio = |ratio: Option<f64>| ratio.map_or_else(unknown, table::ratio);
    let mut rows = Table::new(&["policy", "memory", "keys", "hit ratio", "simulated"]);
    for point in points {
        rows.row(&[
            point.limit.policy.name().to_owned(),
            table::bytes(point.limit.bytes),
            point.keys.map_or_else(unknown, |keys| keys.to_string()),
            ratio(point.measured),
            ratio(point.simulated),
        ]);
    }
    let policies = points.chunk_by(|a, b| a.limit.policy == b.limit.policy);
    let sentences = policies.filter_map(|points| Some(paragraph(&sentence(points)?, 0)));
    rows.to_string() + &sentences.collect::<String>()
}

/// Returns a sentence with the smallest memory at which the hit ratio of a policy is at most
/// [`AS_GOOD`] below the best one. `None` if fewer than two limits were measured.
fn sentence(points: &[CurvePoint]) -> Option<String> {
    let measured = points
        .iter()
        .filter_map(|point| Some((point.limit, point.measured?)));
    let measured: Vec<(MemoryLimit, f64)> = measured.collect();
    if measured.len() < 2 {
        return None;
    }
    let best = measured.iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let as_good = measured.iter().filter(|point| point.1 >= best.1 - AS_GOOD);
    let least = as_good.min_by_key(|point| point.0.bytes)?;
    let policy = best.0.policy.name();
    let (memory, most) = (table::bytes(least.0.bytes), table::bytes(best.0.bytes));
    if least.0.bytes == measured.iter().map(|point| point.0.bytes).max()? {
        return Some(format!(
            "{policy}: the largest memory, {memory}, has a hit ratio of {} and a smaller one is \
             worse by more than a point; more memory may be better still.",
            table::ratio(least.1)
        ));
    }
    Some(format!(
        "{policy}: {memory} is the smallest memory whose hit ratio, {}, is within a point of the \
         best, {} with {most}.",
        table::ratio(least.1),
        table::ratio(best.1)
    ))
}

#[cfg(test)]
mod tests {
    use super::super::policy_name::PolicyName;
    use super::*;

    fn point(policy: PolicyName, mebibytes: u64, measured: Option<f64>) -> CurvePoint {
        CurvePoint {
            limit: MemoryLimit {
                policy,
                bytes: mebibytes << 20,
            },
            keys: measured.map(|_| mebibytes * 1_000),
            measured,
            simulated: measured.map(|ratio| ratio + 0.004),
        }
    }

    fn text(policy: PolicyName, ratios: &[(u64, Option<f64>)]) -> String {
        let points = ratios
            .iter()
            .map(|(mebibytes, ratio)| point(policy, *mebibytes, *ratio));
        let text = curve_text(&points.collect::<Vec<_>>());
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_smallest_memory_within_a_point_of_the_best_is_named() {
        let ratios = [(8, 0.70), (16, 0.885), (32, 0.89), (64, 0.888)];
        let told = text(
            PolicyName::AllkeysLru,
            &ratios.map(|(memory, ratio)| (memory, Some(ratio))),
        );
        let wanted = "allkeys-lru: 16.0 MiB is the smallest memory whose hit ratio, 88.5 %, is \
                      within a point of the best, 89.0 % with 32.0 MiB.";
        assert!(told.ends_with(wanted), "{told}");
        assert!(
            told.contains("allkeys-lru 8.00 MiB 8000 70.0 % 70.4 %"),
            "{told}"
        );
    }

    #[test]
    fn a_curve_that_still_rises_is_not_called_complete() {
        let told = text(PolicyName::AllkeysLfu, &[(8, Some(0.7)), (16, Some(0.8))]);
        assert!(told.ends_with("more memory may be better still."), "{told}");
        assert!(told.contains("the largest memory, 16.0 MiB, has"), "{told}");
    }

    #[test]
    fn nothing_is_concluded_from_a_single_step() {
        let told = text(PolicyName::AllkeysLfu, &[(8, Some(0.7)), (16, None)]);
        assert!(told.ends_with("allkeys-lfu 16.0 MiB n/a n/a n/a"), "{told}");
    }
}
