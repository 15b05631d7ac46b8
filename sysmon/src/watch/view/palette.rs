//! Colours of the view. They only repeat what words, figures and shapes also show, so nothing is
//! lost without them.

use ratatui::style::{Color, Modifier, Style};

/// Share, 0 to 1, from which a figure is highlighted.
const HIGH_RATIO: f64 = 0.9;

/// Styles of the live view, with or without colours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Palette {
    coloured: bool,
}

#[expect(clippy::unused_self, reason = "all styles are read from a palette")]
impl Palette {
    /// Creates styles with the terminal's sixteen colours if `coloured`, otherwise without colours.
    pub(crate) fn new(coloured: bool) -> Self {
        Self { coloured }
    }

    /// Creates styles with colours, unless the environment variable `NO_COLOR` is set and not empty
    /// (<https://no-color.org>).
    pub(crate) fn from_environment() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self::new(!refused)
    }

    /// Returns the style of a line's label.
    pub(crate) fn label(self) -> Style {
        self.colour(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    /// Returns the style of column headings.
    pub(crate) fn heading(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// Returns the style of notices, such as that of a paused view.
    pub(crate) fn notice(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD)
    }

    /// Returns the style of less important text.
    pub(crate) fn quiet(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// Returns the style of a share, 0 to 1; a share of nine tenths or more is highlighted.
    pub(crate) fn share(self, ratio: Option<f64>) -> Style {
        if ratio.is_some_and(|ratio| ratio >= HIGH_RATIO) {
            self.colour(Color::Red).add_modifier(Modifier::BOLD)
        } else {
            Style::new()
        }
    }

    /// Returns the style of a sparkline.
    pub(crate) fn spark(self) -> Style {
        self.colour(Color::Green)
    }

    /// Returns the style of text or a part of a bar in this colour; without colours it is the plain
    /// style.
    pub(crate) fn colour(self, colour: Color) -> Style {
        if self.coloured {
            Style::new().fg(colour)
        } else {
            Style::new()
        }
    }
}
