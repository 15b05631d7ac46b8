//! What a key does.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::model::Model;
use super::process::Sort;

/// What a key asks of the loop, beyond what it did to the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Go on.
    Nothing,
    /// Draw everything anew: something else wrote on the terminal.
    Redraw,
    /// Stop as a shell's Ctrl-Z does.
    Suspend,
    /// End.
    Quit,
}

/// Every key, as the help has it.
pub const HELP: [(&str, &str); 10] = [
    ("q, Ctrl-C", "quit"),
    ("Esc", "back: close this, drop the filter, quit"),
    ("c m i n p", "sort by CPU, memory, I/O, name, number;"),
    ("", "once more, or r: the other way round"),
    ("/", "filter by name, number or command line"),
    ("f", "with --follow: those processes only, or all"),
    ("space", "pause and go on; sampling never stops"),
    ("↑ ↓ PgUp PgDn Home End", "move through the processes"),
    ("?, h", "this help"),
    ("Ctrl-L, Ctrl-Z", "draw anew, suspend"),
];

/// Does what `key` stands for.
pub fn press(model: &mut Model, key: KeyEvent) -> Wish {
    if key.kind == KeyEventKind::Release {
        return Wish::Nothing;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return match key.code {
            KeyCode::Char('c') => Wish::Quit,
            KeyCode::Char('z') => Wish::Suspend,
            KeyCode::Char('l') => Wish::Redraw,
            _ => Wish::Nothing,
        };
    }
    if model.is_typing() {
        type_filter(model, key.code);
        return Wish::Nothing;
    }
    command(model, key.code)
}

fn type_filter(model: &mut Model, key: KeyCode) {
    match key {
        KeyCode::Char(c) => model.type_filter(c),
        KeyCode::Backspace => model.erase_filter(),
        KeyCode::Enter => model.end_filter(true),
        KeyCode::Esc => model.end_filter(false),
        _ => {}
    }
}

fn command(model: &mut Model, key: KeyCode) -> Wish {
    let page = isize::try_from(model.page()).unwrap_or(isize::MAX);
    match key {
        KeyCode::Char('q') => return Wish::Quit,
        KeyCode::Esc if model.help => model.help = false,
        KeyCode::Esc if !model.drop_filter() => return Wish::Quit,
        KeyCode::Char('?' | 'h') => model.help = !model.help,
        KeyCode::Char(' ') => model.pause(),
        KeyCode::Char('/') => model.begin_filter(),
        KeyCode::Char('f') => model.toggle_followed(),
        KeyCode::Char('c') => model.sort_by(Sort::Cpu),
        KeyCode::Char('m') => model.sort_by(Sort::Memory),
        KeyCode::Char('i') => model.sort_by(Sort::Io),
        KeyCode::Char('n') => model.sort_by(Sort::Name),
        KeyCode::Char('p') => model.sort_by(Sort::Pid),
        KeyCode::Char('r') => model.sort_by(model.sort),
        KeyCode::Down | KeyCode::Char('j') => model.scroll(1),
        KeyCode::Up | KeyCode::Char('k') => model.scroll(-1),
        KeyCode::PageDown => model.scroll(page),
        KeyCode::PageUp => model.scroll(-page),
        KeyCode::End => model.scroll(isize::MAX),
        KeyCode::Home => model.scroll(isize::MIN),
        _ => {}
    }
    Wish::Nothing
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::model::About;

    fn press_all(model: &mut Model, keys: &[KeyCode]) -> Wish {
        let mut last = Wish::Nothing;
        for key in keys {
            last = press(model, KeyEvent::new(*key, KeyModifiers::NONE));
        }
        last
    }

    const fn char(c: char) -> KeyCode {
        KeyCode::Char(c)
    }

    #[test]
    fn escape_goes_one_step_back_at_a_time() {
        let mut model = Model::new(About::default());
        let keys = [char('/'), char('q'), KeyCode::Enter, char('?')];
        assert_eq!(press_all(&mut model, &keys), Wish::Nothing);
        assert_eq!((model.filter.as_str(), model.help), ("q", true));
        assert_eq!(press_all(&mut model, &[KeyCode::Esc]), Wish::Nothing);
        assert_eq!((model.filter.as_str(), model.help), ("q", false));
        assert_eq!(press_all(&mut model, &[KeyCode::Esc]), Wish::Nothing);
        assert_eq!(model.filter, "");
        assert_eq!(press_all(&mut model, &[KeyCode::Esc]), Wish::Quit);
    }

    #[test]
    fn letters_are_commands_unless_a_filter_is_typed() {
        let mut model = Model::new(About::default());
        for (key, sort) in [
            ('m', Sort::Memory),
            ('i', Sort::Io),
            ('n', Sort::Name),
            ('p', Sort::Pid),
            ('c', Sort::Cpu),
        ] {
            press_all(&mut model, &[char(key)]);
            assert_eq!((model.sort, model.reversed), (sort, false), "{key}");
        }
        press_all(&mut model, &[char('r')]);
        assert!(model.reversed);
        press_all(&mut model, &[char(' ')]);
        assert!(model.is_paused());
        let typed = [char('/'), char('m'), char('q'), char(' '), char('x')];
        press_all(&mut model, &typed);
        press_all(&mut model, &[KeyCode::Backspace]);
        assert_eq!((model.filter.as_str(), model.sort), ("mq ", Sort::Cpu));
        assert!(model.is_paused());
    }

    #[test]
    fn control_keys_mean_the_same_everywhere() {
        let mut model = Model::new(About::default());
        for typing in [false, true] {
            if typing {
                model.begin_filter();
            }
            for (key, wish) in [
                ('c', Wish::Quit),
                ('z', Wish::Suspend),
                ('l', Wish::Redraw),
                ('x', Wish::Nothing),
            ] {
                let key = KeyEvent::new(char(key), KeyModifiers::CONTROL);
                assert_eq!(press(&mut model, key), wish);
            }
        }
        assert_eq!(model.filter, "");
    }

    #[test]
    fn a_key_let_go_does_nothing() {
        let mut model = Model::new(About::default());
        let key = KeyEvent {
            kind: KeyEventKind::Release,
            ..KeyEvent::new(char('q'), KeyModifiers::NONE)
        };
        assert_eq!(press(&mut model, key), Wish::Nothing);
    }
}
