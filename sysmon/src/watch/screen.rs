//! Terminal in raw mode, on its alternate screen, without a cursor. It is restored however the
//! program ends: normally, by an error, by a handled signal or by a panic.

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

/// Size of the output buffer in bytes; even a frame of a large terminal fits into it and is written
/// in one call.
const FRAME_BYTES: usize = 1 << 16;

/// True while this program has switched the terminal to raw mode. It is global, because the panic
/// hook needs it.
static OURS: AtomicBool = AtomicBool::new(false);

/// Terminal in raw mode on its alternate screen; dropping this value restores it.
#[derive(Debug)]
pub(crate) struct Screen {
    terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
    /// Guard that keeps log messages off the screen, which they would damage. They are printed
    /// after the terminal was restored.
    _held: HeldLines,
}

impl Screen {
    /// Switches the terminal to raw mode and to its alternate screen, and installs a panic hook
    /// that restores it.
    ///
    /// # Errors
    /// If the terminal cannot be switched, or does not report its size.
    pub(crate) fn enter() -> io::Result<Self> {
        give_back_on_panic();
        // Created before the terminal is switched, so that dropping it after an error restores the terminal.
        let stdout = BufWriter::with_capacity(FRAME_BYTES, stdout());
        let screen = Self {
            terminal: Terminal::new(CrosstermBackend::new(stdout))?,
            _held: bench_cli::hold_lines(),
        };
        take()?;
        Ok(screen)
    }

    /// Draws one frame with `render`, which fills it; the frame has the present size of the
    /// terminal.
    ///
    /// # Errors
    /// If the terminal accepts no more output.
    pub(crate) fn draw(&mut self, render: impl FnOnce(&mut Frame)) -> io::Result<()> {
        self.terminal.draw(render).map(drop)
    }

    /// Makes the next frame draw every cell, because the terminal may show something else than the
    /// last frame.
    ///
    /// # Errors
    /// If the terminal accepts no more output, or does not report its size.
    pub(crate) fn forget(&mut self) -> io::Result<()> {
        // `clear` would ask the terminal for its cursor, and the thread that reads keys would receive the
        // answer.
        let size = self.terminal.size()?;
        self.terminal.resize(size.into())
    }

    /// Restores the terminal, suspends the process group until the shell continues it, and switches
    /// the terminal again.
    ///
    /// # Errors
    /// If the terminal cannot be restored, or cannot be switched again.
    pub(crate) fn suspend(&mut self) -> io::Result<()> {
        give_back()?;
        // Suspends the whole group, because this program may have been started by a script, which must be
        // suspended as well.
        kill(Pid::from_raw(0), Signal::SIGTSTP)?;
        self.resume()
    }

    /// Switches the terminal again after the process was suspended, because other programs may have
    /// changed it. The next frame draws every cell.
    ///
    /// # Errors
    /// If the terminal cannot be switched.
    pub(crate) fn resume(&mut self) -> io::Result<()> {
        // The library assumes that raw mode is still on, and would otherwise leave the terminal as it is.
        disable_raw_mode()?;
        take()?;
        self.forget()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // This fails if the terminal was closed, which then needs no restoring.
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

/// Installs a panic hook that restores the terminal before the message of a panic of this thread is
/// printed, so that it can be read. A panic of another thread does not end the program; the next
/// frame draws over its message.
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
