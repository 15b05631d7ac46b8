//! Words of an expression.

use super::place::{Fault, Place};
use super::scan::{Letter, begins_name, is_name_part};

/// A word with its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) word: Word,
    pub(super) place: Place,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Word {
    /// Without its sign, so that the lowest integer can be written.
    Integer(u64),
    Double(f64),
    /// A function or keyword, in lower case.
    Name(String),
    /// `:name`.
    Variable(String),
    /// An operator, a parenthesis or a comma.
    Symbol(&'static str),
}

impl Word {
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Integer(n) => n.to_string(),
            Self::Double(x) => x.to_string(),
            Self::Name(name) => name.clone(),
            Self::Variable(name) => format!(":{name}"),
            Self::Symbol(symbol) => (*symbol).to_owned(),
        }
    }
}

/// The longest first.
const SYMBOLS: [&str; 21] = [
    "<<", ">>", "<=", ">=", "<>", "!=", "<", ">", "=", "+", "-", "*", "/", "%", "|", "#", "&", "~",
    "(", ")", ",",
];

/// All words of `letters`.
///
/// # Errors
/// At a character that begins no word, and at a number that is none.
pub(super) fn tokens(letters: &[Letter]) -> Result<Vec<Token>, Fault> {
    let mut tokens = Vec::new();
    let mut rest = letters;
    while let Some(first) = rest.first() {
        if first.c.is_whitespace() {
            rest = &rest[1..];
            continue;
        }
        let (word, length) = word(rest)?;
        tokens.push(Token {
            word,
            place: first.place,
        });
        rest = &rest[length..];
    }
    Ok(tokens)
}

fn word(rest: &[Letter]) -> Result<(Word, usize), Fault> {
    let first = rest[0];
    let second = rest.get(1).map(|l| l.c);
    let begins_number =
        first.c.is_ascii_digit() || (first.c == '.' && second.is_some_and(|c| c.is_ascii_digit()));
    if begins_number {
        return number(rest);
    }
    if first.c == ':' && second.is_some_and(begins_name) {
        let name = name(&rest[1..]);
        let length = name.chars().count() + 1;
        return Ok((Word::Variable(name), length));
    }
    if begins_name(first.c) {
        let name = name(rest);
        let length = name.chars().count();
        return Ok((Word::Name(name.to_lowercase()), length));
    }
    let begins = |symbol: &&&str| {
        let mut letters = rest.iter();
        symbol
            .chars()
            .all(|c| letters.next().is_some_and(|l| l.c == c))
    };
    match SYMBOLS.iter().find(begins) {
        Some(symbol) => Ok((Word::Symbol(symbol), symbol.len())),
        None => Err(Fault::new(
            first.place,
            format!("{:?} begins nothing that an expression may hold", first.c),
        )),
    }
}

fn name(rest: &[Letter]) -> String {
    let part = |l: &&Letter| is_name_part(l.c) && l.c != '$';
    rest.iter().take_while(part).map(|l| l.c).collect()
}

fn number(rest: &[Letter]) -> Result<(Word, usize), Fault> {
    let digits = |from: usize| {
        rest.get(from..)
            .unwrap_or_default()
            .iter()
            .take_while(|l| l.c.is_ascii_digit())
            .count()
    };
    let at = |place: usize| rest.get(place).map(|l| l.c);
    let mut length = digits(0);
    let mut whole = true;
    if at(length) == Some('.') {
        length += 1;
        length += digits(length);
        whole = false;
    }
    if matches!(at(length), Some('e' | 'E')) {
        let sign = usize::from(matches!(at(length + 1), Some('+' | '-')));
        let exponent = digits(length + 1 + sign);
        if exponent > 0 {
            length += 1 + sign + exponent;
            whole = false;
        }
    }
    let text: String = rest[..length].iter().map(|l| l.c).collect();
    let wrong = |why: &str| Fault::new(rest[0].place, format!("{text} {why}"));
    if at(length).is_some_and(is_name_part) {
        return Err(wrong("runs into a name"));
    }
    let word = if whole {
        let n: u64 = text.parse().map_err(|_| wrong("does not fit an integer"))?;
        Word::Integer(n)
    } else {
        let x: f64 = text.parse().map_err(|_| wrong("is no number"))?;
        if x.is_infinite() {
            return Err(wrong("does not fit a double"));
        }
        Word::Double(x)
    };
    Ok((word, length))
}
