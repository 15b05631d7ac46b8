//! `sysmon watch`: a live view of the machine on the terminal.
//!
//! The state (`model`) does not depend on the terminal, drawing (`view`) takes no samples, and keys
//! (`keys`) only change the state. This module connects them with the sampler, the terminal
//! (`screen`) and the clock. Rates are derived by the same code as in `record`.

pub(crate) mod cli;
pub(crate) mod history;
pub(crate) mod keys;
pub(crate) mod latest;
pub(crate) mod model;
pub(crate) mod process;
mod screen;
#[cfg(test)]
mod tests;
pub(crate) mod view;

use std::io::{self, IsTerminal as _};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use bench_cli::{Exit, Remedy as _, UsageError};
use bench_report::Environment;
use bench_report::clock::{monotonic_ns, process_cpu_ns};
use cli::WatchFlags;
use host_metrics::rate_window::{Period, RateWindow};
use host_metrics::source::Gaps;
use keys::KeyAction;
use model::{Model, SampleUpdate, ViewInfo, WatchCost};
use nix::sys::signal::Signal;
use process::ProcessView;
use ratatui::crossterm::event as terminal;
use screen::Screen;
use view::palette::Palette;

use crate::gpu::nvml::NvmlDriver;
use crate::gpu::watch::GpuWatch;
use crate::own_cost::OwnCost;
use crate::sampler::MachineSampler;
use crate::settings::SamplingSettings;
use crate::signals::{BlockedSignals, SignalEvent};
use crate::tick_schedule::TickSchedule;

/// Shortest interval between samples: nobody can read faster changes, and the kernel counts CPU
/// time in ticks of 10 ms.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(200);

/// Event that wakes the loop of the view before the next sample is due.
#[derive(Debug)]
enum WatchEvent {
    Signal(SignalEvent),
    Terminal(terminal::Event),
    /// Keys can no longer be read; contains the error.
    KeysUnreadable(io::Error),
}

impl From<SignalEvent> for WatchEvent {
    fn from(event: SignalEvent) -> Self {
        Self::Signal(event)
    }
}

/// Shows this machine on the terminal until the user quits or a signal is received.
///
/// # Errors
/// If stdout is no usable terminal, if the interval is below [`SHORTEST_INTERVAL`], if a thread
/// cannot be started, or if the terminal fails.
pub(crate) fn watch(flags: &WatchFlags) -> anyhow::Result<Exit> {
    check(flags)?;
    let blocked = BlockedSignals::block_with(&[Signal::SIGCONT, Signal::SIGHUP]);
    let blocked = blocked.context("cannot hold back signals")?;
    let (sender, events) = channel();
    blocked
        .listen(sender.clone(), false)
        .context("cannot listen for signals")?;
    let mut session = WatchSession::begin(flags)?;
    let mut screen = Screen::enter().context("cannot take over the terminal")?;
    listen(sender).context("cannot start the thread that reads keys")?;
    session.run(&mut screen, &events)?;
    Ok(Exit::Done)
}

fn check(flags: &WatchFlags) -> anyhow::Result<()> {
    let refuse = |why: &str, remedy: &str| Err(UsageError(why.to_owned())).remedy(remedy);
    let record = "sysmon record --duration 10s, which needs no terminal";
    if !io::stdout().is_terminal() {
        return refuse("stdout is no terminal, and `watch` draws on one", record);
    }
    if std::env::var_os("TERM").is_some_and(|term| term == "dumb") {
        return refuse("TERM is dumb, and `watch` moves the cursor", record);
    }
    if flags.basic.interval < SHORTEST_INTERVAL {
        return refuse(
            "an interval of less than 200ms is too short to look at",
            "sysmon record, which goes down to 10ms",
        );
    }
    Ok(())
}

/// Starts a thread that sends keys and changes of the terminal's size to `events`, until reading
/// fails or the receiver is gone. Fails if the thread cannot be started.
fn listen(events: Sender<WatchEvent>) -> io::Result<()> {
    // Registers for changes of size before the thread runs, so that none is missed.
    terminal::poll(Duration::ZERO)?;
    let listen = move || {
        loop {
            let (event, last) = match terminal::read() {
                Ok(event) => (WatchEvent::Terminal(event), false),
                Err(error) => (WatchEvent::KeysUnreadable(error), true),
            };
            if events.send(event).is_err() || last {
                return;
            }
        }
    };
    std::thread::Builder::new()
        .name("keys".to_owned())
        .spawn(listen)
        .map(drop)
}

/// State of the running view, with its sampler and its schedule.
struct WatchSession {
    model: Model,
    palette: Palette,
    sampler: MachineSampler,
    cadence: TickSchedule,
    interval_ns: u64,
    cost: OwnCost,
    /// Time of the last sample, in nanoseconds of the monotonic clock, and CPU time that this
    /// program had used by then, in nanoseconds; `None` before the first sample.
    last: Option<(u64, u64)>,
}

impl WatchSession {
    /// Creates the view and takes its first sample; rates begin there. Fails if the thread that
    /// reads GPUs cannot be started.
    fn begin(flags: &WatchFlags) -> anyhow::Result<Self> {
        let interval_ns = flags.basic.interval.as_nanos() as u64;
        let cores = Environment::capture().cores;
        let following = flags.following();
        let mut sampler = MachineSampler::new(&SamplingSettings {
            interval_ns,
            cores,
            follow: Some(following.clone()),
            ..SamplingSettings::host()
        });
        let gpus = GpuWatch::start(GpuWatch::period(flags.basic.interval), NvmlDriver::open)
            .context("cannot start the thread that reads GPUs")?;
        sampler.watch_gpus(gpus);
        let host = nix::unistd::gethostname().unwrap_or_default();
        let mut session = Self {
            model: Model::new(ViewInfo {
                host: host.to_string_lossy().into_owned(),
                cores,
                interval_ns,
                follows: !following.targets.is_empty(),
                fields: following.fields,
            }),
            palette: Palette::from_environment(),
            sampler,
            cadence: TickSchedule::new(monotonic_ns(), interval_ns),
            interval_ns,
            cost: OwnCost::default(),
            last: None,
        };
        session.sample();
        Ok(session)
    }

    fn run(&mut self, screen: &mut Screen, events: &Receiver<WatchEvent>) -> anyhow::Result<()> {
        loop {
            self.draw(screen).context("cannot draw on the terminal")?;
            let wait_ns = self.cadence.due_ns().saturating_sub(monotonic_ns());
            match events.recv_timeout(Duration::from_nanos(wait_ns)) {
                Ok(event) => {
                    for event in [event].into_iter().chain(events.try_iter()) {
                        if self.ends(event, screen)? {
                            return Ok(());
                        }
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    anyhow::bail!("neither keys nor signals are heard any more")
                }
            }
            let now_ns = monotonic_ns();
            if now_ns >= self.cadence.due_ns() {
                self.cadence.sampled(now_ns);
                self.sample();
            }
        }
    }

    fn draw(&mut self, screen: &mut Screen) -> io::Result<()> {
        let mut page = 1;
        screen.draw(|frame| page = view::draw(frame, &self.model, self.palette))?;
        self.model.set_page(page);
        Ok(())
    }

    /// Handles an event; returns true if it ends the view. Fails if keys cannot be read, or if the
    /// terminal cannot be switched.
    fn ends(&mut self, event: WatchEvent, screen: &mut Screen) -> anyhow::Result<bool> {
        let done = match event {
            WatchEvent::Signal(SignalEvent::Signal { signal, .. }) if signal != Signal::SIGCONT => {
                return Ok(true);
            }
            WatchEvent::Signal(SignalEvent::Signal { .. }) => {
                let resumed = screen.resume();
                self.go_on();
                resumed
            }
            WatchEvent::Terminal(terminal::Event::Key(key)) => {
                match keys::press(&mut self.model, key) {
                    KeyAction::Quit => return Ok(true),
                    KeyAction::Suspend => {
                        let suspended = screen.suspend();
                        self.go_on();
                        suspended
                    }
                    KeyAction::Redraw => screen.forget(),
                    KeyAction::Nothing => {
                        self.sampler.ask(self.model.fields());
                        Ok(())
                    }
                }
            }
            WatchEvent::Signal(SignalEvent::Child) | WatchEvent::Terminal(_) => Ok(()),
            WatchEvent::KeysUnreadable(error) => return Err(error).context("cannot read keys"),
        };
        done.context("cannot set the terminal")?;
        Ok(false)
    }

    /// Restarts the schedule, so that samples that were due while the process was suspended do not
    /// count as missed.
    fn go_on(&mut self) {
        self.cadence = TickSchedule::new(monotonic_ns(), self.interval_ns);
    }

    fn sample(&mut self) {
        let Self { sampler, cost, .. } = self;
        let tick = cost.of_sample(|| sampler.sample());
        let processes = self.sampler.follower().map(|follower| {
            let live = follower.live();
            live.map(|(id, followed)| ProcessView::of(id, followed))
                .collect()
        });
        let update = SampleUpdate {
            at_ns: tick.at_ns,
            clock: time_of_day(),
            figures: tick.figures,
            processes: processes.unwrap_or_default(),
            absent: absent(self.sampler.gaps()),
            own: self.own(tick.at_ns),
        };
        self.model.take(update);
    }

    /// Returns the cost of the live view itself, sampling and drawing included, since the last
    /// call; `at_ns` is the time of the sample, in nanoseconds of the monotonic clock.
    fn own(&mut self, at_ns: u64) -> WatchCost {
        let cpu_ns = process_cpu_ns();
        let cores = self.last.and_then(|(last_ns, last_cpu_ns)| {
            let window = RateWindow {
                period: Period {
                    from_ns: last_ns,
                    to_ns: at_ns,
                },
                slack_ns: 0,
            };
            window.mean(Some(last_cpu_ns), Some(cpu_ns), 0)
        });
        self.last = Some((at_ns, cpu_ns));
        WatchCost {
            cores: cores.map(|reading| reading.value),
            rss_max_bytes: OwnCost::rss_max_bytes(),
            missed: self.cadence.missed(),
        }
    }
}

fn absent(gaps: &Gaps) -> Vec<(String, String)> {
    let all = gaps.iter();
    all.map(|(what, why)| (what.to_owned(), why.to_owned()))
        .collect()
}

/// Returns the present time of day, as in `14:05:09 UTC`.
fn time_of_day() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let second = now.map_or(0, |since| since.as_secs() % 86_400);
    let (hours, minutes) = (second / 3600, second / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02} UTC", second % 60)
}
