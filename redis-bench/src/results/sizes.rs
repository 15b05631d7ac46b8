//! Recommended number of connections of each way to connect that was measured with several.

use bench_cli::Objective;
use bench_cli::settings::{SettingResults, recommend};
use bench_report::{Recommendation, Report, Step};

use crate::clients::ClientKind;
use crate::results::group::ClientGroup;

/// Recommends a number of connections for each way to connect that has several in `groups`, the
/// groups of `report`: the smallest whose throughput is close to the best and that keeps
/// `objectives`.
pub(crate) fn recommended_sizes(
    report: &Report,
    groups: &[ClientGroup<'_>],
    objectives: &[Objective],
) -> Vec<Recommendation> {
    let of_client = groups.chunk_by(|a, b| a.client == b.client);
    let swept = of_client.filter(|sizes| sizes.len() > 1);
    swept
        .filter_map(|sizes| {
            let results: Vec<SettingResults<'_, ClientKind>> = sizes
                .iter()
                .map(|group| {
                    let (client, count) = (group.client, group.count);
                    let is_of = |step: &Step| {
                        step.is_with(&[("client", client.name())])
                            && step.parameter(client.parameter()) == Some(count as f64)
                    };
                    SettingResults::new(client, group.name(), count, &report.steps, is_of)
                })
                .collect();
            let results: Vec<&SettingResults<'_, ClientKind>> = results.iter().collect();
            let client = sizes.first()?.client;
            recommend(client.name(), client.parameter(), &results, objectives)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::group::groups;
    use crate::results::summary::tests::{report, step};
    use crate::run::workload::Variants;

    /// Throughput of a pool stops rising at 4 connections; a shared connection needs no second one.
    #[test]
    fn each_way_to_connect_gets_the_number_from_which_more_adds_nothing() {
        let mut report = report(&[], &[]);
        for repeat in 0..3 {
            let scatter = repeat as f64;
            let pool = [(1, 100.0), (2, 200.0), (4, 400.0), (8, 402.0)];
            let shared = [(1, 900.0), (2, 903.0)];
            let of = |client: ClientKind, count: u64, level: f64| {
                step(
                    client.name(),
                    client.parameter(),
                    count,
                    repeat,
                    level + scatter,
                )
            };
            let pool = pool.map(|(count, level)| of(ClientKind::Pooled, count, level));
            let shared = shared.map(|(count, level)| of(ClientKind::Multiplexed, count, level));
            report.steps.extend(pool.into_iter().chain(shared));
        }
        let groups = groups(&report, &Variants::default());
        assert_eq!(groups.len(), 6);
        let sizes = recommended_sizes(&report, &groups, &[]);
        let told: Vec<_> = sizes
            .iter()
            .map(|r| (r.subject.as_str(), r.value))
            .collect();
        assert_eq!(told, [("pooled", Some(4.0)), ("multiplexed", Some(1.0))]);
        assert_eq!((sizes[0].low, sizes[0].high), (Some(4.0), Some(4.0)));
        let ways = crate::results::advice::recommend(&groups, &sizes).unwrap();
        assert_eq!(
            (ways.subject.as_str(), ways.value),
            ("multiplexed", Some(1.0))
        );
        assert!(ways.reason.contains("pool of 4"), "{}", ways.reason);
    }

    #[test]
    fn a_single_number_is_compared_with_nothing() {
        let report = report(&[1.0, 2.0], &[3.0, 4.0]);
        let groups = groups(&report, &Variants::default());
        assert!(recommended_sizes(&report, &groups, &[]).is_empty());
    }
}
