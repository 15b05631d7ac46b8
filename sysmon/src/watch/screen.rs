//! The terminal while it is ours: raw, on its second screen, without a cursor. Whatever ends us,
//! an error, a signal or a panic, it is given back as it was.

use std::io::{self, BufWriter, Stdout, stdout};
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::{Frame, Terminal};

/// A frame of a large terminal leaves in one piece.
const FRAME_BYTES: usize = 1 << 16;

/// There is one terminal, and a panic must find it.
static OURS: AtomicBool = AtomicBool::new(false);

/// The terminal, until this is dropped.
#[derive(Debug)]
pub struct Screen {
    terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
}

impl Screen {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// When it cannot be set, or does not tell its size.
    pub fn enter() -> io::Result<Self> {
        give_back_on_panic();
        // Made before it is taken: dropped on an error, it gives the terminal back.
        let stdout = BufWriter::with_capacity(FRAME_BYTES, stdout());
        let screen = Self {
            terminal: Terminal::new(CrosstermBackend::new(stdout))?,
        };
        take()?;
        Ok(screen)
    }

    /// Draws one frame; the terminal may have another size than before.
    ///
    /// # Errors
    /// When the terminal takes no more.
    pub fn draw(&mut self, render: impl FnOnce(&mut Frame)) -> io::Result<()> {
        self.terminal.draw(render).map(drop)
    }

    /// Forgets what the terminal shows, so that the next frame is drawn in full.
    ///
    /// # Errors
    /// When the terminal takes no more.
    pub fn forget(&mut self) -> io::Result<()> {
        // `clear` would ask the terminal for its cursor, and the answer goes to who reads keys.
        let size = self.terminal.size()?;
        self.terminal.resize(size.into())
    }

    /// Stops, with all that runs in the terminal's foreground beside us, until the shell lets us
    /// go on.
    ///
    /// # Errors
    /// When the terminal cannot be given back, or taken again.
    pub fn suspend(&mut self) -> io::Result<()> {
        give_back()?;
        // The shell that called us may be a script's, which stops with us.
        kill(Pid::from_raw(0), Signal::SIGTSTP)?;
        self.resume()
    }

    /// Takes the terminal again: who stopped us may have left it in any state.
    ///
    /// # Errors
    /// When it cannot be set.
    pub fn resume(&mut self) -> io::Result<()> {
        // Raw already, as far as the library knows, it would be left as it is.
        disable_raw_mode()?;
        take()?;
        self.forget()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing back.
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

/// What a panic says must be readable afterwards. That of another thread does not end us, and
/// leaves the screen to the next frame.
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
