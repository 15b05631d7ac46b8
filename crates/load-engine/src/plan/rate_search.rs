//! Search for the highest rate that a target carries within a goal: up by doubling until a rate
//! breaks it, then in between until both ends are close.

use super::rate_goal::RateVerdict;

/// Factor by which the rate rises while every rate holds.
const FACTOR: f64 = 2.0;
/// Ends of the answer that are this close, as a factor, are close enough.
const CLOSE: f64 = 1.05;
/// Lowest rate that is tried, in arrivals per second.
const LOWEST: f64 = 1.0;
/// Highest rate that is tried, in arrivals per second.
const HIGHEST: f64 = 1e7;

/// State of a search.
#[derive(Debug, Clone)]
pub struct RateSearch {
    next: Option<f64>,
    repeats: u64,
    /// Repeats of the rate being tried that held so far.
    held_repeats: u64,
    held: Option<f64>,
    broken: Option<(f64, String)>,
    /// Reason why the search cannot go on.
    doubt: Option<(f64, String)>,
}

/// Result of a search: the highest rate that held in every repeat, and the lowest that did not.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundRate {
    /// Highest rate that held; `None` if none did.
    pub held: Option<f64>,
    /// Lowest rate that broke the goal, and how; `None` if none did.
    pub broken: Option<(f64, String)>,
    /// Rate that could not be judged, and why: what the generator could not make says nothing of
    /// the target.
    pub doubtful: Option<(f64, String)>,
}

impl RateSearch {
    /// A search that begins at `start` arrivals per second and asks `repeats` times before it
    /// believes that a rate holds.
    pub fn new(start: f64, repeats: u64) -> Self {
        Self {
            next: Some(start.clamp(LOWEST, HIGHEST)),
            repeats: repeats.max(1),
            held_repeats: 0,
            held: None,
            broken: None,
            doubt: None,
        }
    }

    /// The rate to offer in the next step; `None` when the search is over.
    pub fn next_rate(&self) -> Option<f64> {
        self.next
    }

    /// Takes note of what became of a step at [`RateSearch::next_rate`]. One repeat that breaks
    /// the goal is enough to break the rate; all must hold for it to hold.
    pub fn record(&mut self, verdict: RateVerdict) {
        let Some(rate) = self.next else { return };
        match verdict {
            RateVerdict::Held => {
                self.held_repeats += 1;
                if self.held_repeats < self.repeats {
                    return;
                }
                self.held = Some(rate);
            }
            RateVerdict::Broke(reason) => self.broken = Some((rate, reason)),
            RateVerdict::Doubtful(reason) => self.doubt = Some((rate, reason)),
        }
        self.held_repeats = 0;
        self.next = self.following();
    }

    fn following(&self) -> Option<f64> {
        let ceiling = [&self.broken, &self.doubt]
            .into_iter()
            .flatten()
            .map(|(rate, _)| *rate)
            .fold(f64::INFINITY, f64::min);
        let next = match (self.held, ceiling.is_finite()) {
            (Some(held), false) => held * FACTOR,
            (Some(held), true) if ceiling > held * CLOSE => rounded((held * ceiling).sqrt()),
            (None, true) => ceiling / FACTOR,
            _ => return None,
        };
        (LOWEST..=HIGHEST).contains(&next).then_some(next)
    }

    /// Returns what the search has found so far.
    pub fn found(&self) -> FoundRate {
        FoundRate {
            held: self.held,
            broken: self.broken.clone(),
            doubtful: self.doubt.clone(),
        }
    }
}

/// Three digits: nobody reads more, and they stay between the ends of any gap of 5 %.
fn rounded(rate: f64) -> f64 {
    let unit = 10f64.powf(rate.log10().floor() - 2.0);
    (rate / unit).round() * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tries rates on a target that breaks above `limit`, and a generator that can make `most`.
    fn search(start: f64, repeats: u64, limit: f64, most: f64) -> (Vec<f64>, FoundRate) {
        let mut search = RateSearch::new(start, repeats);
        let mut tried = Vec::new();
        while let Some(rate) = search.next_rate() {
            assert!(tried.len() < 200, "no end: {tried:?}");
            tried.push(rate);
            search.record(if rate > most {
                RateVerdict::Doubtful("the generator was saturated".to_owned())
            } else if rate > limit {
                RateVerdict::Broke("p99 was 80 ms".to_owned())
            } else {
                RateVerdict::Held
            });
        }
        (tried, search.found())
    }

    #[test]
    fn a_limit_is_bracketed_to_five_percent() {
        for limit in [3.0, 137.0, 999.0, 1_000.0, 54_321.0] {
            for start in [1.0, 100.0, 100_000.0] {
                let (tried, found) = search(start, 1, limit, f64::INFINITY);
                let held = found.held.unwrap();
                let (broken, reason) = found.broken.unwrap();
                assert!(
                    held <= limit && limit < broken,
                    "{limit}: {held} to {broken}"
                );
                assert!(broken <= held * 1.05 + 1e-9, "{limit}: {held} to {broken}");
                assert_eq!(reason, "p99 was 80 ms");
                assert!(tried.len() < 30, "{tried:?}");
            }
        }
    }

    #[test]
    fn every_repeat_must_hold_and_one_breaks() {
        let mut search = RateSearch::new(100.0, 3);
        for _ in 0..2 {
            search.record(RateVerdict::Held);
            assert_eq!(search.next_rate(), Some(100.0));
        }
        search.record(RateVerdict::Broke("errors were 2 %".to_owned()));
        assert_eq!(search.found().held, None);
        assert_eq!(search.next_rate(), Some(50.0), "two of three are not all");
    }

    #[test]
    fn the_generator_s_limit_is_not_the_target_s() {
        let (_, found) = search(100.0, 1, 50_000.0, 3_000.0);
        let held = found.held.unwrap();
        assert!(held <= 3_000.0 && held * 1.05 >= 3_000.0, "{held}");
        assert_eq!(found.broken, None, "nothing is known of the target's limit");
        assert!(found.doubtful.is_some());
    }

    #[test]
    fn a_target_that_carries_nothing_ends_the_search() {
        let (tried, found) = search(100.0, 1, 0.0, f64::INFINITY);
        assert_eq!(found.held, None);
        assert!(tried.len() < 10 && found.broken.is_some(), "{tried:?}");
    }
}
