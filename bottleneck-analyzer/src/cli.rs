//! Command line of `bottleneck-analyzer`.

use std::path::{Path, PathBuf};

use bench_cli::flags::Format;
use bench_cli::{Exit, Remedy as _, UsageError};
use bench_report::store::{self, ReportFile, StoreError};
use bench_report::{Status, Tool, Warning, WarningCode};
use clap::{Parser, Subcommand};

use crate::analysis;
use crate::assessment::Assessment;
use crate::merge;
use crate::render::{html, terminal};
use crate::run_reports::RunReports;
use crate::source_report::SourceReport;
use crate::thresholds::{DEFAULTS, Thresholds, ThresholdsError};

/// Reads the reports of a run and says what limits it, how it knows, and what to promise.
#[derive(Debug, Parser)]
#[command(name = "bottleneck-analyzer", version)]
pub(crate) struct AnalyzerCli {
    #[command(subcommand)]
    command: AnalyzerCommand,
}

#[derive(Debug, Subcommand)]
enum AnalyzerCommand {
    /// Rank what limits a run, and recommend what to promise
    #[command(after_help = EXAMPLES)]
    Analyze(Analyze),
    /// Join the reports of workers that made one load on several hosts
    #[command(after_help = MERGE_HELP)]
    Merge(Merge),
}

const EXAMPLES: &str = "\
Examples:
  bottleneck-analyzer analyze reports/20260314-091500-7f3a
  bottleneck-analyzer analyze --gate --quiet reports/nightly   # exit 3 unless every gate passed
  bottleneck-analyzer analyze --print-thresholds > mine.toml     # bounds and gates, to change
  bottleneck-analyzer analyze --thresholds mine.toml db-pool-bench.sweep.json";

const MERGE_HELP: &str = "\
Reports must be of one plan (the same flags and --start-at) and each of another worker. Histograms \
are added bucket by bucket, and percentiles computed anew. A worker whose report is missing, or that \
was late, is named with the load that it did not make; the exit code is then 1.

Example, of two hosts:
  redis-bench cache --client pooled --url redis://cache:6379/ --worker 0/2 --start-at 2026-03-14T09:15:00Z
  redis-bench cache --client pooled --url redis://cache:6379/ --worker 1/2 --start-at 2026-03-14T09:15:00Z
  bottleneck-analyzer merge 0/redis-bench.cache.json 1/redis-bench.cache.json --output whole.json";

#[derive(Debug, clap::Args)]
struct Analyze {
    /// A run's directory, or report files of one run
    #[arg(required_unless_present = "print_thresholds", value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// File of the assessment [default: assessment.json beside the reports]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// File of the HTML page [default: report.html beside the reports]
    #[arg(long, value_name = "FILE", conflicts_with = "no_html")]
    html: Option<PathBuf>,
    /// Write no HTML page
    #[arg(long)]
    no_html: bool,
    /// Output on stdout: findings as text, or the assessment as JSON
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Print nothing but errors
    #[arg(long, short)]
    quiet: bool,
    /// Exit with code 3 unless every gate passed and no part of the run is missing; with `lenient`, only if a
    /// gate failed
    #[arg(
        long,
        value_enum,
        value_name = "HOW",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "strict"
    )]
    gate: Option<Strictness>,
    /// TOML file with thresholds in place of the shipped ones of the same names, and with gates
    #[arg(long, value_name = "FILE")]
    thresholds: Option<PathBuf>,
    /// Profile whose expectations are judged [default: the one in the run's manifest]
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Print the shipped thresholds, with comments, as a file for --thresholds to begin with
    #[arg(long, exclusive = true)]
    print_thresholds: bool,
}

#[derive(Debug, clap::Args)]
struct Merge {
    /// Report of each worker
    #[arg(required = true, value_name = "FILE")]
    reports: Vec<PathBuf>,
    /// File of the joined report
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
}

impl Merge {
    fn run(&self) -> anyhow::Result<Exit> {
        let read = |path: &PathBuf| Ok((path.clone(), store::load(path)?));
        let reports = self
            .reports
            .iter()
            .map(read)
            .collect::<Result<_, StoreError>>();
        let reports = reports.remedy("give the reports of workers, and leave out the rest")?;
        let merged = merge::merge(reports)
            .remedy("give one report of each worker of one load, as --worker I/N wrote it")?;
        let is_input = |path: &PathBuf| are_one_file(path, &self.output);
        if self.reports.iter().any(is_input) {
            let sentence = format!("{} is one of the reports to join", self.output.display());
            return Err(UsageError(sentence)).remedy("another file for the result");
        }
        ReportFile::create(&self.output, &merged)
            .remedy("--output with a path that can be written")?;
        let is_grave = |warning: &&Warning| {
            matches!(
                warning.code,
                WarningCode::WorkerLost | WarningCode::WorkerLate
            )
        };
        for warning in merged.warnings.iter().filter(is_grave) {
            bench_cli::show(&format!("warning: {}", warning.message));
        }
        let is_note = |warning: &&Warning| {
            warning.code == WarningCode::EvidenceMissing && warning.step.is_none()
        };
        for note in merged.warnings.iter().filter(is_note) {
            bench_cli::show(&format!("note: {}", note.message));
        }
        bench_cli::show(&format!("Wrote {}", self.output.display()));
        Ok(if merged.status == Status::Complete {
            Exit::Done
        } else {
            Exit::Code(1)
        })
    }
}

/// Treatment of gates that could not be judged and of missing parts, for the flag `--gate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Strictness {
    /// Fails unless every gate passed and no part is missing.
    Strict,
    /// Fails only if a gate failed.
    Lenient,
}

impl Strictness {
    fn is_kept_by(self, assessment: &Assessment) -> bool {
        match self {
            Self::Strict => assessment.every_gate_passed(),
            Self::Lenient => !assessment.a_gate_failed(),
        }
    }
}

impl AnalyzerCli {
    /// Runs the chosen command and returns how the program should exit.
    ///
    /// # Errors
    /// Fails if a report or the thresholds cannot be read, if reports cannot be joined, if
    /// an output is one of the inputs, or if a result cannot be written.
    pub(crate) fn run(&self) -> anyhow::Result<Exit> {
        match &self.command {
            AnalyzerCommand::Analyze(analyze) => analyze.run(),
            AnalyzerCommand::Merge(merge) => merge.run(),
        }
    }
}

impl Analyze {
    fn run(&self) -> anyhow::Result<Exit> {
        if self.print_thresholds {
            bench_cli::output::print(DEFAULTS)?;
            return Ok(Exit::Done);
        }
        let thresholds = self.thresholds()?;
        let run = RunReports::load(&self.paths).or_else(|error| {
            let what_to_do = error.remedy();
            Err(error).remedy(what_to_do)
        })?;
        let assessment = analysis::assess(&run, &thresholds, tool());
        let output = beside(&run, self.output.as_ref(), "assessment.json");
        refuse_to_overwrite(&run, &output)?;
        store::save_json(&output, &assessment)
            .remedy("--output with a path that can be written")?;
        let mut written = vec![output];
        if !self.no_html {
            let page = beside(&run, self.html.as_ref(), "report.html");
            refuse_to_overwrite(&run, &page)?;
            store::save_text(&page, &html::page(&run, &assessment))
                .remedy("--html with a path that can be written, or --no-html")?;
            written.push(page);
        }
        if !self.quiet {
            self.print(&assessment)?;
            for path in written {
                bench_cli::show(&format!("Wrote {}", path.display()));
            }
        }
        let kept = self.gate.is_none_or(|how| how.is_kept_by(&assessment));
        // The process ends now. To free thousands of reports value by value takes longer than to write
        // the page.
        std::mem::forget((run, assessment));
        Ok(if kept { Exit::Done } else { Exit::GateFailed })
    }

    /// Reads the thresholds, with the profile that the flag names.
    fn thresholds(&self) -> anyhow::Result<Thresholds> {
        let with_remedy = |error: ThresholdsError| {
            let what_to_do = error.remedy();
            Err(error).remedy(what_to_do)
        };
        let thresholds = Thresholds::load(self.thresholds.as_deref()).or_else(with_remedy)?;
        match &self.profile {
            Some(name) => thresholds.under(name).or_else(|known| {
                let sentence = format!("there are no expectations of a profile {name:?}");
                Err(UsageError(sentence)).remedy(format!("one of: {known}"))
            }),
            None => Ok(thresholds),
        }
    }

    fn print(&self, assessment: &Assessment) -> anyhow::Result<()> {
        bench_cli::output::print(&match self.format {
            Format::Text => terminal::render(assessment),
            Format::Json => serde_json::to_string_pretty(assessment)? + "\n",
        })
    }
}

fn beside(run: &RunReports, given: Option<&PathBuf>, name: &str) -> PathBuf {
    given.cloned().unwrap_or_else(|| run.directory.join(name))
}

/// Returns true if both paths lead to one file that exists.
fn are_one_file(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Checks that the output `path` is not one of the reports that are analyzed.
///
/// # Errors
/// Fails with a usage error if it is one of them.
fn refuse_to_overwrite(run: &RunReports, path: &Path) -> anyhow::Result<()> {
    // A file that does not exist is none of them.
    let Ok(path) = path.canonicalize() else {
        return Ok(());
    };
    let same = |source: &SourceReport| source.path.canonicalize().is_ok_and(|read| read == path);
    if run.sources.iter().any(same) {
        let sentence = format!("{} is one of the reports to analyze", path.display());
        return Err(UsageError(sentence)).remedy("another file for the result");
    }
    Ok(())
}

/// Returns the name and version of this program, for the assessment.
pub(crate) fn tool() -> Tool {
    bench_cli::output::tool("bottleneck-analyzer", env!("CARGO_PKG_VERSION"))
}
