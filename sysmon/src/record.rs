//! `sysmon record`: records for a time, until a signal, or around a command.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::Context as _;
use bench_cli::flags::Format;
use bench_cli::output::{self, Output};
use bench_cli::progress::Progress;
use bench_cli::{Exit, Remedy as _, exit};
use bench_report::clock::monotonic_ns;
use bench_report::{Report, Status, Warning, WarningCode, redaction, report::run_id};
use host_metrics::source::KernelUnits;
use host_metrics::source::gpu::nvml::NvmlDriver;
use host_metrics::source::gpu::watch::GpuWatch;
use nix::sys::signal::SigSet;
use serde_json::json;

use crate::cli::RecordFlags;
use crate::command::{self, CommandError, RunningCommand};
use crate::growth::GrowthThreshold;
use crate::marks::{ActiveRecording, MarksFile};
use crate::own_cost::children_cpu_ns;
use crate::recording::{LiveRecording, SamplingSettings};
use crate::render;
use crate::saver::Saver;
use crate::signals::{BlockedSignals, SignalEvent};
use crate::stream::RawWriter;

/// Headline of a report that is saved before the recording ends.
pub(crate) const UNFINISHED: &str = "interrupted before its end";

/// Reason for which a recording ended.
#[derive(Debug, Clone, Copy)]
enum RecordingEnd {
    Duration,
    Signal,
    Command {
        status: ExitStatus,
        interrupted: bool,
    },
}

/// Records this machine as the flags say, and saves and shows the report.
///
/// # Errors
/// When the report cannot be written, the command cannot be run, or signals cannot be heard.
pub fn record(flags: &RecordFlags) -> anyhow::Result<Exit> {
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
        // The exit code is the command's, so this line alone reports the failure.
        progress.warning(&exit::explain(&error));
    }
    let exit = exit?;
    output.ended(exit.code());
    Ok(exit)
}

/// Refuses a second recording into the same report: both would write into the same files.
fn refuse_second(report: &Path) -> anyhow::Result<()> {
    // A report that cannot be opened is refused when it is claimed.
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

/// Exit code of a failure of the recorder itself, where a command's code was to be returned.
pub fn own_failure(recorded: &anyhow::Result<Exit>, flags: &RecordFlags) -> Option<u8> {
    let error = recorded.as_ref().err()?;
    let of_command = error.downcast_ref::<CommandError>();
    let own = (!flags.command.is_empty()).then_some(command::OWN_FAILURE);
    of_command.map(CommandError::exit_code).or(own)
}

fn with_remedy<T>(tried: Result<T, CommandError>) -> anyhow::Result<T> {
    let remedy = tried.as_ref().err().map(CommandError::remedy);
    tried.remedy(remedy.unwrap_or_default())
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

/// State of a running recording.
struct RecordSession {
    recording: LiveRecording,
    events: Receiver<SignalEvent>,
    saver: Saver,
    output: Arc<Output>,
    progress: Progress,
    end_ns: Option<u64>,
    trouble: Option<String>,
    restored: u64,
}

impl RecordSession {
    fn begin(
        flags: &RecordFlags,
        report: &Report,
        output: Arc<Output>,
        events: Receiver<SignalEvent>,
    ) -> anyhow::Result<Self> {
        let mut progress = Progress::new(flags.output.quiet || !flags.command.is_empty());
        let path = output.path().display();
        match flags.duration {
            Some(_) => progress.phase("record", &format!("into {path}")),
            None => progress.line(&format!("recording into {path} until Ctrl-C")),
        }
        let place = Arc::clone(&output);
        let saver = Saver::start(move |report| place.save(report));
        let basic = &flags.sampling.basic;
        let gpus = GpuWatch::start(GpuWatch::period(basic.interval), NvmlDriver::open)
            .context("cannot start the thread that reads GPUs")?;
        let path = output.path();
        // A device or a pipe has no directory for files beside it.
        let raw = if path.is_file() {
            flags.raw.start(path, report, basic.interval)?
        } else {
            None
        };
        let settings = SamplingSettings {
            interval_ns: basic.interval.as_nanos() as u64,
            cores: report.environment.cores,
            follow: flags.sampling.following(!flags.no_command_lines),
            cgroups: flags.sampling.cgroups.clone(),
            socket_states: flags.sampling.sockets,
            growth: flags.growth.unwrap_or_default(),
            ..SamplingSettings::host()
        };
        let mut recording = LiveRecording::begin_into(&settings, raw);
        recording.watch_gpus(gpus);
        recording.take_marks(MarksFile::open(output.path()));
        let end_ns = flags
            .duration
            .map(|duration| recording.began_ns() + duration.as_nanos() as u64);
        Ok(Self {
            recording,
            events,
            saver: saver.context("cannot start the thread that saves")?,
            output,
            progress,
            end_ns,
            trouble: None,
            restored: 0,
        })
    }

    /// Samples until the recording ends; starts the command, if any, with `mask` as its blocked
    /// signals.
    fn run(
        &mut self,
        flags: &RecordFlags,
        mask: SigSet,
        report: &Report,
    ) -> anyhow::Result<RecordingEnd> {
        let mut command = match flags.command.as_slice() {
            [] => None,
            words => {
                let named = flags.output.output.is_some();
                let run = command::variables_of_run(&report.run_id, self.output.path(), named);
                Some(with_remedy(RunningCommand::start(words, run, mask))?)
            }
        };
        if let Some(command) = &command {
            self.recording.pin(command.pid());
        }
        let mut interrupted = false;
        loop {
            match (self.next_event()?, &command) {
                (Some(SignalEvent::Signal { .. }), None) => return Ok(RecordingEnd::Signal),
                (
                    Some(SignalEvent::Signal {
                        signal,
                        from_terminal,
                    }),
                    Some(command),
                ) => {
                    interrupted = true;
                    if !from_terminal {
                        command.forward(signal);
                    }
                }
                (Some(SignalEvent::Child), _) => {}
                (None, _) => self.tick(report),
            }
            let ended = command.as_mut().map(RunningCommand::ended).transpose();
            if let Some(status) = ended.context("cannot wait for the command")?.flatten() {
                return Ok(RecordingEnd::Command {
                    status,
                    interrupted,
                });
            }
            if self.end_ns.is_some_and(|end_ns| monotonic_ns() >= end_ns) {
                return Ok(RecordingEnd::Duration);
            }
        }
    }

    /// Waits until the next sample is due or the recording ends; returns an event that comes
    /// before.
    fn next_event(&self) -> anyhow::Result<Option<SignalEvent>> {
        let due_ns = self.recording.due_ns();
        let wake_ns = self.end_ns.map_or(due_ns, |end_ns| end_ns.min(due_ns));
        let wait = Duration::from_nanos(wake_ns.saturating_sub(monotonic_ns()));
        match self.events.recv_timeout(wait) {
            Ok(event) => Ok(Some(event)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => anyhow::bail!("signals are not heard any more"),
        }
    }

    fn tick(&mut self, report: &Report) {
        if monotonic_ns() < self.recording.due_ns() {
            return;
        }
        self.recording.sample();
        self.tell_trouble();
        if let Some(notice) = self.output.take_notice() {
            self.progress.warning(&notice);
        }
        if let Some(end_ns) = self.end_ns.filter(|_| self.progress.is_due()) {
            let began_ns = self.recording.began_ns();
            let done = monotonic_ns().min(end_ns).saturating_sub(began_ns);
            let total = Duration::from_nanos(end_ns - began_ns);
            let message = render::glance(self.recording.series_store());
            self.progress
                .tick(Duration::from_nanos(done), total, &message);
        }
        let output = &self.output;
        if self.saver.is_due(|| !output.path().exists()) {
            self.saver.hand_in(|| {
                let mut so_far = report.clone();
                self.recording.fill(&mut so_far);
                UNFINISHED.clone_into(&mut so_far.summary.headline);
                so_far
            });
        }
    }

    /// Reports once that no raw samples are kept, once that they are again, and each time that
    /// their file had to be written again.
    fn tell_trouble(&mut self) {
        let raw = self.recording.raw();
        let restored = raw.map_or(0, RawWriter::restored);
        if restored > self.restored {
            self.restored = restored;
            let line =
                "the file of raw samples was removed or moved; it is put back, with all it held";
            self.progress.warning(line);
        }
        let trouble = raw.and_then(RawWriter::trouble);
        if trouble == self.trouble {
            return;
        }
        let over = || Some(format!("raw samples are kept again; {}", raw?.lost()?));
        if let Some(line) = trouble.clone().or_else(over) {
            self.progress.warning(&line);
        }
        self.trouble = trouble;
    }
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
            report.summary.figure("command.exit_code", f64::from(code));
            if let Some(ns) = children_cpu_ns() {
                report.summary.figure("command.cpu_ns", ns as f64);
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

/// Shows the result. Around a command stdout is the command's, so text goes to stderr.
///
/// # Errors
/// When the result cannot be shown, or the report is not in its place.
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
    // A closed stderr is no failure.
    let mut stderr = std::io::stderr();
    if flags.output.quiet {
        // Even with --quiet: files that were left behind, with the command that removes them.
        for warning in report.warnings.iter().filter(left_behind) {
            let _ = writeln!(stderr, "warning: {}", warning.message);
        }
    } else {
        let _ = stderr.write_all(text.as_bytes());
    }
    output.tell_place()
}
