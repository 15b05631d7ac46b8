//! Error message of the server, from any driver, in which data of rows is masked.

use std::borrow::Cow;

use load_engine::Failure;
use tokio_postgres::error::DbError;

/// Text that replaces masked data of a row.
const MASK: &str = "…";

/// SQLSTATE codes whose messages quote a value that may come from a row or a parameter: invalid
/// text of a type, value out of range, invalid date.
const QUOTING: [&str; 6] = ["22P02", "22003", "22007", "22008", "22018", "22P03"];

/// Fields of the server's `ErrorResponse` that are of use to people, as the driver received them.
#[derive(Debug, Clone, Copy, Default)]
pub struct ServerMessage<'a> {
    /// Error code (SQLSTATE) of five characters.
    pub code: &'a str,
    /// Primary message, one line.
    pub message: &'a str,
    /// Detail of the error; `None` if the server sent none.
    pub detail: Option<&'a str>,
    /// Hint on what to do; `None` if the server sent none.
    pub hint: Option<&'a str>,
    /// Place of the error in a function, or in data that was read; `None` if the server sent none.
    pub context: Option<&'a str>,
}

impl<'a> From<&'a DbError> for ServerMessage<'a> {
    fn from(error: &'a DbError) -> Self {
        Self {
            code: error.code().code(),
            message: error.message(),
            detail: error.detail(),
            hint: error.hint(),
            context: error.where_(),
        }
    }
}

impl<'a> ServerMessage<'a> {
    /// Converts the message to a failure with masked row data, whose text ends with `explanation`.
    /// Its kind is `auth` for codes of class 28, else `sqlstate.` followed by the code.
    pub fn failure(self, explanation: &str) -> Failure {
        let kind: Cow<'static, str> = if self.code.starts_with("28") {
            "auth".into()
        } else {
            format!("sqlstate.{}", self.code).into()
        };
        let message = self.message();
        self.complete(Failure::new(kind, &format!("{message}{explanation}")))
    }

    /// Returns the primary message, in which a quoted value is masked.
    fn message(&self) -> Cow<'a, str> {
        if !QUOTING.contains(&self.code) {
            return self.message.into();
        }
        let quoted = self.message.find('"').zip(self.message.rfind('"'));
        // In `for enum "mood": "x"` the quoted text before the colon is a name and no value.
        let start = self
            .message
            .find(": \"")
            .map_or(quoted, |at| quoted.map(|(_, last)| (at + 2, last)));
        match start.filter(|(first, last)| first < last) {
            Some((first, last)) => {
                let (before, after) = (&self.message[..=first], &self.message[last..]);
                format!("{before}{MASK}{after}").into()
            }
            None => self.message.into(),
        }
    }

    /// Adds detail, hint and context to `failure`, on one line, with row data masked.
    fn complete(self, failure: Failure) -> Failure {
        let said = [
            self.detail.map(|detail| without_data(&one_line(detail))),
            self.hint.map(|hint| format!("hint: {}", one_line(hint))),
            self.context.map(|context| {
                let first = context.lines().next().unwrap_or_default();
                format!("context: {}", place(first))
            }),
        ];
        let said: Vec<String> = said.into_iter().flatten().collect();
        if said.is_empty() {
            return failure;
        }
        failure.with_detail(&said.join("; "))
    }
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// Masks the values in a detail such as `Key (id)=(7)`, `Failing row contains (7, x)` and `Token
/// "x"`. Names of columns, tables and constraints stay. A value may contain parentheses, so
/// everything up to the last possible end of the value is masked.
fn without_data(detail: &str) -> String {
    if let Some((before, _)) = detail.split_once("row contains (") {
        return format!("{before}row contains ({MASK}).");
    }
    if let Some((columns, rest)) = detail.split_once(")=(") {
        let tail = match rest.rfind(") ") {
            // The other key has values as well.
            _ if rest.contains(") conflicts with existing key (") => {
                ") conflicts with an existing key."
            }
            Some(at) => &rest[at..],
            None => ")",
        };
        return format!("{columns})=({MASK}{tail}");
    }
    match detail
        .strip_prefix("Token \"")
        .and_then(|rest| rest.rfind("\" ").map(|at| &rest[at..]))
    {
        Some(tail) => format!("Token \"{MASK}{tail}"),
        None => detail.to_owned(),
    }
}

/// Returns the place that the line `context` names, without row data, parameters, or literals of a
/// quoted statement.
fn place(context: &str) -> String {
    if let Some((before, statement)) = context.split_once("SQL statement \"") {
        let fingerprint = crate::fingerprint::fingerprint(statement.trim_end_matches('"'));
        return format!("{before}SQL statement \"{fingerprint}\"");
    }
    let quotes = context.starts_with("COPY ")
        || context.starts_with("JSON data")
        || context.contains("parameter");
    let data = context.find(": ").or_else(|| context.find(" = "));
    match data.filter(|_| quotes) {
        Some(at) => format!("{}: {MASK}", &context[..at]),
        None => context.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_keeps_names_and_loses_the_data_of_rows() {
        for (said, kept) in [
            (
                "Key (id)=(42) already exists.",
                "Key (id)=(…) already exists.",
            ),
            (
                "Key (name, \"Zip\")=(a) already exists. (x), 7) is not present in table \"towns\".",
                "Key (name, \"Zip\")=(…) is not present in table \"towns\".",
            ),
            (
                "Key (during)=([1,5)) conflicts with existing key (during)=([2,3)).",
                "Key (during)=(…) conflicts with an existing key.",
            ),
            (
                "Failing row contains (7, secret, null).",
                "Failing row contains (…).",
            ),
            (
                "Process 7 waits for ShareLock on transaction 761; blocked by process 8.",
                "Process 7 waits for ShareLock on transaction 761; blocked by process 8.",
            ),
            ("Token \"secret\" is invalid.", "Token \"…\" is invalid."),
        ] {
            assert_eq!(without_data(said), kept);
        }
    }

    #[test]
    fn a_message_keeps_the_type_and_loses_the_value_that_it_quotes() {
        for (code, said, kept) in [
            (
                "22P02",
                "invalid input syntax for type integer: \"a \"secret\" b\"",
                "invalid input syntax for type integer: \"…\"",
            ),
            (
                "22P02",
                "invalid input value for enum \"mood\": \"secret\"",
                "invalid input value for enum \"mood\": \"…\"",
            ),
            (
                "22003",
                "value \"99999999999\" is out of range for type integer",
                "value \"…\" is out of range for type integer",
            ),
            ("22003", "integer out of range", "integer out of range"),
            (
                "22008",
                "date/time field value out of range: \"31.02.1980\"",
                "date/time field value out of range: \"…\"",
            ),
            (
                "42703",
                "column \"a: \"b\" does not exist",
                "column \"a: \"b\" does not exist",
            ),
        ] {
            let server_message = ServerMessage {
                code,
                message: said,
                ..ServerMessage::default()
            };
            assert_eq!(server_message.message(), kept);
        }
    }

    #[test]
    fn a_context_keeps_the_place_and_loses_what_it_quotes() {
        for (said, kept) in [
            (
                "COPY people, line 3, column age: \"secret\"",
                "COPY people, line 3, column age: …",
            ),
            ("JSON data, line 1: {secret...", "JSON data, line 1: …"),
            (
                "unnamed portal parameter $1 = 'secret'",
                "unnamed portal parameter $1: …",
            ),
            (
                "SQL statement \"INSERT INTO t VALUES ('secret', 7)\"",
                "SQL statement \"INSERT INTO t VALUES (?)\"",
            ),
            (
                "while updating tuple (0,5) in relation \"pair\"",
                "while updating tuple (0,5) in relation \"pair\"",
            ),
        ] {
            assert_eq!(place(said), kept);
        }
    }

    #[test]
    fn a_refused_login_is_one_kind_and_every_other_code_its_own() {
        for (code, kind) in [("28P01", "auth"), ("53300", "sqlstate.53300")] {
            let message = ServerMessage {
                code,
                message: "no",
                ..ServerMessage::default()
            };
            assert_eq!(message.failure("").kind, kind);
            assert_eq!(message.failure("; why").to_string(), "no; why");
        }
    }

    #[test]
    fn detail_hint_and_the_first_line_of_the_context_are_one_line() {
        let server_message = ServerMessage {
            code: "40P01",
            message: "deadlock detected",
            detail: Some("Process 7 waits; blocked by process 8.\nProcess 8 waits."),
            hint: Some("See server log for query details."),
            context: Some("while updating tuple (0,5) in relation \"pair\"\nand more"),
        };
        let failure =
            server_message.complete(Failure::new("sqlstate.40P01", server_message.message));
        assert_eq!(
            failure.detail.unwrap().to_string(),
            "Process 7 waits; blocked by process 8. Process 8 waits.; \
             hint: See server log for query details.; \
             context: while updating tuple (0,5) in relation \"pair\""
        );
        let bare =
            ServerMessage::default().complete(Failure::new("sqlstate.22012", "division by zero"));
        assert_eq!(bare.detail, None);
    }
}
