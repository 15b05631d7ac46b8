//! Variants of a limiter that one run compares: algorithms, each in one or more forms.

use clap::ValueEnum;

use super::accuracy::DecisionTime;
use super::algorithm::Algorithm;
use super::library::LimiterLibrary;

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
pub(crate) enum LimiterVariant {
    /// Algorithm in one of the forms.
    Own(Algorithm, LimiterForm),
    /// Limiter of a library.
    Library(LimiterLibrary),
}

impl LimiterVariant {
    /// Returns the name of the variant, as in reports.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Own(algorithm, LimiterForm::Atomic) => algorithm.name().to_owned(),
            Self::Own(algorithm, LimiterForm::ClientClock) => {
                format!("{}/client-clock", algorithm.name())
            }
            Self::Own(algorithm, LimiterForm::Racy) => format!("{}/racy", algorithm.name()),
            Self::Library(library) => library.name().to_owned(),
        }
    }

    /// Returns true if clients tell the limiter the time.
    pub(crate) fn uses_client_clock(self) -> bool {
        match self {
            Self::Own(_, form) => form != LimiterForm::Atomic,
            Self::Library(library) => library.uses_client_clock(),
        }
    }

    /// Returns the algorithm of a limiter whose decisions have an order and a time, so that they
    /// can be compared with those of the algorithm's model; `None` for other limiters.
    pub(crate) fn verifiable(self) -> Option<Algorithm> {
        match self {
            Self::Own(algorithm, LimiterForm::Atomic | LimiterForm::ClientClock) => Some(algorithm),
            Self::Own(_, LimiterForm::Racy) | Self::Library(_) => None,
        }
    }

    /// Returns the algorithm whose bound holds for what the limiter admits: an atomic one's, which
    /// decides by one clock.
    pub(crate) fn bounded(self) -> Option<Algorithm> {
        match self {
            Self::Own(algorithm, LimiterForm::Atomic) => Some(algorithm),
            _ => None,
        }
    }

    /// Returns how the limiter's decisions are placed in time.
    pub(crate) fn decision_time(self) -> DecisionTime {
        let tells_time = match self {
            Self::Own(_, form) => form == LimiterForm::Atomic,
            Self::Library(library) => library.script().is_some() && !library.uses_client_clock(),
        };
        if tells_time {
            DecisionTime::Told
        } else {
            DecisionTime::Between
        }
    }
}
