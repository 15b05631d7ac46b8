//! One run of the suite: servers, recorder, benches in order, analysis. The manifest lists all
//! parts before any is started, and the state of each part as it changes.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bench_cli::progress::Progress;
use bench_cli::{Exit, Remedy as _};
use bench_report::manifest::{PROFILE_ENV, STARTED_BY_ENV};
use bench_report::run_id::{RUN_ID_ENV, new_run_id};
use bench_report::store::{self, StoreError};
use child_process::ChildProcess;
use nix::sys::signal::Signal;

use crate::cli::RunFlags;
use crate::failure_cause;
use crate::profile::{self, Profile, SuiteComponent};
use crate::run_directory;
use crate::run_parts::{RunParts, STARTER};
use crate::servers::RunServers;
use crate::tool_process::{ToolProcess, sibling};

/// Interval between two checks whether a child process has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// File name of the recorder's report and log, without the extension.
const RECORDER: &str = "sysmon.record";
/// Time-out for the end of an interrupted bench or recorder, after which it is killed; cleaning up
/// takes up to 2 s.
const END_TIMEOUT: Duration = Duration::from_millis(2_600);
/// Exit code of a tool after a stop rule ended it or a gate failed, which [`Exit::GateFailed`]
/// stands for.
const GATE_FAILED: i32 = 3;
/// Expected time that starting the servers takes, on which the displayed remaining time is based.
const SERVERS_ESTIMATE: Duration = Duration::from_secs(4);
/// Expected time that the analysis takes, on which the displayed remaining time is based.
const ANALYSIS_ESTIMATE: Duration = Duration::from_secs(1);

/// Executes `plimsoll run`: starts the servers, runs the benches of a profile, and shows the
/// findings. Benches that fail, stop rules and interrupts are in the returned exit code.
///
/// # Errors
/// Fails if the profile is unknown, if a server or the analyzer cannot be started, or if the run's
/// directory cannot be written or contains another run.
pub(crate) fn run(flags: &RunFlags) -> anyhow::Result<Exit> {
    let profile = profile::find(&flags.profile, &flags.only)
        .map_err(|error| bench_cli::UsageError(error.to_string()))?;
    let run_id = new_run_id();
    let directory = match &flags.run_dir {
        Some(directory) => directory.clone(),
        None => PathBuf::from("reports").join(&run_id),
    };
    run_directory::claim(&directory).or_else(|error| {
        let what_to_do = error.remedy();
        Err(error).remedy(what_to_do)
    })?;
    let interrupted = Arc::new(AtomicBool::new(false));
    let signalled = Arc::clone(&interrupted);
    bench_cli::signals::on_interrupt(move || signalled.store(true, Ordering::Relaxed))
        .context("cannot follow signals")?;
    let parts = RunParts::plan(&profile, &run_id, &directory)
        .context("cannot write the run's manifest")
        .remedy("--run-dir with a path that can be written")?;
    Suite {
        flags,
        parts,
        profile,
        run_id,
        directory,
        interrupted,
        progress: Progress::new(flags.quiet),
        done: Duration::ZERO,
        failed: Vec::new(),
        guarded: false,
    }
    .run()
}

struct Suite<'a> {
    flags: &'a RunFlags,
    parts: RunParts,
    profile: Profile,
    run_id: String,
    directory: PathBuf,
    interrupted: Arc<AtomicBool>,
    progress: Progress,
    /// Sum of the expected durations of the parts that are over.
    done: Duration,
    /// Failures of parts, as one line for the user each.
    failed: Vec<String>,
    /// True if a stop rule ended a bench.
    guarded: bool,
}

impl Suite<'_> {
    fn run(mut self) -> anyhow::Result<Exit> {
        self.progress
            .phase("start", &format!("profile {}", self.profile.name));
        let servers = RunServers::start(&self.profile, self.flags)?;
        self.done += SERVERS_ESTIMATE;
        self.progress.line(&format!(
            "{}, {}",
            self.directory.display(),
            servers.started()
        ));
        if !self.is_interrupted() {
            self.measure(&servers);
        }
        drop(servers);
        if self.is_interrupted() {
            let written = self.parts.skip_remaining();
            self.warn_unwritten(written);
            self.progress.finish();
            return Ok(self.interrupted());
        }
        self.analyze()
    }

    fn interrupted(&self) -> Exit {
        let directory = self.directory.display();
        bench_cli::show(&format!(
            "interrupted; what was measured is in {directory}. See it with: bottleneck-analyzer analyze {directory}"
        ));
        Exit::Interrupted
    }

    /// Runs the benches one after another while the machine is recorded. An interrupt ends the
    /// current bench and skips the rest.
    fn measure(&mut self, servers: &RunServers) {
        let recorder = self.start_recorder();
        for component in self.profile.components.clone() {
            if self.is_interrupted() {
                break;
            }
            self.run_component(&component, servers);
            self.done += component.about();
        }
        if let Some(recorder) = recorder {
            self.end_recorder(recorder);
        }
    }

    fn end_recorder(&mut self, mut recorder: ToolProcess) {
        recorder.interrupt();
        let ended = recorder.wait(END_TIMEOUT);
        let written = self.parts.mark_ended(RECORDER, ended);
        self.warn_unwritten(written);
        match ended.map(|status| status.code()) {
            Some(Some(0)) => self.expect_report(RECORDER),
            // The signal may have reached the tool before the tool handled signals.
            Some(None) if self.is_interrupted() => {}
            Some(code) => self.fail(RECORDER, code),
            None => self
                .failed
                .push(format!("{RECORDER} did not end when asked to")),
        }
    }

    fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// Returns environment variables, as name and value, that make a tool part of this run.
    fn run_environment(&self) -> [(&'static str, String); 3] {
        [
            (RUN_ID_ENV, self.run_id.clone()),
            (STARTED_BY_ENV, STARTER.to_owned()),
            (PROFILE_ENV, self.profile.name.clone()),
        ]
    }

    /// Shows a warning if `written` is an error of writing the manifest. The run continues and
    /// loses no measurement; the analyzer gives no verdict on an incomplete manifest.
    fn warn_unwritten(&mut self, written: Result<(), StoreError>) {
        if let Err(error) = written {
            let warning = format!("warning: the run's manifest is not up to date: {error}");
            self.progress.line(&warning);
        }
    }

    fn log(&self, stem: &str) -> PathBuf {
        self.directory.join(format!("{stem}.log"))
    }

    fn run_dir_flags(&self) -> [String; 2] {
        ["--run-dir".to_owned(), self.directory.display().to_string()]
    }

    fn start_recorder(&mut self) -> Option<ToolProcess> {
        let mut args: Vec<String> = [
            "record",
            "--interval",
            "500ms",
            "--processes",
            "top",
            "--fields",
            "io",
        ]
        .map(str::to_owned)
        .into();
        args.extend(self.run_dir_flags());
        let environment = self.run_environment();
        self.start(RECORDER, "sysmon", &args, &environment)
    }

    /// Starts the part `stem` of the run, which executes `tool`. Returns `None` if it cannot be
    /// started, and records that as a failure, which makes the run fail at its end; the other parts
    /// still run.
    fn start(
        &mut self,
        stem: &str,
        tool: &str,
        args: &[String],
        environment: &[(&str, String)],
    ) -> Option<ToolProcess> {
        let written = self.parts.mark_started(stem);
        self.warn_unwritten(written);
        let mut args = args.to_vec();
        args.extend(bench_cli::verbose_flag());
        match ToolProcess::start(tool, &args, environment, &self.log(stem)) {
            Ok(tool) => Some(tool),
            Err(error) => {
                let written = self.parts.skip(stem, &error.to_string());
                self.warn_unwritten(written);
                self.note_failure(format!("{stem} was not run: {error}"));
                None
            }
        }
    }

    fn run_component(&mut self, component: &SuiteComponent, servers: &RunServers) {
        let stem = component.stem();
        self.progress.phase(&component.tool, &component.scenario);
        let mut args = vec![component.scenario.clone()];
        args.extend(component.args.iter().cloned());
        args.extend(self.run_dir_flags());
        if let Some(seed) = self.flags.seed {
            args.extend(["--seed".to_owned(), seed.to_string()]);
        }
        let mut environment = servers.environment().to_vec();
        environment.extend(self.run_environment());
        let Some(mut bench) = self.start(&stem, &component.tool, &args, &environment) else {
            return;
        };
        let started = Instant::now();
        let mut message = String::new();
        let status = loop {
            if let Some(line) = bench.lines().last() {
                // A bench shows its own remaining time; it is replaced by that of the whole run.
                let shown = line.split_once(" left, ").map_or(&*line, |(_, rest)| rest);
                shown.clone_into(&mut message);
            }
            self.tick(&stem, component, started.elapsed(), &message);
            if let Some(status) = bench.exit_status() {
                break Some(status);
            }
            if self.is_interrupted() {
                bench.interrupt();
                break bench.wait(END_TIMEOUT);
            }
            std::thread::sleep(POLL_INTERVAL);
        };
        let written = self.parts.mark_ended(&stem, status);
        self.warn_unwritten(written);
        match status.and_then(|status| status.code()) {
            Some(0) => self.expect_report(&stem),
            Some(130) if self.is_interrupted() => {}
            Some(GATE_FAILED) => self.guard(&stem),
            code => self.fail(&stem, code),
        }
    }

    /// Records a failure if the part `stem`, which ended with code 0, wrote no valid report.
    fn expect_report(&mut self, stem: &str) {
        let path = self.directory.join(format!("{stem}.json"));
        if let Err(error) = store::load(&path) {
            self.note_failure(format!(
                "{stem} ended with code 0 and wrote no report: {error}"
            ));
        }
    }

    fn tick(&mut self, stem: &str, component: &SuiteComponent, elapsed: Duration, message: &str) {
        let components: Duration = self
            .profile
            .components
            .iter()
            .map(SuiteComponent::about)
            .sum();
        let total = SERVERS_ESTIMATE + components + ANALYSIS_ESTIMATE;
        // A component that takes longer than expected must not count for more than its expected time.
        let done = self.done + elapsed.min(component.about());
        self.progress
            .tick(done, total, &format!("{stem} · {message}"));
    }

    fn guard(&mut self, stem: &str) {
        self.guarded = true;
        let log = self.log(stem);
        self.progress.line(&format!(
            "{stem} was ended by a guard (which and why is in {})",
            log.display()
        ));
    }

    fn fail(&mut self, stem: &str, code: Option<i32>) {
        let log = &self.log(stem);
        let how = code.map_or("was killed".to_owned(), |code| {
            format!("ended with code {code}")
        });
        let cause = failure_cause::from_log(log, stem.split('.').next().unwrap_or(stem));
        let note = format!("{stem} {how}: {cause} (all of it in {})", log.display());
        self.note_failure(note);
    }

    fn note_failure(&mut self, note: String) {
        self.progress.line(&note);
        self.failed.push(note);
    }

    /// Runs the analyzer on the reports of the run, and returns the exit code of the whole run. An
    /// interrupt kills the analyzer.
    ///
    /// # Errors
    /// Fails if the analyzer cannot be started, or if stdout cannot be written.
    fn analyze(mut self) -> anyhow::Result<Exit> {
        self.progress.phase("analyze", "");
        self.progress.finish();
        let mut command = Command::new(sibling("bottleneck-analyzer")?);
        command.arg("analyze").arg(&self.directory);
        command.args(bench_cli::verbose_flag());
        let mut analyzer = ChildProcess::start(command, Signal::SIGKILL)
            .context("cannot run bottleneck-analyzer")?;
        let status = loop {
            if let Some(status) = analyzer.exit_status()? {
                break Some(status);
            }
            if self.is_interrupted() {
                analyzer.kill();
                break None;
            }
            std::thread::sleep(POLL_INTERVAL);
        };
        for note in &self.failed {
            bench_cli::show(note);
        }
        if self.is_interrupted() {
            return Ok(self.interrupted());
        }
        let code = status.and_then(|status| status.code());
        // With any other code, a page in the directory would be that of an earlier analysis.
        if matches!(code, Some(0 | GATE_FAILED)) {
            let page = self.directory.join("report.html");
            let page = page.canonicalize().unwrap_or(page);
            bench_cli::output::print(&format!("Report: {}\n", page.display()))?;
        }
        Ok(match code {
            Some(0 | GATE_FAILED) if !self.failed.is_empty() => Exit::Code(1),
            Some(0) if !self.guarded => Exit::Done,
            Some(0 | GATE_FAILED) => Exit::GateFailed,
            _ => Exit::Code(1),
        })
    }
}
