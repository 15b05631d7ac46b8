//! Keys of the live view and their actions.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::model::Model;
use super::process::Sort;

/// Action that the main loop must take after a key, in addition to the change of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyAction {
    /// No further action.
    Nothing,
    /// Redraw the whole screen, because another program wrote on the terminal.
    Redraw,
    /// Leave the terminal and suspend the process, as Ctrl-Z does in a shell.
    Suspend,
    /// Quit the live view.
    Quit,
}

/// Keys with their descriptions, in the order of the help. An empty key continues the line above.
pub(crate) const HELP: [(&str, &str); 10] = [
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

/// Changes the model as `key` says, and returns the action that the main loop must take. The
/// release of a key does nothing.
pub(crate) fn press(model: &mut Model, key: KeyEvent) -> KeyAction {
    if key.kind == KeyEventKind::Release {
        return KeyAction::Nothing;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return match key.code {
            KeyCode::Char('c') => KeyAction::Quit,
            KeyCode::Char('z') => KeyAction::Suspend,
            KeyCode::Char('l') => KeyAction::Redraw,
            _ => KeyAction::Nothing,
        };
    }
    if model.is_typing() {
        type_filter(model, key.code);
        return KeyAction::Nothing;
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

fn command(model: &mut Model, key: KeyCode) -> KeyAction {
    let page = isize::try_from(model.page()).unwrap_or(isize::MAX);
    match key {
        KeyCode::Char('q') => return KeyAction::Quit,
        KeyCode::Esc if model.help => model.help = false,
        KeyCode::Esc if !model.drop_filter() => return KeyAction::Quit,
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
    KeyAction::Nothing
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::model::ViewInfo;

    fn press_all(model: &mut Model, keys: &[KeyCode]) -> KeyAction {
        let mut last = KeyAction::Nothing;
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
        let mut model = Model::new(ViewInfo::default());
        let keys = [char('/'), char('q'), KeyCode::Enter, char('?')];
        assert_eq!(press_all(&mut model, &keys), KeyAction::Nothing);
        assert_eq!((model.filter.as_str(), model.help), ("q", true));
        assert_eq!(press_all(&mut model, &[KeyCode::Esc]), KeyAction::Nothing);
        assert_eq!((model.filter.as_str(), model.help), ("q", false));
        assert_eq!(press_all(&mut model, &[KeyCode::Esc]), KeyAction::Nothing);
        assert_eq!(model.filter, "");
        assert_eq!(press_all(&mut model, &[KeyCode::Esc]), KeyAction::Quit);
    }

    #[test]
    fn letters_are_commands_unless_a_filter_is_typed() {
        let mut model = Model::new(ViewInfo::default());
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
        let mut model = Model::new(ViewInfo::default());
        for typing in [false, true] {
            if typing {
                model.begin_filter();
            }
            for (key, wish) in [
                ('c', KeyAction::Quit),
                ('z', KeyAction::Suspend),
                ('l', KeyAction::Redraw),
                ('x', KeyAction::Nothing),
            ] {
                let key = KeyEvent::new(char(key), KeyModifiers::CONTROL);
                assert_eq!(press(&mut model, key), wish);
            }
        }
        assert_eq!(model.filter, "");
    }

    #[test]
    fn a_key_let_go_does_nothing() {
        let mut model = Model::new(ViewInfo::default());
        let key = KeyEvent {
            kind: KeyEventKind::Release,
            ..KeyEvent::new(char('q'), KeyModifiers::NONE)
        };
        assert_eq!(press(&mut model, key), KeyAction::Nothing);
    }
}
