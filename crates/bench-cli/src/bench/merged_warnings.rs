//! Merge of the warnings of several steps into one warning of each kind.

use bench_report::Warning;

/// Ends of the JSON pointers to latency figures of the far tail, from the 99.9th percentile up,
/// which few users act on.
const FAR_TAIL: [&str; 3] = ["/p999", "/p9999", "/max_ns"];

/// Merges warnings with the same code into one: the worst of them, with the pointers of all to
/// distorted figures. Its message then says of how many it is the worst. Keeps the order in which
/// the codes first occur.
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

/// Returns the sort key that is largest for the worst of several warnings with the same code. The
/// first part is true if the warning concerns figures other than the far tail; the second is the
/// ratio of its value to its bound.
fn weight(warning: &Warning) -> (bool, f64) {
    let far = |pointer: &String| FAR_TAIL.iter().any(|label| pointer.ends_with(label));
    (!warning.spoils.iter().all(far), warning.excess())
}
