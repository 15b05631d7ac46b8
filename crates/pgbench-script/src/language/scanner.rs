//! Scanner that splits a script into its commands: SQL statements and backslash commands.
//!
//! A statement ends at a `;` outside quotes, comments and parentheses, at a backslash command, or
//! at the end of the file. A backslash command ends at the end of its line, unless the line ends
//! with a backslash.

use crate::language::diagnostic::{Diagnostic, Position};

/// Kind of text to which one character of a statement belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CharContext {
    /// Character of code, outside quotes and comments.
    Code,
    /// Character of quoted text, including the quotes.
    Quoted,
    /// Character of a comment in `/* */`, including these marks.
    Comment,
    /// Semicolon of a `\;`, which separates statements that are sent together. Its backslash is
    /// left out.
    Separator,
}

/// Character with its position in the script and its context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SourceChar {
    pub(crate) c: char,
    pub(crate) position: Position,
    pub(crate) context: CharContext,
}

/// One command of a script, as the sequence of its characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RawCommand {
    /// SQL statement without the `;` that ends it, its `--` comments and the white space around it.
    /// Comments in `/* */` are kept.
    Sql(Vec<SourceChar>),
    /// Backslash command without its backslash and its line end. A backslash before a line end has
    /// become a space.
    Meta(Vec<SourceChar>),
}

/// Splits the text of a script into its commands, in order. Statements that consist only of white
/// space and comments are left out.
///
/// # Errors
/// Fails at a quote, a `/*` comment or a parenthesis that is not closed.
pub(crate) fn split_commands(source: &str) -> Result<Vec<RawCommand>, Diagnostic> {
    let mut scanner = Scanner::new(source);
    scanner.scan()?;
    Ok(scanner.commands)
}

/// Returns true if `text` consists of exactly one SQL statement, apart from white space, comments
/// and a final semicolon. False also for text with a quote, comment or parenthesis that is not
/// closed. Statements joined by `\;` count as one.
pub fn is_single_statement(text: &str) -> bool {
    split_commands(text).is_ok_and(|found| matches!(found.as_slice(), [RawCommand::Sql(_)]))
}

struct Scanner {
    chars: Vec<SourceChar>,
    at: usize,
    commands: Vec<RawCommand>,
    /// Characters of the statement that is being read, up to the current position.
    statement: Vec<SourceChar>,
    /// Positions of the parentheses of the statement that are not closed yet, the innermost last.
    open: Vec<Position>,
}

impl Scanner {
    fn new(source: &str) -> Self {
        let mut position = Position { line: 1, column: 1 };
        let chars = source.chars().map(|c| {
            let here = position;
            if c == '\n' {
                position = Position {
                    line: position.line.saturating_add(1),
                    column: 1,
                };
            } else {
                position.column = position.column.saturating_add(1);
            }
            SourceChar {
                c,
                position: here,
                context: CharContext::Code,
            }
        });
        Self {
            chars: chars.collect(),
            at: 0,
            commands: Vec::new(),
            statement: Vec::new(),
            open: Vec::new(),
        }
    }

    fn scan(&mut self) -> Result<(), Diagnostic> {
        while let Some(character) = self.chars.get(self.at).copied() {
            match character.c {
                '\\' if self.peek(1) == Some(';') => {
                    self.at += 1;
                    self.push(CharContext::Separator);
                }
                '\\' => self.meta(),
                ';' if self.open.is_empty() => {
                    self.at += 1;
                    self.end_statement();
                }
                '-' if self.peek(1) == Some('-') => self.skip_line(),
                '/' if self.peek(1) == Some('*') => self.comment(character.position)?,
                '\'' => {
                    let escapes = self.is_escape_string();
                    self.quoted(character.position, '\'', escapes)?;
                }
                '"' => self.quoted(character.position, '"', false)?,
                '$' => self.dollar(character.position)?,
                c => {
                    match c {
                        '(' => self.open.push(character.position),
                        ')' => drop(self.open.pop()),
                        _ => {}
                    }
                    self.push(CharContext::Code);
                }
            }
        }
        if let Some(position) = self.open.pop() {
            return Err(Diagnostic::new(position, "this parenthesis is not closed"));
        }
        self.end_statement();
        Ok(())
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).map(|character| character.c)
    }

    fn push(&mut self, context: CharContext) {
        if let Some(character) = self.chars.get(self.at) {
            self.statement.push(SourceChar {
                context,
                ..*character
            });
            self.at += 1;
        }
    }

    fn end_statement(&mut self) {
        self.open.clear();
        let mut statement = std::mem::take(&mut self.statement);
        let is_space = |character: &SourceChar| character.c.is_whitespace();
        while statement.last().is_some_and(is_space) {
            statement.pop();
        }
        let begin = statement.iter().take_while(|l| is_space(l)).count();
        statement.drain(..begin);
        let is_content = |l: &SourceChar| l.context != CharContext::Comment && !is_space(l);
        if statement.iter().any(is_content) {
            self.commands.push(RawCommand::Sql(statement));
        }
    }

    fn meta(&mut self) {
        self.end_statement();
        self.at += 1;
        let mut line = Vec::new();
        while let Some(character) = self.chars.get(self.at).copied() {
            self.at += 1;
            let continues = character.c == '\\'
                && (self.peek(0) == Some('\n')
                    || (self.peek(0) == Some('\r') && self.peek(1) == Some('\n')));
            if continues {
                self.at += if self.peek(0) == Some('\r') { 2 } else { 1 };
                line.push(SourceChar {
                    c: ' ',
                    ..character
                });
            } else if character.c == '\n' {
                break;
            } else {
                line.push(character);
            }
        }
        self.commands.push(RawCommand::Meta(line));
    }

    fn skip_line(&mut self) {
        while self.peek(0).is_some_and(|c| c != '\n') {
            self.at += 1;
        }
    }

    /// Reads a block comment from its `/*` to its `*/` into the statement. Comments may be nested,
    /// as in the SQL standard. Fails at `begin` if the comment is not closed.
    fn comment(&mut self, begin: Position) -> Result<(), Diagnostic> {
        let mut depth = 0_usize;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => depth += 1,
                (Some('*'), Some('/')) => depth -= 1,
                (Some(_), _) => {
                    self.push(CharContext::Comment);
                    continue;
                }
                (None, _) => return Err(Diagnostic::new(begin, "this comment is not closed")),
            }
            self.push(CharContext::Comment);
            self.push(CharContext::Comment);
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// Returns true if the quote at the current position opens an `E'…'`, in which a backslash
    /// escapes.
    fn is_escape_string(&self) -> bool {
        let mut before = self.statement.iter().rev();
        before.next().is_some_and(|l| matches!(l.c, 'e' | 'E'))
            && !before.next().is_some_and(|l| is_name_part(l.c))
    }

    /// Reads quoted text, both quotes included, into the statement. A doubled quote does not end
    /// it, nor, with `escapes`, does a quote after a backslash. Fails at `begin` if no quote ends
    /// it.
    fn quoted(&mut self, begin: Position, quote: char, escapes: bool) -> Result<(), Diagnostic> {
        self.push(CharContext::Quoted);
        loop {
            match self.peek(0) {
                None => {
                    return Err(Diagnostic::new(
                        begin,
                        format!("this {quote} is not closed"),
                    ));
                }
                Some('\\') if escapes => {
                    self.push(CharContext::Quoted);
                    self.push(CharContext::Quoted);
                }
                Some(c) => {
                    self.push(CharContext::Quoted);
                    if c == quote {
                        if self.peek(0) != Some(quote) {
                            return Ok(());
                        }
                        self.push(CharContext::Quoted);
                    }
                }
            }
        }
    }

    /// Reads `$$…$$` or `$tag$…$tag$` into the statement; any other dollar is read as an ordinary
    /// character. Fails at `begin` if the second mark is missing.
    fn dollar(&mut self, begin: Position) -> Result<(), Diagnostic> {
        let in_name = self.statement.last().is_some_and(|l| is_name_part(l.c));
        let tag = self.chars[self.at + 1..]
            .iter()
            .take_while(|l| is_name_part(l.c) && l.c != '$')
            .count();
        let numbered = self.peek(1).is_some_and(|c| c.is_ascii_digit());
        if in_name || numbered || self.peek(tag + 1) != Some('$') {
            self.push(CharContext::Code);
            return Ok(());
        }
        let fence: Vec<char> = self.chars[self.at..self.at + tag + 2]
            .iter()
            .map(|l| l.c)
            .collect();
        let mut passed = 0;
        loop {
            let rest = &self.chars[self.at..];
            if rest.len() < fence.len() {
                return Err(Diagnostic::new(begin, "this dollar quote is not closed"));
            }
            if rest.iter().zip(&fence).all(|(l, c)| l.c == *c) {
                for _ in 0..fence.len() {
                    self.push(CharContext::Quoted);
                }
                passed += 1;
                if passed == 2 {
                    return Ok(());
                }
            } else {
                self.push(CharContext::Quoted);
            }
        }
    }
}

/// Returns true if `c` may stand in a name after its first character: a letter, a digit, `_` or
/// `$`.
pub(crate) fn is_name_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

/// Returns true if a name may begin with `c`: a letter or `_`.
pub(crate) fn begins_name(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(source: &str) -> Vec<String> {
        let text = |chars: &[SourceChar]| chars.iter().map(|l| l.c).collect::<String>();
        split_commands(source)
            .unwrap()
            .iter()
            .map(|piece| match piece {
                RawCommand::Sql(chars) => text(chars),
                RawCommand::Meta(chars) => format!("\\{}", text(chars)),
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
            let fault = split_commands(source).unwrap_err();
            assert_eq!(
                fault.position,
                Position { line, column },
                "{source}: {fault}"
            );
        }
    }
}
