//! Connection strings in both forms of libpq: `postgres://user:password@host:port/database?…` or
//! `host=… port=… user=…`. Both give the same keywords with their values.
//!
//! Source: PostgreSQL manual, chapter *libpq*, *Connection Strings*. Details that it leaves open
//! follow `conninfo_parse` and `conninfo_uri_parse_options`. Errors never quote text that may be
//! part of a password, because a password that is not correctly encoded may look like anything.

/// Schemes of an address that is written as a URL.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];
/// Advice on characters that must be percent-encoded in a URL.
const ENCODED: &str = "write @ / : ? # % in a user's name or password as %40 %2F %3A %3F %23 %25";
const QUOTED: &str =
    "a value with spaces or quotes is written 'like this', with \\' and \\\\ for ' and \\";

/// Keywords with their values, in the order of the connection string.
pub(crate) type Pairs = Vec<(String, String)>;

/// Returns true if `text` begins with a scheme of PostgreSQL, so that it is an address as a URL.
pub(crate) fn is_url(text: &str) -> bool {
    SCHEMES.iter().any(|scheme| text.starts_with(scheme))
}

/// Parses a connection string in either form and returns its keywords with their values, unchecked
/// and possibly repeated.
///
/// # Errors
/// Returns a message about the mistake, which contains no part of a password.
pub(crate) fn pairs(text: &str) -> Result<Pairs, String> {
    let url = SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme));
    url.map_or_else(|| parse_keywords(text), parse_url)
}

/// Parses the part of a URL after its scheme into keywords and values. Empty parts are left out.
fn parse_url(text: &str) -> Result<Pairs, String> {
    let mut pairs = Pairs::new();
    let mut add = |keyword: &str, value: &str| -> Result<(), String> {
        if !value.is_empty() {
            pairs.push((keyword.to_owned(), decoded(value, keyword)?));
        }
        Ok(())
    };
    let end = text.find(['@', '/']).unwrap_or(text.len());
    let mut rest = text;
    if text[end..].starts_with('@') {
        let (user, password) = text[..end].split_once(':').unwrap_or((&text[..end], ""));
        add("user", user)?;
        add("password", password)?;
        rest = &text[end + 1..];
    }
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    if place.contains('@') {
        return Err(format!("there is an @ too many; {ENCODED}"));
    }
    let (servers, database) = place.split_once('/').unwrap_or((place, ""));
    let (hosts, ports) = split_servers(servers)?;
    add("host", &hosts)?;
    add("port", &ports)?;
    add("dbname", database)?;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (keyword, value) = pair
            .split_once('=')
            .ok_or("a parameter behind the ? has no =")?;
        if value.contains('=') {
            return Err(
                "a parameter behind the ? has two =; write the second one as %3D".to_owned(),
            );
        }
        let keyword = decoded(keyword, "the name of a parameter")?;
        let value = decoded(value, &keyword)?;
        // JDBC's form, which libpq accepts too.
        if keyword == "ssl" && value == "true" {
            pairs.push(("sslmode".to_owned(), "require".to_owned()));
        } else {
            pairs.push((keyword, value));
        }
    }
    Ok(pairs)
}

/// Splits `host:port,[address]:port` into hosts and ports, each as a list with commas in the same
/// order. The list of ports is empty if no port is given. Fails with a message on wrong brackets or
/// colons.
fn split_servers(text: &str) -> Result<(String, String), String> {
    let (mut hosts, mut ports) = (Vec::new(), Vec::new());
    for server in text.split(',') {
        let (host, rest) = match server.strip_prefix('[') {
            Some(bracketed) => bracketed
                .split_once(']')
                .ok_or("the [ of an IPv6 address has no ]")?,
            None => server.split_at(server.find(':').unwrap_or(server.len())),
        };
        let port = match rest.strip_prefix(':') {
            Some(port) => port,
            None if rest.is_empty() => "",
            None => {
                return Err(
                    "behind the ] of an IPv6 address stands : and a port, or nothing".to_owned(),
                );
            }
        };
        if port.contains(':') {
            return Err(format!(
                "a host has two colons: an IPv6 address stands in [ ], and {ENCODED}"
            ));
        }
        hosts.push(host);
        ports.push(port);
    }
    let ports = if ports.iter().all(|port| port.is_empty()) {
        String::new()
    } else {
        ports.join(",")
    };
    Ok((hosts.join(","), ports))
}

/// Decodes the percent-encoded `text`. Fails with a message that calls it `of` if a `%` is not
/// followed by two hexadecimal digits other than `00`, or the result is not UTF-8.
fn decoded(text: &str, of: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if first != b'%' {
            bytes.push(first);
            rest = after;
            continue;
        }
        let digits = after
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte {
            Some(byte @ 1..) => bytes.push(byte),
            _ => {
                return Err(format!(
                    "in {of} a % is not followed by two hexadecimal digits; a % itself is %25"
                ));
            }
        }
        rest = &after[2..];
    }
    String::from_utf8(bytes).map_err(|_| format!("{of} is not UTF-8"))
}

/// Parses `keyword = value` pairs separated by white space. Fails with a message that quotes no
/// value.
fn parse_keywords(text: &str) -> Result<Pairs, String> {
    let mut pairs = Pairs::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = rest.find(|c: char| c == '=' || c.is_whitespace());
        let (keyword, after) = rest.split_at(end.unwrap_or(rest.len()));
        let is_word = |c: char| c.is_ascii_lowercase() || c == '_';
        let after = after.trim_start().strip_prefix('=');
        let (Some(after), true) = (after, !keyword.is_empty() && keyword.chars().all(is_word))
        else {
            let behind = pairs.last().map_or_else(
                || "at its beginning".to_owned(),
                |(keyword, _)| format!("behind the value of {keyword}"),
            );
            return Err(format!("{behind} stands no keyword=value; {QUOTED}"));
        };
        let (value, after) = value(after.trim_start()).ok_or_else(|| {
            format!("the quote in the value of {keyword} is not closed; {QUOTED}")
        })?;
        pairs.push((keyword.to_owned(), value));
        rest = after.trim_start();
    }
    Ok(pairs)
}

/// Splits `text` into the value at its beginning, without quotes and backslashes, and the text
/// after it; `None` if its quote is not closed.
fn value(text: &str) -> Option<(String, &str)> {
    let (quoted, text) = match text.strip_prefix('\'') {
        Some(text) => (true, text),
        None => (false, text),
    };
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '\'' if quoted => return Some((value, &text[at + 1..])),
            '\\' => value.extend(characters.next().map(|(_, c)| c)),
            c if c.is_whitespace() && !quoted => return Some((value, &text[at..])),
            c => value.push(c),
        }
    }
    (!quoted).then_some((value, ""))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> String {
        let pairs = pairs(text).unwrap();
        let pairs = pairs
            .iter()
            .map(|(keyword, value)| format!("{keyword}={value}"));
        pairs.collect::<Vec<_>>().join("|")
    }

    /// Parses URLs, among them those of libpq's own tests, and compares their keywords and values.
    #[test]
    fn a_url_is_read_as_libpq_reads_it() {
        for (url, read) in [
            (
                "postgresql://uri-user:secret@host:12345/db",
                "user=uri-user|password=secret|host=host|port=12345|dbname=db",
            ),
            ("postgresql://uri-user@", "user=uri-user"),
            ("postgres://", ""),
            ("postgresql:///db", "dbname=db"),
            ("postgresql://host:12345", "host=host|port=12345"),
            ("postgresql://uri%2Duser@host/", "user=uri-user|host=host"),
            ("postgresql://[2001:db8::1234]", "host=2001:db8::1234"),
            (
                "postgres://[::1]:6432,db:6433/",
                "host=::1,db|port=6432,6433",
            ),
            ("postgres://a,b:2/", "host=a,b|port=,2"),
            (
                "postgresql://%2Fvar%2Flib%2Fpg/db",
                "host=/var/lib/pg|dbname=db",
            ),
            ("postgresql://@host", "host=host"),
            ("postgresql://:secret@host", "password=secret|host=host"),
            (
                "postgresql:///?host=a,b&port=1,2&user=u",
                "host=a,b|port=1,2|user=u",
            ),
            (
                "postgres://app:h?n#t:r2%40@db/shop",
                "user=app|password=h?n#t:r2@|host=db|dbname=shop",
            ),
            (
                "postgres://db?ssl=true&options=-c%20a%3Db",
                "host=db|sslmode=require|options=-c a=b",
            ),
        ] {
            assert_eq!(shown(url), read, "{url}");
        }
    }

    #[test]
    fn a_string_of_keywords_is_read_as_libpq_reads_it() {
        for (text, read) in [
            (
                "host=db port=6432 user=app dbname=shop",
                "host=db|port=6432|user=app|dbname=shop",
            ),
            ("host = db\n\tport= 6432 ", "host=db|port=6432"),
            (
                "password='it\\'s \\\\ 7' user=app",
                "password=it's \\ 7|user=app",
            ),
            ("password=a\\ b=c host=a,b", "password=a b=c|host=a,b"),
            ("user='' host=db", "user=|host=db"),
            (
                "options='-c work_mem=1MB' host=/tmp",
                "options=-c work_mem=1MB|host=/tmp",
            ),
        ] {
            assert_eq!(shown(text), read, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        for (text, told) in [
            ("postgres://app:hun@ter2@db/shop", "an @ too many"),
            ("postgres://app:hun/ter2@db/shop", "an @ too many"),
            ("postgres://app:hun%ter2@db/shop", "in password a %"),
            ("postgres://app:hun%00ter2@db/shop", "in password a %"),
            ("postgres://app:ter2@::1/shop", "stands in [ ]"),
            ("postgres://app:ter2@[::1/shop", "has no ]"),
            ("postgres://app:ter2@[::1]x/shop", "behind the ]"),
            ("postgres://db/shop?password", "has no ="),
            ("postgres://db/shop?password=ter2=x", "two ="),
            (
                "host=db password=hun ter2 user=app",
                "behind the value of password",
            ),
            (
                "host=db password='hun'ter2 user=app",
                "behind the value of password",
            ),
            ("password='ter2 host=db", "not closed"),
            ("=ter2", "at its beginning"),
        ] {
            let said = pairs(text).unwrap_err();
            assert!(said.contains(told), "{text}: {said}");
            assert!(!said.contains("hun") && !said.contains("ter2"), "{said}");
        }
    }

    proptest! {
        /// Verifies that any password is parsed unchanged, encoded in a URL or quoted in a keyword
        /// string.
        #[test]
        fn a_password_comes_through_both_forms(password in "\\PC{1,20}") {
            let all = percent_encoding::NON_ALPHANUMERIC;
            let coded = percent_encoding::utf8_percent_encode(&password, all);
            let wanted = ("password".to_owned(), password.clone());
            let url = pairs(&format!("postgres://app:{coded}@db/shop")).unwrap();
            prop_assert!(url.contains(&wanted));
            let quoted = password.replace('\\', "\\\\").replace('\'', "\\'");
            let read = pairs(&format!("user=app password='{quoted}' host=db")).unwrap();
            prop_assert!(read.contains(&wanted));
        }

        /// Verifies that any text is parsed to pairs or an error, and never panics.
        #[test]
        fn no_text_brings_the_reader_down(text in "\\PC*", form in 0..3) {
            let _ = pairs(&match form {
                0 => format!("postgres://{text}"),
                1 => format!("host=db {text}"),
                _ => text,
            });
        }
    }
}
