//! Flags of the scenario `session`.

use std::time::Duration;

use bench_cli::UsageError;
use bench_cli::flags;
use clap::{Args, ValueEnum};
use load_engine::{LoadCurve, ThinkTime};

use crate::cli::CommonFlags;

/// Largest number of requests of a page view.
pub(crate) const MOST_PARALLEL: usize = 8;
/// Largest length of the data of a session, in bytes.
const LONGEST_DATA: u64 = 16 << 20;

pub(super) const SESSION_HELP: &str = "\
Each user is a person with a browser, who logs in, views pages, and logs out or leaves. A request \
of the load is one page view: --parallel requests at once on the person's session. Each of them \
loads the session, and those that change it write it back. Latencies are those of page views.

Each person's client knows which of its changes were acknowledged, and finds by later reads which \
were lost, and which sessions came back after log-out or were gone before their time. These counts \
are of whole steps, with the warm-up. A change is kept in its own number for each of the parallel \
requests, so that none of them may undo another.

By default 50 users view pages for 5 s after 1 s of warm-up, 3 times with each form, on one shared \
connection; --client, --users or --rate, --duration, --warmup and --repeats change that. \
--login-rate sets the number of users instead, as log-ins per second × page views of a session × \
think time. With --rate, 1,024 people share the page views.

All keys begin with plimsoll:<run>:, expire after --ttl, and are removed at the end. Token checks \
use GETDEL, which Redis has since 6.2.

Examples:
  redis-bench session
  redis-bench session --store string,string-cas --updates 50% --parallel 3
  redis-bench session --login-rate 20 --session-length 10 --think-time exp:500ms --ttl 10s
  redis-bench session --store hash --client pooled,multiplexed --session-size 4KiB
  redis-bench session --store string --find-rate 'p99<5ms'";

/// Text about `--client`, whose default is not that of the other scenarios.
pub(super) const SESSION_CLIENT_HELP: &str = "\
Ways to connect: a pool, connections that all users share, one for each user or request, or to each \
node of a cluster [default: multiplexed]";

/// Flags of `redis-bench session`.
#[derive(Debug, Clone, Args)]
pub(crate) struct SessionFlags {
    /// Forms of storage, each of which is measured
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        value_name = "FORM",
        default_value = "string,hash,indexed,string-cas"
    )]
    pub(crate) store: Vec<StoreForm>,

    /// Log-ins per second, which set the number of users
    #[arg(long, value_parser = flags::rate, value_name = "PER_S")]
    pub(crate) login_rate: Option<f64>,

    /// Mean number of page views of a session, from log-in to log-out; 2 or more
    #[arg(long, value_parser = flags::count, value_name = "N", default_value = "20")]
    pub(crate) session_length: u64,

    /// Number of requests of a page view, which are made at once on its session; up to 8
    #[arg(long, value_parser = flags::count, value_name = "N", default_value = "2")]
    pub(crate) parallel: u64,

    /// Share of these requests that change the session
    #[arg(long, value_parser = flags::share, value_name = "RATIO", default_value = "20%")]
    pub(crate) updates: f64,

    /// Share of the page views that only prolong the session
    #[arg(long, value_parser = flags::share, value_name = "RATIO", default_value = "10%")]
    pub(crate) touches: f64,

    /// Share of the page views with a form: a CSRF token is issued, and checked by the next view
    #[arg(long, value_parser = flags::share, value_name = "RATIO", default_value = "5%")]
    pub(crate) csrf: f64,

    /// Share of the sessions that are left without log-out, until they expire
    #[arg(long, value_parser = flags::share, value_name = "RATIO", default_value = "20%")]
    pub(crate) abandoned: f64,

    /// Time to live of a session after its last change or prolongation
    #[arg(long, value_parser = flags::duration, value_name = "TIME", default_value = "2s")]
    pub(crate) ttl: Duration,

    /// Length of the data of each session, in bytes unless it has a unit
    #[arg(long, value_parser = flags::size, value_name = "SIZE", default_value = "512")]
    pub(crate) session_size: u64,

    /// Flags of every scenario.
    #[command(flatten)]
    pub(crate) common: CommonFlags,
}

/// Form in which sessions are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StoreForm {
    /// JSON in a string, which each change writes back as a whole.
    String,
    /// Hash, of which each change writes its own field.
    Hash,
    /// JSON in a string, and a set of the sessions of each user.
    Indexed,
    /// JSON in a string, which a script writes only over the version that was read.
    StringCas,
}

impl StoreForm {
    /// Returns the name of the form, as on the command line and in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Hash => "hash",
            Self::Indexed => "indexed",
            Self::StringCas => "string-cas",
        }
    }
}

impl SessionFlags {
    /// Checks the flags of the scenario, and returns them with the number of users that
    /// `--login-rate` sets.
    ///
    /// # Errors
    /// Fails with a sentence about the flags that contradict each other, and what to write.
    pub(crate) fn settled(&self) -> Result<Self, UsageError> {
        let refuse = |why: &str| Err(UsageError(why.to_owned()));
        if self.session_length < 2 {
            return refuse(
                "a session has two page views or more, log-in and log-out; use --session-length 2",
            );
        }
        if self.parallel > MOST_PARALLEL as u64 {
            return Err(UsageError(format!(
                "a page view has up to {MOST_PARALLEL} requests at once; use --parallel \
                 {MOST_PARALLEL} or less"
            )));
        }
        if self.touches + self.csrf > 1.0 {
            return refuse(
                "--touches and --csrf are shares of the same page views; make their sum 100% or less",
            );
        }
        if self.session_size > LONGEST_DATA {
            return refuse("sessions have up to 16 MiB of data here; use a smaller --session-size");
        }
        if self.common.workers.workers.is_some() || self.common.host.worker.is_some() {
            return refuse(
                "the clients of a session scenario compare what they know in one process; leave \
                 --workers and --worker out",
            );
        }
        let mut settled = self.clone();
        if let Some(per_s) = self.login_rate {
            settled.common.load.users = Some(LoadCurve::Constant(self.people(per_s)?));
        }
        Ok(settled)
    }

    /// Returns the number of users who together log in `per_s` times per second (Little's law).
    ///
    /// # Errors
    /// Fails if the flags set another load, or users who do not think.
    fn people(&self, per_s: f64) -> Result<f64, UsageError> {
        let load = &self.common.load;
        if load.users.is_some() || load.rate.is_some() || load.search.is_given() {
            return Err(UsageError(
                "--login-rate sets the number of users; leave --users, --rate and --find-rate out"
                    .to_owned(),
            ));
        }
        if load.step.think_time == ThinkTime::NONE {
            return Err(UsageError(
                "--login-rate needs to know how long people look at a page; add --think-time, as \
                 in --think-time exp:1s"
                    .to_owned(),
            ));
        }
        let session_s = self.session_length as f64 * load.step.think_time.mean().as_secs_f64();
        Ok((per_s * session_s).round().max(1.0))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{RedisBenchCli, RedisBenchCommand};

    fn settled(args: &str) -> Result<SessionFlags, String> {
        let words = ["redis-bench", "session"].into_iter();
        let args = words.chain(args.split_whitespace());
        match RedisBenchCli::try_parse_from(args).unwrap().command {
            RedisBenchCommand::Session(flags) => flags.settled().map_err(|UsageError(why)| why),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn log_ins_page_views_and_think_time_make_the_number_of_users() {
        let args = "--login-rate 20 --session-length 10 --think-time exp:500ms";
        let users = settled(args).unwrap().common.load.users.unwrap();
        assert_eq!(users.constant(), Some(100.0));
        let few = "--login-rate 0.1 --session-length 2 --think-time 1ms";
        let users = settled(few).unwrap().common.load.users.unwrap();
        assert_eq!(users.constant(), Some(1.0));
    }

    #[test]
    fn flags_that_contradict_each_other_are_refused_with_what_to_write() {
        for (args, told) in [
            ("--session-length 1", "--session-length 2"),
            ("--parallel 9", "--parallel 8"),
            ("--touches 0.6 --csrf 0.5", "make their sum"),
            ("--session-size 17MiB", "smaller --session-size"),
            ("--workers 2", "leave --workers"),
            ("--login-rate 5", "add --think-time"),
            ("--login-rate 5 --think-time 1s --users 3", "leave --users"),
        ] {
            let why = settled(args).unwrap_err();
            assert!(why.contains(told), "{args}: {why}");
        }
        assert_eq!(settled("").unwrap().store.len(), 4);
    }
}
