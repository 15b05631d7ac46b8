//! Switches the terminal as `sysmon watch` does, draws, and panics. Tests look at what remains of the
//! terminal.
#![allow(clippy::unwrap_used, clippy::panic)]

use sysmon::watch::screen::Screen;

fn main() {
    let mut screen = Screen::enter().unwrap();
    screen
        .draw(|frame| frame.render_widget("drawn", frame.area()))
        .unwrap();
    panic!("planned");
}
