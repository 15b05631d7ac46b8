//! Conditions that make real pools large and that loopback hides: the application's own work while
//! it holds a connection, and the network delay to the server.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bench_cli::flags;
use bench_report::clock::monotonic_ns;
use clap::Args;
use load_engine::{Failure, Pacer, UserId, WaitStrategy};
use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use rand_distr::{Distribution as _, Exp1};
use serde_json::{Value, json};

/// Flags of the conditions that hold for a whole scenario.
#[derive(Debug, Clone, Copy, Default, Args)]
#[command(next_help_heading = "Conditions")]
pub(crate) struct ConditionFlags {
    /// Time the application holds the connection after the answer, as in 5ms or exp:5ms
    #[arg(long, value_parser = str::parse::<Hold>, value_name = "TIME", default_value = "0")]
    pub(crate) hold: Hold,

    /// Delay added to each direction of the network, in whole milliseconds
    #[arg(long, value_parser = network_delay, value_name = "TIME", default_value = "0")]
    pub(crate) network_delay: Duration,
}

/// Parses a network delay; the proxy delays by whole milliseconds.
pub(crate) fn network_delay(text: &str) -> Result<Duration, String> {
    let delay = flags::duration_or_zero(text)?;
    if delay.subsec_nanos() % 1_000_000 != 0 {
        return Err(format!(
            "{text} is no whole number of milliseconds; write a time such as 1ms or 20ms"
        ));
    }
    Ok(delay)
}

impl ConditionFlags {
    /// Returns the conditions that these flags describe.
    pub(crate) fn conditions(self) -> Conditions {
        Conditions {
            hold: self.hold,
            network_delay: self.network_delay,
        }
    }

    /// Returns these flags as entries of the report's `config`.
    pub(crate) fn config(self) -> BTreeMap<String, Value> {
        let delay_ns = self.network_delay.as_nanos() as u64;
        BTreeMap::from([
            ("hold".to_owned(), json!(self.hold.to_string())),
            ("network_delay_ns".to_owned(), json!(delay_ns)),
        ])
    }
}

/// Conditions that the connections under test meet.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Conditions {
    /// The application's own work while it holds a connection.
    pub(crate) hold: Hold,
    /// Delay of each direction: a round trip takes twice this longer.
    pub(crate) network_delay: Duration,
}

impl Conditions {
    /// Returns true if nothing is added to loopback.
    pub(crate) fn are_default(self) -> bool {
        self == Self::default()
    }
}

impl fmt::Display for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let delay = humantime::format_duration(self.network_delay);
        match (self.hold, self.network_delay) {
            (Hold::None, Duration::ZERO) => write!(f, "no hold, no delay"),
            (hold, Duration::ZERO) => write!(f, "hold {hold}"),
            (Hold::None, _) => write!(f, "delay {delay}"),
            (hold, _) => write!(f, "hold {hold}, delay {delay}"),
        }
    }
}

/// Time for which the application holds a connection after the server's last answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hold {
    /// The connection is released at once.
    #[default]
    None,
    /// The same time for every request.
    Fixed(Duration),
    /// Exponentially distributed times with this mean.
    Exponential(Duration),
}

impl Hold {
    /// Returns the mean hold time.
    pub(crate) fn mean(self) -> Duration {
        match self {
            Self::None => Duration::ZERO,
            Self::Fixed(time) | Self::Exponential(time) => time,
        }
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("0"),
            Self::Fixed(time) => write!(f, "{}", humantime::format_duration(*time)),
            Self::Exponential(mean) => write!(f, "exp:{}", humantime::format_duration(*mean)),
        }
    }
}

impl FromStr for Hold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let distributed = text.trim().strip_prefix("exp:");
        let time = flags::duration_or_zero(distributed.unwrap_or(text))
            .map_err(|said| format!("{said}; exp:5ms draws it around a mean"))?;
        Ok(match (time, distributed) {
            (Duration::ZERO, _) => Self::None,
            (time, None) => Self::Fixed(time),
            (time, Some(_)) => Self::Exponential(time),
        })
    }
}

/// Hold times of one user, drawn in turn. Waits on its own timer, because the runtime's timer ticks
/// at one millisecond, as long as a typical hold.
#[derive(Debug)]
pub(crate) struct HoldTimer {
    hold: Hold,
    timer: Option<(Pacer, SmallRng)>,
}

impl HoldTimer {
    /// Creates the sequence of hold times of `user`; equal seeds give equal sequences.
    ///
    /// # Errors
    /// Fails when the system provides no timer.
    pub(crate) fn new(hold: Hold, seed: u64, user: UserId) -> Result<Self, Failure> {
        let seed = seed ^ (user.0 + 1).wrapping_mul(0xD1B5_4A32_D192_ED03);
        let timer = if hold == Hold::None {
            None
        } else {
            let pacer = Pacer::new(WaitStrategy::Sleep)
                .map_err(|error| Failure::new("io", &format!("no timer: {error}")))?;
            Some((pacer, SmallRng::seed_from_u64(seed)))
        };
        Ok(Self { hold, timer })
    }

    /// Waits for the next hold time.
    pub(crate) async fn wait(&mut self) {
        let Some((pacer, random)) = &mut self.timer else {
            return;
        };
        let length_ns = match self.hold {
            Hold::None => return,
            Hold::Fixed(time) => time.as_nanos() as u64,
            Hold::Exponential(mean) => {
                let drawn: f64 = Exp1.sample(random);
                (mean.as_nanos() as f64 * drawn) as u64
            }
        };
        let until_ns = monotonic_ns() + length_ns;
        if pacer.wait_until(until_ns).await.is_err() {
            // Sleeps the rest where the timer failed.
            let left_ns = until_ns.saturating_sub(monotonic_ns());
            tokio::time::sleep(Duration::from_nanos(left_ns)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_read_as_they_are_written() {
        for (text, hold) in [
            ("0", Hold::None),
            ("5ms", Hold::Fixed(Duration::from_millis(5))),
            ("exp:5ms", Hold::Exponential(Duration::from_millis(5))),
        ] {
            assert_eq!(text.parse::<Hold>(), Ok(hold));
            assert_eq!(hold.to_string(), text);
        }
        for text in ["", "5", "exp:", "exp:-5ms", "normal:5ms", "-5ms"] {
            let said = text.parse::<Hold>().expect_err(text);
            assert!(said.contains("exp:5ms"), "{said}");
        }
    }

    #[test]
    fn conditions_are_named_by_what_they_change() {
        let conditions = Conditions {
            hold: "exp:5ms".parse().unwrap(),
            network_delay: Duration::from_millis(2),
        };
        assert_eq!(conditions.to_string(), "hold exp:5ms, delay 2ms");
        assert!(Conditions::default().are_default() && !conditions.are_default());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_hold_is_never_shorter_than_asked() {
        let hold = Hold::Fixed(Duration::from_micros(300));
        let mut hold_timer = HoldTimer::new(hold, 1, UserId(0)).unwrap();
        let began_ns = monotonic_ns();
        for _ in 0..10 {
            hold_timer.wait().await;
        }
        assert!(monotonic_ns() - began_ns >= 3_000_000);
    }
}
