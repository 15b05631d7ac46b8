//! Sentence about what limited the throughput of a way to connect, as far as its steps measured it.
//!
//! The bytes per second are named as the limit only if the speed of the link is known and nearly used, or
//! if more connections carried no more of them while Redis and the generator had time left.

mod transfer;

use bench_cli::table;
use bench_report::{CheckoutParts, Generator, Load, Step};
use statistics::mean;

use crate::evidence::ThreadTime;
use crate::results::group::ClientGroup;
use transfer::Transfer;

/// Smallest share of time for which Redis's thread was busy, or ready to be, at its limit.
const THREAD_FULL: f64 = 0.9;
/// Largest share of time for which Redis's thread, and those of the generator, were busy or ready to be, if
/// a pool is the limit.
const THREAD_IDLE: f64 = 0.7;
/// Smallest share of a call that is the wait for a connection, if the pool is the limit.
const POOL_WAIT: f64 = 0.5;
/// Smallest share of the arrivals that was carried where an open loop did not reach a limit.
const CARRIED: f64 = 0.99;
/// Smallest share of a user's time that is think time where a closed loop did not reach a limit.
const THINKING: f64 = 0.5;

/// Returns a paragraph about the limit of each of `groups`; groups that did not reach one share a
/// paragraph. A group without completed steps, or whose load changed within a step, has none.
pub(crate) fn limits(groups: &[ClientGroup<'_>]) -> String {
    let mut text = String::new();
    let mut not_reached: Vec<(String, Vec<String>)> = Vec::new();
    for group in groups {
        let steps: Vec<&Step> = group.completed().collect();
        let Some(limit) = ThroughputLimit::of(&steps) else {
            continue;
        };
        if let ThroughputLimit::NotReached(why) = limit {
            match not_reached.iter_mut().find(|(known, _)| *known == why) {
                Some((_, names)) => names.push(group.name()),
                None => not_reached.push((why, vec![group.name()])),
            }
            continue;
        }
        let rate = mean(&group.throughputs()).map_or("–".to_owned(), table::rate);
        let line = format!("{} at {rate}: {}.", group.name(), limit.told());
        text.push_str(&table::paragraph(&line, 0));
    }
    for (why, names) in not_reached {
        let line = format!("Limit not reached, {why}: {}.", names.join("; "));
        text.push_str(&table::paragraph(&line, 0));
    }
    text
}

/// Limit of the throughput in the steps of one setting.
#[derive(Debug, PartialEq)]
enum ThroughputLimit {
    /// The load was carried as it was given; why it was no larger.
    NotReached(String),
    /// The load generator may be the limit; what of it was full.
    Generator(String),
    /// The thread of Redis that executes all commands.
    Thread(String),
    /// The bytes per second that pass between load and server.
    Bytes(String),
    /// The pool's number of connections.
    Pool(String),
    /// What was measured names no limit.
    Unknown(String),
}

impl ThroughputLimit {
    /// Finds the limit of `steps`, the completed steps of a setting, from means over them. `None` if
    /// there are none, or if their load changed.
    fn of(steps: &[&Step]) -> Option<Self> {
        if steps.is_empty() || steps.iter().any(|step| step.curve.is_some()) {
            return None;
        }
        let carried: Vec<f64> = steps
            .iter()
            .filter_map(|step| step.carried_ratio())
            .collect();
        if carried.len() == steps.len() && carried.iter().all(|ratio| *ratio >= CARRIED) {
            return Some(Self::NotReached("the rate was given".to_owned()));
        }
        let thread = ServerThread::of(steps);
        if let Some(told) = full_generator(steps) {
            let beside = thread.as_ref().filter(|thread| thread.is_full());
            let beside = beside.map_or_else(String::new, |thread| {
                format!(", and so was Redis's thread, {}", thread.told())
            });
            return Some(Self::Generator(told + &beside));
        }
        if let Some(thread) = thread.as_ref().filter(|thread| thread.is_full()) {
            return Some(Self::Thread(thread.told()));
        }
        if let Some(told) = Transfer::of(steps).and_then(|transfer| transfer.full_link()) {
            return Some(Self::Bytes(told));
        }
        let wait = pool_wait_ratio(steps);
        let starved = starved_generator(steps, THREAD_IDLE);
        let idle = thread.as_ref();
        let idle = idle.filter(|thread| thread.is_idle() && starved.is_none());
        if let (Some(wait), Some(thread)) = (wait.filter(|wait| *wait >= POOL_WAIT), idle) {
            let wait = table::ratio(wait);
            let told = format!(
                "waits for a connection are {wait} of a call, and Redis's thread is {}",
                thread.told()
            );
            return Some(Self::Pool(told));
        }
        if let Some(thinking) = thinking_ratio(steps).filter(|ratio| *ratio >= THINKING) {
            let share = table::ratio(thinking);
            return Some(Self::NotReached(format!(
                "users think for {share} of the time"
            )));
        }
        Some(Self::Unknown(unknown(steps, thread.as_ref(), wait)))
    }

    /// Returns the limit as a part of a sentence.
    fn told(&self) -> String {
        match self {
            Self::NotReached(why) => format!("limit not reached, {why}"),
            Self::Generator(full) => format!("limited perhaps by the generator, {full}"),
            Self::Thread(busy) => format!("limited by Redis's thread, {busy}"),
            Self::Bytes(why) => format!("limited by the bytes per second: {why}"),
            Self::Pool(why) => format!("limited by the pool: {why}"),
            Self::Unknown(seen) => format!("limit unknown: {seen}"),
        }
    }
}

/// Use of Redis's main thread, as a mean over steps.
#[derive(Debug)]
struct ServerThread {
    busy: f64,
    without_core: Option<f64>,
    is_lower_bound: bool,
}

impl ServerThread {
    /// Returns the mean over `steps`; `None` unless it was measured in each of them.
    fn of(steps: &[&Step]) -> Option<Self> {
        let of_step = |step: &&Step| ThreadTime::of(step.server.as_ref()?);
        let times: Vec<ThreadTime> = steps.iter().map(of_step).collect::<Option<_>>()?;
        let starved: Option<Vec<f64>> = times.iter().map(|time| time.without_core).collect();
        Some(Self {
            busy: mean(&times.iter().map(|time| time.busy).collect::<Vec<_>>())?,
            without_core: starved.and_then(|starved| mean(&starved)),
            is_lower_bound: times.iter().any(|time| time.is_lower_bound),
        })
    }

    /// Returns the share of time in which the thread was busy or ready to be.
    fn wanted(&self) -> f64 {
        self.busy + self.without_core.unwrap_or(0.0)
    }

    fn is_full(&self) -> bool {
        self.wanted() >= THREAD_FULL
    }

    /// Returns true if the thread certainly had time left.
    fn is_idle(&self) -> bool {
        !self.is_lower_bound && self.wanted() < THREAD_IDLE
    }

    fn told(&self) -> String {
        let least = if self.is_lower_bound { "at least " } else { "" };
        let busy = format!("busy {least}{}", table::ratio(self.busy.min(1.0)));
        match self.without_core.filter(|starved| *starved >= 0.05) {
            Some(starved) => {
                let starved = table::ratio(starved);
                format!("{busy} and ready without a core for another {starved} of the time")
            }
            None => busy,
        }
    }
}

/// Returns what of the generator was full in any of `steps`.
fn full_generator(steps: &[&Step]) -> Option<String> {
    let bound = Generator::SATURATED_RATIO;
    let generators = || steps.iter().map(|step| &step.generator);
    if generators().any(|generator| generator.is_saturated(bound)) {
        return Some("whose threads used nearly all of their time".to_owned());
    }
    let full = generators().filter_map(|generator| generator.full_thread(bound));
    if let Some(most) = full.max_by(f64::total_cmp) {
        let share = table::ratio(most);
        return Some(format!(
            "one of whose threads was at work for {share} of the time"
        ));
    }
    let share = table::ratio(starved_generator(steps, bound)?);
    Some(format!(
        "whose threads were at work, or ready without a core, for {share} of the time"
    ))
}

/// Returns the largest share of time, in any of `steps`, in which the threads of the generator ran or
/// were ready without a core; `None` if it is below `bound` or unknown.
fn starved_generator(steps: &[&Step], bound: f64) -> Option<f64> {
    let shares = steps
        .iter()
        .filter_map(|step| step.generator.starved(bound));
    shares.max_by(f64::total_cmp)
}

/// Returns the mean wait for a connection of a pool as a share of a call, from 0 to 1; `None` if it was
/// not measured.
fn pool_wait_ratio(steps: &[&Step]) -> Option<f64> {
    let parts = steps
        .iter()
        .map(|step| step.pool.as_ref()?.checkout.as_ref());
    let parts: Vec<&CheckoutParts> = parts.collect::<Option<_>>()?;
    let wait_ns = CheckoutParts::merged(parts)?.wait_mean_ns;
    let call_ns = mean_call_ns(steps)?;
    Some((wait_ns / call_ns).min(1.0))
}

/// Returns the mean time of a call over all operations of `steps`, in nanoseconds.
fn mean_call_ns(steps: &[&Step]) -> Option<f64> {
    let operations = steps.iter().flat_map(|step| step.operations.values());
    let calls = operations.filter_map(|operation| operation.call.as_ref());
    let (sum, count) = calls.fold((0.0, 0.0), |(sum, count), call| {
        let calls = call.count as f64;
        (sum + call.mean_ns * calls, count + calls)
    });
    (count > 0.0 && sum > 0.0).then(|| sum / count)
}

/// Returns the share of the time of users that is think time, from 0 to 1; `None` for an open loop.
fn thinking_ratio(steps: &[&Step]) -> Option<f64> {
    let think = steps.iter().map(|step| match step.load {
        Load::Closed { think_time_ns, .. } => Some(think_time_ns as f64),
        Load::Open { .. } | Load::Unknown => None,
    });
    let think_ns = mean(&think.collect::<Option<Vec<f64>>>()?)?;
    Some(think_ns / (think_ns + mean_call_ns(steps)?))
}

/// Returns what was seen where it names no limit, and what would tell more.
fn unknown(steps: &[&Step], thread: Option<&ServerThread>, wait: Option<f64>) -> String {
    let thread = thread.map_or_else(
        || "the use of Redis's thread is not known".to_owned(),
        |thread| format!("Redis's thread is {}", thread.told()),
    );
    let wait = wait.map(|wait| {
        format!(
            "waits for a connection are {} of a call",
            table::ratio(wait)
        )
    });
    let sent = Transfer::of(steps).map(|transfer| transfer.told());
    let generator = starved_generator(steps, THREAD_IDLE).map(|share| {
        let share = table::ratio(share);
        format!(
            "the generator's threads were at work, or ready without a core, for {share} of the time"
        )
    });
    let seen = [Some(thread), wait, sent, generator].into_iter().flatten();
    let seen: Vec<String> = seen.collect();
    format!(
        "{}. Measure with more users or connections to see whether more is possible, and with \
         sysmon on both machines to see whether one of them lacks a core",
        seen.join(", ")
    )
}

#[cfg(test)]
mod tests;
