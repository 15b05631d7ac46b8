//! SQL statements of a script. Variables become bind parameters, or are replaced by their text when
//! the statement is sent.

use std::ops::Range;

use crate::compiled::parameter::ScriptParameter;
use crate::compiled::statement_writer::StatementWriter;
use crate::compiled::transaction::TransactionEffect;
use crate::language::diagnostic::{Diagnostic, Position};
use crate::language::scanner::{CharContext, SourceChar, begins_name, is_name_part};
use crate::language::source::ValueMode;
use crate::values::capture::Capture;
use crate::values::variable_table::VariableTable;

/// Largest number of words in [`ScriptStatement::words`].
const MOST_WORDS: usize = 3;

/// SQL statement of a script, ready to be prepared, or sent after its variables are replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptStatement {
    /// Text with `$1`, `$2` … in place of variables, or with `:name` if values are sent inline.
    pub sql: String,
    /// Variables whose values are bound to `$1`, `$2` …, in this order; empty if values are sent
    /// inline.
    pub parameters: Vec<ScriptParameter>,
    /// Byte ranges of `:name` in `sql`, each with the slot of the variable whose value replaces it,
    /// for [`Variables::substitute`](crate::Variables::substitute). Empty if values are bound.
    pub substitutions: Vec<(Range<usize>, usize)>,
    /// Variables that the statement's result sets, by `\gset` or `\aset`; `None` if there are none.
    pub capture: Option<Capture>,
    /// True if the text consists of several statements, joined by `\;` and sent together.
    pub joined: bool,
    /// Effect of the statement on transactions: it begins one, ends one, does both or neither.
    pub effect: TransactionEffect,
    /// Plain words at the beginning of the statement, at most three, such as `UPDATE`, `accounts`,
    /// `SET`; never a value. Empty if it does not begin with a word.
    pub words: Vec<String>,
    /// Position of the statement's first character in the script.
    pub position: Position,
    /// Pairs of a character index in `sql`, counted from 0, and its position in the script. The
    /// characters up to the next pair follow there one after the other.
    origins: Vec<(usize, Position)>,
}

impl ScriptStatement {
    /// Compiles the statement `chars`, which must contain more than white space and comments.
    ///
    /// # Errors
    /// Returns an error at a variable that nothing sets, and at one that cannot be bound because it
    /// does not stand for a whole value.
    pub(crate) fn compile(
        chars: &[SourceChar],
        variables: &VariableTable,
        mode: ValueMode,
    ) -> Result<Self, Diagnostic> {
        let writer = write(chars, variables, mode)?;
        let parts = chars.split(|character| character.context == CharContext::Separator);
        let effects = parts
            .clone()
            .map(|part| TransactionEffect::from_words(&leading_words(part)));
        let effect = effects.fold(TransactionEffect::None, TransactionEffect::then);
        let is_bare = |word: &String| word.starts_with(begins_name);
        let words = leading_words(chars).into_iter().take(MOST_WORDS);
        Ok(Self {
            effect,
            joined: parts.count() > 1,
            capture: None,
            substitutions: writer.substitutions,
            words: words.take_while(is_bare).collect(),
            sql: writer.sql,
            parameters: writer.parameters,
            position: chars
                .first()
                .map_or(Position { line: 1, column: 1 }, |first| first.position),
            origins: writer.origins,
        })
    }

    /// Returns the position in the script of the character at `position` in [`Self::sql`], counted
    /// from 1 as in servers' error messages.
    pub fn origin(&self, position: u32) -> Position {
        let index = (position as usize).saturating_sub(1);
        let before = self.origins.iter().rev().find(|(from, _)| *from <= index);
        before.map_or(self.position, |(from, position)| Position {
            line: position.line,
            column: position.column.saturating_add((index - from) as u32),
        })
    }
}

/// Writes the statement `chars` with its variables bound or marked for substitution. Fails at a
/// variable that nothing sets or that cannot be bound.
fn write(
    chars: &[SourceChar],
    variables: &VariableTable,
    mode: ValueMode,
) -> Result<StatementWriter, Diagnostic> {
    let mut writer = StatementWriter::default();
    let mut brackets = 0_usize;
    let mut at = 0;
    while let Some(character) = chars.get(at).copied() {
        match character.c {
            '[' => brackets += 1,
            ']' => brackets = brackets.saturating_sub(1),
            _ => {}
        }
        let name = variable_at(chars, at);
        let slot = name.as_deref().and_then(|name| variables.get(name));
        match (name, slot) {
            (Some(name), Some(slot)) => {
                let length = name.chars().count() + 1;
                if mode == ValueMode::Inline {
                    writer.push_substitution(slot, &chars[at..at + length]);
                } else if !is_embedded(chars, at, length) {
                    writer.push_parameter(slot, character.position);
                } else if let Some(value) = variables.constant(slot) {
                    writer.push_text(&value.to_string(), character.position);
                } else {
                    let message = not_a_value(&name, character.context);
                    return Err(Diagnostic::new(character.position, message));
                }
                at += length;
            }
            // In a slice, such as `list[low:high]`, a column's name may follow the colon.
            (Some(name), None) if character.context == CharContext::Code && brackets == 0 => {
                variables.require(&name, character.position)?;
            }
            _ => {
                // The `::` of a cast does not begin a variable.
                let cast = character.c == ':' && chars.get(at + 1).is_some_and(|l| l.c == ':');
                for character in &chars[at..=at + usize::from(cast)] {
                    writer.push(*character);
                }
                at += 1 + usize::from(cast);
            }
        }
    }
    Ok(writer)
}

/// Returns the name of the variable whose colon is at index `at`; `None` if no variable begins
/// there.
pub(crate) fn variable_at(chars: &[SourceChar], at: usize) -> Option<String> {
    let here = chars[at];
    let alone = here.c == ':' && here.context != CharContext::Comment;
    if !alone || !chars.get(at + 1).is_some_and(|l| begins_name(l.c)) {
        return None;
    }
    let part = |l: &&SourceChar| is_name_part(l.c) && l.c != '$' && l.context == here.context;
    let name = chars[at + 1..].iter().take_while(part);
    Some(name.map(|l| l.c).collect())
}

/// Returns true if the variable of `length` characters, colon included, at index `at` is part of a
/// longer name, or within quotes.
fn is_embedded(chars: &[SourceChar], at: usize, length: usize) -> bool {
    let joins = |l: &SourceChar| is_name_part(l.c) || matches!(l.c, '.' | '"');
    chars[at].context == CharContext::Quoted
        || (at > 0 && joins(&chars[at - 1]))
        || chars.get(at + length).is_some_and(joins)
}

fn not_a_value(name: &str, context: CharContext) -> String {
    let why = if context == CharContext::Quoted {
        "inside quotes"
    } else {
        "as a part of a name"
    };
    format!(
        ":{name} stands {why}, where a statement takes no parameter; let it stand for a whole value, --define it, or send text with --protocol simple"
    )
}

/// Returns the plain words at the beginning of a statement, as written, without comments. Ends
/// before the first character that belongs to no word.
fn leading_words(chars: &[SourceChar]) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for character in chars.iter().filter(|l| l.context != CharContext::Comment) {
        let belongs = is_name_part(character.c) || character.c == '.';
        if character.context == CharContext::Code && belongs {
            word.push(character.c);
        } else if character.c.is_whitespace() {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
        } else {
            break;
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::scanner::{RawCommand, split_commands};
    use crate::values::value::ScriptValue;

    fn compile(sql: &str) -> Result<ScriptStatement, Diagnostic> {
        let mut names = VariableTable::new(&[("scale".to_owned(), ScriptValue::Integer(7))], 1);
        names.declare("a");
        names.declare("b");
        match split_commands(sql).unwrap().as_slice() {
            [RawCommand::Sql(chars)] => ScriptStatement::compile(chars, &names, ValueMode::Bind),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_variable_that_stands_for_a_value_becomes_a_parameter() {
        for (sql, prepared, parameters) in [
            ("SELECT :a, :b, :a", "SELECT $1, $2, $3", 3),
            ("SELECT :a::int4", "SELECT $1::int4", 1),
            ("SELECT f(:a,:b)+:a", "SELECT f($1,$2)+$3", 3),
            ("SELECT x::a FROM t", "SELECT x::a FROM t", 0),
            ("SELECT list[lo:hi]", "SELECT list[lo:hi]", 0),
            ("SELECT '12:30', ':other'", "SELECT '12:30', ':other'", 0),
            ("SELECT /* :a */ :b", "SELECT /* :a */ $1", 1),
            ("SELECT * FROM t_:scale", "SELECT * FROM t_7", 0),
            ("SELECT ':scale days'", "SELECT '7 days'", 0),
            ("SELECT :scale", "SELECT $1", 1),
        ] {
            let statement = compile(sql).unwrap();
            assert_eq!(statement.sql, prepared);
            assert_eq!(statement.parameters.len(), parameters, "{sql}");
        }
    }

    #[test]
    fn a_variable_elsewhere_is_named_with_its_place() {
        for (sql, column, told) in [
            ("SELECT ':a days'", 9, "inside quotes"),
            ("SELECT * FROM t_:a", 17, "part of a name"),
            ("SELECT * FROM :a.t", 15, "part of a name"),
            ("SELECT :c", 8, "nothing sets :c"),
        ] {
            let fault = compile(sql).unwrap_err();
            assert_eq!(fault.position, Position { line: 1, column }, "{fault}");
            assert!(fault.message.contains(told), "{fault}");
        }
    }

    #[test]
    fn a_position_of_the_server_leads_back_into_the_file() {
        let statement = compile("SELECT :a, -- first\n  :b, nonsense").unwrap();
        let position = statement.sql.find("nonsense").unwrap() as u32 + 1;
        assert_eq!(statement.origin(position), Position { line: 2, column: 7 });
        assert_eq!(statement.origin(8), Position { line: 1, column: 8 });
    }

    #[test]
    fn what_begins_and_ends_a_transaction_is_known() {
        for (sql, effect) in [
            ("BEGIN", TransactionEffect::Begins),
            (
                "begin isolation level serializable",
                TransactionEffect::Begins,
            ),
            ("START TRANSACTION", TransactionEffect::Begins),
            ("/* now */ END", TransactionEffect::Ends),
            ("COMMIT AND NO CHAIN", TransactionEffect::Ends),
            ("COMMIT AND CHAIN", TransactionEffect::None),
            ("ROLLBACK TO SAVEPOINT s", TransactionEffect::None),
            ("ROLLBACK WORK", TransactionEffect::Ends),
            ("COMMIT PREPARED 'x'", TransactionEffect::None),
            ("SELECT 1", TransactionEffect::None),
        ] {
            assert_eq!(compile(sql).unwrap().effect, effect, "{sql}");
        }
    }

    #[test]
    fn leading_words_never_hold_a_value() {
        for (sql, words) in [
            (
                "UPDATE accounts SET x = 'secret'",
                &["UPDATE", "accounts", "SET"][..],
            ),
            (
                "INSERT INTO shop.orders VALUES (1)",
                &["INSERT", "INTO", "shop.orders"],
            ),
            ("SELECT 'secret'", &["SELECT"]),
            ("SELECT 12345 FROM t", &["SELECT"]),
            ("(SELECT 1)", &[]),
        ] {
            assert_eq!(compile(sql).unwrap().words, words);
        }
    }
}
