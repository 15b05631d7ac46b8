//! Splitting of text into words as a shell does it. Each word keeps the positions of its bytes in
//! the text.

use std::ops::Range;

/// Word of a command line without its quotes and backslashes.
#[derive(Debug, Default)]
pub(super) struct ShellWord {
    pub(super) text: String,
    /// Byte position in the source of each byte of `text`.
    places: Vec<usize>,
}

impl ShellWord {
    /// Returns the byte range of the source that corresponds to the byte range `part` of the word;
    /// empty if `part` is.
    pub(super) fn place(&self, part: &Range<usize>) -> Range<usize> {
        let first = self.places.get(part.start);
        let last = part.end.checked_sub(1).and_then(|at| self.places.get(at));
        match (first, last) {
            (Some(first), Some(last)) if !part.is_empty() => *first..last + 1,
            _ => 0..0,
        }
    }

    /// Returns true if the word is written differently in `source`, with quotes or backslashes, or
    /// contains blanks.
    pub(super) fn is_quoted(&self, source: &str) -> bool {
        let place = self.place(&(0..self.text.len()));
        source.get(place) != Some(&*self.text) || self.text.contains(char::is_whitespace)
    }

    fn push(&mut self, c: char, place: usize) {
        self.text.push(c);
        self.places.extend(place..place + c.len_utf8());
    }
}

/// Part of a command line: a word, or the end of a command such as `;` or `|`.
#[derive(Debug)]
pub(super) enum ShellPiece {
    Word(ShellWord),
    Break,
}

/// Splits a text into words and ends of commands as a shell does. A quote that is never closed is
/// an ordinary character.
pub(super) fn split(source: &str) -> Vec<ShellPiece> {
    let mut pieces = Vec::new();
    let mut word: Option<ShellWord> = None;
    let mut chars = source.char_indices().peekable();
    let mut unclosed = [false; 2];
    while let Some((at, c)) = chars.next() {
        let rest = at + c.len_utf8();
        match c {
            '\'' | '"' => {
                let never = &mut unclosed[usize::from(c == '"')];
                let end = if *never {
                    None
                } else {
                    closing(source, rest, c)
                };
                *never = end.is_none();
                let word = word.get_or_insert_default();
                let Some(end) = end else {
                    word.push(c, at);
                    continue;
                };
                quoted(source, rest..end, c, word);
                while chars.next_if(|(next, _)| *next <= end).is_some() {}
            }
            '\\' => {
                let word = word.get_or_insert_default();
                match chars.next() {
                    Some((at, escaped)) => word.push(escaped, at),
                    None => word.push(c, at),
                }
            }
            ';' | '|' | '&' | '(' | ')' | '<' | '>' | '`' | '\n' => {
                pieces.extend(word.take().map(ShellPiece::Word));
                pieces.push(ShellPiece::Break);
            }
            c if c.is_whitespace() => pieces.extend(word.take().map(ShellPiece::Word)),
            c => word.get_or_insert_default().push(c, at),
        }
    }
    pieces.extend(word.map(ShellPiece::Word));
    pieces
}

/// Returns the byte position of the quote that closes the one opened before byte `from`; `None` if
/// none does.
fn closing(source: &str, from: usize, quote: char) -> Option<usize> {
    let mut chars = source[from..].char_indices();
    while let Some((at, c)) = chars.next() {
        if c == quote {
            return Some(from + at);
        }
        if c == '\\' && quote == '"' {
            chars.next();
        }
    }
    None
}

fn quoted(source: &str, inside: Range<usize>, quote: char, word: &mut ShellWord) {
    let from = inside.start;
    let mut chars = source[inside].char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let escapes = c == '\\' && quote == '"';
        match chars.next_if(|(_, next)| escapes && matches!(next, '"' | '\\' | '$' | '`')) {
            Some((next_at, next)) => word.push(next, from + next_at),
            None => word.push(c, from + at),
        }
    }
}

/// Iterates over the words between blanks, each with its byte position in `text`.
pub(super) fn blank_separated(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive(char::is_whitespace)
        .filter_map(move |piece| {
            let place = at;
            at += piece.len();
            let word = piece.trim_end();
            (!word.is_empty()).then_some((place, word))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(source: &str) -> Vec<String> {
        let shown = |piece| match piece {
            ShellPiece::Word(word) => word.text,
            ShellPiece::Break => "|".to_owned(),
        };
        split(source).into_iter().map(shown).collect()
    }

    #[test]
    fn words_are_split_as_a_shell_does() {
        assert_eq!(
            words(r#"a 'b c' "d \"e\"" f\ g"#),
            ["a", "b c", "d \"e\"", "f g"]
        );
        assert_eq!(words("a; b&&c"), ["a", "|", "b", "|", "|", "c"]);
        assert_eq!(words("don't 'x"), ["dont x"]);
        assert_eq!(words("it's"), ["it's"]);
        assert_eq!(words("''"), [""]);
    }

    #[test]
    fn a_word_knows_where_its_parts_stand() {
        let source = r#"x --a="b \"c"ä"#;
        let Some(ShellPiece::Word(word)) = split(source).pop() else {
            panic!("no word");
        };
        assert_eq!(word.text, "--a=b \"cä");
        let place = |part: &str| {
            let at = word.text.find(part).unwrap();
            &source[word.place(&(at..at + part.len()))]
        };
        assert_eq!(place("b"), "b");
        assert_eq!(place("\"c"), "\"c");
        assert_eq!(place("cä"), "c\"ä");
        assert_eq!(place("--a=b"), "--a=\"b");
    }
}
