//! Tests of masking with the command lines of many programs: each secret is masked, and harmless
//! text stays readable.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use bench_report::redaction::{MASK, command_line, text, url};
use proptest::prelude::*;

const SECRET: &str = include_str!("command_lines/secret.jsonl");
const HARMLESS: &str = include_str!("command_lines/harmless.jsonl");

/// Marked secret in the corpus that tests replace by other secrets. Secrets that are written in
/// another way are recognized by their form and not replaced.
const ANY: &str = "«hunter2»";

/// Pattern from which tests generate passwords. The first character is no digit, because
/// `app:80?a=b@c` is a host with a port.
const ANY_PASSWORD: &str = "[^\\s\"'<>`0-9][^\\s\"'<>`]{6,23}";

/// Command line of the corpus, in which secrets stand between `«` and `»`, as words without these
/// marks and as list of its secrets.
#[derive(Debug, Clone)]
struct Line {
    words: Vec<String>,
    secrets: Vec<String>,
}

impl Line {
    fn read(json: &str) -> Self {
        let marked: Vec<String> = serde_json::from_str(json).unwrap();
        let mut secrets = Vec::new();
        for word in &marked {
            let mut rest = word.as_str();
            while let Some((_, after)) = rest.split_once('«') {
                let (secret, after) = after.split_once('»').unwrap();
                secrets.push(secret.to_owned());
                rest = after;
            }
        }
        let words = marked
            .iter()
            .map(|word| word.replace(['«', '»'], ""))
            .collect();
        Self { words, secrets }
    }

    /// Reads a line of the corpus with the secret `secret` in place of [`ANY`].
    fn with(json: &str, secret: &str) -> Self {
        Self::read(&json.replace(ANY, &format!("«{secret}»")))
    }

    /// Returns the words of the line, each in single quotes for a shell, separated by blanks.
    fn quoted(&self) -> String {
        let quote = |word: &String| format!("'{}'", word.replace('\'', r"'\''"));
        self.words.iter().map(quote).collect::<Vec<_>>().join(" ")
    }
}

fn lines(corpus: &str) -> Vec<Line> {
    corpus.lines().map(Line::read).collect()
}

/// Returns a part of `secret` of six characters or more (a shorter secret as a whole) that occurs
/// in `shown`, and so is long enough to be of use to an attacker; `None` if there is none.
fn leaked<'a>(shown: &str, secret: &'a str) -> Option<&'a str> {
    const OF_USE: usize = 6;
    let starts: Vec<usize> = secret.char_indices().map(|(at, _)| at).collect();
    let ends = starts.iter().skip(OF_USE).copied().chain([secret.len()]);
    let mut parts = starts
        .iter()
        .zip(ends)
        .map(|(start, end)| &secret[*start..end]);
    if secret.len() < OF_USE {
        return shown.contains(secret).then_some(secret);
    }
    parts.find(|part| part.chars().count() >= OF_USE && shown.contains(part))
}

#[test]
fn no_secret_of_a_hundred_command_lines_is_kept() {
    let lines = lines(SECRET);
    assert!(lines.len() >= 100, "{}", lines.len());
    let mut leaks = Vec::new();
    for line in &lines {
        assert!(!line.secrets.is_empty(), "{:?} marks no secret", line.words);
        let shown = command_line(&line.words);
        for secret in &line.secrets {
            if shown.iter().any(|word| leaked(word, secret).is_some()) {
                leaks.push(format!("{secret}: {shown:?}"));
            }
        }
    }
    assert!(
        leaks.is_empty(),
        "{} kept:\n{}",
        leaks.len(),
        leaks.join("\n")
    );
}

#[test]
fn what_holds_no_secret_stays_readable() {
    const READABLE: f64 = 0.95;
    let lines = lines(HARMLESS);
    assert!(lines.len() >= 100, "{}", lines.len());
    let (mut all, mut changed) = (0, Vec::new());
    for line in &lines {
        let shown = command_line(&line.words);
        all += line.words.len();
        let pairs = line.words.iter().zip(&shown);
        changed.extend(
            pairs
                .filter(|(word, shown)| word != shown)
                .map(|(word, shown)| format!("{word} -> {shown}")),
        );
    }
    let readable = 1.0 - changed.len() as f64 / all as f64;
    assert!(
        readable >= READABLE,
        "{readable:.3}:\n{}",
        changed.join("\n")
    );
}

#[test]
fn the_rest_of_a_command_line_with_a_secret_stays_readable() {
    const READABLE: f64 = 0.95;
    let (mut all, mut changed) = (0, Vec::new());
    for json in SECRET.lines() {
        let marked: Vec<String> = serde_json::from_str(json).unwrap();
        let shown = command_line(&Line::read(json).words);
        for (word, shown) in marked
            .iter()
            .zip(&shown)
            .filter(|(word, _)| !word.contains('«'))
        {
            all += 1;
            if word != shown {
                changed.push(format!("{word} -> {shown} in {json}"));
            }
        }
    }
    let readable = 1.0 - changed.len() as f64 / f64::from(all);
    assert!(
        readable >= READABLE,
        "{readable:.3}:\n{}",
        changed.join("\n")
    );
}

/// Secrets whose characters have a special meaning in command lines, addresses and paths.
const HARD: &[&str] = &[
    "A/A*~a*a",
    "a/b/c/d/e/f",
    "Ab/cdefgh1",
    "h4rd/With.Dots",
    "x%2F+y=z9Q",
    "Tr0ub4dor@3",
    "a:b:c:d:e1",
    "user@host9A",
    "Aaaaaaa*",
    "aB.cD.eF.gH",
    "a-b_c-d_e-f9X",
    "Q,w,E,r,T,y1",
    "pa?ss=w,rd1",
    "!!abcDEF!!1",
    "a..b..c..Z9",
    "Wiz~ard/Z9",
    "x^y^z^A1b2",
    "*.Wizard.Z9",
    "+Plus+Sign+9A",
    "abc/def/Ghi:jkl@m0",
];

#[test]
fn no_hard_secret_survives_in_any_of_the_places() {
    let mut leaks = Vec::new();
    for json in SECRET.lines().filter(|json| json.contains(ANY)) {
        for secret in HARD {
            let line = Line::with(json, secret);
            if is_path_of_a_host(&line, secret) {
                continue;
            }
            let shown = command_line(&line.words);
            if leaked(&shown.join(" "), secret).is_some() {
                leaks.push(format!("{shown:?}"));
            }
        }
    }
    assert!(
        leaks.is_empty(),
        "{} kept:\n{}",
        leaks.len(),
        leaks.join("\n")
    );
}

/// Generates secrets for places without a name that announces them, from the characters that an
/// address may have unencoded.
fn secret() -> impl Strategy<Value = String> {
    "[A-Za-z][A-Za-z0-9!%*+.,:/?@_~^-]{6,20}[A-Za-z0-9]"
}

/// Returns true if `secret`, in place of a user in the line, reads as in `https://a/b@c`: a path
/// on a host, and no user.
fn is_path_of_a_host(line: &Line, secret: &str) -> bool {
    let user = format!("://{secret}@");
    secret.contains(['/', '?']) && line.words.iter().any(|word| word.contains(&user))
}

fn line_with(secret: impl Strategy<Value = String>) -> impl Strategy<Value = (Line, String)> {
    let lines: Vec<&'static str> = SECRET.lines().filter(|json| json.contains(ANY)).collect();
    (prop::sample::select(lines), secret)
        .prop_map(|(json, secret)| (Line::with(json, &secret), secret))
}

/// Generates texts from pieces that have a special meaning in command lines and addresses.
fn odd_text() -> impl Strategy<Value = String> {
    let pieces = vec![
        "password",
        "=",
        ":",
        "://",
        "@",
        "/",
        "?",
        "#",
        "&",
        ";",
        ",",
        "'",
        "\"",
        "\\",
        " ",
        "\n",
        "--",
        "-p",
        "sh -c",
        "redis-cli",
        "mysql",
        "curl",
        "-u",
        "a:b",
        "{",
        "}",
        "[",
        "]",
        "<",
        ">",
        "key",
        "***",
        "Bearer ",
        "eyJhbGciOi",
        "ä",
        "\u{2003}",
        "0123456789abcdef0123",
        "token",
        "http",
        "`",
        "|",
        "-----BEGIN PRIVATE KEY-----",
        "-----END",
        "PASSWORD '",
        "thin:",
        "$6$abc$",
        "echo",
        "passwd",
    ];
    prop::collection::vec(prop::sample::select(pieces), 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_random_secret_survives_in_any_of_the_places((line, secret) in line_with(secret())) {
        prop_assume!(!is_path_of_a_host(&line, &secret));
        let shown = command_line(&line.words).join(" ");
        prop_assert_eq!(leaked(&shown, &secret), None, "{:?} -> {}", line.words, shown);
    }

    #[test]
    fn no_secret_survives_in_a_command_line_within_another((line, secret) in line_with("[A-Za-z][A-Za-z0-9!+._-]{7,20}")) {
        let once = Line { words: vec!["sh".into(), "-c".into(), line.quoted()], secrets: Vec::new() };
        let twice = vec!["bash".to_owned(), "-lc".to_owned(), once.quoted()];
        for words in [&once.words, &twice] {
            let shown = command_line(words).join(" ");
            prop_assert_eq!(leaked(&shown, &secret), None, "{:?} -> {}", words, shown);
        }
    }

    #[test]
    fn a_password_of_any_characters_is_gone_from_an_address(password in ANY_PASSWORD, tail in "(/shop)?") {
        for address in [
            format!("postgres://app:{password}@db:5432{tail}"),
            format!("redis://:{password}@cache"),
            format!("mongodb+srv://app:{password}@a.example,b.example{tail}"),
            format!("wss://app:{password}@example.com{tail}"),
        ] {
            for shown in [url(&address), text(&address), text(&format!("cannot connect to {address}")),
                command_line(&["t", "--url", &address]).join(" ")] {
                prop_assert!(leaked(&shown, &password).is_none() || leaked(address.replace(&password, "").as_str(), &password).is_some(), "{} -> {}", address, shown);
            }
        }
    }

    #[test]
    fn what_is_masked_once_stays_as_it_is(odd in odd_text(), any in ".{0,60}", (line, _) in line_with(secret())) {
        for given in [odd.clone(), any.clone(), line.words.join(" ")] {
            let once = text(&given);
            prop_assert_eq!(text(&once), once.clone(), "text {:?}", given);
            let once = url(&given);
            prop_assert_eq!(url(&once), once.clone(), "url {:?}", given);
        }
        for words in [line.words, vec![odd, any]] {
            let once = command_line(&words);
            prop_assert_eq!(command_line(&once), once);
        }
    }

    #[test]
    fn plain_words_and_numbers_stay(words in prop::collection::vec("[a-z]{5,9}|[0-9]{1,6}", 1..12)) {
        let given = words.join(" ");
        prop_assert_eq!(text(&given), given);
    }
}

#[test]
fn long_text_takes_time_in_proportion() {
    const SHORT: usize = 16_000;
    const FOLD: u32 = 8;
    for piece in [
        "a=",
        "password=",
        "password:{",
        "{\"password\":{",
        "key=/",
        "://",
        "a://b:c@",
        "'",
        "\"a ",
        "\\",
        "@",
        "a:b@",
        "-p ",
        "sh -c '",
        "eyJ",
        "aB3",
        "<password>",
        "?a=b&",
        "PASSWORD '",
        "x ",
        "-----BEGIN PRIVATE KEY-----",
        ";",
        "password= ",
        "/a",
        "a.",
        "redis-cli -a x;",
    ] {
        let took = |length: usize| {
            let given = piece.repeat(length / piece.len());
            let began = Instant::now();
            assert!(text(&given).len() <= given.len().max(MASK.len()) * MASK.len());
            began.elapsed()
        };
        let short = (0..3).map(|_| took(SHORT)).min().unwrap();
        // Far from the proportion FOLD, and as far from its square.
        let bound = short * FOLD * 5 + Duration::from_millis(20);
        // Other programs on this machine can make the text take longer, but not less.
        let mut long = (0..3).map(|_| took(SHORT * FOLD as usize));
        assert!(
            long.any(|long| long < bound),
            "{piece:?}: {short:?}, {FOLD} times as long: over {bound:?}"
        );
    }
}
