//! Process of a throwaway Redis server of any kind, and the ways to it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::control::{ControlAddress, RedisControl};
use super::options::{RedisOptions, SERVER, SOCKET};
use crate::credentials::escaped;
use crate::server::{RunningServer, ServerKind, on_free_port};
use crate::server_directory::ServerDirectory;
use crate::server_user::ServerUser;
use crate::{TestbedError, find_redis};

const KIND: ServerKind = ServerKind {
    name: SERVER,
    orphaned: Signal::SIGTERM,
    stop_signals: &[(Signal::SIGTERM, Duration::from_millis(500))],
};
const CONFIGURATION: &str = "redis.conf";

/// Starts a server on a free port for which `suits` returns true, and returns once it answers.
/// `options` say how it is reached. `configuration` returns the content of its configuration file
/// from its port and its working directory; `arguments` follow the file on the command line.
pub(super) fn start(
    options: &RedisOptions,
    suits: impl Fn(u16) -> bool,
    configuration: impl Fn(u16, &Path) -> Result<String, TestbedError>,
    arguments: &[&str],
) -> Result<RunningServer, TestbedError> {
    let program = find_redis()?;
    on_free_port(suits, |port| {
        let directory = ServerDirectory::create(ServerUser::Ours, KIND.orphaned)?;
        directory.write(CONFIGURATION, &configuration(port, &directory.work())?)?;
        let mut command = main_process(&directory, &program)?;
        command.args(arguments);
        RunningServer::start(&KIND, directory, command, |directory, pid| {
            let control = control(options, port, directory.path());
            answers(&control, pid).then_some(port)
        })
    })
}

/// Returns the command that runs `program` with the configuration file of the directory.
pub(super) fn main_process(
    directory: &ServerDirectory,
    program: &Path,
) -> Result<Command, TestbedError> {
    let mut command = directory.command(program)?;
    command.arg(directory.path().join(CONFIGURATION));
    Ok(command)
}

/// Returns true if the server that answers is the process `pid`, and not another program that took
/// the port.
pub(super) fn answers(control: &RedisControl, pid: u32) -> bool {
    control.field(&["INFO", "server"], "process_id") == Some(pid.to_string())
}

/// Returns the connection by which the testbed asks the server in `directory`: its Unix socket if its
/// port speaks TLS.
pub(super) fn control(options: &RedisOptions, port: u16, directory: &Path) -> RedisControl {
    let address = match options.tls {
        None => ControlAddress::Port(port),
        Some(_) => ControlAddress::Socket(socket(directory)),
    };
    RedisControl {
        address,
        password: options.password.clone(),
    }
}

/// Returns the path of the Unix socket of the server in `directory`.
pub(super) fn socket(directory: &Path) -> PathBuf {
    directory.join("data").join(SOCKET)
}

/// Returns the URL of the server on `port` of 127.0.0.1, with the name and password of `user`.
pub(super) fn url(options: &RedisOptions, user: Option<(&str, &String)>, port: u16) -> String {
    let mut url = match options.tls {
        None => "redis://".to_owned(),
        Some(_) => "rediss://".to_owned(),
    };
    if let Some((name, password)) = user {
        let _ = write!(url, "{}:{}@", escaped(name), escaped(password));
    }
    let _ = write!(url, "127.0.0.1:{port}/");
    url
}
