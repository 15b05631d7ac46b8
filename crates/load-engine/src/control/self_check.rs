//! Self-check of the load generator. It finds the figures of a step that the generator itself may
//! have distorted, and by how much.

use bench_report::histogram::Percentiles;
use bench_report::{Generator, Load, Step, Warning, WarningCode};

/// Largest ratio of the generator's own lateness to a latency at which the latency counts as
/// undistorted, 0 to 1.
const LAG_BOUND: f64 = 0.3;
/// Largest delay of the controller's wake-ups without a warning, in nanoseconds; above it the
/// generator has stalled.
const STALL_BOUND_NS: f64 = 100e6;
/// Largest share of all arrivals that may wait at the in-flight cap without a warning, 0 to 1.
const DELAYED_BOUND: f64 = 0.001;
/// Shortest measured time of a step without a warning, in seconds.
const SHORTEST_S: f64 = 1.0;
/// Largest relative change of throughput over a step that counts as steady: 0.15 is 15 %.
const DRIFT_BOUND: f64 = 0.15;
/// Largest relative excess of the tail above a percentile over its nominal size: 0.1 is 10 %.
const TAIL_BOUND: f64 = 0.1;
/// Largest share of all arrivals that may be cut off before means become doubtful, 0 to 1.
const CENSORED_BOUND: f64 = 0.001;
/// Smallest number of samples above a percentile; with fewer, the percentile is largely chance.
const FEWEST_BEYOND: f64 = 10.0;

/// Returns a warning for each reason to doubt figures of `step`, with pointers that name it as step
/// 0; none for a step without operations. `drift_ratio` is the relative change of throughput from
/// the first to the last third of the step, `None` if unknown or intended.
pub(crate) fn examine(step: &Step, drift_ratio: Option<f64>) -> Vec<Warning> {
    if step.operations.is_empty() {
        return Vec::new();
    }
    let mut warnings = Vec::new();
    warnings.extend(saturation(step));
    warnings.extend(late(step));
    warnings.extend(stalled(step));
    warnings.extend(capped(step));
    warnings.extend(short(step));
    warnings.extend(unsteady(drift_ratio));
    warnings.extend(thin(step));
    let phase = match step.load {
        Load::Open { .. } => "response",
        Load::Closed { .. } | Load::Unknown => "call",
    };
    if step.censored() > 0 {
        for warning in &mut warnings {
            with_censored(warning, phase);
        }
    }
    // Added last: this warning concerns only percentiles over finished requests.
    warnings.extend(censored(step));
    warnings
}

/// Adds to the doubtful figures of `warning` the percentiles that include censored requests,
/// wherever it names those of `phase`: the same causes distort both.
fn with_censored(warning: &mut Warning, phase: &str) {
    let part = format!("/{phase}/percentiles_ns/");
    let pointers = warning.spoils.iter().filter(|p| p.contains(&part));
    let further: Vec<String> = pointers
        .map(|pointer| pointer.replace(&part, "/with_censored/percentiles_ns/"))
        .collect();
    warning.spoils.extend(further);
}

/// Returns a warning if the generator, or one of its threads, may have limited `step`; else `None`.
/// Its JSON pointers name step 0, which the caller replaces by the step's own number.
pub(crate) fn saturation(step: &Step) -> Option<Warning> {
    let (generator, bound) = (&step.generator, Generator::SATURATED_RATIO);
    if generator.is_saturated(bound) {
        let ratio = generator.cpu_ratio;
        let message = format!(
            "the generator used {:.0} % of its {} threads: it may have been the limit itself",
            ratio * 100.0,
            generator.threads
        );
        let warning = Warning::new(WarningCode::GeneratorSaturated, message);
        return Some(
            warning
                .with_figures(ratio, bound)
                .about_step(0, &["operations"]),
        );
    }
    let ratio = generator.full_thread(bound)?;
    let message = format!(
        "the busiest of the generator's {} threads was at work for {:.0} % of the time: what it drives \
         may have been limited by it; more connections give more threads something to drive",
        generator.threads,
        ratio * 100.0
    );
    let warning = Warning::new(WarningCode::GeneratorThreadSaturated, message);
    // Latencies are not doubted: a client with a single thread would see them too.
    let spoilt = ["operations/*/throughput_per_s"];
    Some(warning.with_figures(ratio, bound).about_step(0, &spoilt))
}

/// Iterates over the percentiles that a report has: name, quantile from 0 to 1, and value in
/// nanoseconds.
fn levels(p: Percentiles) -> impl Iterator<Item = (&'static str, f64, u64)> {
    let levels = Percentiles::LEVELS.into_iter().zip(p.values());
    levels.map(|((name, q), ns)| (name, q, ns))
}

/// Warns if the generator released arrivals late; `None` if no percentile of a response is
/// affected, even if the mean is. Each percentile and the mean are judged separately, because
/// lateness may distort only some of them.
fn late(step: &Step) -> Option<Warning> {
    // A percentile that users act on outranks one of the far tail.
    let mut worst: Option<((bool, f64), &str, u64)> = None;
    let mut spoilt = Vec::new();
    for (name, operation) in &step.operations {
        let (Some(lag), Some(response)) = (&operation.pacing_lag, &operation.response) else {
            continue;
        };
        if lag.mean_ns > LAG_BOUND * response.mean_ns {
            spoilt.push(format!("operations/{name}/response/mean_ns"));
        }
        let pairs = levels(lag.percentiles_ns).zip(levels(response.percentiles_ns));
        for ((label, _, lag_ns), (.., response_ns)) in pairs {
            let share = lag_ns as f64 / response_ns.max(1) as f64;
            if share > LAG_BOUND {
                spoilt.push(format!("operations/{name}/response/percentiles_ns/{label}"));
                let weight = (!matches!(label, "p999" | "p9999"), share);
                if worst.is_none_or(|(w, ..)| weight > w) {
                    worst = Some((weight, label, lag_ns));
                }
            }
        }
    }
    let ((_, share), label, lag_ns) = worst?;
    let message = format!(
        "arrivals were released late by the generator: the lag's {label} of {} µs is {:.0} % of the response's",
        lag_ns / 1_000,
        share * 100.0
    );
    let spoilt: Vec<&str> = spoilt.iter().map(String::as_str).collect();
    Some(
        Warning::new(WarningCode::PacingLag, message)
            .with_figures(share, LAG_BOUND)
            .about_step(0, &spoilt),
    )
}

fn stalled(step: &Step) -> Option<Warning> {
    let stall_ns = step.generator.worst_stall_ns as f64;
    (stall_ns > STALL_BOUND_NS).then(|| {
        let message = format!(
            "the generator's heartbeat came up to {:.0} ms late: the host left it no processor",
            stall_ns / 1e6
        );
        // Requests that were due during the stall waited for it. They are this share of all, and
        // the slowest ones.
        let held_up = stall_ns / 1e9 / step.window.measured_s();
        let tail = levels(Percentiles::default());
        let tail = tail.filter(|(_, q, _)| *q > (1.0 - held_up).min(0.99));
        let spoilt: Vec<String> = tail
            .map(|(label, ..)| format!("percentiles_ns/{label}"))
            .chain(["max_ns".to_owned()])
            .flat_map(|figure| {
                ["response", "call"].map(|phase| format!("operations/*/{phase}/{figure}"))
            })
            .collect();
        let spoilt: Vec<&str> = spoilt.iter().map(String::as_str).collect();
        Warning::new(WarningCode::GeneratorStalled, message)
            .with_figures(stall_ns, STALL_BOUND_NS)
            .about_step(0, &spoilt)
    })
}

fn capped(step: &Step) -> Option<Warning> {
    let Load::Open {
        in_flight_cap,
        delayed_at_cap,
        ..
    } = step.load
    else {
        return None;
    };
    let attempted: u64 = step.operations.values().map(|o| o.attempted).sum();
    let ratio = delayed_at_cap as f64 / attempted.max(1) as f64;
    (ratio > DELAYED_BOUND).then(|| {
        let message = format!(
            "{delayed_at_cap} arrivals waited because {in_flight_cap} requests were in flight: what they waited counts as backlog"
        );
        Warning::new(WarningCode::InFlightCapReached, message)
            .with_figures(ratio, DELAYED_BOUND)
            .about_step(0, &["operations/*/checkout", "operations/*/call"])
    })
}

fn short(step: &Step) -> Option<Warning> {
    let measured_s = step.window.measured_s();
    (measured_s < SHORTEST_S).then(|| {
        let message = format!("the step was measured for {measured_s:.2} s only");
        Warning::new(WarningCode::StepTooShort, message)
            .with_figures(measured_s, SHORTEST_S)
            .about_step(0, &["operations"])
    })
}

fn unsteady(drift_ratio: Option<f64>) -> Option<Warning> {
    let drift = drift_ratio?;
    (drift.abs() > DRIFT_BOUND).then(|| {
        let message = format!(
            "throughput changed by {:+.0} % from the first to the last third of the step",
            drift * 100.0
        );
        Warning::new(WarningCode::NotSteady, message)
            .with_figures(drift.abs(), DRIFT_BOUND)
            .about_step(0, &["operations/*/throughput_per_s"])
    })
}

/// Returns true if `count` samples are too few for the percentile named `label`, such as `p999`:
/// fewer than 10 lie above it. False for an unknown name.
pub fn is_thin_percentile(label: &str, count: u64) -> bool {
    let named = levels(Percentiles::default());
    let found = named
        .map(|(name, q, _)| (name, q))
        .find(|(name, _)| *name == label);
    found.is_some_and(|(_, q)| has_too_few_beyond(q, count))
}

/// Returns true if fewer than 10 of `count` samples, n·(1−q), lie above the quantile `q`, 0 to 1.
fn has_too_few_beyond(q: f64, count: u64) -> bool {
    (count as f64) * (1.0 - q) < FEWEST_BEYOND
}

fn thin(step: &Step) -> Option<Warning> {
    let mut spoilt = Vec::new();
    let mut fewest: Option<u64> = None;
    let mut lowest = 1.0_f64;
    for (name, operation) in &step.operations {
        let Some(latency) = operation.latency() else {
            continue;
        };
        let phase = if operation.response.is_some() {
            "response"
        } else {
            "call"
        };
        let thin = |q: f64| has_too_few_beyond(q, latency.count);
        let levels = levels(latency.percentiles_ns);
        for (label, q, _) in levels.filter(|(_, q, _)| thin(*q)) {
            lowest = lowest.min(q);
            spoilt.push(format!("operations/{name}/{phase}/percentiles_ns/{label}"));
        }
        // Only percentiles that users act on cause a warning; its pointers then name all that have
        // too few samples.
        if thin(0.999) {
            fewest = Some(fewest.map_or(latency.count, |f| f.min(latency.count)));
        }
    }
    let fewest = fewest?;
    let level = lowest * 100.0;
    let samples = if fewest == 1 {
        "1 sample is".to_owned()
    } else {
        format!("{fewest} samples are")
    };
    let message = format!("{samples} too few for the {level}th percentile");
    let spoilt: Vec<&str> = spoilt.iter().map(String::as_str).collect();
    Some(
        Warning::new(WarningCode::TooFewSamples, message)
            .with_figures(fewest as f64, FEWEST_BEYOND / 0.001)
            .about_step(0, &spoilt),
    )
}

/// Warns if arrivals were cut off; `None` if none were. If a share c of all arrivals was,
/// percentile q of the finished ones is only percentile q·(1−c) of all, and its tail is larger by
/// q·c than the nominal 1−q. Means are too low.
fn censored(step: &Step) -> Option<Warning> {
    let cut_off: u64 = step.operations.values().map(|o| o.censored).sum();
    let attempted: u64 = step.operations.values().map(|o| o.attempted).sum();
    if cut_off == 0 {
        return None;
    }
    let share = cut_off as f64 / attempted.max(1) as f64;
    let mut figures: Vec<String> = levels(Percentiles::default())
        .filter(|(_, q, _)| q * share > TAIL_BOUND * (1.0 - q))
        .map(|(label, ..)| format!("percentiles_ns/{label}"))
        .collect();
    figures.push("max_ns".to_owned());
    if share > CENSORED_BOUND {
        figures.push("mean_ns".to_owned());
    }
    let spoilt: Vec<String> = figures
        .iter()
        .flat_map(|figure| {
            ["response", "call", "checkout", "service"]
                .map(|phase| format!("operations/*/{phase}/{figure}"))
        })
        .collect();
    let spoilt: Vec<&str> = spoilt.iter().map(String::as_str).collect();
    let message = format!(
        "{cut_off} of {attempted} arrivals were not over when the drain ended: tail figures are lower bounds"
    );
    Some(
        Warning::new(WarningCode::Censored, message)
            .with_figures(share, 0.0)
            .about_step(0, &spoilt),
    )
}
