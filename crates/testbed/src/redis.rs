//! Throwaway Redis (or Valkey) server, started for a test or a run and removed afterwards.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::credentials::{escaped, one_line};
use crate::server::{RunningServer, ServerKind, on_free_port, serve};
use crate::server_directory::ServerDirectory;
use crate::server_user::ServerUser;
use crate::{TestbedError, find_redis};

const SERVER_KIND: ServerKind = ServerKind {
    name: "Redis",
    orphaned: Signal::SIGTERM,
    stop_signals: &[(Signal::SIGTERM, Duration::from_millis(500))],
};
const PROBE_TIMEOUT: Duration = Duration::from_millis(500);

/// Options of a throwaway Redis server.
#[derive(Clone, Debug, Default)]
pub struct RedisOptions {
    /// Names and values of further settings, written as in `redis.conf`. They override those that
    /// the testbed itself makes. A line break makes the start fail.
    pub settings: Vec<(String, String)>,
    /// Password of the default user; `None`, the default, for no password.
    pub password: Option<String>,
}

/// Throwaway Redis (or Valkey) server that stores nothing on disk. Dropping the value ends the
/// server and removes its files.
#[derive(Debug)]
pub struct Redis {
    url: String,
    server: RunningServer,
}

serve!(Redis);

impl Redis {
    /// Starts a Redis or Valkey server on a free port of 127.0.0.1, and returns once it answers.
    ///
    /// # Errors
    /// Fails with [`TestbedError::Missing`] if neither is installed. Other errors say what failed,
    /// with the end of the server's log.
    pub fn start(options: &RedisOptions) -> Result<Self, TestbedError> {
        let program = find_redis()?;
        let server = on_free_port(|port| start(&program, options, port))?;
        let password = options.password.as_ref();
        let user = password.map_or_else(String::new, |text| format!(":{}@", escaped(text)));
        let url = format!("redis://{user}127.0.0.1:{}/", server.port());
        Ok(Self { url, server })
    }
}

fn start(program: &Path, options: &RedisOptions, port: u16) -> Result<RunningServer, TestbedError> {
    let directory = ServerDirectory::create(ServerUser::Ours, SERVER_KIND.orphaned)?;
    let file = directory.write(
        "redis.conf",
        &configuration(options, port, &directory.work())?,
    )?;
    let mut command = directory.command(program)?;
    command.arg(file);
    let password = options.password.as_deref();
    let answers =
        |pid| process_that_answers(port, password).is_ok_and(|answering| answering == pid);
    RunningServer::start(&SERVER_KIND, directory, command, |_, pid| {
        answers(pid).then_some(port)
    })
}

fn configuration(
    options: &RedisOptions,
    port: u16,
    directory: &Path,
) -> Result<String, TestbedError> {
    let mut text = format!(
        "bind 127.0.0.1\nport {port}\ndir {}\ndaemonize no\nsave \"\"\nappendonly no\n",
        quoted(&directory.to_string_lossy())
    );
    if let Some(password) = &options.password {
        one_line(SERVER_KIND.name, password)?;
        let _ = writeln!(text, "requirepass {}", quoted(password));
    }
    for (name, value) in &options.settings {
        one_line(SERVER_KIND.name, name)?;
        one_line(SERVER_KIND.name, value)?;
        let _ = writeln!(text, "{name} {value}");
    }
    Ok(text)
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Returns the pid that the server on this port of 127.0.0.1 reports, which is not the one we
/// started if another program took the port. Fails if none answers within 500 ms or the password is
/// wrong.
fn process_that_answers(port: u16, password: Option<&str>) -> io::Result<u32> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, PROBE_TIMEOUT)?;
    stream.set_read_timeout(Some(PROBE_TIMEOUT))?;
    if let Some(password) = password {
        let length = password.len();
        write!(stream, "*2\r\n$4\r\nAUTH\r\n${length}\r\n{password}\r\n")?;
    }
    stream.write_all(b"INFO server\r\nQUIT\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    answer
        .lines()
        .find_map(|line| line.strip_prefix("process_id:")?.parse().ok())
        .ok_or_else(|| io::Error::other("no process number in the answer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_settings_come_last() {
        let settings = vec![("maxmemory".to_owned(), "16mb".to_owned())];
        let password = Some("sa\"y".to_owned());
        let options = RedisOptions { settings, password };
        let text = configuration(&options, 7000, Path::new("/tmp/x")).unwrap();
        assert!(text.contains("requirepass \"sa\\\"y\"\n"), "{text}");
        assert!(text.ends_with("maxmemory 16mb\n"), "{text}");
    }

    #[test]
    fn a_password_cannot_smuggle_in_a_setting() {
        let password = Some("x\ndir /".to_owned());
        let options = RedisOptions {
            password,
            ..RedisOptions::default()
        };
        assert!(configuration(&options, 7000, Path::new("/tmp/x")).is_err());
    }
}
