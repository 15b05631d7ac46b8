//! Command line of the `peers` benchmark.

use std::path::PathBuf;

use clap::Parser;

use crate::plan::{CONTESTS, named};

/// Measures the benches beside pgbench, redis-benchmark, memtier, uWebSockets and minimal loops, and the recorder beside
/// pidstat, psutil and sysinfo, in alternating pairs on throwaway servers and processes. A ratio
/// that falls short is shown, and is no failure.
#[derive(Debug, Clone, Parser)]
#[command(name = "peers", version, after_help = EXAMPLES)]
pub(crate) struct PeersCli {
    /// Run only this contest, such as direct-8, those of a group, such as direct, or those of a
    /// program, such as redis-bench (repeat it for several)
    #[arg(long, value_name = "NAME", value_parser = contest_name)]
    pub(crate) only: Vec<String>,

    /// Measured time of each run, in seconds
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    pub(crate) seconds: u64,

    /// Largest number of pairs of runs in a contest; it has at least 5, or this many if that is
    /// less
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u64).range(2..=1_000))]
    pub(crate) pairs: u64,

    /// End a contest when the half-width of the ratio's 95 % interval is this or less; of a
    /// ratio without a bound of at most 1, as a share of the ratio
    #[arg(long, value_name = "RATIO", default_value_t = 0.03, value_parser = half_width)]
    pub(crate) half_width: f64,

    /// File for the results, as JSON
    #[arg(long, value_name = "FILE", default_value = "reports/bench.json")]
    pub(crate) output: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  peers                                    every contest, until each ratio is certain
  peers --only direct-8 --half-width 0.01
  PLIMSOLL_MEMTIER=memtier_benchmark peers --only memtier
  PLIMSOLL_UWS_LOAD_TEST=load_test PLIMSOLL_UWS_ECHO_SERVER=EchoServer peers --only echo-uws
  PLIMSOLL_REDIS_BIN=valkey-server peers --only multiplexed --output valkey.json
  peers --seconds 1 --pairs 5              a first impression, in some five minutes";

fn contest_name(text: &str) -> Result<String, String> {
    if named(text).next().is_some() {
        return Ok(text.to_owned());
    }
    let names: Vec<&str> = CONTESTS.iter().map(|plan| plan.name.as_str()).collect();
    let names = names.join(", ");
    Err(format!(
        "no contest has this name; the contests are {names}"
    ))
}

fn half_width(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(ratio) if ratio > 0.0 && ratio < 1.0 => Ok(ratio),
        _ => Err(format!(
            "{text:?} is no half-width; write a share between 0 and 1, such as 0.03"
        )),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_is_well_formed_and_its_defaults_are_the_published_ones() {
        PeersCli::command().debug_assert();
        let cli = PeersCli::try_parse_from(["peers"]).unwrap();
        assert_eq!((cli.seconds, cli.pairs), (3, 40));
        assert!((cli.half_width - 0.03).abs() < 1e-12);
        assert!(cli.only.is_empty());
        assert_eq!(cli.output, PathBuf::from("reports/bench.json"));
    }

    #[test]
    fn hostile_values_are_refused() {
        for args in [
            ["--only", "mysql"],
            ["--seconds", "0"],
            ["--seconds", "-1"],
            ["--pairs", "1"],
            ["--half-width", "0"],
            ["--half-width", "-0.1"],
            ["--half-width", "NaN"],
            ["--half-width", "1"],
        ] {
            let parsed = PeersCli::try_parse_from(["peers", args[0], args[1]]);
            assert!(parsed.is_err(), "{args:?}");
        }
    }
}
