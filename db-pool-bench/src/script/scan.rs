//! Splits a script into its commands: SQL statements and backslash commands.
//!
//! A statement ends at a `;` outside of quotes, comments and parentheses, at a backslash command,
//! or with the file; a backslash command ends with its line, unless a backslash stands last there.

use super::place::{Fault, Place};

/// How a character stands in its statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// In the language itself.
    Code,
    /// Inside quotes of any kind.
    Quoted,
    /// In a comment.
    Comment,
    /// The semicolon of a `\;`, between statements that are sent together.
    Joint,
}

/// A character that knows where it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) c: char,
    pub(crate) place: Place,
    pub(crate) standing: Standing,
}

/// One command as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A statement without its `;` and its `--` comments.
    Sql(Vec<Letter>),
    /// A backslash command without its backslash.
    Meta(Vec<Letter>),
}

/// All commands of `source`, in order.
///
/// # Errors
/// At a quote, comment or parenthesis that is not closed.
pub(crate) fn pieces(source: &str) -> Result<Vec<Piece>, Fault> {
    let mut scanner = Scanner::new(source);
    scanner.scan()?;
    Ok(scanner.pieces)
}

struct Scanner {
    letters: Vec<Letter>,
    at: usize,
    pieces: Vec<Piece>,
    pending: Vec<Letter>,
    open: Vec<Place>,
}

impl Scanner {
    fn new(source: &str) -> Self {
        let mut place = Place { line: 1, column: 1 };
        let letters = source.chars().map(|c| {
            let here = place;
            if c == '\n' {
                place = Place {
                    line: place.line.saturating_add(1),
                    column: 1,
                };
            } else {
                place.column = place.column.saturating_add(1);
            }
            Letter {
                c,
                place: here,
                standing: Standing::Code,
            }
        });
        Self {
            letters: letters.collect(),
            at: 0,
            pieces: Vec::new(),
            pending: Vec::new(),
            open: Vec::new(),
        }
    }

    fn scan(&mut self) -> Result<(), Fault> {
        while let Some(letter) = self.letters.get(self.at).copied() {
            match letter.c {
                '\\' if self.peek(1) == Some(';') => {
                    self.at += 1;
                    self.take(Standing::Joint);
                }
                '\\' => self.meta(),
                ';' if self.open.is_empty() => {
                    self.at += 1;
                    self.end_statement();
                }
                '-' if self.peek(1) == Some('-') => self.skip_line(),
                '/' if self.peek(1) == Some('*') => self.comment(letter.place)?,
                '\'' => {
                    let escapes = self.is_escape_string();
                    self.quoted(letter.place, '\'', escapes)?;
                }
                '"' => self.quoted(letter.place, '"', false)?,
                '$' => self.dollar(letter.place)?,
                c => {
                    match c {
                        '(' => self.open.push(letter.place),
                        ')' => drop(self.open.pop()),
                        _ => {}
                    }
                    self.take(Standing::Code);
                }
            }
        }
        if let Some(place) = self.open.pop() {
            return Err(Fault::new(place, "this parenthesis is not closed"));
        }
        self.end_statement();
        Ok(())
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.letters.get(self.at + ahead).map(|letter| letter.c)
    }

    fn take(&mut self, standing: Standing) {
        if let Some(letter) = self.letters.get(self.at) {
            self.pending.push(Letter {
                standing,
                ..*letter
            });
            self.at += 1;
        }
    }

    fn end_statement(&mut self) {
        self.open.clear();
        let mut statement = std::mem::take(&mut self.pending);
        let is_space = |letter: &Letter| letter.c.is_whitespace();
        while statement.last().is_some_and(is_space) {
            statement.pop();
        }
        let begin = statement.iter().take_while(|l| is_space(l)).count();
        statement.drain(..begin);
        let says_something = |l: &Letter| l.standing != Standing::Comment && !is_space(l);
        if statement.iter().any(says_something) {
            self.pieces.push(Piece::Sql(statement));
        }
    }

    fn meta(&mut self) {
        self.end_statement();
        self.at += 1;
        let mut line = Vec::new();
        while let Some(letter) = self.letters.get(self.at).copied() {
            self.at += 1;
            let continues = letter.c == '\\'
                && (self.peek(0) == Some('\n')
                    || (self.peek(0) == Some('\r') && self.peek(1) == Some('\n')));
            if continues {
                self.at += if self.peek(0) == Some('\r') { 2 } else { 1 };
                line.push(Letter { c: ' ', ..letter });
            } else if letter.c == '\n' {
                break;
            } else {
                line.push(letter);
            }
        }
        self.pieces.push(Piece::Meta(line));
    }

    fn skip_line(&mut self) {
        while self.peek(0).is_some_and(|c| c != '\n') {
            self.at += 1;
        }
    }

    /// Comments nest, as the SQL standard has it.
    fn comment(&mut self, begin: Place) -> Result<(), Fault> {
        let mut depth = 0_usize;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => depth += 1,
                (Some('*'), Some('/')) => depth -= 1,
                (Some(_), _) => {
                    self.take(Standing::Comment);
                    continue;
                }
                (None, _) => return Err(Fault::new(begin, "this comment is not closed")),
            }
            self.take(Standing::Comment);
            self.take(Standing::Comment);
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// Returns true if the quote ahead belongs to an `E'…'`, in which a backslash escapes.
    fn is_escape_string(&self) -> bool {
        let mut before = self.pending.iter().rev();
        before.next().is_some_and(|l| matches!(l.c, 'e' | 'E'))
            && !before.next().is_some_and(|l| is_name_part(l.c))
    }

    /// A doubled quote inside does not end it.
    fn quoted(&mut self, begin: Place, quote: char, escapes: bool) -> Result<(), Fault> {
        self.take(Standing::Quoted);
        loop {
            match self.peek(0) {
                None => return Err(Fault::new(begin, format!("this {quote} is not closed"))),
                Some('\\') if escapes => {
                    self.take(Standing::Quoted);
                    self.take(Standing::Quoted);
                }
                Some(c) => {
                    self.take(Standing::Quoted);
                    if c == quote {
                        if self.peek(0) != Some(quote) {
                            return Ok(());
                        }
                        self.take(Standing::Quoted);
                    }
                }
            }
        }
    }

    /// `$$…$$` or `$tag$…$tag$`; any other dollar is a character like others.
    fn dollar(&mut self, begin: Place) -> Result<(), Fault> {
        let in_name = self.pending.last().is_some_and(|l| is_name_part(l.c));
        let tag = self.letters[self.at + 1..]
            .iter()
            .take_while(|l| is_name_part(l.c) && l.c != '$')
            .count();
        let numbered = self.peek(1).is_some_and(|c| c.is_ascii_digit());
        if in_name || numbered || self.peek(tag + 1) != Some('$') {
            self.take(Standing::Code);
            return Ok(());
        }
        let fence: Vec<char> = self.letters[self.at..self.at + tag + 2]
            .iter()
            .map(|l| l.c)
            .collect();
        let mut passed = 0;
        loop {
            let rest = &self.letters[self.at..];
            if rest.len() < fence.len() {
                return Err(Fault::new(begin, "this dollar quote is not closed"));
            }
            if rest.iter().zip(&fence).all(|(l, c)| l.c == *c) {
                for _ in 0..fence.len() {
                    self.take(Standing::Quoted);
                }
                passed += 1;
                if passed == 2 {
                    return Ok(());
                }
            } else {
                self.take(Standing::Quoted);
            }
        }
    }
}

/// Returns true if `c` may stand in a name.
pub(crate) fn is_name_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

/// Returns true if a name may begin with `c`.
pub(crate) fn begins_name(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(source: &str) -> Vec<String> {
        let text = |letters: &[Letter]| letters.iter().map(|l| l.c).collect::<String>();
        pieces(source)
            .unwrap()
            .iter()
            .map(|piece| match piece {
                Piece::Sql(letters) => text(letters),
                Piece::Meta(letters) => format!("\\{}", text(letters)),
            })
            .collect()
    }

    #[test]
    fn a_semicolon_ends_a_statement_only_where_it_is_one() {
        for whole in [
            "SELECT ';'",
            "SELECT 'it''s;'",
            r"SELECT E'\';'",
            r"SELECT E'it''s \';'",
            "SELECT \";\"",
            "SELECT $$;$$",
            "SELECT $a$;$$;$a$",
            "SELECT (1;2)",
            "SELECT /* ; /* ; */ ; */ 1",
            "SELECT a$b$c FROM t",
            "SELECT $1",
        ] {
            assert_eq!(shown(&format!("{whole}; SELECT 2")), [whole, "SELECT 2"]);
        }
        assert_eq!(
            shown("SELECT 1 -- ;\n, 2;\n;\n-- nothing\n"),
            ["SELECT 1 \n, 2"]
        );
    }

    #[test]
    fn a_backslash_command_ends_with_its_line_and_ends_the_statement_before_it() {
        assert_eq!(
            shown("SELECT 1\n\\set a 1 \\\n  + 2\nSELECT 2"),
            ["SELECT 1", "\\set a 1    + 2", "SELECT 2"]
        );
        assert_eq!(shown("  \\sleep 1 ms\r\n"), ["\\sleep 1 ms\r"]);
    }

    #[test]
    fn what_is_not_closed_is_named_with_its_place() {
        for (source, line, column) in [
            ("SELECT 'a", 1, 8),
            ("SELECT 1;\n  SELECT \"a", 2, 10),
            ("\n/* /* */", 2, 1),
            ("SELECT $a$ $b$", 1, 8),
            ("SELECT (1", 1, 8),
        ] {
            let fault = pieces(source).unwrap_err();
            assert_eq!(fault.place, Place { line, column }, "{source}: {fault}");
        }
    }
}
