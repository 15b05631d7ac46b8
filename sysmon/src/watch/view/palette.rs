//! Colours, which only repeat the information of words, figures and shapes: without them nothing is
//! lost.

use ratatui::style::{Color, Modifier, Style};

/// Share from which a figure is highlighted.
const HIGH_RATIO: f64 = 0.9;

/// Styles of the view.
#[derive(Debug, Clone, Copy)]
pub struct Palette {
    coloured: bool,
}

impl Palette {
    /// Creates styles with the terminal's sixteen colours, or without colours.
    pub fn new(coloured: bool) -> Self {
        Self { coloured }
    }

    /// Creates styles with colours unless `NO_COLOR` is set (<https://no-color.org>).
    pub fn from_environment() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self::new(!refused)
    }

    /// Style of a line's label.
    pub fn label(self) -> Style {
        self.colour(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    /// Style of column headings.
    pub fn heading(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// Style of notices.
    pub fn notice(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD)
    }

    /// Style of less important text.
    pub fn quiet(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// Style of a share: highlighted from nine tenths on.
    pub fn share(self, ratio: Option<f64>) -> Style {
        if ratio.is_some_and(|ratio| ratio >= HIGH_RATIO) {
            self.colour(Color::Red).add_modifier(Modifier::BOLD)
        } else {
            Style::new()
        }
    }

    /// Style of a sparkline.
    pub fn spark(self) -> Style {
        self.colour(Color::Green)
    }

    /// Style of one of several parts, by colour.
    pub fn colour(self, colour: Color) -> Style {
        if self.coloured {
            Style::new().fg(colour)
        } else {
            Style::new()
        }
    }
}
