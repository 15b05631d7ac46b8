//! Colours, which only repeat what words, figures and shapes say: without them nothing is lost.

use ratatui::style::{Color, Modifier, Style};

/// From here on a share stands out.
const HIGH_RATIO: f64 = 0.9;

/// What is coloured, and how.
#[derive(Debug, Clone, Copy)]
pub struct Palette {
    coloured: bool,
}

impl Palette {
    /// With the terminal's own sixteen colours, or with none.
    pub fn new(coloured: bool) -> Self {
        Self { coloured }
    }

    /// With colours unless `NO_COLOR` is set to anything (<https://no-color.org>).
    pub fn from_environment() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self::new(!refused)
    }

    /// What a line is about.
    pub fn label(self) -> Style {
        self.colour(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    /// The heads of columns.
    pub fn heading(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// What must not be overlooked.
    pub fn notice(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD)
    }

    /// What may be.
    pub fn quiet(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// A share of what there is: bold from nine tenths on.
    pub fn share(self, ratio: Option<f64>) -> Style {
        if ratio.is_some_and(|ratio| ratio >= HIGH_RATIO) {
            self.colour(Color::Red).add_modifier(Modifier::BOLD)
        } else {
            Style::new()
        }
    }

    /// A line over time.
    pub fn spark(self) -> Style {
        self.colour(Color::Green)
    }

    /// One of several things told apart.
    pub fn colour(self, colour: Color) -> Style {
        if self.coloured {
            Style::new().fg(colour)
        } else {
            Style::new()
        }
    }
}
