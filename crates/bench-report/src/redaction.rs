//! No secret leaves the process: URLs, DSNs, headers, variables, command lines and messages are
//! redacted before they are recorded, logged or shown.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use url::Url;

/// What stands where a secret was.
pub const MASK: &str = "***";

const SECRET_NAME: &str = r"(?:[a-z0-9_.\-]*(?:passwo?r?d|passwd|passphrase|pwd|secret|token|credential|api[_\-]?key|access[_\-]?key|private[_\-]?key|authorization|cookie|session[_\-]?id))|auth|pass";

#[expect(clippy::expect_used, reason = "constant patterns, compiled by a test")]
fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("constant pattern")
}

/// `scheme://user:password@` up to the last `@` of the word, so that a password with `@` or `/`
/// in it goes whole; rather too much is masked than too little. The user may be empty, as in
/// Redis URLs.
static URL_PASSWORD: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)\b([a-z][a-z0-9+.\-]*://[^\s:/@]*):(\S*)@"));

/// `password=…`, `password: …`, `"token": "…"`, `PGPASSWORD=…`.
static NAMED_SECRET: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r#"(?i)(^|[\s?&;,{{(\["'\-])({SECRET_NAME})(["']?\s*[=:]\s*)("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|(?:bearer|basic)\s+[^\s,;&"']+|[^\s,;&"'}})\]]+)"#
    ))
});

/// `Bearer …`, wherever it stands.
static BEARER: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/\-]{8,}=*"));

/// A name that announces a secret, whole.
static SECRET_KEY: LazyLock<Regex> =
    LazyLock::new(|| pattern(&format!(r"(?i)^(?:{SECRET_NAME})$")));

/// Masks every secret in free text: an error, a log line, a message of a server.
pub fn text(input: &str) -> String {
    let masked = URL_PASSWORD.replace_all(input, |c: &Captures<'_>| format!("{}:{MASK}@", &c[1]));
    let masked = NAMED_SECRET.replace_all(&masked, |c: &Captures<'_>| {
        format!("{}{}{}{MASK}", &c[1], &c[2], &c[3])
    });
    BEARER
        .replace_all(&masked, |c: &Captures<'_>| format!("{} {MASK}", &c[1]))
        .into_owned()
}

/// Masks the password and every secret parameter of a URL or DSN, and leaves the rest readable.
pub fn url(input: &str) -> String {
    let Ok(mut parsed) = Url::parse(input) else {
        return text(input);
    };
    if parsed.password().is_some_and(|p| !p.is_empty()) {
        // Only URLs without a host refuse a password, and those came without one.
        let _ = parsed.set_password(Some(MASK));
    }
    if parsed.query().is_some() {
        let pairs: Vec<(String, String)> = parsed
            .query_pairs()
            .map(|(k, v)| (k.to_string(), masked_value(&k, v)))
            .collect();
        parsed.query_pairs_mut().clear().extend_pairs(pairs);
    }
    text(parsed.as_str())
}

fn masked_value(key: &str, value: Cow<'_, str>) -> String {
    if is_secret_name(key) {
        MASK.to_owned()
    } else {
        value.into_owned()
    }
}

/// Whether a header, variable or option of this name holds a secret.
pub fn is_secret_name(name: &str) -> bool {
    SECRET_KEY.is_match(name.trim_start_matches('-'))
}

/// The value of a header or variable, masked when its name announces a secret.
pub fn named(name: &str, value: &str) -> String {
    if is_secret_name(name) {
        MASK.to_owned()
    } else {
        text(value)
    }
}

/// A command line as it may be recorded: `--password x`, `--password=x`, `-a x` of Redis tools,
/// URLs and `NAME=secret` words masked.
pub fn command_line<S: AsRef<str>>(words: &[S]) -> Vec<String> {
    let mut hide_next = false;
    words
        .iter()
        .map(|word| {
            let word = word.as_ref();
            if std::mem::take(&mut hide_next) {
                return MASK.to_owned();
            }
            hide_next = word.starts_with('-')
                && !word.contains('=')
                && (is_secret_name(word) || word == "-a" || word == "--pass");
            if word.contains("://") && !word.contains('=') {
                url(word)
            } else {
                text(word)
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn urls_keep_everything_but_the_secret() {
        for (given, shown) in [
            (
                "postgres://app:hunter2@db:5432/shop",
                "postgres://app:***@db:5432/shop",
            ),
            ("redis://:hunter2@cache/0", "redis://:***@cache/0"),
            ("postgres://app@db/shop", "postgres://app@db/shop"),
            (
                "postgres://app:hunt%40er2@db/shop",
                "postgres://app:***@db/shop",
            ),
            (
                "postgres://db/shop?user=app&password=hunter2&sslmode=require",
                "postgres://db/shop?user=app&password=***&sslmode=require",
            ),
            ("ws://h/?token=hunter2&x=1", "ws://h/?token=***&x=1"),
        ] {
            let masked = url(given).replace("%2A", "*");
            assert_eq!(masked, shown);
        }
    }

    #[test]
    fn free_text_is_masked_wherever_a_secret_is_announced() {
        for given in [
            "cannot connect to postgres://app:hunter2@db:5432/shop (refused)",
            "postgres://app:hun@ter2@db/shop",
            "host=db user=app password=hunter2 dbname=shop",
            "host=db password='hunter2 with space'",
            "PGPASSWORD=hunter2 psql",
            r#"{"password": "hunter2"}"#,
            "Authorization: Bearer hunter2hunter2",
            "Cookie: hunter2",
            "redis-cli --pass hunter2; requirepass",
        ] {
            let words: Vec<&str> = given.split(' ').collect();
            let shown = if given.contains("--pass ") {
                command_line(&words).join(" ")
            } else {
                text(given)
            };
            assert!(
                !shown.contains("hunter2") && !shown.contains("ter2@"),
                "{given} -> {shown}"
            );
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        for given in [
            "password authentication failed for user \"app\"",
            "token bucket of 10 per second",
            "SELECT author FROM books WHERE passage = 3",
            "postgres://app@db:5432/shop",
        ] {
            assert_eq!(text(given), given);
        }
    }

    #[test]
    fn command_lines_lose_only_their_secrets() {
        let given = [
            "pgbench",
            "--password",
            "hunter2",
            "-c",
            "8",
            "--token=hunter2",
            "-a",
            "hunter2",
        ];
        let shown = command_line(&given);
        assert_eq!(
            shown,
            [
                "pgbench",
                "--password",
                "***",
                "-c",
                "8",
                "--token=***",
                "-a",
                "***"
            ]
        );
    }

    proptest! {
        #[test]
        fn no_password_of_a_url_survives(password in "[a-zA-Z0-9!@$^*(){};:,._~/-]{6,24}") {
            let given = format!("postgres://app:{password}@db:5432/shop");
            let secret = format!("Zq7{password}7qZ");
            let with_marks = given.replace(&password, &secret);
            for shown in [text(&with_marks), url(&with_marks)] {
                prop_assert!(!shown.contains("Zq7") && !shown.contains("7qZ"), "{} -> {}", with_marks, shown);
            }
        }
    }
}
