//! Small program that uses `bench-cli` and ends in each way in which a program of this project can
//! end. Tests start it and examine its output and exit code.

use std::io;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use bench_cli::flags::{self, Counts, OutputFlags};
use bench_cli::output::{self, Output};
use bench_cli::progress::Progress;
use bench_cli::table::Table;
use bench_cli::{Exit, Interrupted, Remedy as _, UsageError, signals};
use bench_report::{Report, Status};
use clap::{Parser, Subcommand};

const TOOL: &str = "a-bench";
/// Longest time that `wait` waits for a signal, so that the program ends even if none is sent.
const TIMEOUT: Duration = Duration::from_mins(1);

#[derive(Debug, Parser)]
#[command(name = "a-bench", version)]
struct Cli {
    /// Address of the target, a URL that errors and results show
    #[arg(long, global = true, env = "A_BENCH_URL", value_parser = url)]
    url: Option<String>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// End with the exit code of an outcome
    End { how: How },
    /// Fail with an error or a panic
    Fail { why: Why },
    /// Print many lines on stdout, then end with code 3
    Lines,
    /// Show progress, and a result in a report
    Load(LoadArgs),
    /// Wait for a signal, then end with exit code 130
    Wait {
        /// Time between the first signal and the end
        #[arg(long, value_parser = flags::duration_or_zero, default_value = "0")]
        takes: Duration,
    },
    /// Log one message of each level
    Log {
        /// Hold the messages back while a line is printed, as a full-screen view does
        #[arg(long)]
        hold: bool,
        #[command(flatten)]
        output: OutputFlags,
    },
}

#[derive(Debug, clap::Args)]
struct LoadArgs {
    /// Length of the load that the progress shows
    #[arg(long, value_parser = flags::duration, default_value = "10s")]
    duration: Duration,
    /// Pool sizes, one for each row of the result
    #[arg(long, value_parser = flags::list_of_counts)]
    pool_sizes: Option<Counts>,
    #[command(flatten)]
    output: OutputFlags,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum How {
    Done,
    Gate,
    Interrupted,
    Handed,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Why {
    Refused,
    Usage,
    Interrupted,
    BrokenServer,
    Hostile,
    Panic,
}

fn url(text: &str) -> Result<String, String> {
    if text.contains("://") {
        Ok(text.to_owned())
    } else {
        Err("write a URL such as postgres://app@db:5432/shop".to_owned())
    }
}

fn main() -> ExitCode {
    let cli: Cli = bench_cli::parse();
    bench_cli::run(TOOL, || match &cli.action {
        Action::End { how } => Ok(end(*how)),
        Action::Fail { why } => fail(*why, cli.url.as_deref().unwrap_or("postgres://app@db")),
        Action::Lines => {
            for n in 0..100_000 {
                output::print(&format!("{n}\n"))?;
            }
            Ok(Exit::GateFailed)
        }
        Action::Load(args) => load(args, cli.url.as_deref()),
        Action::Wait { takes } => wait(*takes),
        Action::Log { hold, output } => {
            let held = hold.then(bench_cli::hold_lines);
            log(output.quiet);
            if held.is_some() {
                output::print("the view\n")?;
            }
            Ok(Exit::Done)
        }
    })
}

/// Logs one message of each level and one of a library while progress is shown. Most have a
/// password in a field, which the output must mask.
fn log(quiet: bool) {
    let mut progress = Progress::new(quiet);
    progress.phase("measure", "");
    let error = "cannot connect to postgres://app:hunter2@db/shop";
    tracing::error!(error, "planted error");
    tracing::warn!(error, password = "hunter2", pid = 7, "planted warning");
    tracing::info!(error, "planted\ninformation\u{1b}[2J");
    tracing::debug!(error, "planted detail");
    tracing::warn!(target: "sqlx::query", error, "planted warning of a library");
    progress.finish();
}

fn end(how: How) -> Exit {
    match how {
        How::Done => Exit::Done,
        How::Gate => Exit::GateFailed,
        How::Interrupted => Exit::Interrupted,
        How::Handed => Exit::Code(42),
    }
}

#[expect(clippy::panic, reason = "a test looks at what a panic shows")]
fn fail(why: Why, url: &str) -> anyhow::Result<Exit> {
    let error = match why {
        Why::Refused => io::Error::from(io::ErrorKind::ConnectionRefused).into(),
        Why::BrokenServer => io::Error::from(io::ErrorKind::BrokenPipe).into(),
        Why::Usage => UsageError("no pool has 0 connections".to_owned()).into(),
        Why::Interrupted => Interrupted.into(),
        Why::Hostile => anyhow::anyhow!("\u{1b}[2Jserver\rsays\nPGPASSWORD=hunter2"),
        Why::Panic => panic!("cannot be: {url}\nat all"),
    };
    Err::<Exit, anyhow::Error>(error)
        .with_context(|| format!("cannot connect to {url}"))
        .remedy(format!("psql {url}"))
}

fn load(args: &LoadArgs, url: Option<&str>) -> anyhow::Result<Exit> {
    let mut report = Report::begin(output::tool(TOOL, "1"), "run-7".to_owned(), "sweep");
    let output = Output::open(&args.output, &report)?;
    let mut progress = Progress::new(args.output.quiet);
    progress.phase("measure", "8 users\u{1b}[2J");
    for percent in 0..100 {
        let long = "a message far too long for any terminal ".repeat(4);
        progress.tick(
            args.duration.mul_f64(f64::from(percent) / 100.0),
            args.duration,
            &long,
        );
        thread::sleep(Duration::from_millis(1));
    }
    progress.line(&format!("target {}", url.unwrap_or("of our own")));
    progress.finish();
    report.status = Status::Complete;
    output.save(&report);
    let mut table = Table::new(&["size", "throughput", "target"]);
    for size in args
        .pool_sizes
        .as_ref()
        .map_or(&[8][..], |counts| &counts.0)
    {
        table.row(&[&size.to_string(), "84.7 k/s", url.unwrap_or("of our own")]);
    }
    output.finish(&report, &table.to_string())?;
    output.ended(Exit::Done.code());
    Ok(Exit::Done)
}

fn wait(takes: Duration) -> anyhow::Result<Exit> {
    let waiting = thread::current();
    let mut progress = Progress::new(false);
    signals::on_interrupt(move || {
        Progress::new(false).line("asked");
        thread::sleep(takes);
        waiting.unpark();
    })?;
    progress.line("ready");
    thread::park_timeout(TIMEOUT);
    progress.line("ended in order");
    Ok(Exit::Interrupted)
}
