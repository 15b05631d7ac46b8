//! Masking of secrets in everything that is recorded, logged or shown: URLs and other addresses,
//! headers, environment variables, command lines and messages.
//!
//! Text that may be a secret is masked unless it is known to be none. A secret is recognized by
//! the name that announces it (`names`, `fields`), by its place in an address (`address`) or in
//! the command line of a known program (`programs`, `arguments`), or by its form (`token`).
//! Command lines within an argument are read in the same way (`nested`).

mod address;
mod arguments;
mod fields;
mod names;
mod nested;
mod options;
mod pattern;
mod programs;
mod shell;
mod spans;
mod token;
mod word_list;

use arguments::{CommandReader, ReadMode};
use nested::Context;
pub use spans::MASK;
use spans::Spans;

/// Largest number of times that a text is searched; each search covers the result of the last one.
const MOST_PASSES: usize = 8;

/// Masks each secret in free text, such as an error, a log line or a message of a server, by
/// `***`. Masking the result again changes nothing.
pub fn text(input: &str) -> String {
    until_clean(input.to_owned(), |text: &String| {
        let mut spans = Spans::default();
        mark(text, Context::default(), &mut spans);
        spans.mask(text)
    })
    .unwrap_or_else(|_| MASK.to_owned())
}

/// Masks the password and all parameters that may be secret in a URL or connection string by
/// `***`. The rest stays readable. A user is masked too where it may be a token, as in
/// `https://X@host`.
pub fn url(input: &str) -> String {
    let argument = Context {
        argument: true,
        ..Context::default()
    };
    until_clean(input.to_owned(), |text: &String| {
        let mut spans = Spans::default();
        address::mark_whole(text, &mut spans);
        mark(text, argument, &mut spans);
        spans.mask(text)
    })
    .unwrap_or_else(|_| MASK.to_owned())
}

/// Returns true if a URL has a user, and another `@` in its path or parameters. Most likely the
/// password was not percent-encoded, so that what looks like the host is part of the password and
/// must not be shown.
pub fn hides_its_host(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else {
        return false;
    };
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (first, path) = rest.split_at(authority);
    first.contains('@') && path.contains('@')
}

/// Advice, to follow a URL in a message, if [`hides_its_host`] returns true for that URL.
pub const ENCODE_IT: &str =
    "an @ comes after its host; write @, /, ? and # of a user or password as %40, %2F, %3F and %23";

/// Masks each secret in a command line by `***`. `words` are the program and its arguments; the
/// result has one word for each of them.
pub fn command_line<S: AsRef<str>>(words: &[S]) -> Vec<String> {
    let words = words.iter().map(|word| word.as_ref().to_owned()).collect();
    until_clean(words, |words: &Vec<String>| arguments_once(words))
        .unwrap_or_else(|words| words.iter().map(|_| MASK.to_owned()).collect())
}

/// Applies `once` until the result no longer changes. The error is a result that still changed
/// after [`MOST_PASSES`] times.
fn until_clean<T: PartialEq>(input: T, once: impl Fn(&T) -> T) -> Result<T, T> {
    let mut text = input;
    for _ in 0..MOST_PASSES {
        let masked = once(&text);
        if masked == text {
            return Ok(text);
        }
        text = masked;
    }
    Err(text)
}

fn arguments_once(words: &[String]) -> Vec<String> {
    let mut reader = CommandReader::new(ReadMode::Command);
    let mut masked = Vec::with_capacity(words.len());
    for word in words {
        let mut spans = Spans::default();
        let context = Context {
            argument: !reader.script_next(),
            commands: reader.runs_commands(),
            digest: reader.digest_next(),
            depth: 0,
        };
        mark(word, context, &mut spans);
        reader.read(word, &mut spans);
        masked.push(spans.mask(word));
    }
    masked
}

/// Adds to `out` the ranges of the secrets of a text, and of the command lines within it.
fn mark(text: &str, context: Context, out: &mut Spans) {
    fields::mark(text, context.argument, out);
    address::mark(text, context.argument, out);
    token::mark(text, context.digest, out);
    if text.contains(char::is_whitespace) {
        nested::mark(text, context, out, mark);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_keep_everything_but_the_secret() {
        for (given, shown) in [
            (
                "postgres://app:hunter2@db:5432/shop",
                "postgres://app:***@db:5432/shop",
            ),
            ("redis://:hunter2@cache/0", "redis://:***@cache/0"),
            (
                "redis://:hunter2@one:26379,two:26379/0?sentinel=orders",
                "redis://:***@one:26379,two:26379/0?sentinel=orders",
            ),
            ("postgres://app@db/shop", "postgres://app@db/shop"),
            (
                "postgres://app:hunt%40er2@db/shop",
                "postgres://app:***@db/shop",
            ),
            (
                "postgres://app:hu@nt?er/2@db/shop",
                "postgres://app:***@db/shop",
            ),
            (
                "postgres://db/shop?user=app&password=hunter2&sslmode=require",
                "postgres://db/shop?user=app&password=***&sslmode=require",
            ),
            ("ws://h/?token=hunter2&x=1", "ws://h/?token=***&x=1"),
            ("ws://h/s?jwt=hunter2&room=1", "ws://h/s?jwt=***&room=1"),
            ("ws://h/s?ticket=hunter2", "ws://h/s?ticket=***"),
            ("ws://app:hunter2@h/", "ws://***@h/"),
            ("https://hunter2@h/", "https://***@h/"),
            (
                "https://h.example/?email=a@b.example",
                "https://h.example/?email=a@b.example",
            ),
            ("http://h:80/a/b@c", "http://h:80/***@c"),
            (
                "http://h:80/?email=a@b.example",
                "http://h:80/?email=a@b.example",
            ),
            ("http://h/?code=hunter@2", "http://h/?code=***"),
            (
                "postgres://a:x@h/d?application_name=a@b",
                "postgres://a:***",
            ),
            (
                "https://h.example/@scope/package@1.2",
                "https://h.example/@scope/package@1.2",
            ),
            ("redis://u:hunter two@cache/0", "redis://u:***@cache/0"),
            // The text was cut off within the password, as a long command line may be.
            ("postgres://app:hunt", "postgres://app:***"),
            (
                "postgres://a:x@h1:1,h2:2/shop?target_session_attrs=any",
                "postgres://a:***@h1:1,h2:2/shop?target_session_attrs=any",
            ),
        ] {
            assert_eq!(url(given), shown);
        }
    }

    #[test]
    fn a_password_that_was_not_encoded_is_told_by_the_at_sign_behind_the_host() {
        for url in [
            "ws://a:p@ss?word@h/",
            "redis://:p@ss/word@h/0",
            "postgres://a:b@c#@d/e",
        ] {
            assert!(hides_its_host(url), "{url}");
        }
        for url in [
            "ws://a:p@h/s?room=1",
            "ws://h/@a",
            "postgres://a:p@b@h/d",
            "a@b",
        ] {
            assert!(!hides_its_host(url), "{url}");
        }
    }

    #[test]
    fn free_text_is_masked_wherever_a_secret_is_announced() {
        for given in [
            "cannot connect to postgres://app:hunter2@db:5432/shop (refused)",
            "cannot connect to \"postgres://app:hunter2 and more@db/shop\"",
            "postgres://app:hun@ter2@db/shop",
            "host=db user=app password=hunter2 dbname=shop",
            "host=db password='hunter2 with space'",
            r"host=db password='it\'s hunter2' port=1",
            "PGPASSWORD=hunter2 psql",
            r#"{"password": "hunter2"}"#,
            r#"{\"password\":\"hunter2\"}"#,
            r#"{"tokens":["a","hunter2"],"n":1}"#,
            "<password>hunter2</password>",
            "CREATE ROLE app PASSWORD 'hunter2'",
            "CREATE USER app IDENTIFIED BY 'hunter2'",
            "ALTER ROLE app PASSWORD 'hunter2",
            "Authorization: Bearer hunter2hunter2",
            "Proxy-Authorization: Basic hunter2hunter2=",
            "Authorization: Digest username=\"app\", response=\"hunter2\"",
            "Cookie: a=1; id=hunter2",
            "redis-cli --pass hunter2; requirepass",
            "GET /socket?ticket=hunter2 HTTP/1.1",
            "app:hunter2@tcp(db:3306)/shop",
            "jdbc:oracle:thin:app/hunter2@//db:1521/shop",
            "Data Source=db;User ID=app;Password=hunter2;Encrypt=True",
            "Server=db;Password=hun;ter2;x;",
            "don't use --password 'hunter2' here",
            "mysql .*-phunter2",
            "^redis-cli .*-a hunter2",
            "vault login hunter2",
            "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----",
        ] {
            let shown = text(given);
            assert!(
                !shown.contains("hunter2") && !shown.contains("ter2"),
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
            "auth: no such user",
            "write redis://USER:PASSWORD@HOST:PORT/DATABASE, of which only the host is needed",
            "fewer --keys, lower --max-token, or a throwaway server",
            "Try: a login, as in ws://host/path?token=…, or the path, as in ws://host:port/path",
            "cannot connect to postgres://backup_pw@127.0.0.1:7644/shop: password authentication failed",
            "Bearer token is missing",
            "psql 'postgres://app@db:5432/shop' -c 'DROP SCHEMA \"plimsoll_20260314_091500_7f3a\" CASCADE'",
            "redis-cli -h cache -p 7000 --user app -n 3 ping; is the server up?",
            "sudo prlimit --pid $$ --nofile=50084:50084",
            "pgbench -p 5432 -P 5 and sort -k2",
            "git@github.com:acme/shop.git",
            "image shop@sha256:9b2a1c0d4e6f8a7b3c5d1e9f0a2b4c6d8e0f1a3b5c7d9e2f4a6b8c0d1e3f5a7b",
            "max_tokens=4096 password_encryption=scram-sha-256 auth=none",
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

    #[test]
    fn headers_cookies_and_tokens_for_a_websocket_are_masked() {
        let given = [
            "ws-bench",
            "limit",
            "--header",
            "X-Api-Key: hunter2",
            "--cookie",
            "sid=hunter2",
            "--bearer",
            "hunter2",
            "--bearer=hunter2",
            "--proxy",
            "http://app:hunter2@proxy:3128",
            "--max",
            "500",
        ];
        let shown = command_line(&given);
        assert!(!shown.concat().contains("hunter2"), "{shown:?}");
        assert_eq!(shown[11..], ["--max", "500"]);
    }

    #[test]
    fn a_command_line_keeps_the_shape_of_its_quotes() {
        let line = [
            "sh",
            "-c",
            "ssh web 'redis-cli -a \"hunter2\" ping' && uptime",
        ];
        let shown = "ssh web 'redis-cli -a \"***\" ping' && uptime";
        assert_eq!(command_line(&line)[2], shown);
    }
}
