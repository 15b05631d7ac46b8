//! Choice of rates in the search for the highest one that a target serves within its bounds. The
//! rate doubles until a step breaks a bound. Rates between the highest held and the lowest broken
//! one follow, until the two are at most 5 % apart. Further steps at the answer then confirm it,
//! until it has held in every repeat.

use bench_report::{RateSearchEnd, RateVerdict, TriedRate};

/// Factor by which the rate rises while every rate has held, and by which it falls while none has
/// held.
const FACTOR: f64 = 2.0;
/// Ratio of the lowest broken rate to the highest held one at or below which no rate between them
/// is tried.
const CLOSE: f64 = 1.05;

/// Search for the highest rate that holds, under one setting. The steps made so far, with their
/// rates and verdicts, are all that changes.
#[derive(Debug, Clone)]
pub(crate) struct RateSearch {
    start: f64,
    lowest: f64,
    highest: f64,
    repeats: u64,
    tried: Vec<TriedRate>,
}

/// Numbers of steps at one rate, by verdict.
#[derive(Debug, Clone, Copy)]
struct RateTally {
    rate: f64,
    held: u64,
    broken: u64,
    doubtful: u64,
}

impl RateTally {
    /// Returns true if the rate is given up as unknown: no step at it broke a bound, and at least
    /// [`RateSearch::DOUBTS`] steps could not be judged.
    fn is_given_up(&self) -> bool {
        self.broken == 0 && self.doubtful >= RateSearch::DOUBTS as u64
    }

    /// Returns true if the rate may be the answer: at least one step at it held, none broke a
    /// bound, and the rate is not given up.
    fn is_candidate(&self) -> bool {
        self.broken == 0 && self.held > 0 && !self.is_given_up()
    }
}

impl RateSearch {
    /// Number of steps without a judgement at one rate after which the search gives up the rate.
    /// It is above one because a passing disturbance may spoil a single step.
    pub(crate) const DOUBTS: usize = 2;

    /// Creates a search that begins at `start`, among rates from `lowest` to `highest`, all in
    /// arrivals per second; `start` is clamped to that range. A rate is the answer once it has
    /// held in `repeats` steps, at least one.
    pub(crate) fn new(start: f64, (lowest, highest): (f64, f64), repeats: u64) -> Self {
        let highest = highest.max(lowest);
        Self {
            start: start.clamp(lowest, highest),
            lowest,
            highest,
            repeats: repeats.max(1),
            tried: Vec::new(),
        }
    }

    /// Adds the verdict on a step, which must have been made at the rate of
    /// [`RateSearch::next_rate`]. A single step that breaks a bound rules out its rate and every
    /// higher one.
    pub(crate) fn record(&mut self, tried: TriedRate) {
        self.tried.push(tried);
    }

    /// Returns the number of steps at one rate that must hold before the rate is the answer.
    pub(crate) fn repeats(&self) -> u64 {
        self.repeats
    }

    /// Returns the steps made so far with their rates and verdicts, in the order in which they
    /// were made.
    pub(crate) fn tried(&self) -> &[TriedRate] {
        &self.tried
    }

    /// Returns the number of steps made so far at exactly the rate `rate`.
    pub(crate) fn steps_at(&self, rate: f64) -> u64 {
        self.tried
            .iter()
            .filter(|t| is_same(t.rate_per_s, rate))
            .count() as u64
    }

    /// Returns the rate of the next step, in arrivals per second; `None` when the search is over.
    pub(crate) fn next_rate(&self) -> Option<f64> {
        let Some(last) = self.tried.last() else {
            return Some(self.start);
        };
        let last = self.tally(last.rate_per_s);
        if last.broken == 0 && last.held == 0 && !last.is_given_up() {
            return Some(last.rate);
        }
        let (best, ceiling) = (self.best(), self.ceiling());
        match (best, ceiling) {
            (None, None) => None,
            (None, Some(ceiling)) => {
                let down = (ceiling / FACTOR).max(self.lowest);
                (down < ceiling).then_some(down)
            }
            (Some(best), None) if best.rate < self.highest => {
                Some((best.rate * FACTOR).min(self.highest))
            }
            (Some(best), Some(ceiling)) if ceiling > best.rate * CLOSE => {
                Some(between(best.rate, ceiling))
            }
            (Some(best), _) => (best.held < self.repeats).then_some(best.rate),
        }
    }

    /// Estimates the number of steps until the search ends, the next one included; 0 when it is
    /// over.
    pub(crate) fn steps_left(&self) -> u64 {
        if self.next_rate().is_none() {
            return 0;
        }
        let gap = match (self.best(), self.ceiling()) {
            (Some(best), Some(ceiling)) => (ceiling / best.rate).max(CLOSE),
            _ => FACTOR,
        };
        let halvings = (gap.ln() / CLOSE.ln()).log2().ceil().max(0.0) as u64;
        let rising = u64::from(self.ceiling().is_none() || self.best().is_none());
        rising + halvings + self.repeats.max(2) - 1
    }

    /// Returns the highest rate, in arrivals per second, that has held in the required number of
    /// steps and is below every rate that broke a bound; `None` if there is none.
    pub(crate) fn held(&self) -> Option<f64> {
        let all = self.candidates().filter(|c| c.held >= self.repeats);
        all.map(|c| c.rate).max_by(f64::total_cmp)
    }

    /// Returns the highest rate that may still be the answer, in arrivals per second, with the
    /// number of steps in which it has held. `None` if there is no such rate, for example before
    /// any has held.
    pub(crate) fn highest_held_so_far(&self) -> Option<(f64, u64)> {
        self.best().map(|best| (best.rate, best.held))
    }

    /// Returns the step at the lowest rate at which any step broke a bound; `None` if no step
    /// broke one.
    pub(crate) fn broken(&self) -> Option<&TriedRate> {
        let broken = self
            .tried
            .iter()
            .filter(|t| t.verdict == RateVerdict::Broken);
        broken.min_by(|a, b| a.rate_per_s.total_cmp(&b.rate_per_s))
    }

    /// Returns the last step without a judgement at the lowest rate that was given up, if that
    /// rate is above every rate that may be the answer and below every rate that broke. `None` if
    /// there is no such rate.
    pub(crate) fn doubtful(&self) -> Option<&TriedRate> {
        let rate = self.lowest_given_up()?;
        let mut steps = self.tried.iter().rev();
        steps.find(|t| is_same(t.rate_per_s, rate) && t.verdict == RateVerdict::Doubtful)
    }

    /// Returns how the search ended: with a limit, without one, or without a judgement;
    /// `Unfinished` while steps are still to be made.
    pub(crate) fn end(&self) -> RateSearchEnd {
        if self.next_rate().is_some() {
            return RateSearchEnd::Unfinished;
        }
        let is_given_up = self.lowest_given_up().is_some();
        match (self.held(), self.broken()) {
            (None, Some(_)) if !is_given_up => RateSearchEnd::NotMet,
            (None, _) => RateSearchEnd::NotJudged,
            (Some(_), _) if is_given_up => RateSearchEnd::NotJudgedAbove,
            (Some(_), Some(_)) => RateSearchEnd::Bracketed,
            (Some(_), None) => RateSearchEnd::NotBroken,
        }
    }

    fn tally(&self, rate: f64) -> RateTally {
        let count = |verdict: RateVerdict| {
            let steps = self.tried.iter().filter(|t| is_same(t.rate_per_s, rate));
            steps.filter(|t| t.verdict == verdict).count() as u64
        };
        RateTally {
            rate,
            held: count(RateVerdict::Held),
            broken: count(RateVerdict::Broken),
            doubtful: count(RateVerdict::Doubtful),
        }
    }

    fn tallies(&self) -> impl Iterator<Item = RateTally> + '_ {
        self.tried.iter().map(|t| self.tally(t.rate_per_s))
    }

    /// Iterates over the rates that may be the answer: at least one step held, none broke a bound,
    /// the rate is not given up, and it is below every rate that broke. A rate occurs once for
    /// each of its steps.
    fn candidates(&self) -> impl Iterator<Item = RateTally> + '_ {
        let broken = self.broken().map_or(f64::INFINITY, |t| t.rate_per_s);
        let all = self.tallies().filter(RateTally::is_candidate);
        all.filter(move |tally| tally.rate < broken)
    }

    fn best(&self) -> Option<RateTally> {
        self.candidates().max_by(|a, b| a.rate.total_cmp(&b.rate))
    }

    /// Returns the lowest rate that was given up above the highest candidate and below the lowest
    /// broken rate; `None` if there is none.
    fn lowest_given_up(&self) -> Option<f64> {
        let broken = self.broken().map_or(f64::INFINITY, |t| t.rate_per_s);
        let best = self.best().map_or(0.0, |best| best.rate);
        let given_up = self.tallies().filter(RateTally::is_given_up);
        let between = given_up.filter(|tally| tally.rate > best && tally.rate < broken);
        between.map(|tally| tally.rate).min_by(f64::total_cmp)
    }

    /// Returns the lowest rate above the candidates that cannot be the answer, because it broke a
    /// bound or was given up; `None` if there is none.
    fn ceiling(&self) -> Option<f64> {
        let broken = self.broken().map(|t| t.rate_per_s);
        let both = [broken, self.lowest_given_up()];
        both.into_iter().flatten().min_by(f64::total_cmp)
    }
}

fn is_same(a: f64, b: f64) -> bool {
    a.total_cmp(&b).is_eq()
}

/// Returns the geometric mean of two rates whose ratio is above [`CLOSE`], rounded to three
/// significant digits. The result still lies between the two.
fn between(low: f64, high: f64) -> f64 {
    let middle = (low * high).sqrt();
    let unit = 10f64.powf(middle.log10().floor() - 2.0);
    (middle / unit).round() * unit
}

#[cfg(test)]
mod tests;
