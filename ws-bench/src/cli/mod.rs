//! Command line of `ws-bench`.

mod serve_flags;
mod throughput_flags;

use std::time::Duration;

use bench_cli::flags::{self, OutputFlags};
use bench_cli::load::{self, LoadFlags};
use bench_cli::workers::WorkerFlags;
use bench_cli::{Objective, UsageError};
use bench_report::Pacing;
use clap::{Args, Parser, Subcommand};
use load_engine::{LoadPlan, WaitStrategy};

use crate::connection::message_sizes::SMALLEST_BYTES;
use crate::limit::settings::{DEFAULTS, LimitSettings, RATE_PER_S, TALKERS};
use crate::load::load_settings::LoadSettings;
use crate::server::endpoint::TargetUrl;

pub(crate) use self::serve_flags::ServeArgs;
pub(crate) use self::throughput_flags::ThroughputArgs;

/// Finds how many WebSocket connections a server holds, how fast it answers, and whose limit it was.
#[derive(Debug, Parser)]
#[command(name = "ws-bench", version, after_help = EXAMPLES)]
pub(crate) struct WsCli {
    #[command(subcommand)]
    pub(crate) command: WsCommand,
}

const EXAMPLES: &str = "\
Examples:
  ws-bench limit
  ws-bench limit --url ws://127.0.0.1:9001/ --max 5000
  ws-bench throughput --connections 100,1000
  ws-bench serve --listen 127.0.0.1:0";

#[derive(Debug, Subcommand)]
pub(crate) enum WsCommand {
    /// Raise the number of open connections until a limit is reached
    Limit(Box<LimitArgs>),
    /// Measure messages per second and their round trips
    Throughput(Box<ThroughputArgs>),
    /// Run a test server until Ctrl-C: echo, broadcast or stream, with faults on request
    Serve(Box<ServeArgs>),
    /// Hold a share of the connections; the parent process sends the orders on stdin
    #[command(hide = true)]
    Worker,
}

#[derive(Debug, Args)]
#[command(
    after_help = LIMIT_EXAMPLES,
    mut_arg("users", |arg| arg.hide(true).value_parser(flags::renamed::<u64>(
        "a user is a connection here, and --max sets how many are opened; the number of those who \
         talk is set with --talkers"
    ))),
    mut_arg("find_rate", |arg| arg.hide(true).value_parser(flags::renamed::<Objective>(
        "this scenario looks for the most connections that stay open, not for a rate of arrivals; \
         how fast they must echo is set with --latency-bound. Rates are found by scenarios of \
         requests: redis-bench cache and pool, db-pool-bench sweep and scale"
    )))
)]
pub(crate) struct LimitArgs {
    /// Server to load [default: a throwaway echo server]
    #[arg(long, env = "WS_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) url: Option<String>,

    /// Largest number of connections to open
    #[arg(long, value_parser = flags::count, value_name = "N", default_value = "10k")]
    pub(crate) max: u64,

    /// Number of connections in the first step of the search
    #[arg(long, value_parser = flags::count, value_name = "N", default_value = "100")]
    pub(crate) start: u64,

    /// Connections of each step divided by those of the step before
    #[arg(long, value_parser = factor, value_name = "FACTOR", default_value = "2")]
    pub(crate) factor: f64,

    /// Most new connections per second
    #[arg(long, value_parser = flags::rate, value_name = "PER_S", default_value = "10k")]
    pub(crate) spawn_rate: f64,

    /// Time-out of connecting, of the upgrade and of each echo
    #[arg(long, value_parser = flags::duration, value_name = "TIME", default_value = "5s")]
    pub(crate) timeout: Duration,

    /// Largest 99th percentile of the echo times with which a step holds
    #[arg(long, value_parser = flags::duration, value_name = "TIME", default_value = "1s")]
    pub(crate) latency_bound: Duration,

    /// Size of a message, 16 bytes to 1 MiB
    #[arg(long, value_parser = message_size, value_name = "SIZE", default_value = "20")]
    pub(crate) message_size: u64,

    /// Number of connections that send messages, each waiting for its echo unless --rate is given
    #[arg(long, value_parser = load::held_count, value_name = "N", help_heading = "Load")]
    pub(crate) talkers: Option<u64>,

    #[command(flatten)]
    pub(crate) load: LoadFlags,

    #[command(flatten)]
    pub(crate) workers: WorkerFlags,

    #[command(flatten)]
    pub(crate) output: OutputFlags,
}

const LIMIT_EXAMPLES: &str = "\
By default up to 200 of the connections share 2,000 echoes per second; the others are idle. With \
--talkers, that many connections send messages, each waiting for its echo; with --rate, messages \
are sent at that rate in all. Each step is measured once, for 2 s and without a warm-up, unless \
--repeats, --duration and --warmup say otherwise.

Examples:
  ws-bench limit
  ws-bench limit --url ws://127.0.0.1:9001/ --max 5000
  ws-bench limit --url ws://127.0.0.1:9001/ --rate 10k --latency-bound 50ms
  ws-bench limit --max 2000 --talkers 100 --think-time 20ms --stop-on 'errors>5%'
  ws-bench limit --max 2000 --workers 2";

impl LimitArgs {
    pub(crate) fn target(&self) -> Result<Option<TargetUrl>, UsageError> {
        parsed_target(self.url.as_deref())
    }

    /// Returns the settings of the connections.
    pub(crate) fn load_settings(&self) -> LoadSettings {
        self.settings(0).load_settings()
    }

    pub(crate) fn settings(&self, seed: u64) -> LimitSettings {
        LimitSettings {
            max: self.max,
            start: self.start,
            factor: self.factor,
            spawn_rate_per_s: self.spawn_rate,
            timeout: self.timeout,
            latency_bound: self.latency_bound,
            message_bytes: self.message_size as usize,
            load: self.load_plan(),
            warmup: self.load.step.warmup(DEFAULTS),
            measure: self.load.step.measure(DEFAULTS),
            repeats: self.load.step.repeats(DEFAULTS),
            seed,
            runtime: self.load.step.runtime(DEFAULTS),
            waiting: if self.load.step.spin {
                WaitStrategy::Spin
            } else {
                WaitStrategy::Sleep
            },
            stop_on: self.load.step.stop_on.clone(),
        }
    }

    /// Returns the load of the connections that send messages: an open loop if a rate is given, a
    /// closed loop if only their number is given, and an open loop at [`RATE_PER_S`] if neither is.
    fn load_plan(&self) -> LoadPlan {
        let talkers = self.talkers.unwrap_or(TALKERS);
        if self.talkers.is_some() || self.load.rate.is_some() {
            return self.load.load(talkers, talkers);
        }
        LoadPlan::Open {
            rate_per_s: RATE_PER_S,
            pacing: Pacing::from(self.load.pacing),
            in_flight_cap: talkers,
        }
    }
}

fn parsed_target(url: Option<&str>) -> Result<Option<TargetUrl>, UsageError> {
    let target = url.map(TargetUrl::parse).transpose();
    target.map_err(|error| UsageError(error.to_string()))
}

fn factor(text: &str) -> Result<f64, String> {
    let factor = text.parse::<f64>().ok();
    factor
        .filter(|f| (1.01..=100.0).contains(f))
        .ok_or_else(|| "write a number from 1.01 to 100, as in 2".to_owned())
}

fn message_size(text: &str) -> Result<u64, String> {
    let size = flags::size(text)?;
    let (least, most) = (SMALLEST_BYTES as u64, 1 << 20);
    if (least..=most).contains(&size) {
        return Ok(size);
    }
    Err(format!("a message has {least} bytes to 1 MiB"))
}
