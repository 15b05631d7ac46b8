//! Verdict on a step at a constant rate: whether the target served the rate and kept its bounds.
//! Figures that the load generator may have distorted, and figures of too few requests, decide
//! nothing.

use bench_report::histogram::recording;
use bench_report::{
    Latency, Load, Operation, QuantileKind, RateVerdict, Step, StepEnd, Warning, WarningCode,
};
use load_engine::is_thin_percentile;

use crate::objective::Objective;
use crate::table;

/// Smallest share of the arrivals due in the measured part that must succeed in it, so that the
/// rate counts as served.
const CARRIED: f64 = 0.97;
/// Smallest number of requests beyond a bound from which a conclusion is drawn; fewer may be
/// chance.
const FEWEST: f64 = 10.0;
/// Smallest number of failures that a bound on errors must let expect, so that their absence shows
/// that the bound is kept. If three are expected, none occurs with a probability of 5 % only.
const FEWEST_FAILURES: f64 = 3.0;

/// Verdict on a step, with the reason: the figure that broke a bound, or why the step cannot be
/// judged. There is no reason if the bounds were kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JudgedStep {
    pub(crate) verdict: RateVerdict,
    pub(crate) reason: Option<String>,
}

impl JudgedStep {
    fn held() -> Self {
        let (verdict, reason) = (RateVerdict::Held, None);
        Self { verdict, reason }
    }

    fn broken(reason: String) -> Self {
        let (verdict, reason) = (RateVerdict::Broken, Some(reason));
        Self { verdict, reason }
    }

    fn doubtful(reason: impl Into<String>) -> Self {
        let (verdict, reason) = (RateVerdict::Doubtful, Some(reason.into()));
        Self { verdict, reason }
    }
}

/// Returns the number of requests that a step must make so that `objective` can be judged: for a
/// percentile ten beyond it, for errors three expected failures, and a tenth on top.
pub(crate) fn requests_needed(objective: &Objective) -> f64 {
    match *objective {
        // Adds a tenth, because arrivals at random times may be fewer than planned.
        Objective::Latency { quantile, .. } => 1.1 * FEWEST / (1.0 - quantile),
        Objective::Errors { below } => 1.1 * FEWEST_FAILURES / below,
    }
}

/// Judges a step at a constant rate, at `index` of its report's steps. `warnings` are those about
/// the step.
///
/// The verdict is that on the worst objective. Lateness of the generator can only lengthen
/// response times. A figure below its bound therefore holds even if there is a warning about the
/// generator, and a figure above its bound then gives a doubtful verdict.
pub(crate) fn judge(
    objectives: &[Objective],
    (index, step): (usize, &Step),
    warnings: &[&Warning],
) -> JudgedStep {
    if !matches!(step.load, Load::Open { .. }) {
        return JudgedStep::doubtful("the step offered no rate");
    }
    if let Some(lost) = warnings.iter().find(|w| is_about_load(w.code)) {
        return JudgedStep::doubtful(lost.message.clone());
    }
    let step = RatedStep {
        index,
        step,
        warnings,
    };
    match &step.step.end {
        StepEnd::Completed => {}
        StepEnd::Stopped { rule, reason } => {
            let why = format!("{rule} ended the step: {reason}");
            return step.unless_spoilt(
                &["operations/*/errors", "operations/*/throughput_per_s"],
                why,
            );
        }
        StepEnd::Interrupted => return JudgedStep::doubtful("the step was interrupted"),
        StepEnd::Failed { reason } => return JudgedStep::doubtful(reason.clone()),
        StepEnd::Unknown => return JudgedStep::doubtful("the step ended in an unknown way"),
    }
    let each = objectives.iter().map(|objective| step.judge(objective));
    let worst = |verdict: &JudgedStep| match verdict.verdict {
        RateVerdict::Broken => 2,
        RateVerdict::Doubtful => 1,
        RateVerdict::Held => 0,
    };
    // Reversed, because `max_by_key` returns the last of several equal verdicts and the first one
    // is wanted.
    let all: Vec<JudgedStep> = each.collect();
    all.into_iter()
        .rev()
        .max_by_key(worst)
        .unwrap_or_else(JudgedStep::held)
}

/// Returns true for warnings that part of the load was not made or that the target was unavailable
/// for a time.
fn is_about_load(code: WarningCode) -> bool {
    matches!(
        code,
        WarningCode::WorkerLost | WarningCode::WorkerLate | WarningCode::TargetAway
    )
}

/// Step at a constant rate, with its index in the report and the warnings about it.
struct RatedStep<'a> {
    index: usize,
    step: &'a Step,
    warnings: &'a [&'a Warning],
}

impl RatedStep<'_> {
    fn judge(&self, objective: &Objective) -> JudgedStep {
        let attempted: u64 = self.step.operations.values().map(|o| o.attempted).sum();
        if attempted == 0 {
            return JudgedStep::doubtful("nothing was asked");
        }
        let failed: u64 = self.step.operations.values().map(Operation::failures).sum();
        let failed_ratio = failed as f64 / attempted as f64;
        let (kept, excused) = match *objective {
            Objective::Latency {
                name,
                quantile,
                below,
            } => {
                let percentile = (name, quantile);
                (
                    self.judge_latency(percentile, below.as_nanos(), failed_ratio),
                    0.0,
                )
            }
            // A bound on errors allows failures; a bound on latency does not.
            Objective::Errors { below } => (self.judge_errors(below, attempted), failed_ratio),
        };
        if kept.verdict == RateVerdict::Broken {
            return kept;
        }
        let carried = self.step.carried_ratio().map(|carried| carried + excused);
        let is_short =
            |carried: &f64| *carried < CARRIED && (1.0 - carried) * attempted as f64 >= FEWEST;
        match carried
            .filter(is_short)
            .map(|carried| self.not_carried(carried))
        {
            Some(short) if kept.verdict == RateVerdict::Held => short,
            Some(short) if short.verdict == RateVerdict::Broken => short,
            _ => kept,
        }
    }

    /// Judges a step in which only the share `carried`, 0..1, of the arrivals succeeded: broken,
    /// or doubtful if every request took longer than the warm-up. Requests in flight at the end
    /// are then missing from the figure, and none was in flight at the start of the measured part.
    /// (That does not apply to an overloaded target, whose first requests are faster because its
    /// queue is still short.)
    fn not_carried(&self, carried: f64) -> JudgedStep {
        let why = format!("{} of the arrivals were carried", table::ratio(carried));
        let window = &self.step.window;
        let warmup_ns = window.measure_start_ns.saturating_sub(window.start_ns);
        let latency = Latency::from_operations(self.step.operations.values()).ok();
        let finished = latency.as_ref().map(Latency::finished);
        if finished.is_some_and(|all| !all.is_empty() && all.min() > warmup_ns) {
            return JudgedStep::doubtful(format!(
                "{why}, but requests take longer than the warm-up; lengthen --warmup"
            ));
        }
        self.unless_spoilt(&["operations/*/throughput_per_s"], why)
    }

    /// Judges a percentile of response time against the bound `below_ns`, in nanoseconds. Failed
    /// requests, `failed_ratio` of all attempted, count as infinitely slow.
    fn judge_latency(
        &self,
        (name, quantile): (&str, f64),
        below_ns: u128,
        failed_ratio: f64,
    ) -> JudgedStep {
        let latency = match Latency::from_operations(self.step.operations.values()) {
            Ok(latency) => latency,
            Err(error) => return JudgedStep::doubtful(error.to_string()),
        };
        let figure = format!("operations/*/response/percentiles_ns/{name}");
        let among_rest = quantile / (1.0 - failed_ratio);
        let Some(found) = latency.quantile(among_rest.min(1.0)) else {
            return self.unless_spoilt(&["operations/*/errors"], "nothing was answered".to_owned());
        };
        if among_rest > 1.0 {
            let failed = table::ratio(failed_ratio);
            let why = format!("{failed} of the requests failed, so that no {name} exists");
            return self.unless_spoilt(&["operations/*/errors"], why);
        }
        let told = format!("{name} was {}", table::quantile(Some(found)));
        let count = latency.finished().len() + latency.unfinished();
        let is_thin = is_thin_percentile(name, count);
        if found.is_below(below_ns) {
            if is_thin {
                return JudgedStep::doubtful(format!(
                    "{}, too few for {name}; lengthen --duration",
                    table::counted(count, "request")
                ));
            }
            return JudgedStep::held();
        }
        if u128::from(found.ns) < below_ns && found.kind == QuantileKind::AtLeast {
            return JudgedStep::doubtful(format!("{told}, which does not tell"));
        }
        let bound_ns = u64::try_from(below_ns).unwrap_or(u64::MAX);
        if is_thin && (beyond(&latency, bound_ns) as f64) < FEWEST {
            return JudgedStep::doubtful(format!(
                "{told}, of {}, too few; lengthen --duration",
                table::counted(count, "request")
            ));
        }
        let lag_ns = self.pacing_lag_ns(among_rest);
        if u128::from(found.ns.saturating_sub(lag_ns)) < below_ns {
            let lag = table::duration_ns(lag_ns);
            return JudgedStep::doubtful(format!(
                "{told}, of which {lag} may have been the generator's lateness"
            ));
        }
        self.unless_spoilt(&[&figure], told)
    }

    /// Returns quantile `q`, 0..1, of the delay in nanoseconds by which the generator released
    /// requests late, over all operations; 0 if nothing was recorded.
    fn pacing_lag_ns(&self, q: f64) -> u64 {
        let mut all = recording();
        let operations = self.step.operations.values();
        for lag in operations.filter_map(|o| o.pacing_lag.as_ref()) {
            if let Ok(lag) = lag.decode() {
                // Both have the same bounds, so that adding cannot fail.
                let _ = all.add(lag);
            }
        }
        all.value_at_quantile(q)
    }

    fn judge_errors(&self, below: f64, attempted: u64) -> JudgedStep {
        let ratio = self.step.error_ratio().unwrap_or(1.0);
        if ratio >= below {
            let why = format!("{} of the requests failed", table::ratio(ratio));
            return self.unless_spoilt(&["operations/*/errors"], why);
        }
        if attempted as f64 * below < FEWEST_FAILURES {
            let bound = table::ratio(below);
            return JudgedStep::doubtful(format!(
                "{}, too few to tell {bound} of errors; lengthen --duration",
                table::counted(attempted, "request")
            ));
        }
        JudgedStep::held()
    }

    /// Returns the verdict broken with the reason `why`, or doubtful if a warning says that the
    /// generator or the machine may have distorted one of `figures`. These are paths below the
    /// step, with `*` for any operation.
    fn unless_spoilt(&self, figures: &[&str], why: String) -> JudgedStep {
        let is_own = |warning: &&&Warning| {
            let own = matches!(
                warning.code,
                WarningCode::GeneratorSaturated
                    | WarningCode::GeneratorThreadSaturated
                    | WarningCode::GeneratorStalled
                    | WarningCode::PacingLag
                    | WarningCode::DisturbedMachine
            );
            own && figures.iter().any(|figure| self.spoils(warning, figure))
        };
        match self.warnings.iter().find(is_own) {
            Some(warning) => JudgedStep::doubtful(format!("{why}, but {}", warning.message)),
            None => JudgedStep::broken(why),
        }
    }

    /// Returns true if `warning` concerns `figure`, a path below the step in which `*` stands for
    /// the name of any operation.
    fn spoils(&self, warning: &Warning, figure: &str) -> bool {
        let mut names = self.step.operations.keys();
        names.any(|name| {
            let figure = figure.replace('*', name);
            warning.spoils(&format!("/steps/{}/{figure}", self.index))
        })
    }
}

/// Returns the number of requests that took at least `bound_ns` nanoseconds or were never
/// answered.
fn beyond(latency: &Latency, bound_ns: u64) -> u64 {
    let finished = latency.finished();
    let answered = finished.count_between(bound_ns, finished.max().max(bound_ns));
    answered + latency.unfinished()
}

#[cfg(test)]
mod tests;
