//! One measuring, from the claim of its results file to its exit code.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use bench_cli::progress::Progress;
use bench_cli::{Exit, Remedy as _, output, signals};
use bench_report::{Environment, store};

use crate::child::{ChildError, Runner, command};
use crate::cli::Cli;
use crate::contest::{CARDS, Card, Compared, ContestError, Lab, Load};
use crate::pairs::{Pair, Rule, alternate};
use crate::recorder::RecorderCost;
use crate::results::{ContestResult, Outcome, Results};
use crate::sampling::Samples;
use crate::{minimal, postgres, redis, sampling, table};

/// An interval of fewer pairs than this can be narrow by luck.
const LEAST_PAIRS: usize = 5;

/// Runs the contests that `cli` asks for, and prints their table.
///
/// # Errors
/// When signals cannot be followed or the results cannot be saved or shown; what befalls one
/// contest is in the results, and in the exit code.
pub fn run(cli: &Cli) -> anyhow::Result<Exit> {
    let mut bench = Bench::begin(cli)?;
    let chosen = |card: &&Card| cli.only.is_empty() || cli.only.iter().any(|n| n == card.name);
    let mut grounds = Grounds::default();
    for card in CARDS.iter().filter(chosen) {
        if bench.lab.runner.interrupted() {
            break;
        }
        bench.contest(card, &mut grounds)?;
    }
    bench.results.recorder = RecorderCost::of(postgres::OURS, &bench.results.contests);
    bench.save()?;
    bench.progress.finish();
    output::print(&table::text(&bench.results))?;
    let place = format!("Results: {}", bench.output.display());
    bench.progress.line(&place);
    Ok(bench.exit())
}

/// The servers, each started for the first contest that takes place on it.
#[derive(Debug, Default)]
struct Grounds {
    postgres: Option<postgres::Ground>,
    redis: Option<redis::Ground>,
}

struct Bench {
    lab: Lab,
    rule: Rule,
    results: Results,
    output: PathBuf,
    progress: Progress,
}

impl Bench {
    fn begin(cli: &Cli) -> anyhow::Result<Self> {
        let interrupted = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&interrupted);
        signals::on_interrupt(move || flag.store(true, Ordering::Relaxed))
            .context("cannot follow signals")?;
        let runner = Runner::new(interrupted)
            .context("cannot make a private directory")
            .remedy("set TMPDIR to a directory that can be written")?;
        let rule = rule(cli);
        let bench = Self {
            lab: Lab {
                runner,
                seconds: cli.seconds,
            },
            rule,
            results: Results::begin(cli.seconds, &rule, environment()),
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

    fn contest(&mut self, card: &Card, grounds: &mut Grounds) -> anyhow::Result<()> {
        let detail = format!("{} ÷ {}", card.ours, card.peer);
        self.progress.phase(card.name, &detail);
        let mut pairs = Vec::new();
        let outcome = match self.play(card, grounds, &mut pairs) {
            Ok(()) => Outcome::Measured,
            Err(ContestError::Child(ChildError::Interrupted)) => Outcome::Interrupted,
            Err(error @ ContestError::NoPeer { .. }) => Outcome::Skipped {
                reason: error.to_string(),
            },
            Err(error) => Outcome::Failed {
                reason: error.to_string(),
            },
        };
        let result = ContestResult::of(card, outcome, pairs);
        if let Some(why) = table::why_unfinished(&result) {
            self.progress.line(&format!("{}: {why}", card.name));
        }
        self.results.contests.push(result);
        self.save()
    }

    fn play(
        &mut self,
        card: &Card,
        grounds: &mut Grounds,
        pairs: &mut Vec<Pair>,
    ) -> Result<(), ContestError> {
        let (lab, progress) = (&self.lab, &mut self.progress);
        let rule = Rule {
            relative: card.expected_ratio.is_none(),
            compared: card.compared,
            ..self.rule
        };
        let show = |pairs: &[Pair]| progress.line(&line(card, pairs));
        match card.load {
            Load::PointSelect { driver, users } => {
                let ground = prepared(&mut grounds.postgres, || postgres::Ground::prepare(lab))?;
                let mut contest = ground.beside_pgbench(lab, driver, users);
                alternate(&mut contest, &rule, pairs, show)
            }
            Load::Pooled { driver, users } => {
                let peer = minimal::find(minimal::POOL)?;
                let ground = prepared(&mut grounds.postgres, || postgres::Ground::prepare(lab))?;
                let mut contest = ground.beside_minimal(lab, driver, users, peer);
                alternate(&mut contest, &rule, pairs, show)
            }
            Load::MinimalSet => {
                let peer = minimal::find(minimal::REDIS)?;
                let ground = prepared(&mut grounds.redis, redis::Ground::prepare)?;
                alternate(&mut ground.beside_minimal(lab, peer), &rule, pairs, show)
            }
            Load::BenchmarkSet => {
                let peer = redis::benchmark_program()?;
                let ground = prepared(&mut grounds.redis, redis::Ground::prepare)?;
                alternate(&mut ground.beside_benchmark(lab, peer)?, &rule, pairs, show)
            }
            Load::Sample { reach, peer } => {
                let mut contest = Samples::prepare(lab, reach, peer)?;
                alternate(&mut contest, &rule, pairs, show)
            }
        }
    }

    /// Interrupted before failed; a contest that was left out for want of a peer is no failure,
    /// unless nothing else was measured.
    fn exit(&self) -> Exit {
        let outcomes = || self.results.contests.iter().map(|contest| &contest.outcome);
        let failed = outcomes().any(|outcome| matches!(outcome, Outcome::Failed { .. }));
        let measured = outcomes().any(|outcome| *outcome == Outcome::Measured);
        if self.lab.runner.interrupted() {
            Exit::Interrupted
        } else if failed || !measured {
            Exit::Code(1)
        } else {
            Exit::Done
        }
    }
}

fn prepared<T>(
    ground: &mut Option<T>,
    prepare: impl FnOnce() -> Result<T, ContestError>,
) -> Result<&T, ContestError> {
    match ground {
        Some(ground) => Ok(ground),
        none => Ok(none.insert(prepare()?)),
    }
}

fn rule(cli: &Cli) -> Rule {
    let most = cli.pairs as usize;
    Rule {
        least: LEAST_PAIRS.min(most),
        most,
        half_width: cli.half_width,
        relative: false,
        compared: Compared::default(),
    }
}

/// This machine, and the versions of the peers that it has.
fn environment() -> Environment {
    let mut environment = Environment::capture();
    let programs = [
        postgres::peer_program(),
        redis::benchmark_program(),
        sampling::pidstat_program(),
    ];
    environment.versions = programs
        .iter()
        .flatten()
        .filter_map(|path| version(path))
        .collect();
    environment
}

/// A program's name, and the first line of what it says of its version.
fn version(program: &Path) -> Option<(String, String)> {
    let said = command(program).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    let name = program.file_name()?.to_string_lossy().into_owned();
    Some((name, text.lines().next()?.trim().to_owned()))
}

/// The last pair, and the ratio so far.
fn line(card: &Card, pairs: &[Pair]) -> String {
    let result = ContestResult::of(card, Outcome::Measured, pairs.to_vec());
    let so_far = result.ratio.map_or(String::new(), |ratio| {
        format!(", so far {}", table::ratio(&ratio))
    });
    let last = pairs.last().map_or(String::new(), |pair| {
        let (ours, peer) = (card.compared.of(&pair.ours), card.compared.of(&pair.peer));
        let shown = |figure| table::figure(card.compared, figure);
        format!("{:.3} ({} ÷ {})", ours / peer, shown(ours), shown(peer))
    });
    format!("{}, pair {}: {last}{so_far}", card.name, pairs.len())
}
