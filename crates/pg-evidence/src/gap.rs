//! Figures and warning about times in which the server could not be queried, for example during a
//! restart.

use bench_cli::table;
use bench_report::names::{FigureName, steps};
use bench_report::{Step, Warning, WarningCode};

use crate::sessions::session_tracker::SessionChanges;

/// Prefixes of the names of figures that are not calculated from requests.
const NOT_OF_REQUESTS: [&str; 3] = ["server.", "pool.", "leaks."];

/// Inserts into the figures of `step` the time in nanoseconds in which the server could not be
/// queried, and the numbers of lost and re-established sessions; those that are 0 are left out.
pub fn record(step: &mut Step, server: &SessionChanges) {
    for (name, value) in [
        (steps::SERVER_UNCOUNTED_NS, server.uncounted_ns),
        (steps::SERVER_LOST, server.lost),
        (steps::SERVER_REESTABLISHED, server.reestablished),
    ] {
        if value > 0 {
            step.figure(name, value as f64);
        }
    }
}

/// Returns the warning that the figures of requests in `step` (which must be step 0 of its report)
/// may be wrong, because the server could not be queried for some time; `None` if it always could.
pub fn doubt(step: &Step) -> Option<Warning> {
    let uncounted_ns = step.value(steps::SERVER_UNCOUNTED_NS)?;
    let message = format!(
        "the server could not be asked for {}: what waited, failed or was late then says nothing of \
         the load",
        table::duration_ns(uncounted_ns as u64)
    );
    let of_requests = |name: &&String| !NOT_OF_REQUESTS.iter().any(|kind| name.starts_with(kind));
    let figures = step.figures.keys().filter(of_requests);
    let spoilt: Vec<String> = figures.map(|name| format!("figures/{name}")).collect();
    let mut spoilt: Vec<&str> = spoilt.iter().map(String::as_str).collect();
    spoilt.push("operations");
    let warning = Warning::new(WarningCode::TargetAway, message);
    Some(
        warning
            .with_figures(uncounted_ns, 0.0)
            .about_step(0, &spoilt),
    )
}

/// Returns a sentence on the time in which the server could not be queried, for each of `parts`
/// (name and step of a part of the run), and on the lost connections. `None` if it always could be
/// queried.
pub fn sentence(parts: &[(&str, &Step)]) -> Option<String> {
    let told: Vec<String> = parts
        .iter()
        .filter_map(|(name, step)| {
            let uncounted_ns = step.value(steps::SERVER_UNCOUNTED_NS)?;
            let uncounted = table::duration_ns(uncounted_ns as u64);
            Some(format!("{uncounted} of the part {name}"))
        })
        .collect();
    let sum = |figure: FigureName| -> f64 {
        let each = parts.iter().filter_map(|(_, s)| s.value(figure));
        each.sum()
    };
    (!told.is_empty()).then(|| {
        format!(
            "the server could not be asked for {}, as in a restart: {} connections were lost there, \
             {} re-established after it; sessions that came and went in between are not counted",
            told.join(" and "),
            sum(steps::SERVER_LOST),
            sum(steps::SERVER_REESTABLISHED)
        )
    })
}
