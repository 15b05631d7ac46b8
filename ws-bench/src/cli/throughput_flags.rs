//! Flags of `ws-bench throughput`.

use std::time::Duration;

use bench_cli::flags::{self, Counts, OutputFlags};
use bench_cli::load::LoadFlags;
use bench_cli::workers::WorkerFlags;
use bench_cli::{UsageError, load::seed_or_drawn};
use clap::Args;
use load_engine::WaitStrategy;

use super::parsed_target;
use crate::connection::message_sizes::MessageSizes;
use crate::load::load_settings::LoadSettings;
use crate::server::endpoint::TargetUrl;
use crate::throughput::throughput_run::{DEFAULTS, ThroughputRun};

#[derive(Debug, Args)]
#[command(
    after_help = EXAMPLES,
    mut_args = |arg| DEFAULTS.told(arg),
    mut_arg("users", |arg| arg.hide(true).value_parser(flags::renamed::<u64>(
        "a user is a connection here, and --connections sets how many are open"
    )))
)]
pub(crate) struct ThroughputArgs {
    /// Server to load [default: a throwaway echo server]
    #[arg(long, env = "WS_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) url: Option<String>,

    /// Numbers of open connections, each measured
    #[arg(long, value_parser = flags::list_of_counts, value_name = "N,…|A..B*F", default_value = "100")]
    pub(crate) connections: Counts,

    /// Number of messages on each connection that wait for their answers at the same time
    #[arg(long, value_parser = flags::count, value_name = "K", default_value = "1")]
    pub(crate) in_flight: u64,

    /// Size of a message, 16 bytes to 1 MiB, or a range, as in 20..4KiB
    #[arg(long, value_name = "SIZE", default_value = "20", value_parser = str::parse::<MessageSizes>)]
    pub(crate) message_size: MessageSizes,

    /// Most new connections per second
    #[arg(long, value_parser = flags::rate, value_name = "PER_S", default_value = "10k")]
    pub(crate) spawn_rate: f64,

    /// Time-out of connecting, of the upgrade and of each answer
    #[arg(long, value_parser = flags::duration, value_name = "TIME", default_value = "5s")]
    pub(crate) timeout: Duration,

    #[command(flatten)]
    pub(crate) load: LoadFlags,

    #[command(flatten)]
    pub(crate) workers: WorkerFlags,

    #[command(flatten)]
    pub(crate) output: OutputFlags,
}

const EXAMPLES: &str = "\
By default each connection sends its next message when the answer to the last \
one has come. --in-flight lets several wait at the same time; --rate sends \
messages at that rate over all connections, whatever the answers do; \
--find-rate looks for the highest such rate. The server must send each message \
back. Lost, late, doubled and foreign messages are counted. A bound that must \
hold is set with --stop-on: if a step breaks it, the exit code is 3.

Examples:
  ws-bench throughput
  ws-bench throughput --connections 100,1000 --repeats 3
  ws-bench throughput --connections 50 --in-flight 16 --message-size 20..4KiB
  ws-bench throughput --rate 20k --stop-on 'p99>20ms' --stop-on 'errors>1%'
  ws-bench throughput --connections 200 --find-rate 'p99<10ms' --duration 2s";

impl ThroughputArgs {
    /// Returns the run that the flags describe.
    ///
    /// # Errors
    /// If the URL is wrong, or flags contradict each other.
    pub(crate) fn run(&self) -> Result<ThroughputRun<'_>, UsageError> {
        let paused = !self.load.step.think_time.is_none();
        if paused && self.in_flight > 1 {
            return Err(UsageError(
                "--think-time is for one message at a time; leave out --in-flight".to_owned(),
            ));
        }
        Ok(ThroughputRun {
            url: self.target()?,
            flags: self,
            seed: seed_or_drawn(self.load.step.seed),
        })
    }

    fn target(&self) -> Result<Option<TargetUrl>, UsageError> {
        parsed_target(self.url.as_deref())
    }

    /// Returns the settings of the connections.
    pub(crate) fn load_settings(&self) -> LoadSettings {
        LoadSettings {
            spawn_rate_per_s: self.spawn_rate,
            timeout: self.timeout,
            sizes: self.message_size,
            runtime: self.load.step.runtime(DEFAULTS),
            waiting: if self.load.step.spin {
                WaitStrategy::Spin
            } else {
                WaitStrategy::Sleep
            },
        }
    }
}
