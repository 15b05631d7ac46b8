//! Backslash commands of scripts: their name and the rest of their line.

use crate::compiled::statement::variable_at;
use crate::language::diagnostic::{Diagnostic, Position};
use crate::language::expression::Expression;
use crate::language::scanner::{RawCommand, SourceChar, is_name_part};
use crate::values::variable_table::VariableTable;

/// Commands that set variables from the result of the preceding query, without the backslash.
const CAPTURING: [&str; 2] = ["gset", "aset"];

/// Backslash command of a script, such as `\set`, with its name separated from the rest of the
/// line.
pub(crate) struct MetaCommand<'a> {
    /// Name of the command in lower case, without the backslash.
    pub(crate) name: String,
    /// Characters after the name, up to the end of the line.
    pub(crate) rest: &'a [SourceChar],
    /// Position of the command's backslash in the script.
    pub(crate) position: Position,
    /// Position just after the last character that is no white space, for errors about something
    /// missing.
    pub(crate) end: Position,
}

impl<'a> MetaCommand<'a> {
    /// Parses `chars`, a command without its backslash. The case of the name is ignored, as in
    /// pgbench; whether the command exists is not checked.
    pub(crate) fn parse(chars: &'a [SourceChar]) -> Self {
        let length = chars.iter().take_while(|l| is_name_part(l.c)).count();
        let begin = chars
            .first()
            .map_or(Position { line: 1, column: 1 }, |l| l.position);
        let last = chars.iter().rev().find(|l| !l.c.is_whitespace());
        Self {
            name: chars[..length]
                .iter()
                .map(|l| l.c.to_ascii_lowercase())
                .collect(),
            rest: &chars[length..],
            position: Position {
                column: begin.column.saturating_sub(1).max(1),
                ..begin
            },
            end: last.map_or(begin, |l| Position {
                column: l.position.column.saturating_add(1),
                ..l.position
            }),
        }
    }

    /// Returns true if the command is `\gset` or `\aset`.
    pub(crate) fn captures(&self) -> bool {
        CAPTURING.contains(&self.name.as_str())
    }

    /// Returns the rest of the line, after the command's name, as text.
    pub(crate) fn text(&self) -> String {
        self.rest.iter().map(|l| l.c).collect()
    }

    /// Parses the rest of the line as an expression. Fails if it is malformed or has a variable
    /// that nothing sets.
    pub(crate) fn expression(&self, variables: &VariableTable) -> Result<Expression, Diagnostic> {
        Expression::parse(self.rest, self.end, variables)
    }

    /// Returns the position of the command's first argument; without one, the position after the
    /// command.
    pub(crate) fn argument(&self) -> Position {
        let first = self.rest.iter().find(|l| !l.c.is_whitespace());
        first.map_or(self.end, |l| l.position)
    }

    /// Fails at the first argument if the command has any.
    pub(crate) fn expect_no_argument(&self) -> Result<(), Diagnostic> {
        match self.rest.iter().find(|l| !l.c.is_whitespace()) {
            None => Ok(()),
            Some(character) => Err(Diagnostic::new(
                character.position,
                format!("\\{} takes nothing", self.name),
            )),
        }
    }

    /// Creates the error that this command, `\elif`, `\else` or `\endif`, is outside an `\if`
    /// block.
    pub(crate) fn without_if(&self) -> Diagnostic {
        Diagnostic::new(self.position, format!("\\{} without \\if", self.name))
    }

    /// Splits the argument of `\set` into the variable's name and the characters of the expression.
    /// The name is empty if it is missing or malformed.
    pub(crate) fn assignment(&self) -> (String, &'a [SourceChar]) {
        let begin = self.rest.iter().take_while(|l| l.c.is_whitespace()).count();
        let part = |l: &&SourceChar| is_name_part(l.c) && l.c != '$';
        let length = self.rest[begin..].iter().take_while(part).count();
        let (name, rest) = self.rest[begin..].split_at(length);
        let separated = rest.first().is_none_or(|l| l.c.is_whitespace());
        let name: String = name.iter().map(|l| l.c).collect();
        let valid = separated && !name.starts_with(|c: char| c.is_ascii_digit());
        (if valid { name } else { String::new() }, rest)
    }
}

/// Declares in `variables` all variables that the `\set` commands of `commands` set.
pub(crate) fn declare_assigned(commands: &[RawCommand], variables: &mut VariableTable) {
    for command in commands {
        if let RawCommand::Meta(chars) = command {
            let meta = MetaCommand::parse(chars);
            if meta.name == "set" {
                let name = meta.assignment().0;
                if !name.is_empty() {
                    variables.declare(&name);
                }
            }
        }
    }
}

/// Returns true if any of `commands` sets variables from the result of a query (`\gset`, `\aset`).
pub(crate) fn has_capture(commands: &[RawCommand]) -> bool {
    commands.iter().any(|command| match command {
        RawCommand::Meta(chars) => MetaCommand::parse(chars).captures(),
        RawCommand::Sql(_) => false,
    })
}

/// Declares in `variables` all variables that the statements and backslash commands of `commands`
/// read.
pub(crate) fn declare_read(commands: &[RawCommand], variables: &mut VariableTable) {
    for command in commands {
        let (RawCommand::Sql(chars) | RawCommand::Meta(chars)) = command;
        for at in 0..chars.len() {
            let after_colon = at > 0 && chars[at - 1].c == ':';
            if let Some(name) = variable_at(chars, at).filter(|_| !after_colon) {
                variables.declare(&name);
            }
        }
    }
}
