//! Recording in progress: its loop waits for samples, signals and the end of its command.

use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use anyhow::Context as _;
use bench_cli::Remedy as _;
use bench_cli::output::Output;
use bench_cli::progress::Progress;
use bench_report::Report;
use bench_report::clock::monotonic_ns;
use nix::sys::signal::SigSet;

use super::flags::RecordFlags;
use crate::command::{self, CommandError, RunningCommand};
use crate::gpu::nvml::NvmlDriver;
use crate::gpu::watch::GpuWatch;
use crate::marks::MarksFile;
use crate::recording::{LiveRecording, UNFINISHED};
use crate::render;
use crate::saver::Saver;
use crate::settings::SamplingSettings;
use crate::signals::SignalEvent;
use crate::stream::RawWriter;

/// Reason why a recording ended; for the end of its command, with the command's status, and with
/// true if a signal had been received before.
#[derive(Debug, Clone, Copy)]
pub(super) enum RecordingEnd {
    Duration,
    Signal,
    Command {
        status: ExitStatus,
        interrupted: bool,
    },
}

/// Adds the advice that belongs to a failure to run the command; `Ok` is passed on.
pub(super) fn with_remedy<T>(tried: Result<T, CommandError>) -> anyhow::Result<T> {
    let remedy = tried.as_ref().err().map(CommandError::remedy);
    tried.remedy(remedy.unwrap_or_default())
}

/// State of a running recording, with what its loop waits for.
pub(super) struct RecordSession {
    pub(super) recording: LiveRecording,
    pub(super) saver: Saver,
    pub(super) progress: Progress,
    events: Receiver<SignalEvent>,
    output: Arc<Output>,
    end_ns: Option<u64>,
    trouble: Option<String>,
    restored: u64,
}

impl RecordSession {
    /// Starts a recording into `output`, and takes its first sample. Fails if a thread cannot be
    /// started, or if the file of raw samples cannot be created.
    pub(super) fn begin(
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
        // A device or a pipe is in no directory that could take further files.
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
            file_systems: true,
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

    /// Takes samples until the recording ends, and returns the reason for its end. Starts the
    /// command of `flags`, if there is one, with `mask` as its blocked signals. Fails if the
    /// command cannot be run or waited for, or if the source of signals is gone.
    pub(super) fn run(
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

    /// Waits until the next sample is due, the recording ends, or an event arrives. Returns the
    /// event; `None` if none arrived. Fails if the source of signals is gone.
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

    /// Prints a line when raw samples can no longer be written, when they can be written again, and
    /// each time that their file was created again after its removal.
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
