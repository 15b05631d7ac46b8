//! Run of the peer benchmark, from its first writing of the results file to its exit code.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use bench_cli::progress::Progress;
use bench_cli::{Exit, Remedy as _, output, signals};
use bench_report::{Environment, store};

use crate::cli::PeersCli;
use crate::contest::{Compared, ContestError};
use crate::context::RunContext;
use crate::pairs::{PairRule, RunPair, alternate};
use crate::plan::{CONTESTS, ContestLoad, ContestPlan, named};
use crate::program::{ProgramError, ProgramRunner, command};
use crate::recorder::RecorderCost;
use crate::results::{ContestOutcome, ContestResult, PeerResults};
use crate::sampling::SamplingContest;
use crate::websocket::WebSocketContest;
use crate::{minimal, postgres, redis, sampling, table};

/// Smallest number of pairs of runs in a contest, unless the limit is lower; an interval of fewer
/// pairs may be narrow by chance.
const LEAST_PAIRS: usize = 5;

/// Runs the contests that `cli` selects, saves the results after each, and prints their table to
/// standard output. Returns the exit status of the process.
///
/// # Errors
/// Fails if signal handlers cannot be installed, a private directory cannot be made, or the results
/// cannot be saved or shown. Failures of a contest are in the results and in the exit status.
pub(crate) fn run(cli: &PeersCli) -> anyhow::Result<Exit> {
    let mut bench = PeerBenchmark::begin(cli)?;
    let only: Vec<&ContestPlan> = cli.only.iter().flat_map(|name| named(name)).collect();
    let chosen = |plan: &&ContestPlan| cli.only.is_empty() || only.contains(plan);
    let mut servers = ThrowawayServers::default();
    for plan in CONTESTS.iter().filter(chosen) {
        if bench.context.runner.interrupted() {
            break;
        }
        bench.contest(plan, &mut servers)?;
    }
    let rate = bench.results.highest_rate_of(postgres::OURS);
    bench.results.recorder = rate.and_then(RecorderCost::measure);
    bench.save()?;
    bench.progress.finish();
    output::print(&table::text(&bench.results))?;
    let place = format!("Results: {}", bench.output.display());
    bench.progress.line(&place);
    Ok(bench.exit())
}

/// Servers for the contests that are thrown away afterwards; each is started for the first contest
/// that needs it.
#[derive(Debug, Default)]
struct ThrowawayServers {
    postgres: Option<postgres::PostgresWorkload>,
    redis: Option<redis::RedisWorkload>,
}

struct PeerBenchmark {
    context: RunContext,
    rule: PairRule,
    results: PeerResults,
    output: PathBuf,
    progress: Progress,
}

impl PeerBenchmark {
    fn begin(cli: &PeersCli) -> anyhow::Result<Self> {
        let interrupted = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&interrupted);
        signals::on_interrupt(move || flag.store(true, Ordering::Relaxed))
            .context("cannot follow signals")?;
        let runner = ProgramRunner::new(interrupted)
            .context("cannot make a private directory")
            .remedy("set TMPDIR to a directory that can be written")?;
        let rule = rule(cli);
        let bench = Self {
            context: RunContext {
                runner,
                seconds: cli.seconds,
            },
            rule,
            results: PeerResults::begin(cli.seconds, &rule, environment()),
            output: cli.output.clone(),
            progress: Progress::new(false),
        };
        if let Some(directory) = bench.output.parent() {
            std::fs::create_dir_all(directory)
                .with_context(|| format!("cannot make {}", directory.display()))?;
        }
        bench.save()?;
        Ok(bench)
    }

    fn save(&self) -> anyhow::Result<()> {
        store::save_json(&self.output, &self.results)
            .remedy("name a file that can be written with --output FILE")
    }

    fn contest(
        &mut self,
        plan: &ContestPlan,
        servers: &mut ThrowawayServers,
    ) -> anyhow::Result<()> {
        let detail = format!("{} ÷ {}", plan.ours, plan.peer);
        self.progress.phase(&plan.name, &detail);
        let mut pairs = Vec::new();
        let outcome = match self.run_contest(plan, servers, &mut pairs) {
            Ok(()) => ContestOutcome::Measured,
            Err(ContestError::Child(ProgramError::Interrupted)) => ContestOutcome::Interrupted,
            Err(error @ ContestError::NoPeer { .. }) => ContestOutcome::MissingPeer {
                reason: error.to_string(),
            },
            Err(error) => ContestOutcome::Failed {
                reason: error.to_string(),
            },
        };
        let result = ContestResult::from_pairs(plan, outcome, pairs);
        if let Some(why) = table::why_unfinished(&result) {
            self.progress.line(&format!("{}: {why}", plan.name));
        }
        self.results.contests.push(result);
        self.save()
    }

    fn run_contest(
        &mut self,
        plan: &ContestPlan,
        servers: &mut ThrowawayServers,
        pairs: &mut Vec<RunPair>,
    ) -> Result<(), ContestError> {
        let (context, progress) = (&self.context, &mut self.progress);
        let rule = PairRule {
            relative: plan.expected_ratio.is_none_or(|expected| expected > 1.0),
            compared: plan.compared,
            ..self.rule
        };
        let show = |pairs: &[RunPair]| progress.line(&line(plan, pairs));
        match plan.load {
            ContestLoad::PointSelect { driver, users } => {
                let workload = prepared(&mut servers.postgres, || {
                    postgres::PostgresWorkload::prepare(context)
                })?;
                let mut sides = workload.beside_pgbench(context, driver, users);
                alternate(&mut sides, &rule, pairs, show)
            }
            ContestLoad::Pooled { driver, users } => {
                let peer = minimal::find(minimal::POOL)?;
                let workload = prepared(&mut servers.postgres, || {
                    postgres::PostgresWorkload::prepare(context)
                })?;
                let mut sides = workload.beside_minimal(context, driver, users, peer);
                alternate(&mut sides, &rule, pairs, show)
            }
            ContestLoad::Redis { peer, load } => {
                redis::find_peer(peer)?;
                let workload = prepared(&mut servers.redis, redis::RedisWorkload::prepare)?;
                let mut sides = workload.contest(context, peer, load)?;
                alternate(&mut sides, &rule, pairs, show)
            }
            ContestLoad::WebSocket { peer, connections } => {
                let mut sides = WebSocketContest::prepare(context, peer, connections)?;
                alternate(&mut sides, &rule, pairs, show)
            }
            ContestLoad::Sample { scope, peer } => {
                let mut sides = SamplingContest::prepare(context, scope, peer)?;
                alternate(&mut sides, &rule, pairs, show)
            }
        }
    }

    /// Returns the exit status: interrupted if a signal arrived; else 1 if a contest failed or none
    /// was measured; else success. A contest without its peer falls short, and is no failure.
    fn exit(&self) -> Exit {
        let outcomes = || self.results.contests.iter().map(|contest| &contest.outcome);
        let failed = outcomes().any(|outcome| matches!(outcome, ContestOutcome::Failed { .. }));
        let measured = outcomes().any(|outcome| *outcome == ContestOutcome::Measured);
        if self.context.runner.interrupted() {
            Exit::Interrupted
        } else if failed || !measured {
            Exit::Code(1)
        } else {
            Exit::Done
        }
    }
}

fn prepared<T>(
    workload: &mut Option<T>,
    prepare: impl FnOnce() -> Result<T, ContestError>,
) -> Result<&T, ContestError> {
    match workload {
        Some(workload) => Ok(workload),
        none => Ok(none.insert(prepare()?)),
    }
}

fn rule(cli: &PeersCli) -> PairRule {
    let most = cli.pairs as usize;
    PairRule {
        least: LEAST_PAIRS.min(most),
        most,
        half_width: cli.half_width,
        relative: false,
        compared: Compared::default(),
    }
}

/// Returns the description of this machine, with the versions of the Redis server and of
/// those peers that are installed.
fn environment() -> Environment {
    let mut environment = Environment::capture();
    let programs = [
        postgres::peer_program(),
        redis::benchmark::program(),
        redis::memtier::program(),
        testbed::find_redis().map_err(ContestError::from),
        sampling::pidstat_program(),
    ];
    environment.versions = programs
        .iter()
        .flatten()
        .filter_map(|path| version(path))
        .collect();
    environment
}

/// Returns a program's file name and the first line that it prints for `--version`; `None` if it
/// cannot be run or prints nothing.
fn version(program: &Path) -> Option<(String, String)> {
    let said = command(program).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    let name = program.file_name()?.to_string_lossy().into_owned();
    Some((name, text.lines().next()?.trim().to_owned()))
}

/// Returns the progress line of a contest: number, ratio and figures of the last pair, and the
/// ratio of all pairs so far.
fn line(plan: &ContestPlan, pairs: &[RunPair]) -> String {
    let result = ContestResult::from_pairs(plan, ContestOutcome::Measured, pairs.to_vec());
    let so_far = result.ratio.map_or(String::new(), |ratio| {
        format!(", so far {}", table::ratio(&ratio))
    });
    let last = pairs.last().map_or(String::new(), |pair| {
        let (ours, peer) = (
            plan.compared.figure_of(&pair.ours),
            plan.compared.figure_of(&pair.peer),
        );
        let shown = |figure| table::figure(plan.compared, figure);
        format!("{:.3} ({} ÷ {})", ours / peer, shown(ours), shown(peer))
    });
    format!("{}, pair {}: {last}{so_far}", plan.name, pairs.len())
}
