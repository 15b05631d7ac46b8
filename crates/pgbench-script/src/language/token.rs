//! Tokens of an expression, and their scanner.

use crate::language::diagnostic::{Diagnostic, Position};
use crate::language::scanner::{SourceChar, begins_name, is_name_part};

/// Token of an expression, with the position of its first character in the script.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) position: Position,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TokenKind {
    /// Integer constant without its sign, because the lowest integer has no positive counterpart.
    Integer(u64),
    Double(f64),
    /// Name of a function or keyword, converted to lower case.
    Name(String),
    /// Name of a variable, without its colon.
    Variable(String),
    /// Operator, parenthesis or comma, one of [`SYMBOLS`].
    Symbol(&'static str),
}

impl TokenKind {
    /// Returns the token in the notation of scripts, for error messages. Names are in lower case, and
    /// numbers in their shortest decimal form, not as the user wrote them.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Integer(n) => n.to_string(),
            Self::Double(x) => x.to_string(),
            Self::Name(name) => name.clone(),
            Self::Variable(name) => format!(":{name}"),
            Self::Symbol(symbol) => (*symbol).to_owned(),
        }
    }
}

/// Operators, parentheses and the comma. Longer symbols stand before those that they begin with,
/// because the first one that matches is taken.
const SYMBOLS: [&str; 21] = [
    "<<", ">>", "<=", ">=", "<>", "!=", "<", ">", "=", "+", "-", "*", "/", "%", "|", "#", "&", "~",
    "(", ")", ",",
];

/// Splits the characters of an expression into tokens, without the white space between them.
///
/// # Errors
/// Fails at a character that begins no token, and at a number that is too large or runs into a
/// name.
pub(crate) fn tokenize(chars: &[SourceChar]) -> Result<Vec<Token>, Diagnostic> {
    let mut tokens = Vec::new();
    let mut rest = chars;
    while let Some(first) = rest.first() {
        if first.c.is_whitespace() {
            rest = &rest[1..];
            continue;
        }
        let (kind, length) = token(rest)?;
        tokens.push(Token {
            kind,
            position: first.position,
        });
        rest = &rest[length..];
    }
    Ok(tokens)
}

fn token(rest: &[SourceChar]) -> Result<(TokenKind, usize), Diagnostic> {
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
        return Ok((TokenKind::Variable(name), length));
    }
    if begins_name(first.c) {
        let name = name(rest);
        let length = name.chars().count();
        return Ok((TokenKind::Name(name.to_lowercase()), length));
    }
    let begins = |symbol: &&&str| {
        let mut chars = rest.iter();
        symbol
            .chars()
            .all(|c| chars.next().is_some_and(|l| l.c == c))
    };
    match SYMBOLS.iter().find(begins) {
        Some(symbol) => Ok((TokenKind::Symbol(symbol), symbol.len())),
        None => Err(Diagnostic::new(
            first.position,
            format!("{:?} begins nothing that an expression may hold", first.c),
        )),
    }
}

fn name(rest: &[SourceChar]) -> String {
    let part = |l: &&SourceChar| is_name_part(l.c) && l.c != '$';
    rest.iter().take_while(part).map(|l| l.c).collect()
}

fn number(rest: &[SourceChar]) -> Result<(TokenKind, usize), Diagnostic> {
    let digits = |from: usize| {
        rest.get(from..)
            .unwrap_or_default()
            .iter()
            .take_while(|l| l.c.is_ascii_digit())
            .count()
    };
    let at = |position: usize| rest.get(position).map(|l| l.c);
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
    let wrong = |why: &str| Diagnostic::new(rest[0].position, format!("{text} {why}"));
    if at(length).is_some_and(is_name_part) {
        return Err(wrong("runs into a name"));
    }
    let word = if whole {
        let n: u64 = text.parse().map_err(|_| wrong("does not fit an integer"))?;
        TokenKind::Integer(n)
    } else {
        let x: f64 = text.parse().map_err(|_| wrong("is no number"))?;
        if x.is_infinite() {
            return Err(wrong("does not fit a double"));
        }
        TokenKind::Double(x)
    };
    Ok((word, length))
}
