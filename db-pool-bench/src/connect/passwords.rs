//! Passwords from a file of lines `host:port:database:user:password`.
//! Source: PostgreSQL manual, chapter *libpq*, *The Password File*.

use std::fs;
use std::path::Path;

use super::Endpoint;

/// Directories in which a server's socket lies by default: lines for `localhost` hold there too.
const DEFAULT_SOCKETS: [&str; 2] = ["/tmp", "/var/run/postgresql"];

/// A password file that was read, or why it was not.
#[derive(Debug, Default, Clone)]
pub struct Passwords {
    lines: Vec<[String; 5]>,
    /// Why the file was left unread, where there is one.
    pub refused: Option<String>,
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
                lines: text.lines().filter_map(fields).collect(),
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
        let holds = |line: &&[String; 5]| {
            let mut pairs = line.iter().zip(login);
            pairs.all(|(field, value)| field == "*" || field == value)
        };
        self.lines.iter().find(holds).map(|line| line[4].as_str())
    }
}

/// Whether a file of ours is open to the group or to all.
#[cfg(unix)]
pub(super) fn others_may_enter(found: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    found.permissions().mode() & 0o077 != 0
}

#[cfg(not(unix))]
pub(super) fn others_may_enter(_: &fs::Metadata) -> bool {
    false
}

/// The fields of a line; a backslash takes the next character as it is.
fn fields(line: &str) -> Option<[String; 5]> {
    if line.starts_with('#') {
        return None;
    }
    let mut fields: [String; 5] = Default::default();
    let mut at = 0;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => fields[at].extend(chars.next()),
            // All that follows the fourth colon is the password.
            ':' if at < 4 => at += 1,
            _ => fields[at].push(c),
        }
    }
    (at == 4).then_some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passwords(text: &str) -> Passwords {
        Passwords {
            lines: text.lines().filter_map(fields).collect(),
            refused: None,
        }
    }

    #[test]
    fn the_first_line_that_holds_gives_the_password() {
        let found = passwords(
            "# a comment:5432:*:*:no\nshort:line\ndb:5432:shop:app:one\ndb:*:*:app:two\n\
             localhost:*:*:*:a\\:b\\\\c:d\n",
        );
        let of = |host: &str, port, database| {
            let host = host.to_owned();
            found.of(&Endpoint { host, port }, database, "app")
        };
        assert_eq!(of("db", 5432, "shop"), Some("one"));
        assert_eq!(of("db", 5433, "shop"), Some("two"));
        assert_eq!(of("/var/run/postgresql", 5432, "shop"), Some("a:b\\c:d"));
        assert_eq!(of("/elsewhere", 5432, "shop"), None);
    }
}
