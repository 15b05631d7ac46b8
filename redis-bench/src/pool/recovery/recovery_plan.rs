//! Plan of a measurement of recovery: what happens to the connections, and the load meanwhile.

use std::time::Duration;

use bench_report::Pacing;
use load_engine::{FittedCurve, LoadCurveError, LoadPlan, SessionOpening, StepPlan, TracedPlan};

/// Requests per second without `--rate`: enough for a 99th percentile of three seconds.
pub(super) const DEFAULT_RATE_PER_S: f64 = 500.0;
/// Time for which each client is watched after each event without `--duration`.
pub(super) const DEFAULT_WATCHED: Duration = Duration::from_secs(5);
/// Load before the measured time, in which connections are opened.
const WARMUP: Duration = Duration::from_millis(500);
/// Time without requests, in which the server ends the idle connections after one second. It looks
/// for them once a second.
const IDLE: Duration = Duration::from_secs(3);
/// Number of requests before an event from which the base of the latency is taken, at least.
const BASE_REQUESTS: f64 = 1_500.0;
/// Shortest time before an event.
const SHORTEST_BASE: Duration = Duration::from_secs(1);
/// Largest number of requests in flight. Further arrivals wait, and are counted as delayed.
const MOST_AT_ONCE: u64 = 1_024;

/// Event after which connections must be opened anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecoveryEvent {
    /// `CLIENT KILL` of each connection of the load.
    Kill,
    /// Restart of the server, with its data.
    Restart,
    /// The server's `timeout` ends connections that are idle.
    IdleTimeout,
}

/// All events, in the order in which they are measured.
pub(super) const EVENTS: [RecoveryEvent; 3] = [
    RecoveryEvent::Kill,
    RecoveryEvent::Restart,
    RecoveryEvent::IdleTimeout,
];

impl RecoveryEvent {
    /// Returns the name of the event in reports.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Restart => "restart",
            Self::IdleTimeout => "idle timeout",
        }
    }
}

/// Load of one measurement: its rate, and the time that is watched after the event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct RecoveryLoad {
    pub(super) rate_per_s: f64,
    pub(super) watched: Duration,
    pub(super) seed: u64,
}

impl RecoveryLoad {
    /// Returns the parts of the measurement around `event`, with their names, lengths and rates. The
    /// event is at the beginning of the second one, or is that part.
    pub(super) fn parts(&self, event: RecoveryEvent) -> Vec<(&'static str, Duration, f64)> {
        let base = Duration::from_secs_f64(BASE_REQUESTS / self.rate_per_s).max(SHORTEST_BASE);
        let mut parts = vec![("before", base, self.rate_per_s)];
        if event == RecoveryEvent::IdleTimeout {
            parts.push(("idle", IDLE, 0.0));
        }
        parts.push(("after", self.watched, self.rate_per_s));
        parts
    }

    /// Returns the planned length of the measurement around `event`.
    pub(super) fn length(&self, event: RecoveryEvent) -> Duration {
        let parts = self.parts(event);
        WARMUP + parts.iter().map(|(_, length, _)| *length).sum::<Duration>()
    }

    /// Returns the plan of the measurement of the setting named `name` around `event`. `describe` adds
    /// the parameters of the setting to the plan of a part.
    ///
    /// # Errors
    /// Fails if the rate makes no curve.
    pub(super) fn plan(
        &self,
        name: &str,
        event: RecoveryEvent,
        describe: impl Fn(StepPlan) -> StepPlan,
    ) -> Result<TracedPlan, LoadCurveError> {
        let parts = self.parts(event);
        let load = |rate_per_s| LoadPlan::Open {
            rate_per_s,
            pacing: Pacing::Constant,
            in_flight_cap: MOST_AT_ONCE,
        };
        let steps = parts.iter().map(|(part, length, rate_per_s)| {
            let name = format!("{name}, {}, {part}", event.name());
            let plan = StepPlan::new(&name, load(*rate_per_s), *length)
                .parameter("event", event.name())
                .parameter("part", *part)
                .parameter("rate_per_s", *rate_per_s);
            describe(plan)
        });
        let mut whole = StepPlan::new(name, load(self.rate_per_s), Duration::ZERO);
        whole.warmup = WARMUP;
        whole.opening = SessionOpening::WhenDue;
        whole.seed = self.seed;
        let mut points = Vec::new();
        let mut at = Duration::ZERO;
        for (_, length, rate_per_s) in &parts {
            points.push((at, *rate_per_s));
            at += *length;
            points.push((at, *rate_per_s));
        }
        whole.curve = Some(FittedCurve::through(event.name().to_owned(), &points)?);
        Ok(TracedPlan::new(whole, steps.collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_has_enough_requests_and_only_the_time_out_has_a_pause() {
        let load = |rate_per_s| RecoveryLoad {
            rate_per_s,
            watched: Duration::from_secs(4),
            seed: 1,
        };
        let seconds = |load: RecoveryLoad, event| -> Vec<f64> {
            let parts = load.parts(event);
            parts
                .iter()
                .map(|(_, length, _)| length.as_secs_f64())
                .collect()
        };
        assert_eq!(seconds(load(500.0), RecoveryEvent::Kill), [3.0, 4.0]);
        assert_eq!(seconds(load(5e4), RecoveryEvent::Restart), [1.0, 4.0]);
        let idle = seconds(load(500.0), RecoveryEvent::IdleTimeout);
        assert_eq!(idle, [3.0, 3.0, 4.0]);
        for event in EVENTS {
            let plan = load(500.0).plan("pool of 8", event, |plan| plan).unwrap();
            let whole = WARMUP + plan.whole().measure;
            assert_eq!(whole, load(500.0).length(event));
        }
    }
}
