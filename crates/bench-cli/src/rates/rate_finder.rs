//! Search for the highest rate of arrivals that keeps its bounds. It runs one step of a bench
//! after another and judges each.

use std::time::Duration;

use bench_report::{FoundRate, RateVerdict, Recommendation, Step, StepEnd, TriedRate};
use load_engine::StepPlan;

use crate::bench::Bench;
use crate::load::{Defaults, StepFlags};
use crate::objective::Objective;
use crate::rates::rate_search::RateSearch;
use crate::rates::rate_text;
use crate::rates::rate_verdict::{judge, requests_needed};

/// Rate at which a search begins, in arrivals per second; higher if a step at that rate would make
/// too few requests to judge the bounds.
const START_PER_S: f64 = 100.0;
/// Lowest rate of a search, in arrivals per second; higher if the longest step would make too few
/// requests at that rate.
const LOWEST_PER_S: f64 = 1.0;
const HIGHEST_PER_S: f64 = 1e7;
/// Longest measured part of a step that needs more time for enough requests at a low rate. A given
/// `--duration` or a longer default replaces it.
const LONGEST: Duration = Duration::from_secs(30);
/// Number of consecutive steps that could not run, after which the search is given up.
const FAILURES: usize = 2;

/// Step that a search is to run next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateStep {
    /// Rate of the step, in arrivals per second.
    pub rate_per_s: f64,
    /// Number of steps that the search has run before at the same rate.
    pub repeat: u64,
    /// Number of steps that the search has run before at any rate.
    pub number: u64,
    /// Length of the step's measured part.
    pub measure: Duration,
}

impl RateStep {
    /// Sets in `plan` the length of the measured part and the number of the repeat.
    #[must_use]
    pub fn shape(self, mut plan: StepPlan) -> StepPlan {
        plan.measure = self.measure;
        plan.repeat = self.repeat;
        plan
    }

    /// Returns the name of the step under a setting, such as `pool of 8 at 1,600/s`.
    pub fn name(self, setting: &str) -> String {
        format!("{setting} at {}/s", rate_text::per_s(self.rate_per_s))
    }
}

/// Search for the highest rate under one setting of a bench, such as one pool size.
#[derive(Debug)]
pub struct RateFinder {
    objectives: Vec<Objective>,
    warmup: Duration,
    /// Length of a step's measured part, unless a low rate needs a longer one.
    measure: Duration,
    longest: Duration,
    /// Number of requests that a step must make so that each bound can be judged.
    needed: f64,
    search: RateSearch,
    /// Number of steps in a row, up to the last one, that could not run.
    failures: usize,
    /// Index of this search's result in the report's list of found rates.
    place: usize,
}

impl RateFinder {
    /// Begins a search under the setting `subject`, such as `pool of 8`, and adds its result,
    /// still without steps, to the report of `bench`.
    pub fn begin(
        bench: &mut Bench,
        subject: &str,
        objectives: &[Objective],
        (flags, defaults): (&StepFlags, Defaults),
    ) -> Self {
        let measure = flags.measure(defaults);
        let longest = flags.duration.unwrap_or(LONGEST.max(measure));
        let needed = objectives.iter().map(requests_needed);
        let needed = needed.max_by(f64::total_cmp).unwrap_or_default();
        let enough = |measure: Duration| (needed / measure.as_secs_f64()).ceil();
        let lowest = LOWEST_PER_S.max(enough(longest));
        let start = START_PER_S.max(enough(measure));
        let finder = Self {
            objectives: objectives.to_vec(),
            warmup: flags.warmup(defaults),
            measure,
            longest,
            needed,
            search: RateSearch::new(start, (lowest, HIGHEST_PER_S), flags.repeats(defaults)),
            failures: 0,
            place: bench.report.summary.found_rates.len(),
        };
        let found = finder.found(subject);
        bench.report.summary.found_rates.push(found);
        finder
    }

    /// Runs one step after another, and judges each, until the search has ended, the run was
    /// interrupted, or two steps in a row could not run. `searches_after` is the number of
    /// searches that follow, for the remaining time. `run` runs a step and returns its index in
    /// the report. It returns `None` if the step did not begin: because of a signal, which ends
    /// the search, or because it could not, which it must then add to the report as a failed step.
    ///
    /// # Errors
    ///
    /// Fails if `run` fails.
    pub fn search<C: AsMut<Bench>>(
        mut self,
        context: &mut C,
        searches_after: usize,
        mut run: impl FnMut(&mut C, RateStep) -> anyhow::Result<Option<usize>>,
    ) -> anyhow::Result<()> {
        while let Some(step) = self.next_step(context.as_mut(), searches_after) {
            let place = context.as_mut().report.steps.len();
            let ran = run(context, step)?;
            let bench = context.as_mut();
            let left_out = (bench.report.steps.len() > place).then_some(place);
            match ran.or(left_out) {
                Some(index) => self.record(bench, index),
                None => break,
            }
        }
        Ok(())
    }

    /// Returns the step to run next, and sets the remaining time in `bench`. `None` if the search
    /// has ended, if the run was interrupted, or if two steps in a row could not run.
    fn next_step(&self, bench: &mut Bench, searches_after: usize) -> Option<RateStep> {
        let rate_per_s = self.search.next_rate()?;
        if bench.interrupted() || self.failures >= FAILURES {
            return None;
        }
        let enough = Duration::from_secs_f64(self.needed / rate_per_s);
        let measure = enough.clamp(self.measure, self.longest);
        let left = self.search.steps_left() as usize;
        // Assumes that each of the later searches takes as long as this one.
        let steps = left + searches_after * (left + self.search.tried().len());
        bench.expect((self.warmup + measure) * steps as u32, steps);
        Some(RateStep {
            rate_per_s,
            repeat: self.search.steps_at(rate_per_s),
            number: self.search.tried().len() as u64,
            measure,
        })
    }

    /// Judges the step at `index` of the report, which must be the step that
    /// [`RateFinder::next_step`] returned last, and saves the result so far. Does nothing if there
    /// is no such step.
    fn record(&mut self, bench: &mut Bench, index: usize) {
        let (rate, step) = (self.search.next_rate(), bench.report.steps.get(index));
        let (Some(rate_per_s), Some(step)) = (rate, step) else {
            return;
        };
        let warnings: Vec<_> = bench.warnings_about(index).collect();
        let judged = judge(&self.objectives, (index, step), &warnings);
        let has_failed = matches!(step.end, StepEnd::Failed { .. });
        self.failures = if has_failed { self.failures + 1 } else { 0 };
        self.search.record(TriedRate {
            step: index,
            rate_per_s,
            verdict: judged.verdict,
            reason: judged.reason,
        });
        let summary = &mut bench.report.summary;
        if let Some(place) = summary.found_rates.get_mut(self.place) {
            *place = self.found(&place.subject);
        }
        summary.headline = rate_text::headline(&summary.found_rates);
        let steps = &bench.report.steps;
        let rates = summary.found_rates.iter();
        summary.recommendations = rates.map(|found| recommendation(found, steps)).collect();
        bench.save();
    }

    fn found(&self, subject: &str) -> FoundRate {
        let search = &self.search;
        let mut found = FoundRate {
            subject: subject.to_owned(),
            objectives: self.objectives.iter().map(ToString::to_string).collect(),
            repeats: search.repeats(),
            held_per_s: search.held(),
            broken_per_s: search.broken().map(|tried| tried.rate_per_s),
            end: search.end(),
            reason: String::new(),
            steps: search.tried().to_vec(),
        };
        found.reason = rate_text::reason(search);
        found
    }
}

/// Returns the found rate as a recommendation, with the interval from the highest rate that held
/// to the lowest that broke, in arrivals per second. Its value is `None` if no rate held. Its
/// throughput is the mean over the steps that held at the found rate.
fn recommendation(found: &FoundRate, steps: &[Step]) -> Recommendation {
    let held = found.held_per_s;
    let tried = found.steps.iter();
    let at_held =
        tried.filter(|tried| Some(tried.rate_per_s) == held && tried.verdict == RateVerdict::Held);
    let at_held: Vec<usize> = at_held.map(|tried| tried.step).collect();
    let throughputs = at_held.iter().filter_map(|index| steps.get(*index));
    let throughputs: Vec<f64> = throughputs.map(Step::throughput_per_s).collect();
    Recommendation {
        subject: found.subject.clone(),
        parameter: "rate_per_s".to_owned(),
        value: held,
        low: held,
        high: found.broken_per_s.filter(|_| held.is_some()),
        throughput_per_s: (!throughputs.is_empty())
            .then(|| throughputs.iter().sum::<f64>() / throughputs.len() as f64),
        detectable_difference_ratio: None,
        reason: found.reason.clone(),
        steps: at_held,
    }
}
