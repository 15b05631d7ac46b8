//! `sysmon record`: records for some time, until a signal, or while a command runs.

pub(crate) mod flags;
mod session;

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;

use anyhow::Context as _;
use bench_cli::flags::Format;
use bench_cli::output::{self, Output};
use bench_cli::{Exit, Remedy as _};
use bench_report::names::summaries;
use bench_report::run_id::run_id;
use bench_report::{Report, Status, Warning, WarningCode, redaction};
use host_metrics::source::KernelUnits;
use serde_json::json;

use crate::command::{self, CommandError};
use crate::growth::GrowthThreshold;
use crate::marks::ActiveRecording;
use crate::own_cost::children_cpu_ns;
use crate::recording::LiveRecording;
use crate::render;
use crate::signals::BlockedSignals;

use flags::RecordFlags;
use session::{RecordSession, RecordingEnd, with_remedy};

/// Records this machine as the flags say, then saves and shows the report. The exit code is the
/// command's if one was run.
///
/// # Errors
/// If the report cannot be written or shown, if another recording already writes it, if nothing
/// could be read, if the command cannot be run, or if signals cannot be received.
pub(crate) fn record(flags: &RecordFlags) -> anyhow::Result<Exit> {
    with_remedy(command::look_for(&flags.command))?;
    let blocked = BlockedSignals::block().context("cannot hold back signals")?;
    let mut report = begin(flags);
    if let Some(place) = output::place(&flags.output, &report) {
        refuse_second(&place)?;
    }
    let output = Arc::new(Output::open(&flags.output, &report)?);
    let raw_names = flags.raw.names(output.path());
    if let Some(names) = raw_names.filter(|_| output.path().is_file()) {
        report.config.insert("raw".to_owned(), json!(names));
    }
    let mask = blocked.previous_mask();
    let (sender, events) = channel();
    blocked
        .listen(sender, flags.command.is_empty())
        .context("cannot listen for signals")?;
    let mut session = RecordSession::begin(flags, &report, Arc::clone(&output), events)?;
    let ended = session.run(flags, mask, &report);
    session.progress.finish();
    let RecordSession {
        mut recording,
        saver,
        progress,
        ..
    } = session;
    saver.finish();

    recording.finish();
    recording.close_raw();
    recording.fill(&mut report);
    report.status = Status::Failed;
    let ended = ended.map(|end| conclude(end, flags, &mut report));
    report.summary.headline = render::headline(&report, recording.series_store());
    let empty = not_empty(&recording);
    if empty.is_err() {
        report.status = Status::Failed;
    }
    output.save(&report);
    let exit = match ended {
        Err(error) if error.is::<CommandError>() => return Err(error),
        ended => ended,
    };
    let shown = show(&output, flags, &report, &recording).and(empty);
    if flags.command.is_empty() {
        shown?;
    } else if let Err(error) = shown {
        // The exit code is the command's, so only this line reports the failure.
        progress.warning(&bench_cli::explain(&error));
    }
    let exit = exit?;
    output.ended(exit.code());
    Ok(exit)
}

/// Fails if another recording already writes `report`, because both would write into the same
/// files.
fn refuse_second(report: &Path) -> anyhow::Result<()> {
    // If the report cannot be opened, the attempt to create it will fail with a better message.
    let Ok(Some(other)) = ActiveRecording::find(report) else {
        return Ok(());
    };
    let (pid, place) = (other.pid, report.display());
    Err(anyhow::anyhow!(
        "process {pid} records into {place} already"
    ))
    .remedy("another place with --output FILE or --run-dir DIR, or end that one first")
}

fn not_empty(recording: &LiveRecording) -> anyhow::Result<()> {
    let empty = recording.empty_because();
    empty
        .map_or(Ok(()), |why| Err(anyhow::anyhow!(why)))
        .remedy("ls /proc, which has to be mounted and readable here")
}

/// Returns the exit code for a failure of the recorder itself, in place of the command's. `None` if
/// `recorded` is no error, or if no command was to be run.
pub(crate) fn own_failure(recorded: &anyhow::Result<Exit>, flags: &RecordFlags) -> Option<u8> {
    let error = recorded.as_ref().err()?;
    let of_command = error.downcast_ref::<CommandError>();
    let own = (!flags.command.is_empty()).then_some(command::OWN_FAILURE);
    of_command.map(CommandError::exit_code).or(own)
}

fn begin(flags: &RecordFlags) -> Report {
    let tool = output::tool("sysmon", env!("CARGO_PKG_VERSION"));
    let mut report = Report::begin(tool, run_id(), "record");
    let mut set = |key: &str, value| report.config.insert(key.to_owned(), value);
    set(
        "interval_ns",
        json!(flags.sampling.basic.interval.as_nanos() as u64),
    );
    set("tick_ns", json!(KernelUnits::host().tick_ns));
    set(
        "processes",
        json!(format!("{:?}", flags.sampling.processes()).to_lowercase()),
    );
    let follow: Vec<_> = flags
        .sampling
        .basic
        .follow
        .iter()
        .map(|target| &target.label)
        .collect();
    set("follow", json!(follow));
    let fields = flags.sampling.basic.fields.iter();
    let fields: Vec<_> = fields.map(|f| format!("{f:?}").to_lowercase()).collect();
    set("fields", json!(fields));
    set("top", json!(flags.sampling.top));
    set("cgroups", json!(flags.sampling.cgroups));
    set("sockets", json!(flags.sampling.sockets));
    match flags.growth.unwrap_or_default() {
        GrowthThreshold::Bytes(bytes) => set("growth_least_bytes", json!(bytes)),
        GrowthThreshold::Share(share) => set("growth_least_ratio", json!(share)),
    };
    if let Some(duration) = flags.duration {
        set("duration_ns", json!(duration.as_nanos() as u64));
    }
    if !flags.command.is_empty() {
        let words: Vec<_> = flags.command.iter().map(|w| w.to_string_lossy()).collect();
        set("command", json!(redaction::command_line(&words)));
    }
    report
}

fn conclude(end: RecordingEnd, flags: &RecordFlags, report: &mut Report) -> Exit {
    let (status, exit) = match end {
        RecordingEnd::Signal if flags.duration.is_some() => {
            (Status::Interrupted, Exit::Interrupted)
        }
        RecordingEnd::Duration | RecordingEnd::Signal => (Status::Complete, Exit::Done),
        RecordingEnd::Command {
            status,
            interrupted,
        } => {
            let code = command::exit_code(status);
            report
                .summary
                .figure(summaries::COMMAND_EXIT_CODE, f64::from(code));
            if let Some(ns) = children_cpu_ns() {
                report.summary.figure(summaries::COMMAND_CPU_NS, ns as f64);
            }
            let status = if interrupted {
                Status::Interrupted
            } else {
                Status::Complete
            };
            (status, Exit::Code(code))
        }
    };
    report.status = status;
    exit
}

/// Shows the result. If a command was run, the text goes to stderr, because stdout is the
/// command's, unless the output format is JSON.
///
/// # Errors
/// If the result cannot be shown, or if the report no longer exists at its path.
fn show(
    output: &Output,
    flags: &RecordFlags,
    report: &Report,
    recording: &LiveRecording,
) -> anyhow::Result<()> {
    let text = render::text(report, recording);
    if flags.command.is_empty() || flags.output.format == Format::Json {
        return output.finish(report, &text);
    }
    let left_behind = |w: &&Warning| w.code == WarningCode::LeftBehind;
    // A closed stderr is not treated as a failure.
    let mut stderr = std::io::stderr();
    if flags.output.quiet {
        // Files that were left behind are reported even with --quiet, with the command that removes them.
        for warning in report.warnings.iter().filter(left_behind) {
            let _ = writeln!(stderr, "warning: {}", warning.message);
        }
    } else {
        let _ = stderr.write_all(text.as_bytes());
    }
    output.tell_place()
}
