//! Terminal in raw mode, on its alternate screen, without a cursor. However the program ends, by an
//! error, a signal or a panic, its state is restored.

use std::io::{self, BufWriter, Stdout, stdout};
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use bench_cli::HeldLines;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::{Frame, Terminal};

/// Buffer size in bytes: a frame of a large terminal is written in one call.
const FRAME_BYTES: usize = 1 << 16;

/// True while the terminal is in raw mode; global, because the panic hook needs it.
static OURS: AtomicBool = AtomicBool::new(false);

/// Terminal in raw mode until this is dropped.
#[derive(Debug)]
pub(crate) struct Screen {
    terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
    /// Log messages would damage the screen; shown once the terminal is restored.
    _held: HeldLines,
}

impl Screen {
    /// Switches the terminal to raw mode and its alternate screen.
    ///
    /// # Errors
    /// When it cannot be set, or does not report its size.
    pub(crate) fn enter() -> io::Result<Self> {
        give_back_on_panic();
        // Created before raw mode is entered: dropped on an error, it restores the terminal.
        let stdout = BufWriter::with_capacity(FRAME_BYTES, stdout());
        let screen = Self {
            terminal: Terminal::new(CrosstermBackend::new(stdout))?,
            _held: bench_cli::hold_lines(),
        };
        take()?;
        Ok(screen)
    }

    /// Draws one frame; the terminal may have changed its size.
    ///
    /// # Errors
    /// When the terminal takes no more.
    pub(crate) fn draw(&mut self, render: impl FnOnce(&mut Frame)) -> io::Result<()> {
        self.terminal.draw(render).map(drop)
    }

    /// Forgets what the terminal shows, so that the next frame is drawn in full.
    ///
    /// # Errors
    /// When the terminal takes no more.
    pub(crate) fn forget(&mut self) -> io::Result<()> {
        // `clear` would query the terminal for its cursor, and the thread that reads keys would get
        // the reply.
        let size = self.terminal.size()?;
        self.terminal.resize(size.into())
    }

    /// Suspends the process group until the shell continues it.
    ///
    /// # Errors
    /// When the terminal cannot be restored, or set again.
    pub(crate) fn suspend(&mut self) -> io::Result<()> {
        give_back()?;
        // The shell that started this program may be a script's, which has to stop as well.
        kill(Pid::from_raw(0), Signal::SIGTSTP)?;
        self.resume()
    }

    /// Sets the terminal again after a stop, during which others may have changed it.
    ///
    /// # Errors
    /// When the terminal cannot be set.
    pub(crate) fn resume(&mut self) -> io::Result<()> {
        // The library believes that raw mode is on and would leave the terminal as it is.
        disable_raw_mode()?;
        take()?;
        self.forget()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that was closed needs no restoring.
        let _ = give_back();
    }
}

fn take() -> io::Result<()> {
    OURS.store(true, Ordering::SeqCst);
    enable_raw_mode()?;
    execute!(stdout(), EnterAlternateScreen, Hide)
}

fn give_back() -> io::Result<()> {
    if !OURS.swap(false, Ordering::SeqCst) {
        return Ok(());
    }
    let shown = execute!(stdout(), LeaveAlternateScreen, Show);
    disable_raw_mode().and(shown)
}

/// Restores the terminal before a panic message is printed, so that it stays readable. A panic of
/// another thread does not end the program and leaves the screen to the next frame.
fn give_back_on_panic() {
    let ours = thread::current().id();
    let say = panic::take_hook();
    panic::set_hook(Box::new(move |what| {
        if thread::current().id() == ours {
            let _ = give_back();
        }
        say(what);
    }));
}
