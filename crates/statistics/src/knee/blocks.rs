//! Settings of a sweep as a randomised complete block design: every setting once in every round.

use crate::student;

/// Mean levels of m settings over r rounds, and the scatter pooled over all of them, both in
/// ln(throughput).
pub(crate) struct Blocks {
    levels: Vec<f64>,
    rounds: usize,
    scatter: Option<Scatter>,
}

/// Residual variation that remains once the effects of settings and rounds are removed: standard
/// deviation in ln(throughput), and degrees of freedom.
#[derive(Clone, Copy)]
struct Scatter {
    stdev: f64,
    freedom: f64,
}

/// Knee as positions among the settings given to [`Blocks::new`], counted from 0.
pub(crate) struct KneeRange {
    pub(crate) chosen: usize,
    pub(crate) low: usize,
    pub(crate) high: usize,
    /// True if differences were tested for significance; false for a single setting or round, where
    /// `low` and `high` are the first and last setting.
    pub(crate) tested: bool,
}

impl Blocks {
    /// Creates the design from the throughputs of each setting, one per round. There must be at
    /// least one setting, each with at least one value, and all values must be above zero. Rounds
    /// that a setting lacks are ignored for all.
    pub(crate) fn new(repeats: &[&[f64]]) -> Self {
        let rounds = repeats
            .iter()
            .map(|repeats| repeats.len())
            .min()
            .unwrap_or(0);
        let logs: Vec<Vec<f64>> = repeats
            .iter()
            .map(|repeats| repeats[..rounds].iter().map(|x| x.ln()).collect())
            .collect();
        let levels: Vec<f64> = logs
            .iter()
            .map(|logs| average(logs.iter().copied()))
            .collect();
        let scatter = scatter(&logs, &levels, rounds);
        Self {
            levels,
            rounds,
            scatter,
        }
    }

    /// Returns the number of settings in the design.
    pub(crate) fn settings(&self) -> usize {
        self.levels.len()
    }

    /// Returns the number of rounds in which every setting took part; later ones are ignored.
    pub(crate) fn rounds(&self) -> usize {
        self.rounds
    }

    /// Returns the position of the setting with the highest level; the first of equal ones.
    pub(crate) fn best(&self) -> usize {
        let higher = |best, place| {
            if self.levels[place] > self.levels[best] {
                place
            } else {
                best
            }
        };
        (0..self.levels.len()).fold(0, higher)
    }

    /// Returns the loss of throughput of the setting at position `place` against the best one, as a
    /// share of the best from 0 to 1.
    pub(crate) fn loss_ratio(&self, place: usize) -> f64 {
        -(-self.loss(place)).exp_m1()
    }

    fn loss(&self, place: usize) -> f64 {
        self.levels[self.best()] - self.levels[place]
    }

    /// Finds the knee at a tolerated loss of `delta` (a difference of ln(throughput)) and level
    /// `alpha`, as the parent module defines it.
    pub(crate) fn knee(&self, delta: f64, alpha: f64) -> KneeRange {
        let last = self.levels.len() - 1;
        let tests = self
            .scatter
            .and_then(|scatter| Tests::new(self, scatter, delta, alpha));
        let Some(tests) = tests else {
            let chosen = (0..last)
                .find(|&place| self.loss(place) <= delta)
                .unwrap_or(last);
            return KneeRange {
                chosen,
                low: 0,
                high: last,
                tested: false,
            };
        };
        let first = |from: usize, passes: &dyn Fn(usize) -> bool| {
            (from..last).find(|&place| passes(place)).unwrap_or(last)
        };
        let low = first(0, &|place| tests.may_be_within(place));
        let chosen = first(low, &|place| tests.is_not_worse(place));
        let high = first(chosen, &|place| tests.is_within_by(place, low));
        KneeRange {
            chosen,
            low,
            high,
            tested: true,
        }
    }
}

/// Comparisons of the settings of one sweep, at one tolerance and one level α.
struct Tests<'a> {
    blocks: &'a Blocks,
    delta: f64,
    /// Standard error of the mean level of one setting, in ln(throughput).
    error: f64,
    /// Number of standard errors of a difference that each of m − 1 simultaneous comparisons may
    /// reach without being significant.
    simultaneous: f64,
    /// Number of standard errors of a difference that a single comparison may reach without being
    /// significant, at level α; `halved` is the same at α/2.
    single: f64,
    halved: f64,
    plateau: Vec<usize>,
}

impl<'a> Tests<'a> {
    fn new(blocks: &'a Blocks, scatter: Scatter, delta: f64, alpha: f64) -> Option<Self> {
        let comparisons = (blocks.levels.len() - 1) as f64;
        let error = scatter.stdev / (blocks.rounds as f64).sqrt();
        let allowed = |alpha: f64| {
            let tail = alpha.max(student::LEAST_TAIL);
            student::quantile(tail, scatter.freedom).map(|t| (-t).max(0.0))
        };
        let mut tests = Self {
            blocks,
            delta,
            error,
            simultaneous: allowed(alpha / 2.0 / comparisons)?,
            single: allowed(alpha)?,
            halved: allowed(alpha / 2.0)?,
            plateau: Vec::new(),
        };
        let reach = tests.simultaneous * tests.error_of_difference(1, 1);
        tests.plateau = (0..blocks.levels.len())
            .filter(|&i| blocks.loss(i) <= reach)
            .collect();
        Some(tests)
    }

    fn error_of_difference(&self, one: usize, other: usize) -> f64 {
        self.error * (1.0 / one as f64 + 1.0 / other as f64).sqrt()
    }

    fn level_of(&self, places: &[usize]) -> f64 {
        average(places.iter().map(|&place| self.blocks.levels[place]))
    }

    fn may_be_within(&self, place: usize) -> bool {
        let reach = self.simultaneous * self.error_of_difference(1, 1);
        self.blocks.loss(place) <= self.delta + reach
    }

    fn is_not_worse(&self, place: usize) -> bool {
        let loss = self.level_of(&self.plateau) - self.blocks.levels[place];
        let reach = self.single * self.error_of_difference(1, self.plateau.len());
        loss <= self.delta + reach
    }

    /// Returns true if a run of consecutive settings, which begins at `low` or later and ends at
    /// `place`, has a mean loss against the plateau settings above `place` that is significantly
    /// below the tolerance. Also true if the plateau has no setting above `place`.
    fn is_within_by(&self, place: usize, low: usize) -> bool {
        let above: Vec<usize> = self
            .plateau
            .iter()
            .copied()
            .filter(|&i| i > place)
            .collect();
        if above.is_empty() {
            return true;
        }
        let level_above = self.level_of(&above);
        (low..=place).any(|from| {
            let run: Vec<usize> = (from..=place).collect();
            let loss = level_above - self.level_of(&run);
            loss + self.halved * self.error_of_difference(run.len(), above.len()) <= self.delta
        })
    }
}

fn average(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

/// Returns the residual standard deviation of the logarithms by setting and round; `None` for a
/// single setting or round. It has (m − 1)(r − 1) degrees of freedom. `levels` are the means of the
/// settings.
fn scatter(logs: &[Vec<f64>], levels: &[f64], rounds: usize) -> Option<Scatter> {
    if logs.len() < 2 || rounds < 2 {
        return None;
    }
    let overall = average(levels.iter().copied());
    let of_round = |round: usize| average(logs.iter().map(|logs| logs[round])) - overall;
    let offsets: Vec<f64> = (0..rounds).map(of_round).collect();
    let squares: f64 = logs
        .iter()
        .zip(levels)
        .flat_map(|(logs, level)| {
            logs.iter()
                .zip(&offsets)
                .map(move |(x, o)| (x - level - o).powi(2))
        })
        .sum();
    let freedom = ((logs.len() - 1) * (rounds - 1)) as f64;
    Some(Scatter {
        stdev: (squares / freedom).sqrt(),
        freedom,
    })
}
