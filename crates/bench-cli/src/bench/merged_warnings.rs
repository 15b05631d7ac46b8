//! Warnings of all steps, one of each kind.

use bench_report::Warning;

/// Ends of the pointers to figures of the far tail, which few users act on.
const FAR_TAIL: [&str; 3] = ["/p999", "/p9999", "/max_ns"];

/// Merges the warnings of a whole run into one of each kind: the worst of its kind, with the
/// pointers of all.
pub(crate) fn merge(warnings: Vec<Warning>) -> Vec<Warning> {
    let mut merged: Vec<(Warning, usize)> = Vec::new();
    for warning in warnings {
        let Some((worst, times)) = merged.iter_mut().find(|(w, _)| w.code == warning.code) else {
            merged.push((warning, 1));
            continue;
        };
        *times += 1;
        let before = weight(worst);
        let mut spoils = std::mem::take(&mut worst.spoils);
        spoils.extend(
            warning
                .spoils
                .iter()
                .filter(|p| !spoils.contains(p))
                .cloned()
                .collect::<Vec<_>>(),
        );
        if weight(&warning) > before {
            *worst = warning;
        }
        worst.spoils = spoils;
    }
    let tell = |(mut warning, times): (Warning, usize)| {
        if times > 1 {
            warning.message = format!("{} (the worst of {times} steps)", warning.message);
        }
        warning
    };
    merged.into_iter().map(tell).collect()
}

/// Returns the sort key by which the worst warning of its kind is the largest. The first part is
/// true if the warning concerns more than the far tail; the second is the ratio of its value to its
/// bound.
fn weight(warning: &Warning) -> (bool, f64) {
    let far = |pointer: &String| FAR_TAIL.iter().any(|label| pointer.ends_with(label));
    (!warning.spoils.iter().all(far), warning.excess())
}
