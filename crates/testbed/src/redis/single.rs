//! Throwaway Redis (or Valkey) server that stands alone or is a part of a group.

use std::io;
use std::time::Duration;

use url::Url;

use super::control::RedisControl;
use super::options::{RedisOptions, RedisUser};
use super::process::{self, answers, control, main_process, socket, url};
use crate::credentials::escaped;
use crate::server::{RunningServer, serve};
use crate::{TestbedError, find_redis};

/// Time-out of saving all data, which a restart does.
const SAVE_TIMEOUT: Duration = Duration::from_mins(1);

/// Throwaway Redis (or Valkey) server that stores nothing on disk. Dropping the value ends the
/// server and removes its files.
///
/// It listens on a TCP port of 127.0.0.1 and on a Unix socket.
#[derive(Debug)]
pub struct Redis {
    url: String,
    pub(super) options: RedisOptions,
    pub(super) server: RunningServer,
}

serve!(Redis);

impl Redis {
    /// Starts a Redis or Valkey server on a free port of 127.0.0.1, and returns once it answers.
    ///
    /// # Errors
    /// Fails with [`TestbedError::Missing`] if neither is installed. Other errors say what failed,
    /// with the end of the server's log.
    pub fn start(options: &RedisOptions) -> Result<Self, TestbedError> {
        Self::start_as(options, "", |_| true)
    }

    /// Starts a server with the same options that copies the data of this one, and returns once it
    /// has.
    ///
    /// # Errors
    /// Fails as [`Redis::start`] does, or if the copy does not succeed within 20 s.
    pub fn start_replica(&self) -> Result<Self, TestbedError> {
        let role = format!("replicaof 127.0.0.1 {}\n", self.port());
        let replica = Self::start_as(&self.options, &role, |_| true)?;
        let control = replica.control();
        replica.server.await_state("copy the primary's data", || {
            let link = control.field(&["INFO", "replication"], "master_link_status");
            link.as_deref() == Some("up")
        })?;
        Ok(replica)
    }

    /// Starts a server that the lines `role` of its configuration make a part of a group, on a free
    /// port for which `suits` returns true.
    pub(super) fn start_as(
        options: &RedisOptions,
        role: &str,
        suits: impl Fn(u16) -> bool,
    ) -> Result<Self, TestbedError> {
        let server = process::start(
            options,
            suits,
            |port, directory| options.configuration(port, directory, role),
            &[],
        )?;
        let user = options.password.as_ref().map(|password| ("", password));
        Ok(Self {
            url: url(options, user, server.port()),
            options: options.clone(),
            server,
        })
    }

    /// Saves the data, stops the server, and starts it again at the same address with that data.
    /// Connections are refused in between. A server that was killed comes back with what it had
    /// saved, which is nothing unless its settings make it save. Returns once it has read the data.
    ///
    /// # Errors
    /// Fails if the data cannot be saved, or as [`Redis::start`] does. After the latter the server
    /// cannot be used any more.
    pub fn restart(&mut self) -> Result<(), TestbedError> {
        let control = self.control();
        if !self.processes().is_empty() {
            self.resume();
            save_and_end(&control)
                .map_err(TestbedError::io("save the data of", self.directory()))?;
        }
        let port = self.port();
        let program = find_redis()?;
        self.server.restart(
            |directory| main_process(directory, &program),
            |_, pid| answers(&control, pid).then_some(port),
        )?;
        self.server.await_state("read its data", || {
            control
                .field(&["INFO", "persistence"], "loading")
                .as_deref()
                == Some("0")
        })
    }

    /// Returns the URL to connect as `user`, one of the users in the options, with the password.
    pub fn user_url(&self, user: &RedisUser) -> String {
        let login = (user.name.as_str(), &user.password);
        url(&self.options, Some(login), self.port())
    }

    /// Returns the URL of the server's Unix socket, `redis+unix:///PATH`, with the password of the
    /// default user if there is one. Its connections are plain, also if the server has
    /// certificates.
    pub fn socket_url(&self) -> String {
        let path = socket(self.directory());
        let path = Url::from_file_path(&path).map_or_else(
            |()| path.to_string_lossy().into_owned(),
            |url| url.path().to_owned(),
        );
        let password = self.options.password.as_ref();
        let password = password.map_or_else(String::new, |text| format!("?pass={}", escaped(text)));
        format!("redis+unix://{path}{password}")
    }

    /// Returns the connection by which the testbed asks this server.
    pub(super) fn control(&self) -> RedisControl {
        control(&self.options, self.port(), self.directory())
    }
}

/// Lets the server save all data and end. It closes the connection instead of an answer.
fn save_and_end(control: &RedisControl) -> io::Result<()> {
    match control.ask(&["SHUTDOWN", "SAVE"], SAVE_TIMEOUT) {
        Err(error) => match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => Ok(()),
            _ => Err(error),
        },
        Ok(answer) => Err(io::Error::other(answer.join(" "))),
    }
}
