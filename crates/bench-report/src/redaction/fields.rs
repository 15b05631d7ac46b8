//! Search for secrets after a name that announces them: `password=…`, `"token": "…"`,
//! `Authorization: …`, `<password>…</password>`, `PASSWORD '…'`.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::names::{self, Naming};
use super::pattern::pattern;
use super::spans::Spans;

/// Pattern of passwords in SQL statements: `CREATE ROLE app PASSWORD '…'`, `IDENTIFIED BY '…'`.
static SQL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)\b(?:password|passwd|passphrase|identified\s+(?:with\s+\S{1,40}\s+)?(?:by|as))\s+(?:as\s+)?(?:'((?:[^']|'')*)|"([^"]*))"#,
    )
});

/// Pattern of such passwords in the query of a URL, where `+` or `%20` stands for a blank, and `%27` or
/// `%22` for a quote.
static SQL_IN_URL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)(?:password|passwd|passphrase|(?:\+|%20)(?:by|as))(?:\+|%20)+(?:'|%2[27])((?:[^'\s&%]|%2[^27]|%[^2]|(?:'|%2[27]){2})*)",
    )
});

/// Pattern of a line of `.netrc`: `machine … login … password …`.
static NETRC: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?:^|\s)login\s+\S+\s+(?:account\s+\S+\s+)?password\s+(\S+)"));

/// Pattern of logons: `CONNECT scott/tiger@db` of Oracle's tools, `.logon server/user,password` of
/// Teradata's.
static LOGON: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)(?:^|[\s;"'])(?:\.logon\s+[^\s,"']+,\s*([^\s;"']+)|conn(?:ect)?\s+\w+/([^\s@;"'/]+)(?:@|;|\s+as\s+sys))"#,
    )
});

/// Pattern of calls with a password as the second argument, such as `auth(user, '…')`, and of
/// `crypt('…', salt)`.
static CALLS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)\b(?:(?:auth|login|authenticate|pgp_sym_(?:en|de)crypt(?:_bytea)?)\s*\([^(),]*,|crypt\s*\()\s*(?:'([^']+)|"([^"]+))"#,
    )
});

/// Pattern of credentials after the name of their HTTP scheme, as in `Bearer …`.
static BEARER: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?i)\b(bearer|basic|token|negotiate)[ \t]+([^\s"',;]{6,})"#));

/// Names with blanks of fields in connection strings of ODBC and ADO.NET, in lower case.
const SPACED: &[&str] = &[
    "application intent",
    "application name",
    "command timeout",
    "connect timeout",
    "connection timeout",
    "current language",
    "data source",
    "failover partner",
    "initial catalog",
    "integrated security",
    "max pool size",
    "min pool size",
    "multiple active result sets",
    "network library",
    "packet size",
    "persist security info",
    "server name",
    "ssl mode",
    "trust server certificate",
    "trusted connection",
    "user id",
    "workstation id",
];

/// Adds to `out` the ranges of the values of fields that announce a secret. `argument` is true if
/// the text is one argument of a command line: a field at its start then has the rest of the
/// argument as its value.
pub(super) fn mark(text: &str, argument: bool, out: &mut Spans) {
    let mut from = if argument { file_option(text) } else { 0 };
    while let Some(found) = text[from..].find(['=', ':', '>']) {
        let separator = from + found;
        from = separator + 1;
        if let Some(value) = field(text, separator, argument) {
            from = value.end.max(from);
            out.add(value);
        }
    }
    if text.contains(['\'', '"']) {
        for captures in SQL.captures_iter(text).chain(CALLS.captures_iter(text)) {
            // The statement may have been cut off before the closing quote.
            if let Some(value) = captures.get(1).or(captures.get(2)) {
                out.add(value.range());
            }
        }
    }
    if text.contains('/') {
        for captures in LOGON.captures_iter(text) {
            if let Some(value) = captures.get(1).or(captures.get(2)) {
                out.add(value.range());
            }
        }
    }
    let alone = SQL_IN_URL
        .captures_iter(text)
        .chain(NETRC.captures_iter(text));
    for value in alone.filter_map(|captures| captures.get(1)) {
        out.add(value.range());
    }
    for captures in BEARER.captures_iter(text) {
        if let (Some(scheme), Some(value)) = (captures.get(1), captures.get(2))
            && is_credential(scheme.as_str(), value.as_str())
        {
            out.add(value.range());
        }
    }
}

/// Returns true if `value` is a credential of the HTTP authentication scheme `scheme`. After
/// `Bearer` it nearly always is; the other schemes are also words of ordinary sentences, so the
/// value must have a digit or `=`.
fn is_credential(scheme: &str, value: &str) -> bool {
    let words = ["token", "auth", "credential", "scheme", "realm", "header"];
    let small = value.to_ascii_lowercase();
    if scheme.eq_ignore_ascii_case("bearer") {
        return !words.iter().any(|word| small.starts_with(word));
    }
    value.len() >= 8
        && value.bytes().any(|b| b.is_ascii_digit() || b == b'=')
        && !value.contains(['/', ':', '.'])
}

/// Returns the length in bytes of an option whose value is a file with a name, which is no secret:
/// `--from-file=password=/run/x`. 0 for other texts.
fn file_option(text: &str) -> usize {
    let name = text.split('=').next().unwrap_or_default();
    let is_file = name.starts_with("--") && (name.ends_with("-file") || name.ends_with("-files"));
    if is_file && !text.contains(',') {
        text.len()
    } else {
        0
    }
}

/// Returns the byte range of the value after `separator`; `None` if the name before it does not
/// announce a secret, or if the value cannot be one.
fn field(text: &str, separator: usize, argument: bool) -> Option<Range<usize>> {
    let sign = text.as_bytes()[separator];
    let name = name_before(text, separator)?;
    let shown = &text[name.clone()];
    // Fields `h=…,u=…,p=…` of the Percona tools, in which `p` is the password.
    let mut fields_before = text[..name.start].rsplit([',', ' ']).take(8);
    let percona = shown == "p" && fields_before.any(|field| field.starts_with("u="));
    let naming = if percona {
        Naming::Secret
    } else {
        names::naming(shown)
    };
    if naming == Naming::Harmless {
        return None;
    }
    let before = text[..name.start].chars().next_back();
    let quote = before.filter(|c| matches!(c, '"' | '\'' | '`'));
    let after = text[separator + 1..].trim_start_matches(['=', '>', '~']);
    let start = text.len() - after.trim_start_matches([' ', '\t']).len();
    let spaced = start > text.len() - after.len();
    let rest = &text[start..];
    if sign == b'>' {
        let element = before == Some('<') && rest.contains('<');
        return element.then(|| start..start + rest.find('<').unwrap_or(rest.len()));
    }
    // In `tests/test_tokens.py::test_login` and `/srv/keys:/keys` the name is part of a path.
    let in_a_path =
        before == Some('/') && (rest.starts_with('/') || ["ro", "rw", "z", "Z"].contains(&rest));
    let word = text[..name.start].rsplit(char::is_whitespace).next();
    let in_an_arn = word.is_some_and(|word| word.contains("arn:aws"));
    if sign == b':' && quote.is_none() && (rest.starts_with(':') || in_a_path || in_an_arn) {
        return None;
    }
    // After a colon, a sentence may continue: "auth: no such user".
    let weak = naming == Naming::Reference || shown.len() <= 4;
    if sign == b':' && (rest.starts_with("//") || (spaced && weak && quote.is_none())) {
        return None;
    }
    let whole_line = ["authorization", "cookie", "passphrase", "mnemonic"];
    let line = whole_line
        .iter()
        .any(|end| shown.to_ascii_lowercase().ends_with(end));
    let to_the_end =
        argument && sign == b'=' && text[..name.start].trim_matches(['-', '"']).is_empty();
    let value = value(text, start, quote, line, to_the_end);
    let told = text[value.clone()].trim_matches(['"', '\'', '\\', ',', ';', ')']);
    let plain =
        names::says_nothing(told) || (naming == Naming::Reference && names::is_reference(told));
    (!plain).then_some(value)
}

/// Returns the byte range of the name before `separator`, without quotes and blanks between them;
/// `None` if there is no name.
fn name_before(text: &str, separator: usize) -> Option<Range<usize>> {
    const BETWEEN: usize = 6;
    let bytes = text.as_bytes();
    let is_between = |byte: u8| matches!(byte, b' ' | b'\t' | b'"' | b'\'' | b'\\' | b']');
    let mut end = separator;
    while end > 0 && separator - end < BETWEEN && is_between(bytes[end - 1]) {
        end -= 1;
    }
    let is_name =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'@');
    let mut start = end;
    while start > 0 && end - start < names::LONGEST_NAME && is_name(bytes[start - 1]) {
        start -= 1;
    }
    // In `user@host:`, the end of an address that a message quotes, there is no name; in
    // `@password` there is.
    if let Some(at) = text.get(start + 1..end).and_then(|name| name.rfind('@')) {
        start += at + 2;
    }
    // The start may have fallen within a character before the name.
    (start < end && text.is_char_boundary(start)).then_some(start..end)
}

/// Returns the byte range of the value that begins at `start`. `quote` is the quote before the
/// field's name; with `line` the value extends to the end of the line, with `to_the_end` beyond
/// blanks.
fn value(
    text: &str,
    start: usize,
    quote: Option<char>,
    line: bool,
    to_the_end: bool,
) -> Range<usize> {
    let rest = &text[start..];
    let end_of = |length: Option<usize>| start + length.unwrap_or(rest.len());
    let escaped = rest.starts_with('\\');
    let opened = rest.trim_start_matches('\\');
    if let Some(mark @ ('"' | '\'' | '`')) = opened.chars().next() {
        let inner = start + (rest.len() - opened.len()) + 1;
        let length = quoted(&text[inner..], mark, escaped);
        return inner..length.map_or(text.len(), |length| inner + length);
    }
    if let (Some('"'), Some(open @ (b'[' | b'{'))) = (quote, rest.bytes().next()) {
        return start..end_of(bracketed(rest, open));
    }
    if let Some(quote) = quote {
        // A quote before the name ends the value, unless it was closed before the colon, as in
        // `"name":`.
        let closed = text[..start]
            .trim_end()
            .trim_end_matches([':', '='])
            .ends_with(quote);
        if !closed && rest.contains(quote) {
            return start..end_of(rest.find(quote));
        }
    }
    if line {
        return start..end_of(rest.find('\n'));
    }
    start..start + plain(rest, to_the_end)
}

/// Returns the byte position of the quote `mark` that closes a value. A quote after a backslash,
/// and a doubled single quote, do not close. If the opening quote was itself `escaped`, the next
/// backslash closes. `None` if nothing closes.
fn quoted(inner: &str, mark: char, escaped: bool) -> Option<usize> {
    if escaped {
        return inner.find('\\');
    }
    let mut chars = inner.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' {
            chars.next();
        } else if c == mark {
            if mark == '\'' && chars.next_if(|(_, next)| *next == mark).is_some() {
                continue;
            }
            return Some(at);
        }
    }
    None
}

/// Returns the length in bytes of the JSON list or object that begins `rest` with the bracket
/// `open`; `None` if it does not end.
fn bracketed(rest: &str, open: u8) -> Option<usize> {
    let close = if open == b'[' { b']' } else { b'}' };
    let mut depth = 0_usize;
    let mut bytes = rest.bytes();
    let end = bytes.position(|byte| {
        depth += usize::from(byte == open);
        depth -= usize::from(byte == close);
        depth == 0
    });
    end.map(|at| at + 1)
}

/// Returns the length in bytes of a value without quotes. It ends at the next blank, or at a `;`,
/// `&` or `,` after which another field begins. If `to_the_end`, a blank ends it only if another
/// field begins after it.
fn plain(rest: &str, to_the_end: bool) -> usize {
    for (at, c) in rest.char_indices() {
        let after = &rest[at + c.len_utf8()..];
        let ends = match c {
            ' ' | '\t' | '\n' if to_the_end => starts_field(after),
            ';' | '&' | ',' => starts_field(after),
            '"' | '\'' => !after.starts_with(|c: char| c.is_alphanumeric()),
            '<' => after.starts_with('/'),
            _ => c.is_whitespace(),
        };
        if ends {
            return at;
        }
    }
    rest.len()
}

/// Returns true if the text begins with a name and `=`, after blanks or not. A name has no blanks
/// unless it is one of [`SPACED`]: in `password=a,b dbname=x` the `b` belongs to the password.
fn starts_field(text: &str) -> bool {
    const LONGEST: usize = 40;
    let text = text.trim_start_matches(' ');
    let bytes = text.as_bytes();
    let name = bytes.iter().take(LONGEST).position(|byte| {
        !byte.is_ascii_alphanumeric() && !matches!(byte, b'_' | b'.' | b' ' | b'-')
    });
    let Some(length) = name.filter(|length| *length > 0) else {
        return false;
    };
    let name = &text[..length];
    let is_name = !name.contains(' ') || SPACED.contains(&&*name.to_ascii_lowercase());
    bytes[length] == b'=' && is_name && name.contains(|c: char| c.is_ascii_alphabetic())
}
