//! Variants of a limiter that one run compares: algorithms, each in one or more forms.

use clap::ValueEnum;

use super::accuracy::DecisionTime;
use super::algorithm::Algorithm;

/// Form in which an algorithm is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LimiterForm {
    /// One script, which decides by the server's clock.
    Atomic,
    /// The same script, which decides by the clock of the client that calls it.
    ClientClock,
    /// Single commands, between which other clients decide, by the client's clock.
    Racy,
}

/// Limiter that a run measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LimiterVariant {
    pub(crate) algorithm: Algorithm,
    pub(crate) form: LimiterForm,
}

impl LimiterVariant {
    /// Returns the name of the variant, as in reports.
    pub(crate) fn name(self) -> String {
        let algorithm = self.algorithm.name();
        match self.form {
            LimiterForm::Atomic => algorithm.to_owned(),
            LimiterForm::ClientClock => format!("{algorithm}/client-clock"),
            LimiterForm::Racy => format!("{algorithm}/racy"),
        }
    }

    /// Returns true if clients tell the limiter the time.
    pub(crate) fn uses_client_clock(self) -> bool {
        self.form != LimiterForm::Atomic
    }

    /// Returns true if the limiter's decisions can be compared with those of a model: they have an
    /// order and a time.
    pub(crate) fn is_verifiable(self) -> bool {
        self.form != LimiterForm::Racy
    }

    /// Returns how the limiter's decisions are placed in time.
    pub(crate) fn decision_time(self) -> DecisionTime {
        match self.form {
            LimiterForm::Atomic => DecisionTime::Told,
            LimiterForm::ClientClock | LimiterForm::Racy => DecisionTime::Between,
        }
    }
}
