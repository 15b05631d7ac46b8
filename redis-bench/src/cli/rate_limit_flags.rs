//! Flags of the scenario `rate-limit`.

use std::time::Duration;

use bench_cli::{UsageError, flags};
use clap::{Args, ValueEnum};

use crate::cli::CommonFlags;
use crate::clients::ClientKind;
use crate::rate_limit::algorithm::Algorithm;
use crate::rate_limit::library::LimiterLibrary;
use crate::rate_limit::model::RateLimit;
use crate::rate_limit::variant::{LimiterForm, LimiterVariant};

pub(super) const RATE_LIMIT_HELP: &str = "\
Each request asks one of --keys limiters, drawn at random, whether it is admitted. All decisions of \
a step, warm-up included, are logged (32 bytes each, up to 2 GiB) and held against the limit: \
those of each window of the clock, and of the worst stretch as long as a window.

Atomic forms decide by the server's clock, the others by that of the client. Every step begins with limiters that have admitted \
nothing.

With --verify each decision is also numbered on the server, and compared with that of a model of \
the algorithm at the same time and in the same order. Numbering costs time: compare the cost of \
algorithms without it.

By default 50 users send requests for 5 s after 1 s of warm-up, 3 times with each limiter; --users \
or --rate, --duration, --warmup and --repeats change that.

Examples:
  redis-bench rate-limit
  redis-bench rate-limit --algorithm fixed-window,gcra --limit 10/1s --keys 100 --verify
  redis-bench rate-limit --algorithm fixed-window --burst-at edge --repeats 1
  redis-bench rate-limit --form atomic,racy --limit 10/1s --keys 1 --repeats 1
  redis-bench rate-limit --algorithm token-bucket --users 100 --retry-after obey
  redis-bench rate-limit --library redis-rate,upstash-sliding,laravel --repeats 1
  redis-bench rate-limit --form client-clock --clock-skew 0,500ms --repeats 1";

/// Flags of `redis-bench rate-limit`.
#[derive(Debug, Args)]
pub(crate) struct RateLimitFlags {
    /// Algorithms of the limiters [default: all]
    #[arg(long, value_enum, value_delimiter = ',', value_name = "ALGORITHM")]
    pub(crate) algorithm: Vec<Algorithm>,

    /// Forms of each algorithm
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        value_name = "FORM",
        default_value = "atomic"
    )]
    pub(crate) form: Vec<LimiterForm>,

    /// Limiters as widely used libraries ship them, in place of or beside --algorithm
    #[arg(long, value_enum, value_delimiter = ',', value_name = "LIBRARY")]
    pub(crate) library: Vec<LimiterLibrary>,

    /// Requests that each limiter allows in a time
    #[arg(long, value_parser = limit, value_name = "N/TIME", default_value = "100/1s")]
    pub(crate) limit: RateLimit,

    /// Number of limiters, such as customers of a service
    #[arg(long, value_parser = keys, value_name = "N", default_value = "10")]
    pub(crate) keys: u32,

    /// Send requests only at the edges of windows: a tenth of one before and after every second edge
    #[arg(long, value_enum, value_name = "WHEN")]
    pub(crate) burst_at: Option<BurstAt>,

    /// Behaviour of a refused user: wait as long as the limiter says, to the millisecond, or not
    #[arg(long, value_enum, value_name = "HOW", default_value = "ignore")]
    pub(crate) retry_after: RetryAfter,

    /// Times by which the clocks of users are ahead, in turn: 0,500ms sets every second one ahead
    #[arg(
        long,
        value_parser = flags::duration_or_zero,
        value_delimiter = ',',
        value_name = "TIME",
        default_value = "0"
    )]
    pub(crate) clock_skew: Vec<Duration>,

    /// Share of the first requests of a window whose client ends between counting and setting the
    /// expiry, as in a crash; for the racy fixed window
    #[arg(long, value_parser = flags::share, value_name = "RATIO", default_value = "0")]
    pub(crate) crash: f64,

    /// What a user does with a request that Redis does not decide in time: admit or refuse it; for
    /// --client multiplexed, managed and plain [default: wait]
    #[arg(long, value_enum, value_name = "POLICY")]
    pub(crate) on_stall: Option<OnStall>,

    /// Time without an answer after which --on-stall applies
    #[arg(long, value_parser = flags::duration, value_name = "TIME", default_value = "100ms")]
    pub(crate) stall_after: Duration,

    /// Compare each decision with that of a model of the algorithm
    #[arg(long)]
    pub(crate) verify: bool,

    /// Flags of every scenario.
    #[command(flatten)]
    pub(crate) common: CommonFlags,
}

/// Time at which all users send requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BurstAt {
    /// Around the edges of windows.
    Edge,
}

/// Behaviour of a refused user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RetryAfter {
    /// Waits as long as the limiter says.
    Obey,
    /// Sends the next request as after any other answer.
    Ignore,
}

/// What a user does with a request that Redis does not decide in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnStall {
    /// Admits it: the service works on, without a limit.
    Open,
    /// Refuses it: the limit holds, and the service is down.
    Closed,
}

impl OnStall {
    /// Returns the name of the policy, as on the command line and in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

impl RateLimitFlags {
    /// Returns the limiters to measure, each once.
    pub(crate) fn variants(&self) -> Vec<LimiterVariant> {
        let all = Algorithm::value_variants();
        let algorithms = match (self.algorithm.is_empty(), self.library.is_empty()) {
            (true, true) => all,
            _ => &self.algorithm,
        };
        let mut variants = Vec::new();
        for algorithm in algorithms {
            for form in &self.form {
                variants.push(LimiterVariant::Own(*algorithm, *form));
            }
        }
        let libraries = self.library.iter().copied();
        variants.extend(libraries.map(LimiterVariant::Library));
        let mut once: Vec<LimiterVariant> = Vec::new();
        for variant in variants {
            if !once.contains(&variant) {
                once.push(variant);
            }
        }
        once
    }

    /// Refuses flags that contradict each other, or that the chosen limiters cannot follow.
    ///
    /// # Errors
    /// Fails with a sentence that says what to change.
    pub(crate) fn check(&self) -> Result<(), UsageError> {
        let common = &self.common;
        let refused = |text: &str| Err(UsageError(text.to_owned()));
        if common.workers.workers.is_some() || common.host.worker.is_some() {
            return refused(
                "rate-limit holds all decisions against one clock, in one process; leave --workers \
                 and --worker out",
            );
        }
        let is_open = common.load.rate.is_some() || common.load.search.is_given();
        if is_open && (self.burst_at.is_some() || self.retry_after == RetryAfter::Obey) {
            return refused(
                "arrivals at a rate do not wait: --burst-at and --retry-after obey are for --users; \
                 leave --rate out",
            );
        }
        let waits_first = [ClientKind::Pooled, ClientKind::PerRequest];
        if self.on_stall.is_some() && common.client.iter().any(|kind| waits_first.contains(kind)) {
            return refused(
                "--on-stall bounds the wait for a decision, but pooled and per-request users wait for \
                 a connection first; use --client multiplexed, managed or plain",
            );
        }
        let variants = self.variants();
        if self.verify && variants.iter().all(|one| one.verifiable().is_none()) {
            return refused(
                "--verify compares scripts with their models; other limiters have no order to \
                 compare in: add --form atomic, or leave --verify out",
            );
        }
        let racy = LimiterVariant::Own(Algorithm::FixedWindow, LimiterForm::Racy);
        if self.crash > 0.0 && !variants.contains(&racy) {
            return refused(
                "--crash is for the racy fixed window, the only one whose expiry comes after its \
                 count; add --algorithm fixed-window --form racy",
            );
        }
        let is_whole = self.limit.window_us().is_multiple_of(1_000_000);
        let libraries = self.library.iter();
        if let Some(library) = libraries
            .clone()
            .find(|one| one.needs_seconds() && !is_whole)
        {
            return Err(UsageError(format!(
                "{} knows only windows of whole seconds; use a --limit such as 100/1s",
                library.name()
            )));
        }
        let is_skewed = self.clock_skew.iter().any(|skew| !skew.is_zero());
        if is_skewed && !variants.iter().any(|one| one.uses_client_clock()) {
            return refused(
                "atomic limiters decide by the server's clock, whatever --clock-skew is; add --form \
                 client-clock",
            );
        }
        Ok(())
    }
}

/// Parses a limit, such as `100/1s`.
///
/// # Errors
/// Fails with a sentence that shows the form, or says what the limiters cannot keep.
fn limit(text: &str) -> Result<RateLimit, String> {
    let (allowed, window) = text
        .split_once('/')
        .ok_or_else(|| format!("{text:?} is no limit; write requests and a time, as in 100/1s"))?;
    let allowed = flags::count(allowed)?;
    let window = flags::duration(window)?;
    RateLimit::new(allowed, window, allowed).map_err(|UsageError(why)| why)
}

/// Parses a number of limiters.
///
/// # Errors
/// Fails with a sentence if it is not a count, or above a million.
fn keys(text: &str) -> Result<u32, String> {
    let keys = flags::count(text)?;
    match u32::try_from(keys) {
        Ok(keys) if keys <= 1_000_000 => Ok(keys),
        _ => Err(format!("{keys} limiters are too many; use up to 1M")),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{RedisBenchCli, RedisBenchCommand};

    fn flags(args: &str) -> Result<Box<RateLimitFlags>, clap::Error> {
        let args = args.split_whitespace();
        let args = ["redis-bench", "rate-limit"].into_iter().chain(args);
        match RedisBenchCli::try_parse_from(args)?.command {
            RedisBenchCommand::RateLimit(flags) => Ok(flags),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn limits_read_as_people_write_them() {
        let told = |text: &str| limit(text).map(|limit| limit.to_string());
        for text in ["100/1s", "1/1ms", "5k/1m", "7/1h30m"] {
            assert!(told(text).is_ok(), "{text}");
        }
        assert_eq!(told("100/1s").unwrap(), "100/1s");
        for text in [
            "", "100", "100/", "/1s", "0/1s", "100/0s", "1/1us", "-1/1s", "9M/1y",
        ] {
            assert!(told(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_algorithm_has_every_form_once() {
        let names = |args: &str| -> Vec<String> {
            let variants = flags(args).unwrap().variants();
            variants.iter().map(|variant| variant.name()).collect()
        };
        assert_eq!(names("").len(), Algorithm::value_variants().len());
        assert_eq!(names("--library laravel,laravel"), ["laravel"]);
        assert_eq!(
            names("--library laravel --algorithm gcra"),
            ["gcra", "laravel"]
        );
        assert_eq!(
            names("--algorithm gcra,fixed-window,gcra --form atomic,client-clock"),
            [
                "gcra",
                "gcra/client-clock",
                "fixed-window",
                "fixed-window/client-clock"
            ]
        );
    }

    #[test]
    fn flags_without_an_effect_are_refused_with_what_to_change() {
        let cases = [
            ("--workers 2", "leave --workers"),
            ("--rate 100 --burst-at edge", "leave --rate out"),
            ("--rate 100 --retry-after obey", "leave --rate out"),
            ("--clock-skew 0,1s", "--form client-clock"),
            ("--form racy --verify", "add --form atomic"),
            ("--crash 1%", "--form racy"),
            (
                "--library rate-limiter-flexible --limit 5/500ms",
                "whole seconds",
            ),
            (
                "--on-stall open --client plain,pooled",
                "--client multiplexed",
            ),
        ];
        for (args, wanted) in cases {
            let UsageError(said) = flags(args).unwrap().check().unwrap_err();
            assert!(said.contains(wanted), "{args}: {said}");
        }
        for args in [
            "",
            "--rate 100 --verify",
            "--users 5 --burst-at edge --retry-after obey",
            "--form racy,atomic --verify --crash 1%",
            "--library laravel --clock-skew 0,1s",
            "--on-stall closed --client plain",
            "--form client-clock --clock-skew 0,1s",
        ] {
            flags(args).unwrap().check().unwrap();
        }
        assert!(flags("--keys 2M").is_err());
    }
}
