//! How many connections a server holds, and whose limit it was.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use anyhow::Context as _;
use bench_cli::bench::{Bench, ShownFigures};
use bench_cli::flags::OutputFlags;
use bench_cli::{Exit, Remedy as _};
use bench_report::{Limit, LimitOwner, Status};
use load_engine::Failure;
use load_engine::cpu_use::LoadThreads;
use load_engine::step::available_threads;
use serde_json::Value;
use testbed::WebSocketServer;

use crate::capacity::{Machine, Shortage, Whereabouts, shortage};
use crate::climb::{Climber, Verdict};
use crate::crew::{Crew, Unfinished};
use crate::endpoint::{Endpoint, Target};
use crate::evidence::ServerWatch;
use crate::failure;
use crate::level::Setup;
use crate::probe::{Found, probe};
use crate::remedy;
use crate::render;
use crate::search::Search;
use crate::settings::LimitSettings;
use crate::verdict::Break;

/// Searches the limit of `target`, or of a throwaway server where there is none.
///
/// # Errors
/// Fails when the report cannot be written, no server answers, or the machine gives no threads.
pub fn run(
    target: Option<Target>,
    settings: &LimitSettings,
    output: &OutputFlags,
    mut config: BTreeMap<String, Value>,
) -> anyhow::Result<Exit> {
    settings.describe(&mut config);
    let mut bench = Bench::begin(
        "ws-bench",
        env!("CARGO_PKG_VERSION"),
        "limit",
        output,
        config,
    )?;
    bench.seek_limit();
    bench.show_figures(ShownFigures {
        merged: false,
        ..ShownFigures::default()
    });
    let searched = with_server(&mut bench, target, settings);
    if let Err(error) = searched {
        bench.report.status = Status::Failed;
        bench.save();
        return Err(error);
    }
    let text = render::text(&bench.report);
    bench.finish(&text)
}

/// Starts a server where none is given, and ends it before the report is finished.
fn with_server(
    bench: &mut Bench,
    target: Option<Target>,
    settings: &LimitSettings,
) -> anyhow::Result<()> {
    if let Some(target) = target {
        return search(bench, &target, None, settings);
    }
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let server = WebSocketServer::start(&program, &[])
        .context("cannot start a throwaway server")
        .remedy("ws-bench serve in another terminal, and its address as --url here")?;
    let directory = server.directory().display().to_string();
    let target = Target::parse(server.url())?;
    let searched = search(bench, &target, Some(server.pid()), settings);
    if let Err(error) = server.stop() {
        bench.left_behind(&error.to_string(), &format!("rm -r {directory}"));
    }
    searched
}

fn search(
    bench: &mut Bench,
    target: &Target,
    server_pid: Option<u32>,
    settings: &LimitSettings,
) -> anyhow::Result<()> {
    let url = Value::from(target.shown());
    bench.report.config.insert("url".to_owned(), url);
    let endpoint = match probe(target, settings.bound, &bench.cancel)? {
        Found::Echo(endpoint) => endpoint,
        Found::Interrupted => return Ok(()),
        Found::Nothing(failure) => return Err(unreachable(target, &failure)),
    };
    let shortage = plan(bench, &endpoint, settings.max);
    let setup = Arc::new(setup(endpoint, settings));
    let mut watch = server_pid.map_or_else(
        || ServerWatch::of_endpoint(&setup.endpoint),
        ServerWatch::of_process,
    );
    if let Some(process) = watch.server_process() {
        let config = &mut bench.report.config;
        config.insert("server_process".to_owned(), process);
    }
    let crew = Crew::muster(&setup, settings.runtime, available_threads(), &bench.cancel)
        .context("cannot start the load generator's threads")?;
    let mut climber = Climber {
        bench,
        crew,
        setup,
        settings,
        watch,
        levels_left: 0,
    };
    let highest = shortage.as_ref().map_or(settings.max, |s| s.fits.max(1));
    let mut search = Search::new(settings.start, settings.factor, highest);
    let found = climb(&mut climber, &mut search, target)?;
    if !climber.bench.interrupted() {
        // A signal that comes now has nothing more to stop.
        let _ = climber.keep(0);
    }
    climber.crew.dismiss();
    conclude(bench, &search, found, shortage.as_ref());
    Ok(())
}

fn setup(endpoint: Endpoint, settings: &LimitSettings) -> Setup {
    Setup {
        endpoint,
        bound: settings.bound,
        spawn_rate_per_s: settings.spawn_rate_per_s,
        message_bytes: settings.message_bytes,
        load: settings.load.clone(),
        seed: settings.seed,
        waiting: settings.waiting,
        open: AtomicU64::new(0),
        threads: LoadThreads::default(),
    }
}

/// Returns what this machine lacks for `max` connections; told before the first is opened.
fn plan(bench: &mut Bench, endpoint: &Endpoint, max: u64) -> Option<Shortage> {
    let server = Whereabouts {
        local: endpoint.is_local(),
        many_sources: endpoint.spreads_sources(),
    };
    let machine = Machine::prepare(bench.report.environment.cgroup.as_ref());
    let shortage = shortage(max, &machine, server)?;
    let warning = shortage.warning(max);
    bench.line(&format!("warning: {}", warning.message));
    bench.warn(warning);
    Some(shortage)
}

/// Goes from level to level until the limit is known; what broke the lowest level that broke.
fn climb(
    climber: &mut Climber<'_>,
    search: &mut Search,
    target: &Target,
) -> anyhow::Result<Option<Break>> {
    let mut found = None;
    while let Some(level) = search.next() {
        climber.levels_left = search.levels_after();
        match climber.keep(level) {
            Ok(()) => {}
            Err(Unfinished::Cancelled) => return Ok(found),
            Err(gone) => return Err(gone.into()),
        }
        match hold(climber, level)? {
            Verdict::Held => search.held(level),
            Verdict::Interrupted => return Ok(found),
            Verdict::Broken { why, open } => {
                search.broke(level, open);
                found = Some(why);
                if open == 0 && is_gone(climber, target)? {
                    return Ok(found.map(gone));
                }
            }
        }
    }
    Ok(found)
}

/// Holds a level as often as was asked for.
fn hold(climber: &mut Climber<'_>, level: u64) -> anyhow::Result<Verdict> {
    for repeat in 0..climber.settings.repeats {
        match hold_once(climber, level, repeat)? {
            Verdict::Held => {}
            other => return Ok(other),
        }
    }
    Ok(Verdict::Held)
}

/// Holds a level; again, where it broke while the generator itself was late.
fn hold_once(climber: &mut Climber<'_>, level: u64, repeat: u64) -> anyhow::Result<Verdict> {
    const TRIES: usize = 3;
    for _ in 1..TRIES {
        match climber.level(level, repeat)? {
            Verdict::Broken { why, .. } if why.may_pass => {}
            other => return Ok(other),
        }
        climber
            .bench
            .line("the generator itself was late: this level is tried again");
        match climber.keep(level) {
            Ok(()) => {}
            Err(Unfinished::Cancelled) => return Ok(Verdict::Interrupted),
            Err(gone) => return Err(gone.into()),
        }
    }
    climber.level(level, repeat)
}

/// Returns true if the server answers nobody any more: then there is no limit left to look for.
fn is_gone(climber: &Climber<'_>, target: &Target) -> anyhow::Result<bool> {
    let found = probe(target, climber.settings.bound, &climber.bench.cancel)?;
    let of_target = |failure: &Failure| failure::owner(&failure.kind) == LimitOwner::Target;
    Ok(matches!(found, Found::Nothing(failure) if of_target(&failure)))
}

fn gone(why: Break) -> Break {
    Break {
        reason: format!(
            "{}; after that the server answered nobody any more",
            why.reason
        ),
        ..why
    }
}

fn conclude(bench: &mut Bench, search: &Search, found: Option<Break>, shortage: Option<&Shortage>) {
    let held = search.highest_held();
    let (owner, reason) = match (found, shortage) {
        _ if bench.interrupted() => (
            LimitOwner::Unknown,
            "the search was interrupted: the true limit may be higher".to_owned(),
        ),
        (Some(why), _) => (why.owner, why.reason),
        (None, Some(short)) => (
            short.owner,
            format!(
                "{}: the target's limit is higher; {}",
                short.reason, short.remedy
            ),
        ),
        (None, None) => (
            LimitOwner::Bound,
            "--max was reached, the true limit is higher".to_owned(),
        ),
    };
    let summary = &mut bench.report.summary;
    summary.figure("connections_held", held as f64);
    let limit = Limit {
        parameter: "connections".to_owned(),
        value: held as f64,
        owner,
        reason,
    };
    summary.headline = render::headline(&limit);
    summary.limit = Some(limit);
}

fn unreachable(target: &Target, failure: &Failure) -> anyhow::Error {
    let error = anyhow::Error::msg(remedy::sentence(target, failure));
    let advised: anyhow::Result<()> = Err(error).remedy(remedy::advice(target, &failure.kind));
    advised
        .err()
        .unwrap_or_else(|| anyhow::anyhow!("cannot connect"))
}
