//! Flags of `db-pool-bench lifecycle`.

use std::time::Duration;

use bench_cli::flags;
use bench_cli::load;
use clap::{Arg, Args};

use crate::one_pool::{NO_RATE_TO_FIND, OnePoolFlags, TracedRunFlags};

const EXAMPLES: &str = "Examples:
  db-pool-bench lifecycle
      on a throwaway server: ramp, spike, idle, spike, with both pools
  db-pool-bench lifecycle --peak-rate 200 --spike 10 --idle 30s \\
      --idle-timeout 10s
      how slow the first requests are after half a minute of silence
  db-pool-bench lifecycle --driver deadpool --leak-every 500
      the symptoms of a connection that is never returned
  db-pool-bench lifecycle --url postgres://app@db/shop --storm 200
      200 logins at once, as after a restart of the application

Arrivals form an open loop. The pool begins empty and opens connections on
demand. Without --url and DATABASE_URL a throwaway PostgreSQL is started and
removed again. On any other server the run ends early, with exit code 3, at 10
% errors or when more than 80 % of the server's connections are in use. Restart
the server meanwhile to see its effect on the pool: the run goes on.";

/// Flags of `db-pool-bench lifecycle`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = EXAMPLES,
    arg = Arg::new("rate").long("rate").hide(true).value_parser(flags::renamed::<f64>(
        "the rate at the end of the ramp is set with --peak-rate"
    )),
    arg = Arg::new("find_rate").long("find-rate").hide(true).value_parser(
        flags::renamed::<f64>(NO_RATE_TO_FIND)
    ),
    mut_arg("driver", |arg| arg.default_value("deadpool,sqlx")),
    mut_arg("pool_size", |arg| arg.help("Largest number of connections in the pool")),
    mut_arg("idle_timeout", |arg| arg.default_value("2s").help("Time without use after which the pool closes a connection")),
    mut_arg("max_lifetime", |arg| arg.help("Age at which the pool closes a connection [default: none]")),
    mut_arg("pool_min", |arg| arg.help("Connections open before the load begins; sqlx keeps at least so many [default: none]"))
)]
pub(crate) struct LifecycleFlags {
    /// Arrivals per second at the end of the ramp, which begins at 0
    #[arg(long, value_parser = load::held_rate, value_name = "PER_S", default_value = "100")]
    pub(crate) peak_rate: f64,

    /// Rate of arrivals in a spike, as a multiple of --peak-rate
    #[arg(long, value_parser = flags::count, value_name = "N", default_value = "5")]
    pub(crate) spike: u64,

    /// Length of the ramp, and of each of the two spikes
    #[arg(long, value_parser = flags::duration, value_name = "TIME", default_value = "3s")]
    pub(crate) duration: Duration,

    /// Length of the time without arrivals between the spikes
    #[arg(long, value_parser = flags::duration, value_name = "TIME", default_value = "4s")]
    pub(crate) idle: Duration,

    /// Number of logins that begin at the same instant [default: the pool's size]
    #[arg(long, value_parser = flags::count, value_name = "N")]
    pub(crate) storm: Option<u64>,

    /// Never return the connection of every Nth request, to see the effects of a leak
    #[arg(long, value_parser = flags::count, value_name = "N")]
    pub(crate) leak_every: Option<u64>,

    /// Flags that all traced runs have.
    #[command(flatten)]
    pub(crate) traced: TracedRunFlags,

    /// Flags of the pool under test.
    #[command(flatten)]
    pub(crate) pool: OnePoolFlags,
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::cli::PoolBenchCli;

    #[test]
    fn the_old_name_of_the_peak_rate_is_refused_with_the_new_one() {
        let read = |flag| PoolBenchCli::try_parse_from(["db-pool-bench", "lifecycle", flag, "50"]);
        assert!(read("--peak-rate").is_ok());
        let error = read("--rate").unwrap_err().to_string();
        assert!(error.contains("--peak-rate"), "{error}");
    }

    #[test]
    fn a_search_for_a_rate_is_refused_where_the_load_is_no_single_rate() {
        for scenario in ["lifecycle", "exhaust"] {
            let words = ["db-pool-bench", scenario, "--find-rate", "p99<50ms"];
            let error = PoolBenchCli::try_parse_from(words).unwrap_err().to_string();
            for told in ["no single rate", "sweep and scale", "redis-bench"] {
                assert!(error.contains(told), "{error}");
            }
        }
    }
}
