//! Options of a throwaway Redis server, and the configuration file that they make.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::TestbedError;
use crate::credentials::one_line;

/// Name of the servers in errors.
pub(super) const SERVER: &str = "Redis";
/// User whose password and rights are not among [`RedisOptions::users`], because the testbed itself
/// logs in as this user.
const DEFAULT_USER: &str = "default";
/// Name of the server's Unix socket in its working directory. It is relative, because the length of
/// a socket's path is limited.
pub(super) const SOCKET: &str = "redis.sock";

/// Options of a throwaway Redis server.
#[derive(Clone, Debug, Default)]
pub struct RedisOptions {
    /// Names and values of further settings, written as in `redis.conf`. They override those that
    /// the testbed itself makes. A line break makes the start fail.
    pub settings: Vec<(String, String)>,
    /// Password of the default user; `None`, the default, for no password.
    pub password: Option<String>,
    /// Users beside the default one.
    pub users: Vec<RedisUser>,
    /// Certificates with which the server takes TLS connections only, on its TCP port; `None`, the
    /// default, for plain connections only. Its Unix socket is always plain.
    pub tls: Option<TlsFiles>,
}

/// User of a throwaway Redis server with rights of its own.
#[derive(Clone, Debug)]
pub struct RedisUser {
    /// Name of the user, other than `default`.
    pub name: String,
    /// Password of the user.
    pub password: String,
    /// Rights of the user as in `ACL SETUSER`, separated by blanks, such as `~plimsoll:* +@read`.
    /// Without any, the user may do nothing.
    pub rules: String,
}

/// Certificates of a server that speaks TLS, in PEM files. The server reads them when it starts.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// File of the authorities that the server trusts for clients, replicas and nodes of a cluster.
    pub authority: PathBuf,
    /// File of the server's certificate.
    pub certificate: PathBuf,
    /// File of the certificate's private key, readable by the user of this process.
    pub key: PathBuf,
    /// True if a client must show a certificate of the authority.
    pub asks_clients: bool,
}

impl RedisOptions {
    /// Returns the content of the configuration file of a server on `port` that works in
    /// `directory`. `role` are the lines that make it a replica, a node of a cluster or a Sentinel.
    ///
    /// # Errors
    /// Fails if an option has a line break, or if the default user is among the other users.
    pub(super) fn configuration(
        &self,
        port: u16,
        directory: &Path,
        role: &str,
    ) -> Result<String, TestbedError> {
        let mut text = self.network(port, directory)?;
        text.push_str("save \"\"\nappendonly no\nrepl-diskless-sync-delay 0\n");
        for user in &self.users {
            text.push_str(&user.line()?);
        }
        text.push_str(role);
        for (name, value) in &self.settings {
            one_line(SERVER, name)?;
            one_line(SERVER, value)?;
            let _ = writeln!(text, "{name} {value}");
        }
        Ok(text)
    }

    /// Returns the lines of a configuration file that let clients connect and log in, as every kind
    /// of server needs them.
    ///
    /// # Errors
    /// Fails if the password or the path of a certificate has a line break.
    pub(super) fn network(&self, port: u16, directory: &Path) -> Result<String, TestbedError> {
        let mut text = format!(
            "bind 127.0.0.1\ndir {}\nunixsocket {SOCKET}\ndaemonize no\n",
            quoted(&directory.to_string_lossy())
        );
        match &self.tls {
            None => text.push_str(&format!("port {port}\n")),
            Some(files) => text.push_str(&files.lines(port)?),
        }
        if let Some(password) = &self.password {
            one_line(SERVER, password)?;
            let password = quoted(password);
            let _ = write!(text, "requirepass {password}\nmasterauth {password}\n");
        }
        Ok(text)
    }
}

impl RedisUser {
    fn line(&self) -> Result<String, TestbedError> {
        let Self {
            name,
            password,
            rules,
        } = self;
        for text in [name, password, rules] {
            one_line(SERVER, text)?;
        }
        if name == DEFAULT_USER {
            return Err(TestbedError::Start {
                server: SERVER,
                reason: "the password of the default user is an option of its own".to_owned(),
                log: String::new(),
            });
        }
        let password = quoted(&format!(">{password}"));
        Ok(format!("user {} on {password} {rules}\n", quoted(name)))
    }
}

impl TlsFiles {
    fn lines(&self, port: u16) -> Result<String, TestbedError> {
        let clients = if self.asks_clients { "yes" } else { "no" };
        let mut text = format!(
            "port 0\ntls-port {port}\ntls-replication yes\ntls-cluster yes\ntls-auth-clients {clients}\n"
        );
        for (name, file) in [
            ("tls-ca-cert-file", &self.authority),
            ("tls-cert-file", &self.certificate),
            ("tls-key-file", &self.key),
        ] {
            let file = file.to_string_lossy();
            one_line(SERVER, &file)?;
            let _ = writeln!(text, "{name} {}", quoted(&file));
        }
        Ok(text)
    }
}

pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configuration(options: &RedisOptions) -> Result<String, TestbedError> {
        options.configuration(7000, Path::new("/tmp/x"), "replicaof 127.0.0.1 7001\n")
    }

    #[test]
    fn the_users_settings_come_last() {
        let options = RedisOptions {
            settings: vec![("maxmemory".to_owned(), "16mb".to_owned())],
            password: Some("sa\"y".to_owned()),
            ..RedisOptions::default()
        };
        let text = configuration(&options).unwrap();
        assert!(text.contains("\nport 7000\n"), "{text}");
        assert!(text.contains("requirepass \"sa\\\"y\"\n"), "{text}");
        assert!(
            text.ends_with("replicaof 127.0.0.1 7001\nmaxmemory 16mb\n"),
            "{text}"
        );
    }

    #[test]
    fn no_option_can_smuggle_in_a_setting() {
        let smuggled = "x\ndir /".to_owned();
        let user = RedisUser {
            name: "app".to_owned(),
            password: "x".to_owned(),
            rules: smuggled.clone(),
        };
        let files = TlsFiles {
            authority: "/ca.pem".into(),
            certificate: smuggled.clone().into(),
            key: "/key.pem".into(),
            asks_clients: false,
        };
        for options in [
            RedisOptions {
                password: Some(smuggled.clone()),
                ..RedisOptions::default()
            },
            RedisOptions {
                settings: vec![("maxmemory".to_owned(), smuggled)],
                ..RedisOptions::default()
            },
            RedisOptions {
                users: vec![user],
                ..RedisOptions::default()
            },
            RedisOptions {
                tls: Some(files),
                ..RedisOptions::default()
            },
        ] {
            assert!(configuration(&options).is_err(), "{options:?}");
        }
    }

    #[test]
    fn the_default_user_is_no_further_user() {
        let user = RedisUser {
            name: "default".to_owned(),
            password: "x".to_owned(),
            rules: "~* +@all".to_owned(),
        };
        let options = RedisOptions {
            users: vec![user],
            ..RedisOptions::default()
        };
        let error = configuration(&options).unwrap_err().to_string();
        assert!(error.contains("default user"), "{error}");
    }
}
