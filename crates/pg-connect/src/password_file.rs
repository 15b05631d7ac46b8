//! Password file (`~/.pgpass`) with lines `host:port:database:user:password`. Source: PostgreSQL
//! manual, chapter *libpq*, *The Password File*.

use std::fs;
use std::path::Path;

use crate::endpoint::Endpoint;
use crate::password::Password;

/// Default directories of a server's Unix socket; lines of a password file for `localhost` also
/// apply to them.
const DEFAULT_SOCKETS: [&str; 2] = ["/tmp", "/var/run/postgresql"];

/// Lines of a password file; empty if it does not exist or was not read.
#[derive(Debug, Default, Clone)]
pub(crate) struct PasswordFile {
    lines: Vec<PasswordLine>,
    /// Reason, with the file's path, for which the file was not read although it exists; `None`
    /// otherwise.
    pub(crate) refused: Option<String>,
}

/// Line of a password file: the logins to which it applies, and their password.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PasswordLine {
    /// Host, port, database and user, in this order; `None` for `*`, which matches any.
    login: [Option<String>; 4],
    /// Password; `None` if the field is empty.
    password: Option<Password>,
}

impl PasswordFile {
    /// Reads `file`. If it does not exist, there are no lines. If other users have access to it, it
    /// is not read, as in libpq, and `refused` is set. Lines of another form are skipped.
    pub(crate) fn read(file: &Path) -> Self {
        let refused = |why: &str| Self {
            lines: Vec::new(),
            refused: Some(format!("{} was not read: {why}", file.display())),
        };
        let Ok(found) = fs::metadata(file) else {
            return Self::default();
        };
        if !found.is_file() {
            return refused("it is no plain file");
        }
        if is_open_to_others(&found) {
            return refused("others may read it; chmod 0600 it");
        }
        match fs::read_to_string(file) {
            Ok(text) => Self {
                lines: text.lines().filter_map(PasswordLine::parse).collect(),
                refused: None,
            },
            Err(error) => refused(&error.to_string()),
        }
    }

    /// Returns the password of the first line that matches the login of `user` to `database` at
    /// `endpoint`; `None` if no line matches, or its password is empty.
    pub(crate) fn find(
        &self,
        endpoint: &Endpoint,
        database: &str,
        user: &str,
    ) -> Option<&Password> {
        let host = if DEFAULT_SOCKETS.contains(&endpoint.host.as_str()) {
            "localhost"
        } else {
            &endpoint.host
        };
        let login = [host, &endpoint.port.to_string(), database, user];
        let line = self.lines.iter().find(|line| line.matches(&login))?;
        line.password.as_ref()
    }
}

/// Returns true if the group or other users have any permission on a file.
#[cfg(unix)]
fn is_open_to_others(found: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    found.permissions().mode() & 0o077 != 0
}

#[cfg(not(unix))]
fn is_open_to_others(_: &fs::Metadata) -> bool {
    false
}

impl PasswordLine {
    /// Parses a line: fields between colons, in which a backslash makes the next character an
    /// ordinary one. `None` for a comment, and for a line with fewer than five fields.
    fn parse(text: &str) -> Option<Self> {
        if text.starts_with('#') {
            return None;
        }
        let mut rest = text;
        let mut login = [None, None, None, None];
        for field in &mut login {
            let (value, after) = first_field(rest);
            let whole = &rest[..rest.len() - after?.len() - 1];
            *field = (whole != "*").then_some(value);
            rest = after?;
        }
        let (password, _) = first_field(rest);
        Some(Self {
            login,
            password: Password::new(password),
        })
    }

    fn matches(&self, login: &[&str; 4]) -> bool {
        let mut pairs = self.login.iter().zip(login);
        pairs.all(|(field, value)| field.as_ref().is_none_or(|field| field == value))
    }
}

/// Splits `text` into its first field, without backslashes, and the text after the colon that ends
/// it; the latter is `None` if there is no such colon.
fn first_field(text: &str) -> (String, Option<&str>) {
    let mut field = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            ':' => return (field, Some(&text[at + 1..])),
            '\\' => field.push(chars.next().map_or('\\', |(_, escaped)| escaped)),
            _ => field.push(c),
        }
    }
    (field, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passwords(text: &str) -> PasswordFile {
        PasswordFile {
            lines: text.lines().filter_map(PasswordLine::parse).collect(),
            refused: None,
        }
    }

    #[test]
    fn the_first_line_that_holds_gives_the_password() {
        let found = passwords(
            "# a comment:5432:*:*:no\nshort:line\ndb:5432:shop:app:one\ndb:*:*:app:two\n\
             localhost:*:*:*:a\\:b\\\\c\n\\*:*:*:*:three\ncut:*:*:*:four:rest\n",
        );
        let of = |host: &str, port, database| {
            let host = host.to_owned();
            found
                .find(&Endpoint { host, port }, database, "app")
                .map(Password::expose)
        };
        assert_eq!(of("db", 5432, "shop"), Some("one"));
        assert_eq!(of("db", 5433, "shop"), Some("two"));
        assert_eq!(of("/var/run/postgresql", 5432, "shop"), Some("a:b\\c"));
        assert_eq!(of("/elsewhere", 5432, "shop"), None);
        assert_eq!(
            of("*", 5432, "shop"),
            Some("three"),
            "an escaped star is a star"
        );
        assert_eq!(of("cut", 5432, "shop"), Some("four"), "a colon ends it");
    }
}
