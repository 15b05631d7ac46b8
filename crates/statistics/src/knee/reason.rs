//! Reason for the choice of a setting, as a clause.

use std::fmt::{self, Display, Formatter};

use super::KneeOptions;
use super::blocks::{Blocks, KneeRange};

/// Reason for the choice of a setting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Reason {
    /// There were several repeats, so differences were tested.
    Tested {
        /// Values of the parameter at the settings that the knee names.
        values: Values,
        /// Measured loss of throughput of the chosen setting against the best, as a share.
        loss_ratio: f64,
        /// Loss of throughput that was tolerated, as a share.
        tolerance_ratio: f64,
        /// Confidence, 0 to 1, with which the knee lies in the interval of `values`.
        confidence: f64,
        /// Number of complete rounds that were compared.
        rounds: usize,
    },
    /// There was only one round, so the figures were compared without a test.
    Untested {
        /// Values of the parameter at the settings that the knee names.
        values: Values,
        /// Measured loss of throughput of the chosen setting against the best, as a share.
        loss_ratio: f64,
        /// Loss of throughput that was tolerated, as a share.
        tolerance_ratio: f64,
    },
    /// No other setting was admissible.
    OnlyAdmissible {
        /// Value of the parameter.
        value: f64,
    },
}

/// Values of the parameter at the settings that a knee names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Values {
    /// Value at the chosen setting.
    pub chosen: f64,
    /// Value at the best setting.
    pub best: f64,
    /// Value at the lower end of the interval.
    pub low: f64,
    /// Value at the upper end of the interval.
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
    /// Writes the part of the sentence that describes the chosen setting.
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

/// End of a sweep at which the chosen setting is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// The smallest setting measured; a smaller one might do as well.
    Lowest,
    /// The largest setting measured; a larger one might do better.
    Highest,
    /// The only setting measured.
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
