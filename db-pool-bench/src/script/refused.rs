//! Statements of SQL that a request cannot consist of.

use super::place::Fault;
use super::scan::{Letter, Standing, is_name_part};

/// Stands between statements that are sent together.
const JOINT: char = '\0';
const COPY: &str = "COPY from or to the client is not supported, as in pgbench: a request sends values and no \
                    files; INSERT the rows, or COPY on the server";
const JOINED: &str = "\\; sends several statements at once, which only --protocol simple can; end each with a plain ;";
const NUMBERED: &str =
    "a parameter of the server's own kind; write :name for a value, and \\set name first";

/// Refuses a statement that would wait for rows that nobody sends, or for values that nobody binds,
/// and several at once unless they are `textual`.
///
/// # Errors
/// Fails where it says so, with what to write instead.
pub(super) fn check(letters: &[Letter], textual: bool) -> Result<(), Fault> {
    let joint = letters
        .iter()
        .find(|letter| letter.standing == Standing::Joint);
    if let Some(joint) = joint.filter(|_| !textual) {
        return Err(Fault::new(joint.place, JOINED));
    }
    let numbered = letters.windows(2).enumerate().find(|(at, pair)| {
        let begins = *at == 0 || !is_name_part(letters[at - 1].c);
        begins
            && pair[0].c == '$'
            && pair[0].standing == Standing::Code
            && pair[1].c.is_ascii_digit()
    });
    if let Some((_, pair)) = numbered {
        return Err(Fault::new(pair[0].place, NUMBERED));
    }
    let code = letters.iter().map(|letter| match letter.standing {
        Standing::Code => letter.c.to_ascii_lowercase(),
        Standing::Joint => JOINT,
        _ => ' ',
    });
    let code: String = code.collect();
    let copies = |statement: &str| {
        let words = statement.split(|c| !is_name_part(c));
        let mut words = words.filter(|word| !word.is_empty());
        words.next() == Some("copy") && words.any(|word| ["stdin", "stdout"].contains(&word))
    };
    match letters.first() {
        Some(first) if code.split(JOINT).any(copies) => Err(Fault::new(first.place, COPY)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::scan::{Piece, pieces};
    use super::*;

    fn fault(sql: &str) -> Option<String> {
        let pieces = pieces(sql).unwrap();
        let [Piece::Sql(letters)] = pieces.as_slice() else {
            panic!("one statement: {sql}");
        };
        let fault = check(letters, true).err()?;
        Some(fault.of_file("s.sql").to_string())
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
