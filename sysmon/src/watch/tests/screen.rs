//! Content of the terminal as text.

use crate::watch::model::Model;
use crate::watch::view::{self, palette::Palette};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::text::Span;

pub(crate) fn buffer(model: &mut Model, palette: Palette, (width, height): (u16, u16)) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    // The first frame tells the model how many processes fit.
    for _ in 0..2 {
        let mut page = 0;
        let draw = |frame: &mut ratatui::Frame| page = view::draw(frame, model, palette);
        terminal.draw(draw).unwrap();
        model.set_page(page);
    }
    terminal.backend().buffer().clone()
}

pub(crate) fn lines_of(buffer: &Buffer) -> Vec<String> {
    let width = usize::from(buffer.area.width);
    let rows = buffer.content().chunks(width);
    let text = |row: &[ratatui::buffer::Cell]| {
        let mut line = String::new();
        let mut covered = 0;
        for cell in row {
            // A wide character also covers the next cell.
            if covered > 0 {
                covered -= 1;
                continue;
            }
            covered = Span::raw(cell.symbol()).width().max(1) - 1;
            line.push_str(cell.symbol());
        }
        line.trim_end().to_owned()
    };
    rows.map(text).collect()
}

pub(crate) fn lines(model: &mut Model, size: (u16, u16)) -> Vec<String> {
    lines_of(&buffer(model, Palette::new(false), size))
}

pub(crate) fn screen(model: &mut Model, size: (u16, u16)) -> String {
    lines(model, size).join("\n")
}
