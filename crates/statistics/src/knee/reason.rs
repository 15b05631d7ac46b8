//! Reason for the choice of a knee, as a clause for reports.

use std::fmt::{self, Display, Formatter};

use super::KneeOptions;
use super::blocks::{Blocks, KneeRange};

/// Reason for the choice of a knee, which formats as a clause.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Reason {
    /// Several rounds were measured, so differences were tested for significance.
    Tested {
        /// Values of the swept parameter at the settings that the knee names.
        values: Values,
        /// Measured loss of throughput of the chosen setting, as a share of the best one's
        /// throughput.
        loss_ratio: f64,
        /// Loss of throughput that was tolerated, as a share of the best one's throughput.
        tolerance_ratio: f64,
        /// Probability, 0 to 1, with which the true knee lies between `low` and `high` of `values`.
        confidence: f64,
        /// Number of complete rounds that were compared, 2 or more.
        rounds: usize,
    },
    /// Only one round was measured, so the figures were compared without a test.
    Untested {
        /// Values of the swept parameter at the settings that the knee names.
        values: Values,
        /// Measured loss of throughput of the chosen setting, as a share of the best one's
        /// throughput.
        loss_ratio: f64,
        /// Loss of throughput that was tolerated, as a share of the best one's throughput.
        tolerance_ratio: f64,
    },
    /// Only one setting was admissible.
    OnlyAdmissible {
        /// Value of the swept parameter at that setting.
        value: f64,
    },
}

/// Values of the swept parameter, such as numbers of connections, at the settings that a knee
/// names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Values {
    /// Value at the chosen setting, the knee.
    pub chosen: f64,
    /// Value at the setting with the highest throughput.
    pub best: f64,
    /// Value at the smallest setting that may be the knee.
    pub low: f64,
    /// Value at the largest setting that may be the knee.
    pub high: f64,
}

impl Reason {
    pub(super) fn new(
        values: Values,
        blocks: &Blocks,
        found: &KneeRange,
        options: KneeOptions,
    ) -> Self {
        let loss_ratio = blocks.loss_ratio(found.chosen);
        let tolerance_ratio = options.tolerance;
        if blocks.settings() == 1 {
            return Self::OnlyAdmissible {
                value: values.chosen,
            };
        }
        if !found.tested {
            return Self::Untested {
                values,
                loss_ratio,
                tolerance_ratio,
            };
        }
        let (confidence, rounds) = (1.0 - options.alpha, blocks.rounds());
        Self::Tested {
            values,
            loss_ratio,
            tolerance_ratio,
            confidence,
            rounds,
        }
    }
}

impl Display for Reason {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Tested {
                values,
                loss_ratio,
                tolerance_ratio,
                confidence,
                rounds,
            } => {
                values.choice(
                    out,
                    "not shown to lose more than",
                    loss_ratio,
                    tolerance_ratio,
                )?;
                let (Values { low, high, .. }, confidence) = (values, 100.0 * confidence);
                write!(out, "; after {rounds} rounds, ")?;
                if low < high {
                    write!(
                        out,
                        "any from {low} to {high} could be it ({confidence:.0} % confidence)"
                    )
                } else {
                    write!(
                        out,
                        "no other that was measured could be it ({confidence:.0} % confidence)"
                    )
                }
            }
            Self::Untested {
                values,
                loss_ratio,
                tolerance_ratio,
            } => {
                values.choice(
                    out,
                    "measured to lose no more than",
                    loss_ratio,
                    tolerance_ratio,
                )?;
                let Values { low, high, .. } = values;
                write!(
                    out,
                    "; with one round no test is possible, and any from {low} to {high} "
                )?;
                write!(out, "could be it: repeat the sweep to know")
            }
            Self::OnlyAdmissible { value } => {
                write!(out, "{value} is the only setting that kept the objectives")
            }
        }
    }
}

impl Values {
    /// Writes the part of the clause that describes the chosen setting. `finding` is what was found
    /// about its loss, such as `measured to lose no more than`; the ratios are shares of the best
    /// one's throughput.
    fn choice(
        &self,
        out: &mut Formatter<'_>,
        finding: &str,
        loss_ratio: f64,
        tolerance_ratio: f64,
    ) -> fmt::Result {
        let Self { chosen, best, .. } = *self;
        let (loss, tolerance) = (100.0 * loss_ratio, 100.0 * tolerance_ratio);
        if loss_ratio > 0.0 {
            write!(
                out,
                "{chosen} is the smallest setting {finding} {tolerance:.0} % of "
            )?;
            write!(
                out,
                "throughput against the best ({best}; measured loss {loss:.1} %)"
            )
        } else {
            write!(
                out,
                "{chosen} is the best setting, and any smaller one loses more than "
            )?;
            write!(out, "{tolerance:.0} % of throughput")
        }
    }
}

/// End of a sweep at which the chosen setting is, so that the knee is not bracketed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// The chosen setting is the smallest one measured; a smaller one might do as well.
    Lowest,
    /// The chosen setting is the largest one measured; a larger one might do better.
    Highest,
    /// The chosen setting is the only one measured.
    Only,
}

impl Display for Edge {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Lowest => "not bracketed: the smallest setting measured already suffices",
            Self::Highest => {
                "not bracketed: throughput still rises at the largest setting measured"
            }
            Self::Only => "not bracketed: only one setting was measured",
        })
    }
}
