//! Fingerprint of a statement: its text without values. PostgreSQL shows running statements with
//! their values, as they were sent. `pg_stat_statements` leaves values in utility statements, and
//! comments in all.

/// Start of the comment in every statement that this tool sends beside the load, by which they are
/// recognized. The comment is within the statement, because version 18 of the server drops comments
/// before it.
const OURS: &str = "/* plimsoll";

/// Returns true if `sql` is a statement that this tool sends beside the load, by its comment.
pub fn is_own_statement(sql: &str) -> bool {
    sql.contains(OURS)
}

/// Largest length of a shortened fingerprint, in characters.
const LONGEST: usize = 240;

/// Returns [`full_fingerprint`] of `sql`, cut to 240 characters, of which the last is then `…`.
pub fn fingerprint(sql: &str) -> String {
    let fingerprint = full_fingerprint(sql);
    if fingerprint.chars().count() > LONGEST {
        return fingerprint.chars().take(LONGEST - 1).collect::<String>() + "…";
    }
    fingerprint
}

/// Returns `sql` with every literal replaced by `?`, without comments and final semicolons, and
/// with white space and lists of literals collapsed. Text that may be a literal is treated as one;
/// parameters such as `$1` stay.
pub fn full_fingerprint(sql: &str) -> String {
    let mut fingerprint = FingerprintWriter::default();
    let mut rest = sql;
    while let Some(c) = rest.chars().next() {
        rest = fingerprint.take(c, rest);
    }
    fingerprint.finish()
}

#[derive(Default)]
struct FingerprintWriter {
    text: String,
    /// True if a space must be written before the next word, symbol or value.
    gap: bool,
}

impl FingerprintWriter {
    /// Consumes one token of `rest`, which begins with the character `c`, and writes its part of
    /// the fingerprint. Returns the text after the token.
    fn take<'a>(&mut self, c: char, rest: &'a str) -> &'a str {
        let after = &rest[c.len_utf8()..];
        match c {
            _ if c.is_whitespace() => self.space(after),
            '-' if after.starts_with('-') => self.space(after_line(after)),
            '/' if after.starts_with('*') => self.space(after_comment(rest)),
            '\'' => self.value(after_string(after, self.escapes())),
            '$' if after.starts_with(|d: char| d.is_ascii_digit()) => {
                let end = end_of(after, |d| d.is_ascii_digit());
                self.word(&rest[..=end]);
                &after[end..]
            }
            '$' if self.begins_word() => match after_dollar_string(rest) {
                Some(after) => self.value(after),
                None => self.symbol(c, after),
            },
            '"' => {
                let end = after.find('"').map_or(rest.len(), |end| end + 2);
                self.word(&rest[..end]);
                &rest[end..]
            }
            _ if c.is_ascii_digit()
                || c == '.' && after.starts_with(|d: char| d.is_ascii_digit()) =>
            {
                let number = |d: char| d.is_alphanumeric() || d == '.' || d == '_';
                let end = end_of(rest, number);
                self.value(&rest[end..])
            }
            _ if is_name(c) => {
                let end = end_of(rest, |d| is_name(d) || d.is_numeric() || d == '$');
                self.word(&rest[..end]);
                &rest[end..]
            }
            _ => self.symbol(c, after),
        }
    }

    fn space<'a>(&mut self, after: &'a str) -> &'a str {
        self.gap = true;
        after
    }

    fn word(&mut self, word: &str) {
        self.close_gap();
        self.text.push_str(word);
    }

    fn symbol<'a>(&mut self, c: char, after: &'a str) -> &'a str {
        self.close_gap();
        self.text.push(c);
        after
    }

    fn value<'a>(&mut self, after: &'a str) -> &'a str {
        // The prefix of E'…', B'…', X'…', N'…' and U&'…' belongs to the value.
        if !self.gap {
            for prefix in ["U&", "u&", "E", "e", "B", "b", "X", "x", "N", "n"] {
                let bare = self.text.strip_suffix(prefix);
                if let Some(bare) = bare.filter(|bare| !bare.ends_with(is_name)) {
                    self.text.truncate(bare.len());
                    break;
                }
            }
        }
        self.close_gap();
        self.text.push('?');
        after
    }

    /// Returns true if a string that begins here has backslash escapes, because `E` comes directly
    /// before it.
    fn escapes(&self) -> bool {
        let bare = self.text.strip_suffix(['E', 'e']);
        !self.gap && bare.is_some_and(|bare| !bare.ends_with(is_name))
    }

    /// Returns true if a new word can begin here. Within a name, `$` is an ordinary character.
    fn begins_word(&self) -> bool {
        self.gap || !self.text.ends_with(|c: char| is_name(c) || c.is_numeric())
    }

    fn close_gap(&mut self) {
        if std::mem::take(&mut self.gap) && !self.text.is_empty() {
            self.text.push(' ');
        }
    }

    fn finish(mut self) -> String {
        for (many, one) in [
            // A sign before a number belongs to the value.
            ("+ -?", "+ ?"),
            ("= -?", "= ?"),
            ("(-?", "(?"),
            (", -?", ", ?"),
            ("?, ?", "?"),
            ("?,?", "?"),
            ("(?), (?)", "(?)"),
            ("(?),(?)", "(?)"),
        ] {
            while self.text.contains(many) {
                self.text = self.text.replace(many, one);
            }
        }
        let statement = self.text.trim_end_matches(';').len();
        self.text.truncate(statement);
        self.text
    }
}

fn is_name(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn end_of(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

fn after_line(text: &str) -> &str {
    text.find('\n').map_or("", |end| &text[end..])
}

/// Returns the text after the block comment at the beginning of `text`, in which comments may nest;
/// empty if it is not closed.
fn after_comment(text: &str) -> &str {
    let (mut depth, mut at) = (0_u32, 0);
    while let Some(found) = text[at..].find(['/', '*']) {
        at += found;
        let pair = text.get(at..at + 2).unwrap_or_default();
        match pair {
            "/*" => depth += 1,
            "*/" => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return &text[at..];
        }
    }
    ""
}

/// Returns the text after the closing quote of a string whose opening quote was consumed; empty if
/// there is none. `escapes` says whether a backslash escapes the next character.
fn after_string(text: &str, escapes: bool) -> &str {
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if escapes => drop(chars.next()),
            '\'' if chars.peek().is_some_and(|(_, next)| *next == '\'') => drop(chars.next()),
            '\'' => return &text[at + 1..],
            _ => {}
        }
    }
    ""
}

/// Returns the text after the string `$tag$ … $tag$` at the beginning of `text`, empty if it is not
/// closed; `None` if no such string begins there.
fn after_dollar_string(text: &str) -> Option<&str> {
    let tag_end = 1 + text[1..].find(|c: char| !is_name(c) && !c.is_numeric())?;
    if !text[tag_end..].starts_with('$') {
        return None;
    }
    let tag = &text[..=tag_end];
    let body = &text[tag_end + 1..];
    Some(body.find(tag).map_or("", |end| &body[end + tag.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_keep_the_statement_and_no_value() {
        for (sql, expected) in [
            (
                "SELECT balance\n  FROM accounts WHERE id = 4711 AND name='O''Neil'",
                "SELECT balance FROM accounts WHERE id = ? AND name=?",
            ),
            (
                "SELECT a1, $2, t2.x FROM s3.t2",
                "SELECT a1, $2, t2.x FROM s3.t2",
            ),
            ("SELECT 1.5e-3, .5, 0xFF, 1_000", "SELECT ?-?"),
            ("SET n = n + -7 WHERE m = -1;", "SET n = n + ? WHERE m = ?"),
            ("WHERE id IN (1, 2,3, 4)", "WHERE id IN (?)"),
            ("VALUES (1, 'a'), (2, 'b')", "VALUES (?)"),
            (
                "ALTER ROLE app PASSWORD 'hunter2'",
                "ALTER ROLE app PASSWORD ?",
            ),
            (r"SELECT E'it\'s hunter2', x", "SELECT ?, x"),
            ("SELECT U&'d\\0061t', B'101', x'1F', N'hunter2'", "SELECT ?"),
            ("DO $$ hunter2 $$", "DO ?"),
            ("DO $body$ a $$ hunter2 $body$ x", "DO ? x"),
            (
                "SELECT a$b$c, \"odd 'name'\" FROM t",
                "SELECT a$b$c, \"odd 'name'\" FROM t",
            ),
            (
                "SELECT /* user=hunter2 /* deep */ */ x -- hunter2\n FROM t",
                "SELECT x FROM t",
            ),
            ("SELECT 'hunter2 that was cut o", "SELECT ?"),
            ("SELECT $q$hunter2 that was cut o", "SELECT ?"),
            ("SELECT /* hunter2 that was cut", "SELECT"),
            ("", ""),
        ] {
            let found = fingerprint(sql);
            assert!(!found.contains("hunter2"), "{found}");
            assert_eq!(found, expected, "{sql}");
        }
    }

    #[test]
    fn a_long_one_is_cut() {
        let long = format!("SELECT {}", vec!["column"; 100].join(", "));
        assert_eq!(fingerprint(&long).chars().count(), LONGEST);
    }
}
