//! Figures of requests in the steps of a bench, as gates read them.

use bench_report::names::steps;
use bench_report::{Operation, Step, StepEnd};

use crate::bench_facts::BenchFacts;
use crate::json_pointer::escape;
use crate::requests::{self, OperationPercentile};
use crate::requirement::{GateBound, GateFigure};

use super::interval::{self, ValueInterval};
use super::planned::{PlannedGate, has_setting};
use super::reading::{GateMeasurement, GateReading, NO_STEP};
use super::recovery;

/// Smallest number of samples that must lie beyond a percentile so that it can be judged.
const FEWEST_BEYOND: f64 = 5.0;

/// Reason for a step without a request that was timed.
const NOT_TIMED: &str = "no request was timed";

/// Step with its index in the report.
type IndexedStep<'s> = (usize, &'s Step);

/// Reads the figure of `gate` in every repeat of `bench`. A percentile needs `least_samples`.
pub(super) fn readings(
    bench: &BenchFacts<'_>,
    gate: &PlannedGate<'_>,
    least_samples: u64,
) -> Vec<GateReading> {
    let judged = JudgedBench {
        bench,
        gate,
        least_samples,
    };
    judged.readings()
}

/// Bench with the gate that is judged on it.
struct JudgedBench<'b, 'a> {
    bench: &'b BenchFacts<'a>,
    gate: &'b PlannedGate<'a>,
    /// Smallest number of samples of a percentile.
    least_samples: u64,
}

impl<'a> JudgedBench<'_, 'a> {
    /// Reads the figure of the gate in every step that is judged.
    fn readings(&self) -> Vec<GateReading> {
        match self.gate.requirement.figure {
            GateFigure::Percentile(name) => self.of_repeats(|at| self.percentile(at, name)),
            GateFigure::Mean => self.of_repeats(|at| self.worst(at, mean)),
            GateFigure::Max => self.of_repeats(|at| self.worst(at, longest)),
            GateFigure::Errors => vec![self.outcomes(false)],
            GateFigure::Success => vec![self.outcomes(true)],
            GateFigure::Throughput => self.of_repeats(|at| self.throughput(at)),
            GateFigure::Carried => self.of_repeats(|at| self.carried(at)),
            GateFigure::HitRatio => self.of_repeats(|at| self.hit_ratio(at)),
            GateFigure::Connected => self.of_repeats(|at| self.connected(at)),
            GateFigure::PoolUse => self.of_repeats(|at| self.pool_use(at)),
            GateFigure::Recovery => recovery::readings(self.bench, self.gate),
            GateFigure::Cpu | GateFigure::Memory | GateFigure::MemoryGrowth => Vec::new(),
        }
    }

    /// Returns the steps that are judged: all repeats of the gate's setting, or of the operating
    /// point. Interrupted ones are left out, those that a rule ended are not.
    fn steps(&self) -> Vec<IndexedStep<'a>> {
        let bench = self.bench;
        let is_whole = |(_, step): &IndexedStep<'a>| step.end != StepEnd::Interrupted;
        match self.gate.setting() {
            Some(setting) => {
                let report = &bench.source.report;
                let steps = report.steps.iter().enumerate();
                let steps = steps.filter(|(i, _)| !report.summary.is_on_the_way(*i));
                let steps = steps.filter(|(_, step)| has_setting(&step.parameters, setting));
                steps.filter(is_whole).collect()
            }
            None if bench.choice.is_none() => Vec::new(),
            None => bench.judged_steps().filter(is_whole).collect(),
        }
    }

    fn of_repeats(&self, read: impl Fn(IndexedStep<'a>) -> GateReading) -> Vec<GateReading> {
        let steps = self.steps();
        if let Some(setting) = self.gate.setting().filter(|_| steps.is_empty()) {
            let wanted = setting
                .iter()
                .map(|(name, value)| format!("{name} {value}"));
            let wanted: Vec<String> = wanted.collect();
            return vec![Err(format!(
                "no step with {} was measured",
                wanted.join(", ")
            ))];
        }
        steps.into_iter().map(read).collect()
    }

    /// Returns the operations that are judged, with their names.
    fn operations(&self, step: &'a Step) -> Result<Vec<(&'a String, &'a Operation)>, String> {
        let Some(name) = self.gate.operation else {
            let all = requests::request_operations(step);
            let except = &self.gate.except;
            return Ok(all
                .filter(|(name, _)| !except.contains(&name.as_str()))
                .collect());
        };
        let found = step.operations.get_key_value(name);
        found.map(|found| vec![found]).ok_or_else(|| {
            let names: Vec<&str> = step.operations.keys().map(String::as_str).collect();
            format!("there was no operation {name}, only {}", names.join(", "))
        })
    }

    fn measured(&self, value: f64, fields: &[(String, String)]) -> GateMeasurement {
        let source = self.bench.source;
        let evidence = fields
            .iter()
            .filter_map(|(label, pointer)| source.evidence(label, pointer));
        GateMeasurement::new(source, value, evidence.collect())
    }

    /// Reads the percentile `name`. A repeat with too few samples has none: the fault that the gate
    /// looks for may be the reason, so the other repeats cannot stand in for it.
    fn percentile(&self, (index, step): IndexedStep<'a>, name: &'static str) -> GateReading {
        let pick = requests::percentile_fn(name).ok_or(NOT_TIMED)?;
        let operations = self.operations(step)?;
        let latency = OperationPercentile::slowest_of(operations.into_iter(), pick);
        let latency = latency.ok_or(NOT_TIMED)?;
        let quantile = requests::quantile(name).ok_or(NOT_TIMED)?;
        // Subtracts a little, because 5 ÷ (1 − 0.95) is more than 100 in binary numbers.
        let beyond = (FEWEST_BEYOND / (1.0 - quantile) - 0.01).ceil() as u64;
        let needed = beyond.max(self.least_samples);
        if latency.count < needed {
            let counted = latency.count;
            return Err(format!(
                "too few samples: {counted}, and {needed} are needed"
            ));
        }
        let pointer = latency.pointer(index, name);
        let figure = self.measured(latency.ns as f64, &[(latency.label(name), pointer)]);
        if latency.at_least {
            return Ok(figure.at_least());
        }
        let operation = step.operations.get(latency.operation);
        let interval = operation.and_then(|o| interval::of_quantile(o, quantile, latency.count));
        Ok(figure.within(interval))
    }

    /// Reads the figure of the operation in which it is the largest.
    fn worst(
        &self,
        (index, step): IndexedStep<'a>,
        read: fn(&str, &Operation) -> Option<OperationLatency>,
    ) -> GateReading {
        let operations = self.operations(step)?;
        let all = operations.into_iter();
        let all = all.filter_map(|(name, operation)| read(name, operation));
        let worst = all.max_by(|a, b| a.ns.total_cmp(&b.ns)).ok_or(NOT_TIMED)?;
        let pointer = format!("/steps/{index}/operations/{}", worst.field);
        let figure = self.measured(worst.ns, &[(worst.label, pointer)]);
        Ok(match worst.interval {
            Some(_) => figure.within(worst.interval),
            None if worst.is_bound => figure.at_least(),
            None => figure,
        })
    }

    /// Reads the share of requests that failed (or succeeded, if `successes`) over all repeats
    /// together. Without an operating point, the steps with requests can fail the gate but not pass
    /// it.
    fn outcomes(&self, successes: bool) -> GateReading {
        let bench = self.bench;
        let bound = self.gate.requirement.bound;
        let has_setting = self.gate.setting().is_some();
        let none_held = bench.choice.is_none() && !has_setting;
        let steps: Vec<IndexedStep<'a>> = if has_setting {
            self.steps()
        } else {
            bench.judged_steps().collect()
        };
        let mut counted = Vec::new();
        for (index, step) in &steps {
            let operations = self.operations(step)?;
            let attempted: u64 = operations.iter().map(|(_, o)| o.attempted).sum();
            let succeeded: u64 = operations.iter().map(|(_, o)| o.succeeded).sum();
            let seen = if successes {
                succeeded
            } else {
                attempted.saturating_sub(succeeded)
            };
            counted.push((*index, seen, attempted));
        }
        let seen = counted.iter().map(|(_, seen, _)| seen).sum();
        let attempted: u64 = counted.iter().map(|(_, _, attempted)| attempted).sum();
        let ratio = seen as f64 / attempted as f64;
        if none_held && (attempted == 0 || bound.holds(ratio)) {
            return Err(NO_STEP.to_owned());
        }
        if attempted == 0 {
            return Err("no request was made".to_owned());
        }
        let evidence = steps.iter().flat_map(|(index, _)| {
            let all = bench.source.outcomes(*index).into_iter();
            all.filter(|item| self.is_judged(&item.label))
        });
        let evidence = evidence.collect();
        let figure = GateMeasurement::new(bench.source, ratio, evidence);
        let interval = interval::of_share(seen, attempted);
        let interval = interval.filter(|_| !interval::is_absolute(bound.value));
        Ok(figure.within(interval).note(past_in(&counted, bound)))
    }

    /// Returns true if evidence with this label, as in `read: succeeded`, is about an operation that
    /// is judged.
    fn is_judged(&self, label: &str) -> bool {
        let name = label.split(':').next().unwrap_or(label);
        match self.gate.operation {
            Some(operation) => operation == name,
            None => !self.gate.except.contains(&name),
        }
    }

    fn throughput(&self, (index, step): IndexedStep<'a>) -> GateReading {
        let operations = self.operations(step)?;
        let value: f64 = operations.iter().map(|(_, o)| o.throughput_per_s).sum();
        let fields = operations.iter().map(|(name, _)| {
            let pointer = format!(
                "/steps/{index}/operations/{}/throughput_per_s",
                escape(name)
            );
            (format!("throughput of {name}"), pointer)
        });
        let fields: Vec<_> = fields.collect();
        let apart = value * self.bench.noise_ratio();
        let interval = (value - apart, value + apart);
        Ok(self.measured(value, &fields).within(Some(interval)))
    }

    fn carried(&self, (index, step): IndexedStep<'a>) -> GateReading {
        let ratio = step.carried_ratio();
        let ratio = ratio.ok_or("no rate was asked for: the load was a number of users")?;
        let due = step
            .operations
            .iter()
            .filter(|(_, o)| o.pacing_lag.is_some());
        let fields = due.clone().flat_map(|(name, _)| {
            let base = format!("/steps/{index}/operations/{}", escape(name));
            [
                (
                    format!("throughput of {name}"),
                    format!("{base}/throughput_per_s"),
                ),
                (format!("{name}: attempted"), format!("{base}/attempted")),
            ]
        });
        let fields: Vec<_> = fields.collect();
        let asked: u64 = due.map(|(_, o)| o.attempted).sum();
        let carried = (ratio.clamp(0.0, 1.0) * asked as f64).round() as u64;
        let interval = interval::of_share(carried, asked);
        Ok(self.measured(ratio, &fields).within(interval))
    }

    fn hit_ratio(&self, (index, step): IndexedStep<'a>) -> GateReading {
        let ratio = step.value(steps::HIT_RATIO);
        let ratio = ratio.ok_or("the hit ratio was not measured")?;
        let pointer = format!("/steps/{index}/figures/hit_ratio");
        let is_exact = interval::is_absolute(self.gate.requirement.bound.value);
        let interval = interval::of_hits(step).filter(|_| !is_exact);
        Ok(self
            .measured(ratio, &[("hit ratio".to_owned(), pointer)])
            .within(interval))
    }

    fn connected(&self, (index, step): IndexedStep<'a>) -> GateReading {
        let connect = step.operations.get(requests::CONNECT);
        let connect = connect.filter(|connect| connect.attempted > 0);
        let connect = connect.ok_or("no connection was attempted")?;
        let at = |field| format!("/steps/{index}/operations/{}/{field}", requests::CONNECT);
        let fields = [
            ("connections attempted".to_owned(), at("attempted")),
            ("connections succeeded".to_owned(), at("succeeded")),
        ];
        let ratio = connect.succeeded as f64 / connect.attempted as f64;
        let is_exact = interval::is_absolute(self.gate.requirement.bound.value);
        let interval = interval::of_share(connect.succeeded, connect.attempted);
        Ok(self
            .measured(ratio, &fields)
            .within(interval.filter(|_| !is_exact)))
    }

    fn pool_use(&self, (index, step): IndexedStep<'a>) -> GateReading {
        let pool = step
            .pool
            .as_ref()
            .filter(|pool| pool.max_size > 0 && pool.samples > 0);
        let pool = pool.ok_or("the pool's use was not sampled")?;
        let at = |field| format!("/steps/{index}/pool/{field}");
        let fields = [
            ("connections in use".to_owned(), at("in_use_mean")),
            ("size of the pool".to_owned(), at("max_size")),
        ];
        Ok(self.measured(pool.in_use_mean / pool.max_size as f64, &fields))
    }
}

/// Returns words about the repeats that are past the bound; `None` if none is, or if there is only
/// one repeat. `counted` has, for each step, its index, the requests seen and those attempted.
fn past_in(counted: &[(usize, u64, u64)], bound: GateBound) -> Option<String> {
    let asked = counted.iter().filter(|(_, _, attempted)| *attempted > 0);
    let ratios: Vec<f64> = asked
        .map(|(_, seen, all)| *seen as f64 / *all as f64)
        .collect();
    let past = ratios.iter().filter(|ratio| !bound.holds(**ratio)).count();
    let worst = ratios.iter().copied();
    let worst = worst.max_by(|a, b| bound.badness(*a).total_cmp(&bound.badness(*b)))?;
    (past > 0 && ratios.len() > 1).then(|| {
        format!(
            "past the bound in {past} of {} repeats, {} in the worst",
            ratios.len(),
            crate::figures::percent(worst)
        )
    })
}

/// Latency of one operation, other than a percentile.
struct OperationLatency {
    ns: f64,
    /// True if the true value may be larger, because requests were never answered.
    is_bound: bool,
    interval: Option<ValueInterval>,
    label: String,
    /// JSON pointer inside the step's operations.
    field: String,
}

fn mean(name: &str, operation: &Operation) -> Option<OperationLatency> {
    let (field, histogram) = requests::latency(operation)?;
    let is_bound = operation.censored > 0;
    Some(OperationLatency {
        ns: histogram.mean_ns,
        is_bound,
        interval: (!is_bound).then(|| interval::of_mean(histogram)),
        label: format!("mean of {name}"),
        field: format!("{}/{field}/mean_ns", escape(name)),
    })
}

fn longest(name: &str, operation: &Operation) -> Option<OperationLatency> {
    let answered = requests::latency(operation);
    let answered = answered.map(|(field, h)| (field, h.max_ns, false));
    let cut_off = operation.unfinished.as_ref();
    let cut_off = cut_off.map(|h| ("unfinished", h.max_ns, true));
    let all = answered.into_iter().chain(cut_off);
    let (field, max_ns, is_bound) = all.max_by_key(|(_, max_ns, _)| *max_ns)?;
    Some(OperationLatency {
        ns: max_ns as f64,
        is_bound: is_bound || operation.censored > 0,
        interval: None,
        label: format!("longest of {name}"),
        field: format!("{}/{field}/max_ns", escape(name)),
    })
}
