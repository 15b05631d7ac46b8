//! Conditions that make large pools necessary and that a test on one machine hides: the application's own
//! work while it holds a connection, and the network delay to the server.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use bench_cli::flags;
use bench_report::clock::monotonic_ns;
use clap::Args;
use load_engine::{Failure, Pacer, ThinkTime, UserId, WaitStrategy};
use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use serde_json::{Value, json};

/// Flags of the conditions that apply to all steps of a scenario.
#[derive(Debug, Clone, Copy, Default, Args)]
#[command(next_help_heading = "Conditions")]
pub(crate) struct ConditionFlags {
    /// Time for which the application holds the connection after each answer, as in 5ms, 1ms..9ms or exp:5ms
    #[arg(long, value_parser = hold, value_name = "TIME", default_value = "0")]
    pub(crate) hold: ThinkTime,

    /// Delay added to each direction of the network, in whole milliseconds
    #[arg(long, value_parser = network_delay, value_name = "TIME", default_value = "0")]
    pub(crate) network_delay: Duration,
}

/// Parses a network delay such as `20ms`. Fails if it is not a whole number of milliseconds,
/// because the proxy cannot delay by less.
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
    /// Returns the conditions that these flags set, for the variant of a step.
    pub(crate) fn conditions(self) -> Conditions {
        Conditions {
            hold: self.hold,
            network_delay: self.network_delay,
        }
    }

    /// Returns these flags as entries `hold` (a text) and `network_delay_ns` of the report's
    /// `config`.
    pub(crate) fn config(self) -> BTreeMap<String, Value> {
        let delay_ns = self.network_delay.as_nanos() as u64;
        BTreeMap::from([
            ("hold".to_owned(), json!(hold_text(self.hold))),
            ("network_delay_ns".to_owned(), json!(delay_ns)),
        ])
    }
}

/// Conditions under which a pool or driver is tested.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Conditions {
    /// Time for which the application holds a connection after each answer, as for work of its own.
    pub(crate) hold: ThinkTime,
    /// Delay that is added in each direction of the network: a round trip takes twice this time
    /// longer.
    pub(crate) network_delay: Duration,
}

impl Conditions {
    /// Returns true if the conditions add neither a hold time nor a network delay.
    pub(crate) fn are_default(self) -> bool {
        self == Self::default()
    }
}

impl fmt::Display for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let delay = humantime::format_duration(self.network_delay);
        match (self.hold.is_none(), self.network_delay.is_zero()) {
            (true, true) => write!(f, "no hold, no delay"),
            (false, true) => write!(f, "hold {}", self.hold),
            (true, false) => write!(f, "delay {delay}"),
            (false, false) => write!(f, "hold {}, delay {delay}", self.hold),
        }
    }
}

/// Parses the time for which the application holds a connection after the server's last answer,
/// such as `5ms`, `1ms..9ms` or `exp:5ms`. Fails for any other text.
pub(crate) fn hold(text: &str) -> Result<ThinkTime, String> {
    let hold: ThinkTime = text.parse().map_err(|_| {
        format!(
            "{text:?} is no time; write 5ms, 1ms..9ms (evenly between) or exp:5ms (around a mean)"
        )
    })?;
    Ok(if hold.is_none() {
        ThinkTime::NONE
    } else {
        hold
    })
}

/// Returns a hold time as text for reports; `0` if the connection is released at once.
pub(crate) fn hold_text(hold: ThinkTime) -> String {
    if hold.is_none() {
        "0".to_owned()
    } else {
        hold.to_string()
    }
}

/// Random hold times of one user, drawn one after another. The waits use a timer of their own,
/// because the runtime's timer has steps of one millisecond, which is as long as a typical hold
/// time.
#[derive(Debug)]
pub(crate) struct HoldTimer {
    hold: ThinkTime,
    timer: Option<(Pacer, SmallRng)>,
}

impl HoldTimer {
    /// Creates the sequence of hold times of `user`; equal seeds give equal sequences for the same
    /// user.
    ///
    /// # Errors
    /// Fails if the operating system provides no timer.
    pub(crate) fn new(hold: ThinkTime, seed: u64, user: UserId) -> Result<Self, Failure> {
        let seed = seed ^ (user.0 + 1).wrapping_mul(0xD1B5_4A32_D192_ED03);
        let timer = if hold.is_none() {
            None
        } else {
            let pacer = Pacer::new(WaitStrategy::Sleep)
                .map_err(|error| Failure::new("io", &format!("no timer: {error}")))?;
            Some((pacer, SmallRng::seed_from_u64(seed)))
        };
        Ok(Self { hold, timer })
    }

    /// Draws the next hold time and waits for it; returns at once without a hold time.
    pub(crate) async fn wait(&mut self) {
        let Some((pacer, random)) = &mut self.timer else {
            return;
        };
        let until_ns = monotonic_ns() + self.hold.draw(random).as_nanos() as u64;
        if pacer.wait_until(until_ns).await.is_err() {
            // Sleeps for the rest of the time if the timer failed.
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
        let (short, long) = (Duration::from_millis(1), Duration::from_millis(5));
        for (text, read) in [
            ("0", ThinkTime::NONE),
            ("5ms", ThinkTime::Constant(long)),
            ("exp:5ms", ThinkTime::Exponential { mean: long }),
            (
                "1ms..5ms",
                ThinkTime::Uniform {
                    low: short,
                    high: long,
                },
            ),
        ] {
            assert_eq!(hold(text), Ok(read));
            assert_eq!(hold_text(read), text);
        }
        assert_eq!(hold("exp:0s"), Ok(ThinkTime::NONE));
        for text in [
            "",
            "5",
            "exp:",
            "exp:-5ms",
            "normal:5ms",
            "-5ms",
            "5ms..1ms",
        ] {
            let said = hold(text).expect_err(text);
            assert!(said.contains("exp:5ms"), "{said}");
        }
    }

    #[test]
    fn conditions_are_named_by_what_they_change() {
        let conditions = Conditions {
            hold: hold("exp:5ms").unwrap(),
            network_delay: Duration::from_millis(2),
        };
        assert_eq!(conditions.to_string(), "hold exp:5ms, delay 2ms");
        assert!(Conditions::default().are_default() && !conditions.are_default());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_hold_is_never_shorter_than_asked() {
        let hold = ThinkTime::Constant(Duration::from_micros(300));
        let mut hold_timer = HoldTimer::new(hold, 1, UserId(0)).unwrap();
        let began_ns = monotonic_ns();
        for _ in 0..10 {
            hold_timer.wait().await;
        }
        assert!(monotonic_ns() - began_ns >= 3_000_000);
    }
}
