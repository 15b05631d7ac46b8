//! Scalability of a bench over the sweep of its operating point: the Universal Scalability Law, where it
//! describes the settings, and the headroom up to the knee.

use bench_report::{Load, Step};
use statistics::usl::{self, Usl, UslError};

use crate::assessment::{EvidenceItem, Headroom, Scalability, ScalabilityLaw};
use crate::bench_facts::BenchFacts;
use crate::figures::{plain, rate, share};
use crate::json_pointer::escape;
use crate::requests;
use crate::sweep::{Sweep, SweepSetting};

/// Smallest number of settings to which the law is fitted. It has three parameters.
const LEAST_SETTINGS: usize = 6;
/// Parameters whose values count clients, as the law wants them.
const CLIENTS: [&str; 3] = ["pool_size", "connections", "users"];

/// Describes the scalability of a bench; `None` if only one setting was measured, without an operating point,
/// and for a WebSocket server.
pub(crate) fn of_bench(bench: &BenchFacts<'_>) -> Option<Scalability> {
    // Connections that are only held make no throughput that could scale.
    if bench.component.holds_connections() {
        return None;
    }
    let (sweep, _) = bench
        .operating_sweep()
        .filter(|(s, _)| s.settings.len() > 1)?;
    let (law, law_shown) = match law(bench, sweep) {
        Ok(fitted) => {
            let shown = law_sentence(&fitted, sweep);
            (Some(fitted), shown)
        }
        Err(why) => (None, why),
    };
    Some(Scalability {
        parameter: sweep.parameter.clone(),
        settings: sweep.settings.len() as u64,
        law,
        law_shown,
        headroom: headroom(bench),
        evidence: evidence(bench, sweep),
    })
}

/// Fits the law to all repeats of the settings; the error says in words why it was not fitted.
fn law(bench: &BenchFacts<'_>, sweep: &Sweep) -> Result<ScalabilityLaw, String> {
    if !CLIENTS.contains(&sweep.parameter.as_str()) {
        let parameter = sweep.parameter.replace('_', " ");
        return Err(format!(
            "no scalability law: it counts clients, and {parameter} is none"
        ));
    }
    let steps = &bench.source.report.steps;
    let is_open = |i: &usize| matches!(steps[*i].load, Load::Open { .. });
    if sweep.settings.iter().flat_map(|s| &s.steps).any(is_open) {
        return Err("no scalability law: an open loop carries what it is offered".to_owned());
    }
    if sweep.settings.len() < LEAST_SETTINGS {
        return Err(format!(
            "no scalability law: {} settings were measured, and it takes {LEAST_SETTINGS}",
            sweep.settings.len()
        ));
    }
    let points: Vec<(f64, f64)> = sweep
        .settings
        .iter()
        .flat_map(|setting| {
            setting
                .steps
                .iter()
                .map(|i| (setting.value, requests::throughput_per_s(&steps[*i])))
        })
        .collect();
    let fitted = usl::fit(&points).map_err(|error| refusal(&error))?;
    let largest = sweep.settings.last().map_or(0.0, |setting| setting.value);
    let peak = fitted.peak().filter(|peak| *peak <= largest);
    let range = peak.and_then(|_| usl::peak_range(&points));
    Ok(ScalabilityLaw {
        one_per_s: fitted.lambda,
        contention_ratio: fitted.sigma,
        coherency_ratio: fitted.kappa,
        r_squared: fitted.r_squared,
        peak,
        peak_range: range.map(|range| [range.low, range.high]),
    })
}

fn refusal(error: &UslError) -> String {
    match error {
        UslError::DoesNotFit { r_squared } => format!(
            "no scalability law: it explains {} of what the settings differ by, and 90 % are needed",
            share(r_squared.max(0.0))
        ),
        other => format!("no scalability law: {other}"),
    }
}

/// Describes the law: what costs throughput most at the largest setting, and where the peak is.
fn law_sentence(law: &ScalabilityLaw, sweep: &Sweep) -> String {
    let largest = sweep.settings.last().map_or(1.0, |setting| setting.value);
    let parameter = sweep.parameter.replace('_', " ");
    let fitted = Usl {
        lambda: law.one_per_s,
        sigma: law.contention_ratio,
        kappa: law.coherency_ratio,
        r_squared: law.r_squared,
    };
    let kept = fitted.throughput_at(largest) / (fitted.lambda * largest);
    let waits = law.contention_ratio * (largest - 1.0);
    let agrees = law.coherency_ratio * largest * (largest - 1.0);
    let why = if waits + agrees < 0.05 {
        "nearly in proportion".to_owned()
    } else if waits >= agrees {
        format!(
            "held back mainly by work done one after another ({} of it)",
            share(law.contention_ratio)
        )
    } else {
        "held back mainly by clients that get in each other's way, more the more there are"
            .to_owned()
    };
    let peak = match (law.peak, law.peak_range) {
        (Some(peak), Some([low, high])) => format!(
            "highest at {parameter} {} ({} to {})",
            plain(peak.round()),
            plain(low.round()),
            plain(high.round())
        ),
        (Some(peak), None) => format!(
            "highest at about {parameter} {}, how surely is not known",
            plain(peak.round())
        ),
        (None, _) => "its peak was not reached".to_owned(),
    };
    format!(
        "throughput over {parameter}: {why}; at {} each carries {} of what one alone would; {peak} (R² {:.2})",
        plain(largest),
        share(kept),
        law.r_squared
    )
}

/// Computes the headroom from the operating point to the knee; `None` if no setting from the operating point
/// on keeps the objectives.
fn headroom(bench: &BenchFacts<'_>) -> Option<Headroom> {
    let (sweep, place) = bench.operating_sweep()?;
    let here = &sweep.settings[place];
    let rest = &sweep.settings[place..];
    let within = |setting: &&SweepSetting| keeps_objectives(bench, setting);
    let good: Vec<&SweepSetting> = rest.iter().filter(within).collect();
    let noise = bench.noise_ratio();
    let best = good
        .iter()
        .max_by(|a, b| a.throughput_per_s.total_cmp(&b.throughput_per_s))?;
    let gain = best.throughput_per_s / here.throughput_per_s - 1.0;
    let is_gain = best.value > here.value && gain > noise;
    let knee = if is_gain { *best } else { here };
    let last = sweep.settings.last()?;
    let rises = bench.still_rising() == Some(true) && knee.value >= last.value;
    let ratio = if is_gain { gain } else { 0.0 };
    let range = is_gain.then(|| range(bench, here, knee)).flatten();
    Some(Headroom {
        knee: knee.value,
        ratio,
        range,
        reached: !rises,
        shown: sentence(&sweep.parameter, knee, (ratio, range), rises),
    })
}

fn sentence(
    parameter: &str,
    knee: &SweepSetting,
    (ratio, range): (f64, Option<[f64; 2]>),
    rises: bool,
) -> String {
    let parameter = parameter.replace('_', " ");
    let range = range.map_or(String::new(), |[low, high]| {
        format!(" ({} to {})", share(low), share(high))
    });
    let knee = format!(
        "{parameter} {} with {}",
        plain(knee.value),
        rate(knee.throughput_per_s)
    );
    match (ratio > 0.0, rises) {
        (true, false) => format!(
            "{} more throughput{range} up to the knee within the objectives, {knee}",
            share(ratio)
        ),
        (true, true) => format!(
            "{} more throughput{range} up to {knee}, or more: the knee was not reached, throughput still rises at \
             the largest setting",
            share(ratio)
        ),
        (false, true) => format!(
            "not known: the knee was not reached, throughput still rises at the largest setting ({knee})"
        ),
        (false, false) => format!("none: the operating point is the knee, {knee}"),
    }
}

/// Returns true if every repeat of a setting keeps the objectives of latency and errors.
fn keeps_objectives(bench: &BenchFacts<'_>, setting: &SweepSetting) -> bool {
    let bounds = bench.objectives();
    let Some((name, most_ns)) = bounds.latency else {
        return false;
    };
    let Some(percentile) = requests::percentile_fn(name) else {
        return false;
    };
    let keeps = |step: &Step| {
        let felt = requests::slowest(step, percentile);
        let in_time = felt.is_some_and(|felt| !felt.at_least && felt.ns as f64 <= most_ns);
        let errors = requests::error_ratio(step);
        in_time && errors.is_some_and(|ratio| ratio <= bounds.error_ratio)
    };
    let steps = &bench.source.report.steps;
    setting.steps.iter().all(|i| keeps(&steps[*i]))
}

/// Returns the lowest and highest headroom by single repeats of both settings; `None` if a repeat of the
/// operating point carried nothing.
fn range(bench: &BenchFacts<'_>, here: &SweepSetting, knee: &SweepSetting) -> Option<[f64; 2]> {
    let steps = &bench.source.report.steps;
    let ends = |setting: &SweepSetting| {
        let rates = setting
            .steps
            .iter()
            .map(|i| requests::throughput_per_s(&steps[*i]));
        rates.fold((f64::INFINITY, 0.0_f64), |(low, high), rate| {
            (low.min(rate), high.max(rate))
        })
    };
    let ((low, high), (knee_low, knee_high)) = (ends(here), ends(knee));
    (low > 0.0 && high > 0.0).then(|| [knee_low / high - 1.0, knee_high / low - 1.0])
}

/// Returns the throughput of every setting's first repeat as evidence, for each operation.
fn evidence(bench: &BenchFacts<'_>, sweep: &Sweep) -> Vec<EvidenceItem> {
    let report = &bench.source.report;
    let firsts = sweep
        .settings
        .iter()
        .filter_map(|s| Some((s.value, *s.steps.first()?)));
    let told = firsts.flat_map(|(value, index)| {
        let operations = requests::request_operations(&report.steps[index]);
        let of = operations.filter_map(move |(name, _)| {
            let pointer = format!(
                "/steps/{index}/operations/{}/throughput_per_s",
                escape(name)
            );
            let label = format!(
                "throughput of {name} at {} {}",
                sweep.parameter.replace('_', " "),
                plain(value)
            );
            bench.source.evidence(label, &pointer)
        });
        of.collect::<Vec<_>>()
    });
    told.collect()
}
