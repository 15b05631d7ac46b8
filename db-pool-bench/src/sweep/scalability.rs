//! Universal Scalability Law, fitted to the throughputs of a sweep.

use bench_cli::table;
use bench_report::Summary;
use bench_report::names::summaries;
use statistics::usl::{self, Usl, UslError};

use super::SettingGroup;

/// Fits the law to the throughput of every completed repeat at every size of `group`.
///
/// # Errors
/// Fails if there are too few sizes, or the law does not describe the throughputs.
fn fit(group: &SettingGroup) -> Result<Usl, UslError> {
    let points: Vec<(f64, f64)> = group
        .results
        .iter()
        .flat_map(|r| {
            let held = r.held.iter();
            held.map(|(_, _, step)| (r.value as f64, step.throughput_per_s()))
        })
        .filter(|(_, throughput)| *throughput > 0.0)
        .collect();
    usl::fit(&points)
}

/// Adds the parameters of the fitted law to the figures of `summary`, under the group's name; none
/// if there is no fit.
pub(super) fn figures(group: &SettingGroup, summary: &mut Summary) {
    let Ok(law) = fit(group) else { return };
    let subject = &group.subject;
    summary.member(summaries::USL_LAMBDA_PER_S, subject, law.lambda);
    summary.member(summaries::USL_CONTENTION_RATIO, subject, law.sigma);
    summary.member(summaries::USL_COHERENCY_RATIO, subject, law.kappa);
    summary.member(summaries::USL_R_SQUARED, subject, law.r_squared);
    if let Some(peak) = law.peak() {
        summary.member(summaries::USL_PEAK, subject, peak);
    }
}

/// Returns a clause about the fitted law of `group`, or about the reason why there is none.
pub(super) fn sentence(group: &SettingGroup) -> String {
    let law = match fit(group) {
        Ok(law) => law,
        Err(UslError::DoesNotFit { r_squared }) => {
            return format!("the scalability law does not fit (R² {r_squared:.2})");
        }
        Err(error) => return format!("no scalability law: {error}"),
    };
    let largest = group.results.iter().map(|r| r.value).max().unwrap_or(0);
    let (contention, coherency) = (table::ratio(law.sigma), table::ratio(law.kappa));
    let peak = match law.peak() {
        None => "throughput never turns back".to_owned(),
        Some(peak) if peak > 2.0 * largest as f64 => {
            format!("throughput turns back beyond what was measured (near {peak:.0})")
        }
        Some(peak) => format!("throughput is highest near {peak:.0}"),
    };
    format!(
        "scalability law: one {} gives {}; contention {contention} (serial share), coherency \
         {coherency} (each pair's cost); {peak} (R² {:.2})",
        if group.driver.is_pooled() {
            "connection"
        } else {
            "user"
        },
        table::rate(law.lambda),
        law.r_squared
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::SettingGroup;
    use crate::sweep::tests::{deadpool, report, step};

    fn planted(at: impl Fn(f64) -> f64) -> (Vec<u64>, Vec<bench_report::Step>) {
        let sizes = vec![1, 2, 4, 8, 16, 32];
        let steps = (0..3).flat_map(|n| {
            let each = sizes.iter().map(|&size| (size, at(size as f64)));
            each.map(|(size, x)| step(size, n, x)).collect::<Vec<_>>()
        });
        let steps = steps.collect();
        (sizes, steps)
    }

    #[test]
    fn what_was_planted_is_said_with_its_figures() {
        let law = Usl {
            lambda: 1_000.0,
            sigma: 0.05,
            kappa: 0.005,
            r_squared: 1.0,
        };
        let (sizes, steps) = planted(|n| law.throughput_at(n));
        let report = report(steps);
        let groups = SettingGroup::all(&report, &deadpool(&sizes));
        let said = sentence(&groups[0]);
        assert!(
            said.contains("1.00 k/s") && said.contains("contention 5.0 %"),
            "{said}"
        );
        assert!(said.contains("highest near 14"), "{said}");
        let mut summary = Summary::default();
        figures(&groups[0], &mut summary);
        assert!((summary.figures["deadpool.usl.coherency_ratio"] - 0.005).abs() < 1e-4);
    }

    #[test]
    fn what_follows_no_law_is_said_not_to_fit() {
        let (sizes, steps) = planted(|n| if n as u64 % 3 == 1 { 100.0 } else { 900.0 });
        let report = report(steps);
        let said = sentence(&SettingGroup::all(&report, &deadpool(&sizes))[0]);
        assert!(said.contains("does not fit"), "{said}");
    }
}
