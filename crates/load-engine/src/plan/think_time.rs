//! Think time: pauses of users between an answer and the next request.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, RngExt as _, SeedableRng as _};
use rand_distr::{Distribution as _, Exp1};
use serde::{Deserialize, Serialize};

use super::written_time::written_time;

/// Longest exponential pause, as a multiple of the mean. About two of 10⁹ draws are longer and are
/// shortened to it.
const LONGEST_IN_MEANS: f64 = 20.0;

/// Distribution of the pauses of a user between an answer and the next request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ThinkTime {
    /// Every pause has this length; zero means no pause.
    Constant(Duration),
    /// Lengths are spread evenly between two bounds.
    Uniform {
        /// Shortest pause of a user.
        low: Duration,
        /// Longest pause of a user.
        high: Duration,
    },
    /// Lengths are exponentially distributed: mostly short, sometimes long, as of independent
    /// users. They are at most 20 times the mean.
    Exponential {
        /// Mean length of a pause.
        mean: Duration,
    },
}

/// Generator of the successive pauses of one user, from a seed.
#[derive(Debug)]
pub struct Pauses {
    think_time: ThinkTime,
    random: SmallRng,
    /// Shortest pause after a failed request; `None` if the pause after a failure is an ordinary
    /// one.
    after_failure: Option<Duration>,
}

/// Error for a text that is not a think time; holds the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no think time: write 2s, 1s..3s (evenly between) or exp:2s (around a mean), a year at \
     most"
)]
pub struct ThinkTimeError(String);

impl ThinkTime {
    /// Think time without a pause.
    pub const NONE: Self = Self::Constant(Duration::ZERO);

    /// Returns true if users never pause, because the mean pause is zero.
    pub fn is_none(self) -> bool {
        self.mean().is_zero()
    }

    /// Returns the mean length of a pause.
    pub fn mean(self) -> Duration {
        match self {
            Self::Constant(time) => time,
            Self::Uniform { low, high } => (low + high) / 2,
            Self::Exponential { mean } => mean,
        }
    }

    /// Draws the length of one pause from the distribution.
    pub fn draw(self, random: &mut impl Rng) -> Duration {
        match self {
            Self::Constant(time) => time,
            Self::Uniform { low, high } => {
                let share: f64 = random.random();
                low + high.saturating_sub(low).mul_f64(share)
            }
            Self::Exponential { mean } => {
                let drawn: f64 = Exp1.sample(random);
                mean.mul_f64(drawn.min(LONGEST_IN_MEANS))
            }
        }
    }
}

impl Pauses {
    /// Creates the pauses of user number `user`, counted from 0. The same seed and user give the
    /// same pauses again.
    pub(crate) fn new(think_time: ThinkTime, seed: u64, user: u64) -> Self {
        let seed = seed ^ (user + 1).wrapping_mul(0xA24B_AED4_963E_E407);
        Self {
            think_time,
            random: SmallRng::seed_from_u64(seed),
            after_failure: None,
        }
    }

    /// Sets the shortest pause after a failed request; zero makes it an ordinary one.
    #[must_use]
    pub(crate) fn after_failure(mut self, least: Duration) -> Self {
        self.after_failure = Some(least).filter(|least| !least.is_zero());
        self
    }

    /// Returns the length of the pause after a request; if it `failed`, at least the shortest pause
    /// after a failure. `None` for no pause.
    pub(crate) fn next_after(&mut self, failed: bool) -> Option<Duration> {
        self.next_pause().max(self.after_failure.filter(|_| failed))
    }

    /// Returns true if users never pause.
    pub(crate) fn are_none(&self) -> bool {
        self.think_time.is_none()
    }

    /// Draws the length of the next pause of the user; `None` if users never pause.
    pub(crate) fn next_pause(&mut self) -> Option<Duration> {
        (!self.think_time.is_none()).then(|| self.think_time.draw(&mut self.random))
    }
}

impl Default for ThinkTime {
    fn default() -> Self {
        Self::NONE
    }
}

impl fmt::Display for ThinkTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |time: &Duration| humantime::format_duration(*time);
        match self {
            Self::Constant(pause) => write!(f, "{}", time(pause)),
            Self::Uniform { low, high } => write!(f, "{}..{}", time(low), time(high)),
            Self::Exponential { mean } => write!(f, "exp:{}", time(mean)),
        }
    }
}

impl FromStr for ThinkTime {
    type Err = ThinkTimeError;

    fn from_str(text: &str) -> Result<Self, ThinkTimeError> {
        let error = || ThinkTimeError(text.trim().to_owned());
        let time = |text: &str| written_time(text).ok_or_else(error);
        if let Some(mean) = text.trim().strip_prefix("exp:") {
            return Ok(Self::Exponential { mean: time(mean)? });
        }
        match text.split_once("..") {
            None => time(text).map(Self::Constant),
            Some((low, high)) => {
                let (low, high) = (time(low)?, time(high)?);
                if low > high {
                    return Err(error());
                }
                Ok(Self::Uniform { low, high })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(think: ThinkTime, seed: u64) -> Vec<f64> {
        let mut random = SmallRng::seed_from_u64(seed);
        (0..20_000)
            .map(|_| think.draw(&mut random).as_secs_f64())
            .collect()
    }

    #[test]
    fn pauses_are_written_and_read_alike() {
        for text in ["0s", "2s", "500ms", "1s..3s", "exp:2s"] {
            let think: ThinkTime = text.parse().unwrap();
            assert_eq!(think.to_string(), text);
        }
        assert_eq!("0".parse::<ThinkTime>().unwrap(), ThinkTime::NONE);
        for text in [
            "",
            "2",
            "-1s",
            "3s..1s",
            "1s..",
            "exp:",
            "exp:1s..2s",
            "2 apples",
        ] {
            assert!(text.parse::<ThinkTime>().is_err(), "{text}");
        }
    }

    #[test]
    fn draws_have_the_mean_and_the_bounds_that_were_asked_for() {
        let uniform: ThinkTime = "1s..3s".parse().unwrap();
        let drawn = draws(uniform, 7);
        assert!(drawn.iter().all(|s| (1.0..=3.0).contains(s)));
        let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
        assert!((mean - 2.0).abs() < 0.02, "{mean}");

        let exponential: ThinkTime = "exp:2s".parse().unwrap();
        let drawn = draws(exponential, 7);
        let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
        // Of exponential pauses 1 ÷ e are longer than the mean.
        let longer = drawn.iter().filter(|s| **s > 2.0).count() as f64 / drawn.len() as f64;
        assert!((mean - 2.0).abs() < 0.06, "{mean}");
        assert!((longer - (-1.0f64).exp()).abs() < 0.015, "{longer}");
        assert_eq!(draws(exponential, 7), drawn, "the seed repeats them");
        assert_eq!(draws(ThinkTime::NONE, 1)[..3], [0.0; 3]);
    }

    #[test]
    fn users_pause_apart_from_each_other_and_a_seed_repeats_them() {
        let think: ThinkTime = "1s..3s".parse().unwrap();
        let first = |user| Pauses::new(think, 7, user).next_pause();
        assert_eq!(first(0), first(0));
        assert_ne!(first(0), first(1));
        assert_eq!(Pauses::new(ThinkTime::NONE, 7, 0).next_pause(), None);
    }

    #[test]
    fn a_user_whose_requests_fail_at_once_pauses_all_the_same() {
        let least = Duration::from_millis(1);
        let mut eager = Pauses::new(ThinkTime::NONE, 1, 0).after_failure(least);
        assert_eq!(
            (eager.next_after(false), eager.next_after(true)),
            (None, Some(least))
        );
        let second = ThinkTime::Constant(Duration::from_secs(1));
        let mut calm = Pauses::new(second, 1, 0).after_failure(least);
        assert_eq!(calm.next_after(true), Some(Duration::from_secs(1)));
    }
}
