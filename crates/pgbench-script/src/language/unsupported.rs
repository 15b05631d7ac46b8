//! Statements and commands that a script cannot contain, with the reasons.

use crate::language::diagnostic::Diagnostic;
use crate::language::scanner::{CharContext, SourceChar, is_name_part};
use crate::language::source::ValueMode;

/// Character that stands for a `\;` in the text that is searched for COPY; a script cannot contain
/// it.
const SEPARATOR: char = '\0';
const COPY: &str = "COPY from or to the client is not supported, as in pgbench: a request sends values and no \
                    files; INSERT the rows, or COPY on the server";
const JOINED: &str = "\\; sends several statements at once, which only --protocol simple can; end each with a plain ;";
const NUMBERED: &str =
    "a parameter of the server's own kind; write :name for a value, and \\set name first";

/// Checks that clients can execute one SQL statement. Refused are COPY from or to the client,
/// numbered parameters such as `$1` and, in [`ValueMode::Bind`], statements joined by `\;`.
///
/// # Errors
/// Fails with the position of the mistake and a message that says what to write instead.
pub(crate) fn check_statement(chars: &[SourceChar], mode: ValueMode) -> Result<(), Diagnostic> {
    let separator = chars
        .iter()
        .find(|character| character.context == CharContext::Separator);
    if let Some(separator) = separator.filter(|_| mode == ValueMode::Bind) {
        return Err(Diagnostic::new(separator.position, JOINED));
    }
    let numbered = chars.windows(2).enumerate().find(|(at, pair)| {
        let begins = *at == 0 || !is_name_part(chars[at - 1].c);
        begins
            && pair[0].c == '$'
            && pair[0].context == CharContext::Code
            && pair[1].c.is_ascii_digit()
    });
    if let Some((_, pair)) = numbered {
        return Err(Diagnostic::new(pair[0].position, NUMBERED));
    }
    let code = chars.iter().map(|character| match character.context {
        CharContext::Code => character.c.to_ascii_lowercase(),
        CharContext::Separator => SEPARATOR,
        _ => ' ',
    });
    let code: String = code.collect();
    match chars.first() {
        Some(first) if code.split(SEPARATOR).any(copies_with_client) => {
            Err(Diagnostic::new(first.position, COPY))
        }
        _ => Ok(()),
    }
}

/// Returns true if `statement` is a COPY from or to the client. It must be in lower case, with its
/// quotes and comments replaced by spaces.
fn copies_with_client(statement: &str) -> bool {
    let words = statement.split(|c| !is_name_part(c));
    let mut words = words.filter(|word| !word.is_empty());
    words.next() == Some("copy") && words.any(|word| ["stdin", "stdout"].contains(&word))
}

/// Returns the error message for a backslash command `name` (without its backslash) that is unknown
/// or unsupported.
pub(crate) fn command_reason(name: &str) -> String {
    match name {
        "shell" | "setshell" => format!(
            "\\{name} runs a program of this machine for each request, which would be what is measured; \\set the value, or --define it"
        ),
        "startpipeline" | "endpipeline" | "syncpipeline" => format!(
            "\\{name} is not supported: a client sends no statement before it has the answer to the last one; leave it out"
        ),
        "setrandom" => {
            "\\setrandom is of pgbench before 9.6; write \\set name random(first, last)".to_owned()
        }
        "" => "a backslash without a command".to_owned(),
        _ => format!(
            "there is no \\{name} in scripts; there are \\set, \\sleep, \\if, \\elif, \\else, \\endif, \\gset and \\aset"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::scanner::{RawCommand, split_commands};

    fn fault(sql: &str) -> Option<String> {
        let commands = split_commands(sql).unwrap();
        let [RawCommand::Sql(chars)] = commands.as_slice() else {
            panic!("one statement: {sql}");
        };
        let fault = check_statement(chars, ValueMode::Inline).err()?;
        Some(fault.in_file("s.sql").to_string())
    }

    #[test]
    fn rows_and_values_that_nobody_sends_are_refused_at_their_place() {
        for (sql, told) in [
            (
                "COPY t (a) FROM STDIN",
                "s.sql:1:1: COPY from or to the client",
            ),
            (
                "/* all */ copy t TO stdout WITH csv",
                "COPY from or to the client",
            ),
            (
                "SELECT 1 \\; COPY t FROM stdin",
                "COPY from or to the client",
            ),
            ("SELECT x$1, $2", "s.sql:1:13: a parameter of the server's"),
        ] {
            let fault = fault(sql).unwrap();
            assert!(fault.contains(told), "{fault}");
        }
        for sql in [
            "COPY t FROM '/srv/stdin'",
            "SELECT 'copy t from stdin, $1'",
            "SELECT stdin, x$1, $$1$$ FROM copy -- $1",
        ] {
            assert_eq!(fault(sql), None, "{sql}");
        }
    }
}
