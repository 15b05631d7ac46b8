//! Throwaway PostgreSQL server, started for a test or a run and removed with its data.

use std::env;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::credentials::{escaped, one_line, random_password};
use crate::server::{RunningServer, ServerKind, on_free_port, serve};
use crate::server_directory::ServerDirectory;
use crate::server_user::ServerUser;
use crate::{TestbedError, find_postgres};

const SERVER_KIND: ServerKind = ServerKind {
    name: "PostgreSQL",
    orphaned: Signal::SIGQUIT,
    stop_signals: &[
        (Signal::SIGINT, Duration::from_secs(1)),
        (Signal::SIGQUIT, Duration::from_millis(300)),
    ],
};
const PREPARE_TIMEOUT: Duration = Duration::from_mins(1);
/// Environment variables of this process that are passed on to PostgreSQL's programs; none of them
/// changes the server's settings.
const ENVIRONMENT: [&str; 4] = ["PATH", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"];
const STATEMENTS: &str = "pg_stat_statements";
/// First major version of PostgreSQL with the setting `min_dynamic_shared_memory`.
const FIRST_WITH_SHARED_RESERVE: u32 = 14;

/// Options of a throwaway PostgreSQL server.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// Setting `max_connections` of the server; 100 by default.
    pub max_connections: u32,
    /// Names and values of further settings, as in `postgresql.conf` but unquoted. They override
    /// those that the testbed itself makes. A line break makes the start fail.
    pub settings: Vec<(String, String)>,
    /// Password of the user `plimsoll`, which the server checks by SCRAM; `None`, the default, for
    /// a random one.
    pub password: Option<String>,
    /// True, the default, if commits are flushed to disk, as on a production server; false turns
    /// `fsync` and `full_page_writes` off, which is faster.
    pub fsync: bool,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            max_connections: 100,
            settings: Vec::new(),
            password: None,
            fsync: true,
        }
    }
}

/// Throwaway PostgreSQL server with a database `plimsoll`, owned by the superuser `plimsoll`.
///
/// The server listens on TCP at 127.0.0.1 and records I/O times. If `pg_stat_statements` is
/// installed, it is loaded and the database has the extension. Dropping the value ends the server
/// and removes its files.
#[derive(Debug)]
pub struct Postgres {
    url: String,
    bin_dir: PathBuf,
    server: RunningServer,
}

serve!(Postgres);

impl Postgres {
    /// Starts a PostgreSQL server on a free port, and returns once it accepts connections, after a
    /// second or two.
    ///
    /// # Errors
    /// Fails with [`TestbedError::Missing`] if PostgreSQL is not installed. Other errors say what
    /// failed, with the end of the server's log.
    pub fn start(options: &PostgresOptions) -> Result<Self, TestbedError> {
        let bin_dir = find_postgres()?;
        let password = options.password.clone().unwrap_or_else(random_password);
        one_line(SERVER_KIND.name, &password)?;
        let server = on_free_port(|_| true, |port| start(&bin_dir, options, &password, port))?;
        let (password, port) = (escaped(&password), server.port());
        let url = format!("postgres://plimsoll:{password}@127.0.0.1:{port}/plimsoll");
        Ok(Self {
            url,
            bin_dir,
            server,
        })
    }

    /// Stops the server as a service manager does (all sessions end at once, committed data is
    /// kept), and starts it again at the same address. Connections are refused in between. Returns
    /// once it accepts connections again.
    ///
    /// # Errors
    /// Fails as [`Postgres::start`] does. The server then cannot be used any more.
    pub fn restart(&mut self) -> Result<(), TestbedError> {
        let port = self.port();
        let Self {
            server, bin_dir, ..
        } = self;
        server.restart(
            |directory| main_process(directory, bin_dir),
            |directory, pid| is_ready(directory, pid).then_some(port),
        )
    }

    /// Returns the directory of PostgreSQL's programs. It contains `pgbench` and `psql` only if
    /// they are installed.
    pub fn bin_dir(&self) -> &Path {
        &self.bin_dir
    }
}

fn start(
    bin_dir: &Path,
    options: &PostgresOptions,
    password: &str,
    port: u16,
) -> Result<RunningServer, TestbedError> {
    let user =
        ServerUser::unprivileged().map_err(TestbedError::io("find a user to run", bin_dir))?;
    let directory = ServerDirectory::create(user, SERVER_KIND.orphaned)?;
    let statements = library_is_installed(bin_dir, STATEMENTS);
    initialise(&directory, bin_dir, password)?;
    let text = configuration(options, port, statements, major_version(&directory)?)?;
    configure(&directory, &text)?;
    populate(&directory, bin_dir, statements)?;
    let command = main_process(&directory, bin_dir)?;
    RunningServer::start(&SERVER_KIND, directory, command, |directory, pid| {
        is_ready(directory, pid).then_some(port)
    })
}

/// Creates the data directory with `initdb`, with the superuser `plimsoll` and this password.
/// Nothing is flushed to disk, because a crash before the start loses nothing of value.
fn initialise(
    directory: &ServerDirectory,
    bin_dir: &Path,
    password: &str,
) -> Result<(), TestbedError> {
    let password_file = directory.write("password", password)?;
    let mut command = command(directory, bin_dir, "initdb")?;
    command.args([
        "--no-sync",
        "-A",
        "scram-sha-256",
        "--locale=C",
        "--encoding=UTF8",
    ]);
    command
        .args(["-U", "plimsoll", "--pwfile"])
        .arg(&password_file)
        .arg("-D")
        .arg(directory.work());
    let outcome = directory.run("initdb", command, PREPARE_TIMEOUT);
    fs::remove_file(&password_file).map_err(TestbedError::io("remove", password_file))?;
    outcome
}

fn configuration(
    options: &PostgresOptions,
    port: u16,
    statements: bool,
    major: u32,
) -> Result<String, TestbedError> {
    let on_or_off = if options.fsync { "on" } else { "off" };
    let (port, connections) = (port.to_string(), options.max_connections.to_string());
    let ours = [
        ("listen_addresses", "127.0.0.1"),
        ("port", &port),
        ("max_connections", &connections),
        // Relative to the data directory: a socket's path is limited to some hundred bytes.
        ("unix_socket_directories", "."),
        ("shared_buffers", "128MB"),
        ("track_io_timing", "on"),
        (
            "shared_preload_libraries",
            if statements { STATEMENTS } else { "" },
        ),
        ("fsync", on_or_off),
        ("full_page_writes", on_or_off),
        ("lc_messages", "C"),
    ];
    // Shared memory that sessions create while they run is allocated within the main process's
    // memory. Otherwise one session would create a file that others use, and nothing would remove
    // it after a kill.
    let within = [("min_dynamic_shared_memory", "16MB")];
    let within = within
        .into_iter()
        .filter(|_| major >= FIRST_WITH_SHARED_RESERVE);
    let theirs = options
        .settings
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let mut text = String::from("\n");
    for (name, value) in ours.into_iter().chain(within).chain(theirs) {
        one_line(SERVER_KIND.name, name)?;
        one_line(SERVER_KIND.name, value)?;
        let _ = writeln!(
            text,
            "{name} = '{}'",
            value.replace('\\', "\\\\").replace('\'', "''")
        );
    }
    Ok(text)
}

/// Reads the major version of the data directory, such as 15, from its file `PG_VERSION`.
fn major_version(directory: &ServerDirectory) -> Result<u32, TestbedError> {
    let file = directory.work().join("PG_VERSION");
    let text = fs::read_to_string(&file).map_err(TestbedError::io("read", &file))?;
    let number = text.trim().parse();
    number.map_err(|error| TestbedError::io("read", file)(io::Error::other(error)))
}

fn configure(directory: &ServerDirectory, configuration: &str) -> Result<(), TestbedError> {
    directory
        .write("data/postgresql.conf", configuration)
        .map(drop)
}

/// Creates the database `plimsoll`, and with `statements` the extension `pg_stat_statements`, in
/// single-user mode before the server listens, so that no client sees it incomplete.
fn populate(
    directory: &ServerDirectory,
    bin_dir: &Path,
    statements: bool,
) -> Result<(), TestbedError> {
    let extension = if statements {
        "CREATE EXTENSION pg_stat_statements;\n"
    } else {
        ""
    };
    let script = directory.write(
        "setup.sql",
        &format!("{extension}CREATE DATABASE plimsoll;\n"),
    )?;
    let input = File::open(&script).map_err(TestbedError::io("read", &script))?;
    let mut command = command(directory, bin_dir, "postgres")?;
    command
        .args(["--single", "-F", "-D"])
        .arg(directory.work())
        .arg("template1");
    command.stdin(input).stdout(Stdio::null());
    directory.run("postgres --single", command, PREPARE_TIMEOUT)?;
    if directory.log().contains("ERROR:") {
        return Err(directory.failed(
            SERVER_KIND.name,
            "its database could not be made".to_owned(),
        ));
    }
    fs::remove_file(&script).map_err(TestbedError::io("remove", script))
}

fn command(
    directory: &ServerDirectory,
    bin_dir: &Path,
    program: &str,
) -> Result<Command, TestbedError> {
    let mut command = directory.command(&bin_dir.join(program))?;
    let kept = ENVIRONMENT
        .iter()
        .filter_map(|&name| Some((name, env::var_os(name)?)));
    command.env_clear().envs(kept).env("LC_ALL", "C");
    Ok(command)
}

fn main_process(directory: &ServerDirectory, bin_dir: &Path) -> Result<Command, TestbedError> {
    let mut command = command(directory, bin_dir, "postgres")?;
    command.arg("-D").arg(directory.work());
    Ok(command)
}

/// Returns true if the server with main process `pid` accepts connections. Like `pg_ctl`, reads
/// `postmaster.pid`: the process id from its first line, the state from its eighth.
fn is_ready(directory: &ServerDirectory, pid: u32) -> bool {
    let state = fs::read_to_string(directory.work().join("postmaster.pid")).unwrap_or_default();
    let line = |n| state.lines().nth(n).map(str::trim);
    line(0) == Some(pid.to_string().as_str()) && line(7) == Some("ready")
}

fn library_is_installed(bin_dir: &Path, library: &str) -> bool {
    let told = Command::new(bin_dir.join("pg_config"))
        .arg("--pkglibdir")
        .output();
    let told = told.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let told = told
        .ok()
        .filter(|directory| !directory.is_empty())
        .map(PathBuf::from);
    let beside = ["../lib", "../lib/postgresql"].map(|place| bin_dir.join(place));
    told.into_iter().chain(beside).any(|directory| {
        ["so", "dylib"]
            .iter()
            .any(|ending| directory.join(library).with_extension(ending).exists())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_settings_come_last_and_are_quoted() {
        let settings = vec![("search_path".to_owned(), "it's".to_owned())];
        let options = PostgresOptions {
            settings,
            ..PostgresOptions::default()
        };
        let text = configuration(&options, 5432, false, 15).unwrap();
        assert!(text.ends_with("search_path = 'it''s'\n"), "{text}");
        assert!(
            text.contains("fsync = 'on'"),
            "an honest server unless told otherwise: {text}"
        );
    }

    #[test]
    fn a_setting_cannot_smuggle_in_a_second_line() {
        let settings = vec![("work_mem".to_owned(), "1MB'\nport = '1".to_owned())];
        let options = PostgresOptions {
            settings,
            ..PostgresOptions::default()
        };
        assert!(configuration(&options, 5432, false, 15).is_err());
    }
}
