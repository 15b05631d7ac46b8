//! Writer of a statement's text, which records from where in the script each part comes.

use std::ops::Range;

use crate::compiled::parameter::ScriptParameter;
use crate::language::diagnostic::Position;
use crate::language::scanner::SourceChar;

/// Text of a statement under construction, with its variables and the origin of each part.
#[derive(Default)]
pub(crate) struct StatementWriter {
    pub(crate) sql: String,
    pub(crate) parameters: Vec<ScriptParameter>,
    pub(crate) substitutions: Vec<(Range<usize>, usize)>,
    /// Pairs of a character index in `sql`, counted from 0, and its position in the script. The
    /// characters up to the next pair follow there one after the other.
    pub(crate) origins: Vec<(usize, Position)>,
    /// Length of `sql` in characters.
    length: usize,
    /// Position in the script directly after the last appended character, at which the next one
    /// needs no entry in `origins`; `None` after a line break and after inserted text.
    expected: Option<Position>,
}

impl StatementWriter {
    /// Appends a character of the script unchanged.
    pub(crate) fn push(&mut self, character: SourceChar) {
        if self.expected != Some(character.position) {
            self.origins.push((self.length, character.position));
        }
        self.expected = (character.c != '\n').then_some(Position {
            line: character.position.line,
            column: character.position.column.saturating_add(1),
        });
        self.sql.push(character.c);
        self.length += 1;
    }

    /// Appends `text` in place of the script's text at `position`.
    pub(crate) fn push_text(&mut self, text: &str, position: Position) {
        self.origins.push((self.length, position));
        self.expected = None;
        self.sql.push_str(text);
        self.length += text.chars().count();
    }

    /// Appends the characters `variable` (`:name`), to be replaced by the value in `slot` when the
    /// statement is sent.
    pub(crate) fn push_substitution(&mut self, slot: usize, variable: &[SourceChar]) {
        let begin = self.sql.len();
        for character in variable {
            self.push(*character);
        }
        self.substitutions.push((begin..self.sql.len(), slot));
    }

    /// Appends the next of `$1`, `$2` …, bound to the value in `slot`. `position` is that of the
    /// variable.
    pub(crate) fn push_parameter(&mut self, slot: usize, position: Position) {
        self.parameters.push(ScriptParameter { slot, position });
        self.push_text(&format!("${}", self.parameters.len()), position);
    }
}
