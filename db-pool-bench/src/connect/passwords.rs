//! Passwords from a file of lines `host:port:database:user:password`.
//! Source: PostgreSQL manual, chapter *libpq*, *The Password File*.

use std::fs;
use std::path::Path;

use super::Endpoint;

/// Directories in which a server's socket lies by default: lines for `localhost` hold there too.
const DEFAULT_SOCKETS: [&str; 2] = ["/tmp", "/var/run/postgresql"];

/// A password file that was read, or why it was not.
#[derive(Default, Clone)]
pub struct Passwords {
    lines: Vec<Line>,
    /// Reason why the file was left unread, where there is one.
    pub refused: Option<String>,
}

/// One line of the file.
#[derive(Clone, PartialEq, Eq)]
struct Line {
    /// Host, port, database and user; `None` where any will do.
    login: [Option<String>; 4],
    password: String,
}

/// It holds passwords.
impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Passwords({} lines)", self.lines.len())
    }
}

impl Passwords {
    /// Reads `file`. One that is not there holds no password; one that others may read is left
    /// alone, as libpq does.
    pub fn read(file: &Path) -> Self {
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
        if others_may_enter(&found) {
            return refused("others may read it; chmod 0600 it");
        }
        match fs::read_to_string(file) {
            Ok(text) => Self {
                lines: text.lines().filter_map(Line::read).collect(),
                refused: None,
            },
            Err(error) => refused(&error.to_string()),
        }
    }

    /// The password of the first line that holds for this login.
    pub fn of(&self, endpoint: &Endpoint, database: &str, user: &str) -> Option<&str> {
        let host = if DEFAULT_SOCKETS.contains(&endpoint.host.as_str()) {
            "localhost"
        } else {
            &endpoint.host
        };
        let login = [host, &endpoint.port.to_string(), database, user];
        let line = self.lines.iter().find(|line| line.holds_for(&login))?;
        Some(&line.password)
            .filter(|password| !password.is_empty())
            .map(String::as_str)
    }
}

/// Returns true if a file of ours is open to the group or to all.
#[cfg(unix)]
fn others_may_enter(found: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    found.permissions().mode() & 0o077 != 0
}

#[cfg(not(unix))]
fn others_may_enter(_: &fs::Metadata) -> bool {
    false
}

impl Line {
    /// A line's fields, between colons; a backslash takes the next character as it is. `None` for a
    /// comment, and for a line that has not all fields.
    fn read(text: &str) -> Option<Self> {
        if text.starts_with('#') {
            return None;
        }
        let mut rest = text;
        let mut login = [None, None, None, None];
        for field in &mut login {
            let (value, after) = field_of(rest);
            let whole = &rest[..rest.len() - after?.len() - 1];
            *field = (whole != "*").then_some(value);
            rest = after?;
        }
        let (password, _) = field_of(rest);
        Some(Self { login, password })
    }

    fn holds_for(&self, login: &[&str; 4]) -> bool {
        let mut pairs = self.login.iter().zip(login);
        pairs.all(|(field, value)| field.as_ref().is_none_or(|field| field == value))
    }
}

/// The first field of `text`, and what stands behind the colon that ends it.
fn field_of(text: &str) -> (String, Option<&str>) {
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

    fn passwords(text: &str) -> Passwords {
        Passwords {
            lines: text.lines().filter_map(Line::read).collect(),
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
            found.of(&Endpoint { host, port }, database, "app")
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
