//! Knee of a sweep: the smallest setting above which a larger one gains no throughput worth having,
//! with the interval of settings that may be it.
//!
//! A sweep runs every setting once per round, in a new random order each round: a randomised
//! complete block design. Disturbances of a whole round (another tenant, a checkpoint) are removed
//! before the settings are compared. The remaining scatter is pooled over all settings, so that
//! three rounds of eight settings give 14 degrees of freedom instead of 2.
//!
//! All calculations are on ln(throughput): differences are then ratios, and settings with very
//! different throughput scatter alike. With δ = −ln(1 − tolerance), s the pooled scatter, r rounds
//! and m settings:
//!
//! - `low` is the first setting that the best one does not exceed by more than δ + t·s·√(2/r). Here
//!   t is taken at α/2, shared among the m − 1 comparisons. Hsu, *Simultaneous Confidence Intervals
//!   for all Distances from the 'Best'*, Annals of Statistics 9(5), 1981; Dunn, *Multiple
//!   Comparisons Among Means*, JASA 56, 1961 (the sharing).
//! - the *plateau* consists of all settings that the same test, without δ, cannot distinguish from
//!   the best: the subset that contains the best. Gupta, *On Some Multiple Decision Rules*,
//!   Technometrics 7(2), 1965. Its mean is a more stable reference than the best setting, which is
//!   best partly by chance.
//! - `chosen` is the first setting from `low` on whose loss against the plateau is not
//!   significantly above δ, one-sided at α.
//! - `high` is the first setting from `chosen` on at which the loss is significantly *below* δ (a
//!   test of equivalence: Schuirmann, J. Pharmacokinetics and Biopharmaceutics 15(6), 1987), or the
//!   end of the plateau.
//!
//! Blocks: Montgomery, *Design and Analysis of Experiments*, 8th ed. 2013, §4.1. The interval
//! contains the true knee in at least 95 of 100 sweeps of three rounds or more; this is shown by
//! simulation in this crate's tests, not derived. Scatter moves `chosen` towards smaller settings,
//! never larger ones. If the range from `low` to `high` is wide, more rounds help.

mod blocks;
mod options;
mod reason;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use blocks::Blocks;
pub use options::KneeOptions;
pub use reason::Edge;
use reason::{Reason, Values};

use crate::student;

/// Setting of the parameter that a sweep varies, with the throughputs of its repeats.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KneeSetting<'a> {
    /// Value of the swept parameter, such as a number of connections or users; it must rise from
    /// setting to setting.
    pub value: f64,
    /// Throughput of each repeat, in any unit that all settings share; above zero if the setting is
    /// admissible. The n-th repeats of all settings form one round (a block). In an interrupted
    /// sweep some settings may have one repeat fewer.
    pub repeats: &'a [f64],
    /// True if the setting met the objectives of the sweep, including the one on errors. Only such
    /// settings can be the knee.
    pub admissible: bool,
}

/// Knee of a sweep, as [`find`] returns it. All indices refer to the given settings, and `low ≤
/// chosen ≤ high`.
#[derive(Debug, Clone, PartialEq)]
pub struct Knee {
    /// Index of the admissible setting with the highest mean throughput.
    pub best: usize,
    /// Index of the knee: the smallest admissible setting, from `low` on, whose loss of throughput
    /// is not significantly above the tolerance.
    pub chosen: usize,
    /// Index of the smallest setting that may be the true knee.
    pub low: usize,
    /// Index of the largest setting that may be the true knee.
    pub high: usize,
    /// Reason for the choice, with the figures, as a clause without a full stop.
    pub reason: String,
    /// End of the measured settings at which the chosen one is, so that the knee is not bracketed;
    /// `None` if settings were measured on both sides of it.
    pub edge: Option<Edge>,
}

/// Reason for which [`find`] finds no knee.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KneeError {
    /// No setting was given, or no setting has a repeat.
    #[error("no setting was measured")]
    NothingMeasured,
    /// Settings were measured, but none met the objectives.
    #[error("none of the {measured} settings measured kept the objectives")]
    NoneAdmissible {
        /// Number of settings that have repeats, none of which met the objectives.
        measured: usize,
    },
    /// A value is not above that of the setting before it, or is not finite.
    #[error("setting {index} ({value}) is not above the one before it")]
    NotAscending {
        /// Index of the setting among the given ones, from 0.
        index: usize,
        /// Value of the parameter at this setting.
        value: f64,
    },
    /// A throughput of an admissible setting is not a finite number above zero.
    #[error("repeat {repeat} of setting {index} has a throughput of {throughput}")]
    InvalidThroughput {
        /// Index of the setting among the given ones, from 0.
        index: usize,
        /// Index of the repeat within the setting, from 0.
        repeat: usize,
        /// Throughput that was given for this repeat.
        throughput: f64,
    },
    /// The tolerance is not from 0 to below 1, or α is not strictly between 0 and 1.
    #[error("a tolerance of {tolerance} with an alpha of {alpha} is no test")]
    InvalidOptions {
        /// Tolerance that was given, as a share of throughput.
        tolerance: f64,
        /// Level α that was given, a probability.
        alpha: f64,
    },
}

/// Finds the knee of a sweep: the smallest setting above which a larger one gains no throughput
/// worth having. Settings must be in ascending order of value.
///
/// Settings that are not admissible, or have no repeat, take no part. Only as many rounds count as
/// the shortest of the remaining settings has repeats. With a single round no test is possible: the
/// choice rests on the figures as they are, and the interval spans all settings that take part.
///
/// ```
/// use statistics::knee::{KneeOptions, KneeSetting, find};
/// let sweep = [(1.0, [100.0, 102.0]), (2.0, [201.0, 203.0]), (4.0, [200.0, 204.0])];
/// let settings: Vec<_> = sweep
///     .iter()
///     .map(|(value, repeats)| KneeSetting { value: *value, repeats, admissible: true })
///     .collect();
/// let knee = find(&settings, KneeOptions::default())?;
/// assert_eq!(settings[knee.chosen].value, 2.0);
/// # Ok::<(), statistics::knee::KneeError>(())
/// ```
pub fn find(settings: &[KneeSetting], options: KneeOptions) -> Result<Knee, KneeError> {
    let candidates = candidates(settings, options)?;
    let repeats: Vec<&[f64]> = candidates
        .iter()
        .map(|&index| settings[index].repeats)
        .collect();
    let blocks = Blocks::new(&repeats);
    let found = blocks.knee(-(1.0 - options.tolerance).ln(), options.alpha);
    let (best, chosen) = (candidates[blocks.best()], candidates[found.chosen]);
    let (low, high) = (candidates[found.low], candidates[found.high]);
    let values = Values {
        chosen: settings[chosen].value,
        best: settings[best].value,
        low: settings[low].value,
        high: settings[high].value,
    };
    let reason = Reason::new(values, &blocks, &found, options);
    Ok(Knee {
        best,
        chosen,
        low,
        high,
        reason: reason.to_string(),
        edge: edge(settings, chosen),
    })
}

/// Returns the indices, among `settings`, of those that are admissible and have a repeat. Fails as
/// [`find`] does.
fn candidates(settings: &[KneeSetting], options: KneeOptions) -> Result<Vec<usize>, KneeError> {
    let KneeOptions { tolerance, alpha } = options;
    if !(0.0..1.0).contains(&tolerance) || !student::is_share(alpha) {
        return Err(KneeError::InvalidOptions { tolerance, alpha });
    }
    for (index, setting) in settings.iter().enumerate() {
        let value = setting.value;
        let rises = index == 0 || value > settings[index - 1].value;
        if !value.is_finite() || !rises {
            return Err(KneeError::NotAscending { index, value });
        }
        let wrong = setting
            .repeats
            .iter()
            .position(|&x| !x.is_finite() || x <= 0.0);
        if let Some(repeat) = wrong.filter(|_| setting.admissible) {
            let throughput = setting.repeats[repeat];
            return Err(KneeError::InvalidThroughput {
                index,
                repeat,
                throughput,
            });
        }
    }
    let measured = settings
        .iter()
        .filter(|setting| !setting.repeats.is_empty())
        .count();
    let usable = |&index: &usize| settings[index].admissible && !settings[index].repeats.is_empty();
    let candidates: Vec<usize> = (0..settings.len()).filter(usable).collect();
    match (measured, candidates.is_empty()) {
        (0, _) => Err(KneeError::NothingMeasured),
        (_, true) => Err(KneeError::NoneAdmissible { measured }),
        _ => Ok(candidates),
    }
}

/// Returns the end of the measured settings at which the one at index `chosen` is; `None` if
/// settings were measured on both sides of it, admissible or not.
fn edge(settings: &[KneeSetting], chosen: usize) -> Option<Edge> {
    let measured = |setting: &KneeSetting| !setting.repeats.is_empty();
    let below = settings[..chosen].iter().any(measured);
    let above = settings[chosen + 1..].iter().any(measured);
    match (below, above) {
        (true, true) => None,
        (false, true) => Some(Edge::Lowest),
        (true, false) => Some(Edge::Highest),
        (false, false) => Some(Edge::Only),
    }
}
