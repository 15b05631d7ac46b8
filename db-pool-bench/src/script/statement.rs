//! SQL statements: variables turned into bind parameters, and what a statement does to the
//! transaction that it stands in.

use std::ops::Range;

use super::gather::Gather;
use super::names::Names;
use super::place::{Fault, Place};
use super::scan::{Letter, Standing, begins_name, is_name_part};

/// Words of a statement that name it in reports.
const WORDS_SHOWN: usize = 3;
const LONGEST_NAME: usize = 48;

/// What a statement does to the transaction around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// It begins one.
    Begins,
    /// It ends one.
    Ends,
    /// It begins one and ends it: several statements that are sent together.
    Holds,
}

impl Effect {
    /// Returns what both do, one after the other.
    fn then(self, next: Self) -> Self {
        match (self, next) {
            (so_far, Self::None) => so_far,
            (Self::Begins, Self::Ends) => Self::Holds,
            (_, next) => next,
        }
    }
}

/// A variable that stands for a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter {
    /// Place where a user's value is.
    pub slot: usize,
    /// Place where it stands in the file.
    pub place: Place,
}

/// A statement, ready to be prepared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// With `$1`, `$2` … for its parameters.
    pub sql: String,
    /// What `$1`, `$2` … are.
    pub parameters: Vec<Parameter>,
    /// Which bytes of `sql` stand for the value in which slot, where values are put into the text.
    pub(crate) substitutions: Vec<(Range<usize>, usize)>,
    /// Variables that its rows set.
    pub(crate) gather: Option<Gather>,
    /// True if it is several that are sent together.
    pub joined: bool,
    /// What it does to the transaction around it.
    pub effect: Effect,
    /// Its first words, as in `UPDATE pgbench_accounts SET`; never a value.
    pub name: String,
    /// Place where it begins.
    pub place: Place,
    /// From which character of `sql` on places run on from this one.
    origins: Vec<(usize, Place)>,
}

impl Statement {
    /// Turns variables of `letters`, a statement that says something, into parameters, or notes
    /// where their values are put in where it is `textual`.
    ///
    /// # Errors
    /// At a variable that nothing sets, or that stands for something other than a value.
    pub(super) fn compile(letters: &[Letter], names: &Names, textual: bool) -> Result<Self, Fault> {
        let mut writer = Writer::default();
        let mut brackets = 0_usize;
        let mut at = 0;
        while let Some(letter) = letters.get(at).copied() {
            match letter.c {
                '[' => brackets += 1,
                ']' => brackets = brackets.saturating_sub(1),
                _ => {}
            }
            let name = variable(letters, at);
            let slot = name.as_deref().and_then(|name| names.get(name));
            match (name, slot) {
                (Some(name), Some(slot)) => {
                    let length = name.chars().count() + 1;
                    let embedded = is_embedded(letters, at, length);
                    if textual {
                        writer.substitution(slot, &letters[at..at + length]);
                    } else if !embedded {
                        writer.parameter(slot, letter.place);
                    } else if let Some(value) = names.constant(slot) {
                        writer.text(&value.to_string(), letter.place);
                    } else {
                        return Err(Fault::new(
                            letter.place,
                            not_a_value(&name, letter.standing),
                        ));
                    }
                    at += length;
                }
                // A slice, as in `list[low:high]`, has names of columns after its colon.
                (Some(name), None) if letter.standing == Standing::Code && brackets == 0 => {
                    names.find(&name, letter.place)?;
                }
                _ => {
                    // A cast is two letters of one word.
                    let cast = letter.c == ':' && letters.get(at + 1).is_some_and(|l| l.c == ':');
                    for letter in &letters[at..=at + usize::from(cast)] {
                        writer.letter(*letter);
                    }
                    at += 1 + usize::from(cast);
                }
            }
        }
        let parts = letters.split(|letter| letter.standing == Standing::Joint);
        let effects = parts.clone().map(|part| effect(&words(part)));
        let joined = parts.count() > 1;
        let words = words(letters);
        let place = letters
            .first()
            .map_or(Place { line: 1, column: 1 }, |l| l.place);
        Ok(Self {
            effect: effects.fold(Effect::None, Effect::then),
            joined,
            gather: None,
            substitutions: writer.substitutions,
            name: shown(&words),
            sql: writer.sql,
            parameters: writer.parameters,
            place,
            origins: writer.origins,
        })
    }

    /// Returns where the `position`th character of [`Self::sql`] (from 1, as servers count) came
    /// from.
    pub fn origin(&self, position: u32) -> Place {
        let index = (position as usize).saturating_sub(1);
        let before = self.origins.iter().rev().find(|(from, _)| *from <= index);
        before.map_or(self.place, |(from, place)| Place {
            line: place.line,
            column: place.column.saturating_add((index - from) as u32),
        })
    }
}

#[derive(Default)]
struct Writer {
    sql: String,
    length: usize,
    parameters: Vec<Parameter>,
    substitutions: Vec<(Range<usize>, usize)>,
    origins: Vec<(usize, Place)>,
    follows: Option<Place>,
}

impl Writer {
    fn letter(&mut self, letter: Letter) {
        if self.follows != Some(letter.place) {
            self.origins.push((self.length, letter.place));
        }
        self.follows = (letter.c != '\n').then_some(Place {
            line: letter.place.line,
            column: letter.place.column.saturating_add(1),
        });
        self.sql.push(letter.c);
        self.length += 1;
    }

    fn text(&mut self, text: &str, place: Place) {
        self.origins.push((self.length, place));
        self.follows = None;
        self.sql.push_str(text);
        self.length += text.chars().count();
    }

    fn substitution(&mut self, slot: usize, variable: &[Letter]) {
        let begin = self.sql.len();
        for letter in variable {
            self.letter(*letter);
        }
        self.substitutions.push((begin..self.sql.len(), slot));
    }

    fn parameter(&mut self, slot: usize, place: Place) {
        self.parameters.push(Parameter { slot, place });
        self.text(&format!("${}", self.parameters.len()), place);
    }
}

/// The name of the variable that begins at `at`, if one does.
pub(super) fn variable(letters: &[Letter], at: usize) -> Option<String> {
    let here = letters[at];
    let alone = here.c == ':' && here.standing != Standing::Comment;
    if !alone || !letters.get(at + 1).is_some_and(|l| begins_name(l.c)) {
        return None;
    }
    let part = |l: &&Letter| is_name_part(l.c) && l.c != '$' && l.standing == here.standing;
    Some(
        letters[at + 1..]
            .iter()
            .take_while(part)
            .map(|l| l.c)
            .collect(),
    )
}

/// Returns true if the variable of `length` letters at `at` is a part of a longer name, or quoted.
fn is_embedded(letters: &[Letter], at: usize, length: usize) -> bool {
    let joins = |l: &Letter| is_name_part(l.c) || matches!(l.c, '.' | '"');
    letters[at].standing == Standing::Quoted
        || (at > 0 && joins(&letters[at - 1]))
        || letters.get(at + length).is_some_and(joins)
}

fn not_a_value(name: &str, standing: Standing) -> String {
    let why = if standing == Standing::Quoted {
        "inside quotes"
    } else {
        "as a part of a name"
    };
    format!(
        ":{name} stands {why}, where a statement takes no parameter; let it stand for a whole value, --define it, or send text with --protocol simple"
    )
}

/// The bare words with which a statement begins, comments left out.
fn words(letters: &[Letter]) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for letter in letters.iter().filter(|l| l.standing != Standing::Comment) {
        let belongs = is_name_part(letter.c) || letter.c == '.';
        if letter.standing == Standing::Code && belongs {
            word.push(letter.c);
        } else if letter.c.is_whitespace() {
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

/// Words up to the first that could be a value.
fn shown(words: &[String]) -> String {
    let is_bare = |word: &&String| word.starts_with(begins_name);
    let bare = words.iter().take(WORDS_SHOWN).take_while(is_bare);
    let shown = bare
        .map(|word| without_run(word))
        .collect::<Vec<_>>()
        .join(" ");
    if shown.is_empty() {
        return "statement".to_owned();
    }
    shown.chars().take(LONGEST_NAME).collect()
}

/// A name without a schema of ours, which is another one in each run.
fn without_run(word: &str) -> &str {
    match word.rsplit_once('.') {
        Some((schema, table)) if schema.starts_with("plimsoll_") => table,
        _ => word,
    }
}

/// Source: PostgreSQL documentation, *SQL Commands*: BEGIN, START TRANSACTION, COMMIT, END,
/// ROLLBACK, ABORT, PREPARE TRANSACTION.
fn effect(words: &[String]) -> Effect {
    let lower: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    let savepoint = lower.contains(&"to");
    let chained = lower.contains(&"chain") && !lower.contains(&"no");
    let prepared = lower.get(1) == Some(&"prepared");
    match lower.as_slice() {
        ["begin", ..] | ["start", "transaction", ..] => Effect::Begins,
        ["prepare", "transaction", ..] => Effect::Ends,
        ["commit" | "end" | "rollback" | "abort", ..] if !(savepoint || chained || prepared) => {
            Effect::Ends
        }
        _ => Effect::None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::scan::{Piece, pieces};
    use super::super::value::Value;
    use super::*;

    fn compile(sql: &str) -> Result<Statement, Fault> {
        let mut names = Names::new(&[("scale".to_owned(), Value::Integer(7))], 1);
        names.declare("a");
        names.declare("b");
        match pieces(sql).unwrap().as_slice() {
            [Piece::Sql(letters)] => Statement::compile(letters, &names, false),
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
            assert_eq!(fault.place, Place { line: 1, column }, "{fault}");
            assert!(fault.message.contains(told), "{fault}");
        }
    }

    #[test]
    fn a_position_of_the_server_leads_back_into_the_file() {
        let statement = compile("SELECT :a, -- first\n  :b, nonsense").unwrap();
        let position = statement.sql.find("nonsense").unwrap() as u32 + 1;
        assert_eq!(statement.origin(position), Place { line: 2, column: 7 });
        assert_eq!(statement.origin(8), Place { line: 1, column: 8 });
    }

    #[test]
    fn what_begins_and_ends_a_transaction_is_known() {
        for (sql, effect) in [
            ("BEGIN", Effect::Begins),
            ("begin isolation level serializable", Effect::Begins),
            ("START TRANSACTION", Effect::Begins),
            ("/* now */ END", Effect::Ends),
            ("COMMIT AND NO CHAIN", Effect::Ends),
            ("COMMIT AND CHAIN", Effect::None),
            ("ROLLBACK TO SAVEPOINT s", Effect::None),
            ("ROLLBACK WORK", Effect::Ends),
            ("COMMIT PREPARED 'x'", Effect::None),
            ("SELECT 1", Effect::None),
        ] {
            assert_eq!(compile(sql).unwrap().effect, effect, "{sql}");
        }
    }

    #[test]
    fn a_name_shows_words_and_never_a_value() {
        for (sql, name) in [
            (
                "UPDATE pgbench_accounts SET x = 'secret'",
                "UPDATE pgbench_accounts SET",
            ),
            (
                "UPDATE plimsoll_1.pgbench_tellers SET x = 1",
                "UPDATE pgbench_tellers SET",
            ),
            (
                "INSERT INTO shop.orders VALUES (1)",
                "INSERT INTO shop.orders",
            ),
            ("SELECT 'secret'", "SELECT"),
            ("SELECT 12345 FROM t", "SELECT"),
            ("(SELECT 1)", "statement"),
        ] {
            assert_eq!(compile(sql).unwrap().name, name);
        }
    }
}
