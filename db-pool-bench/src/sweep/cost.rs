//! Cost of drivers and pools at equal numbers of connections, compared with the bare protocol and
//! with a driver without a pool.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bench_cli::table::{Table, duration_ns};
use bench_report::names::{steps, summaries};
use bench_report::{Comparison, Latency, Load, QuantileKind, Step, Summary};
use statistics::ratio_interval;

use super::SettingGroup;
use crate::drivers::Driver;
use crate::results::SettingResults;
use bench_cli::settings::merge_recordings;

const BASELINES: [Driver; 2] = [Driver::Wire, Driver::Direct];
const CONFIDENCE: f64 = 0.95;
const PARAMETER: &str = "connections";
const LEGEND: &str = "\
first ÷ second at as many connections, ± half of the 95 % interval;
call: – where users outnumber connections; CPU: the client's, per query;
CPU/query: of the first
";

/// Figure of a step that is compared between drivers: its name, and the function that reads it.
type StepFigure = (&'static str, fn(&Step) -> Option<f64>);

const THROUGHPUT: StepFigure = ("throughput_per_s", |step| Some(step.throughput_per_s()));
const CALL_P50: StepFigure = ("call_p50_ns", |step| call_ns(step, 0.5));
const CALL_P99: StepFigure = ("call_p99_ns", |step| call_ns(step, 0.99));
const CPU: StepFigure = ("cpu_per_operation_ns", |step| {
    step.generator.cpu_per_operation_ns
});
const FIGURES: [StepFigure; 4] = [THROUGHPUT, CALL_P50, CALL_P99, CPU];

/// Returns the results of all drivers under the first set of conditions of the sweep, which can be
/// compared with each other.
pub(super) fn comparable<'g, 'r>(groups: &'g [SettingGroup<'r>]) -> Vec<&'g SettingResults<'r>> {
    let first = groups.first().map(|group| group.conditions);
    let alike = groups.iter().filter(|g| Some(g.conditions) == first);
    alike.flat_map(|group| &group.results).collect()
}

/// Adds the comparisons of each driver with its baselines, and the drivers' extra round trips, to
/// `summary`.
pub(super) fn compare(results: &[&SettingResults], summary: &mut Summary) {
    for baseline in BASELINES {
        let of = |driver| move |r: &&&SettingResults| r.client == driver && r.is_admissible(&[]);
        for base in results.iter().filter(of(baseline)) {
            let beside = results.iter().filter(|r| {
                let alike = loaded_connections(r).is_some()
                    && loaded_connections(r) == loaded_connections(base);
                r.client > baseline && r.is_admissible(&[]) && alike
            });
            for subject in beside {
                let ratios = FIGURES.map(|figure| ratio(subject, base, figure));
                summary.comparisons.extend(ratios.into_iter().flatten());
            }
        }
    }
    for (driver, extra) in round_trips(results) {
        let name = driver.name();
        summary.member(summaries::EXTRA_ROUND_TRIPS, name, extra);
    }
}

/// Returns the number of connections that share the load; `None` if there are fewer users than
/// connections, or no step was completed.
fn loaded_connections(results: &SettingResults) -> Option<u64> {
    let (_, _, step) = results.held.first()?;
    let size = results.value;
    match step.load {
        Load::Closed { users, .. } if users < size => None,
        _ => Some(size),
    }
}

/// Compares a figure of two drivers, repeat by repeat. Only repeats that both completed count,
/// because a disturbance of a repeat affects both. `None` if no repeat has both figures, above
/// zero. A single pair gives a ratio without an interval.
fn ratio(
    subject: &SettingResults,
    base: &SettingResults,
    (name, figure): StepFigure,
) -> Option<Comparison> {
    let of = |results: &SettingResults| -> BTreeMap<u64, f64> {
        let repeats = results.held.iter();
        repeats
            .filter_map(|(repeat, _, step)| Some((*repeat, figure(step)?)))
            .collect()
    };
    let bases = of(base);
    let pairs: Vec<(f64, f64)> = of(subject)
        .into_iter()
        .filter_map(|(repeat, mine)| Some((mine, *bases.get(&repeat)?)))
        .collect();
    let estimate = ratio_interval(&pairs, CONFIDENCE);
    let single = || match pairs[..] {
        [(mine, theirs)] if mine > 0.0 && theirs > 0.0 => Some(mine / theirs),
        _ => None,
    };
    Some(Comparison {
        subject: subject.client.name().to_owned(),
        baseline: base.client.name().to_owned(),
        parameter: PARAMETER.to_owned(),
        value: loaded_connections(subject)? as f64,
        figure: name.to_owned(),
        ratio: estimate.map(|e| e.mean).or_else(single)?,
        low_ratio: estimate.map(|e| e.interval.low),
        high_ratio: estimate.map(|e| e.interval.high),
    })
}

/// Returns the call time at `quantile` (0 to 1) over all operations, in nanoseconds. `None` if the
/// quantile falls among calls that were never answered. Also `None` if there are more users than
/// connections, because their wait then depends on the number of users and not on the driver.
fn call_ns(step: &Step, quantile: f64) -> Option<f64> {
    if let (Load::Closed { users, .. }, Some(size)) = (&step.load, step.parameter("pool_size"))
        && *users as f64 > size
    {
        return None;
    }
    let operations = step.operations.values();
    let found = match step.load {
        Load::Closed { .. } => Latency::from_operations(operations)
            .ok()?
            .quantile(quantile)?,
        Load::Unknown => return None,
        // In an open loop the call time of unanswered requests is not recorded.
        Load::Open { .. } if step.censored() > 0 => return None,
        Load::Open { .. } => {
            let calls =
                merge_recordings(operations.filter_map(|operation| operation.call.as_ref()))?;
            return Some(calls.value_at_quantile(quantile) as f64);
        }
    };
    (found.kind != QuantileKind::AtLeast).then_some(found.ns as f64)
}

fn round_trips(results: &[&SettingResults]) -> BTreeMap<Driver, f64> {
    let read = |r: &&SettingResults| {
        Some((
            r.client,
            r.mean_figure(steps::EXTRA_ROUND_TRIPS_PER_REQUEST)?,
        ))
    };
    results.iter().filter_map(read).collect()
}

/// Returns the table of what drivers and pools cost, and a sentence about each driver's extra round
/// trips, as lines of text; empty if neither was measured.
pub(super) fn text(results: &[&SettingResults], summary: &Summary) -> String {
    let mut text = String::new();
    if !summary.comparisons.is_empty() {
        let table = table(results, summary);
        let _ = write!(text, "\nDriver and pool cost\n{table}{LEGEND}");
    }
    for (driver, extra) in round_trips(results) {
        let (name, unit) = (
            driver.name(),
            if driver.is_pooled() {
                "checkout"
            } else {
                "query"
            },
        );
        let _ = match extra {
            none if none.abs() < 0.05 => {
                writeln!(text, "{name} spends no extra round trip per {unit}")
            }
            some => writeln!(text, "{name} spends {some:.1} extra round trips per {unit}"),
        };
    }
    text
}

fn table(results: &[&SettingResults], summary: &Summary) -> Table {
    let mut table = Table::new(&["", "throughput", "call p50", "call p99", "CPU", "CPU/query"]);
    let compared = summary.comparisons.iter();
    for first in compared.clone().filter(|c| c.figure == THROUGHPUT.0) {
        let ratio = |(name, _): StepFigure| {
            let same = |c: &&Comparison| {
                c.figure == name
                    && c.value.to_bits() == first.value.to_bits()
                    && c.subject == first.subject
                    && c.baseline == first.baseline
            };
            compared.clone().find(same).map_or(absent(), shown)
        };
        let mine = results.iter().find(|r| {
            r.client.name() == first.subject && loaded_connections(r) == Some(first.value as u64)
        });
        let cpu = mine.and_then(|r| r.mean(|step| CPU.1(step).unwrap_or(f64::NAN)));
        table.row(&[
            format!("{} ÷ {}, {}", first.subject, first.baseline, first.value),
            ratio(THROUGHPUT),
            ratio(CALL_P50),
            ratio(CALL_P99),
            ratio(CPU),
            cpu.filter(|ns| ns.is_finite())
                .map_or(absent(), |ns| duration_ns(ns as u64)),
        ]);
    }
    table
}

fn absent() -> String {
    "–".to_owned()
}

/// Formats a ratio, with half of its interval if there is one, as `0.93±0.02`; from 10 on as
/// `13.4±5.2`, from 100 on as `134±52`.
fn shown(comparison: &Comparison) -> String {
    let ratio = comparison.ratio;
    let digits = match ratio {
        below_ten if below_ten < 9.995 => 2,
        below_hundred if below_hundred < 99.95 => 1,
        _ => 0,
    };
    match (comparison.low_ratio, comparison.high_ratio) {
        (Some(low), Some(high)) => {
            let half_width = (high - low) / 2.0;
            format!("{ratio:.digits$}±{half_width:.digits$}")
        }
        _ => format!("{ratio:.digits$}"),
    }
}

#[cfg(test)]
mod tests {
    use bench_report::Histogram;
    use bench_report::histogram::recording;

    use super::*;
    use crate::sweep::tests::step;

    /// Creates three repeats of a step of `driver` at 4 connections. The machine is half as fast in
    /// each further repeat.
    fn steps(driver: Driver, throughput_per_s: f64, cpu_ns: f64, extra: f64) -> Vec<Step> {
        let repeat = |repeat: u64| {
            let speed = 0.5_f64.powi(repeat as i32);
            let mut step = step(4, repeat, throughput_per_s * speed);
            step.parameters.remove("pool_size");
            step.parameters
                .insert("driver".into(), driver.name().into());
            step.parameters.insert(driver.swept().into(), 4.into());
            step.generator.cpu_per_operation_ns = Some(cpu_ns / speed);
            step.figure(steps::EXTRA_ROUND_TRIPS_PER_REQUEST, extra);
            let mut call = recording();
            call.saturating_record((1e9 / throughput_per_s) as u64);
            for operation in step.operations.values_mut() {
                operation.call = Histogram::from_recording(&call);
            }
            step
        };
        (0..3).map(repeat).collect()
    }

    fn results<'a>(steps: &'a [Step], drivers: &[Driver]) -> Vec<SettingResults<'a>> {
        let of = |&driver: &Driver| {
            let name = driver.name();
            SettingResults::new(driver, format!("{name} 4"), 4, steps, |step| {
                step.parameters["driver"].to_string() == name
            })
        };
        drivers.iter().map(of).collect()
    }

    #[test]
    fn planted_costs_are_found_although_the_machine_slows_down() {
        let drivers = [Driver::Wire, Driver::Direct, Driver::Sqlx];
        let steps = [
            steps(Driver::Wire, 80_000.0, 8_000.0, 0.0),
            steps(Driver::Direct, 60_000.0, 12_000.0, 0.0),
            steps(Driver::Sqlx, 20_000.0, 40_000.0, 2.0),
        ]
        .concat();
        let results = results(&steps, &drivers);
        let mut summary = Summary::default();
        compare(&results.iter().collect::<Vec<_>>(), &mut summary);
        let found = |subject: &str, baseline: &str, figure: &str| {
            let is = |c: &&Comparison| {
                (c.subject.as_str(), c.baseline.as_str(), c.figure.as_str())
                    == (subject, baseline, figure)
            };
            summary.comparisons.iter().find(is).map(|c| c.ratio)
        };
        let near = |found: Option<f64>, planted: f64| (found.unwrap() - planted).abs() < 1e-2;
        for (subject, baseline, throughput, cpu) in [
            ("direct", "wire", 0.75, 1.5),
            ("sqlx", "wire", 0.25, 5.0),
            ("sqlx", "direct", 1.0 / 3.0, 40.0 / 12.0),
        ] {
            assert!(near(
                found(subject, baseline, "throughput_per_s"),
                throughput
            ));
            assert!(near(found(subject, baseline, "cpu_per_operation_ns"), cpu));
        }
        assert!(near(found("direct", "wire", "call_p50_ns"), 8.0 / 6.0));
        assert!(near(found("direct", "wire", "call_p99_ns"), 8.0 / 6.0));
        let queued = found("sqlx", "wire", "call_p50_ns");
        assert_eq!(queued, None, "sixteen users wait for four connections");
        assert_eq!(summary.figures["sqlx_extra_round_trips_per_request"], 2.0);
        let text = text(&results.iter().collect::<Vec<_>>(), &summary);
        for told in [
            "sqlx ÷ wire, 4",
            "0.25±0.00",
            "sqlx spends 2.0 extra round trips per checkout",
            "wire spends no extra round trip per query",
        ] {
            assert!(text.contains(told), "{told:?} in {text}");
        }
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
    }

    #[test]
    fn without_a_baseline_and_at_other_concurrency_nothing_is_compared() {
        let (pool, mut wire) = (
            steps(Driver::Deadpool, 1.0, 1.0, 0.0),
            steps(Driver::Wire, 2.0, 1.0, 0.0),
        );
        for step in &mut wire {
            step.load = Load::Closed {
                users: 3,
                think_time_ns: 0,
            };
        }
        let both = [pool, wire].concat();
        for drivers in [&[Driver::Deadpool][..], &[Driver::Wire, Driver::Deadpool]] {
            let mut summary = Summary::default();
            let results = results(&both, drivers);
            compare(&results.iter().collect::<Vec<_>>(), &mut summary);
            assert!(summary.comparisons.is_empty(), "{summary:?}");
        }
    }
}
