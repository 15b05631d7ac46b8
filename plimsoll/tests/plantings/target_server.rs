//! Throwaway server of a planting, of any kind that the benches load.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU64;
use std::process::Command;
use std::time::Duration;

use test_support::TestDirectory;
use testbed::{
    Faults, Postgres, PostgresOptions, Proxy, Redis, RedisCluster, RedisOptions, WebSocketServer,
};

use crate::planting::{ServerKind, ServerSetup};
use crate::redis_words::redis_commands;
use crate::stage::program;

/// Password of the throwaway servers, which listen only on this machine.
const PASSWORD: &str = "planted";
/// Primaries of a Redis cluster: the fewest that can outvote a lost one.
const CLUSTER_NODES: usize = 3;

/// Running server, with the proxy between it and the load if data is delayed.
pub(crate) struct TargetServer {
    kind: RunningKind,
    proxy: Option<Proxy>,
}

enum RunningKind {
    Postgres(Postgres),
    Redis(Redis),
    RedisCluster(RedisCluster),
    Websocket(WebSocketServer),
    Own,
}

impl TargetServer {
    /// Starts the server, binds it to its CPUs, and executes the set-up.
    ///
    /// # Errors
    /// Fails with the reason if it does not start, or a statement of the set-up fails.
    pub(crate) fn start(setup: &ServerSetup, place: &TestDirectory) -> Result<Self, String> {
        let kind = start(setup)?;
        let mut server = Self { kind, proxy: None };
        if !setup.cpus.is_empty() {
            server.bind(&setup.cpus)?;
        }
        match &server.kind {
            RunningKind::Postgres(_) => server.psql(place, &setup.setup)?,
            RunningKind::Redis(_) | RunningKind::RedisCluster(_) => server.redis(&setup.setup)?,
            RunningKind::Websocket(_) | RunningKind::Own => {}
        }
        let faults = Faults {
            delay: Duration::from_millis(setup.delay_ms),
            bytes_per_s: NonZeroU64::new(setup.bytes_per_s),
            ..Faults::default()
        };
        if let Some(port) = server.port().filter(|_| faults != Faults::default()) {
            let target = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            server.proxy = Some(Proxy::start(target, faults).map_err(|e| e.to_string())?);
        }
        Ok(server)
    }

    /// Returns the name and the value of the environment variable that leads a bench to the server,
    /// through the proxy if there is one; `None` if the bench starts its own.
    pub(crate) fn address(&self) -> Option<(&'static str, String)> {
        let (name, url) = match &self.kind {
            RunningKind::Postgres(server) => ("DATABASE_URL", server.url()),
            RunningKind::Redis(server) => ("REDIS_URL", server.url()),
            RunningKind::RedisCluster(cluster) => ("REDIS_URL", cluster.nodes().first()?.url()),
            RunningKind::Websocket(server) => ("WS_URL", server.url()),
            RunningKind::Own => return None,
        };
        let behind = self.proxy.as_ref().zip(self.port()).map(|(proxy, port)| {
            url.replace(
                &format!(":{port}/"),
                &format!(":{}/", proxy.address().port()),
            )
        });
        Some((name, behind.unwrap_or_else(|| url.to_owned())))
    }

    /// Returns the pids of the server's processes; empty if the bench starts its own.
    pub(crate) fn processes(&self) -> Vec<u32> {
        match &self.kind {
            RunningKind::Postgres(server) => server.processes(),
            RunningKind::Redis(server) => server.processes(),
            RunningKind::RedisCluster(cluster) => {
                cluster.nodes().iter().flat_map(Redis::processes).collect()
            }
            RunningKind::Websocket(server) => server.processes(),
            RunningKind::Own => Vec::new(),
        }
    }

    /// Stops all processes of the server, or continues them.
    pub(crate) fn stop(&self, is_stopped: bool) {
        match (&self.kind, is_stopped) {
            (RunningKind::Postgres(server), true) => server.pause(),
            (RunningKind::Postgres(server), false) => server.resume(),
            (RunningKind::Redis(server), true) => server.pause(),
            (RunningKind::Redis(server), false) => server.resume(),
            (RunningKind::RedisCluster(cluster), true) => {
                cluster.nodes().iter().for_each(Redis::pause);
            }
            (RunningKind::RedisCluster(cluster), false) => {
                cluster.nodes().iter().for_each(Redis::resume);
            }
            (RunningKind::Websocket(server), true) => server.pause(),
            (RunningKind::Websocket(server), false) => server.resume(),
            (RunningKind::Own, _) => {}
        }
    }

    /// Returns a command that runs in `place` with the server's address in its environment: `URL`
    /// and `PORT`, and libpq's variables for PostgreSQL.
    pub(crate) fn command(
        &self,
        place: &TestDirectory,
        program: impl AsRef<std::ffi::OsStr>,
    ) -> Command {
        let mut command = place.command(program, &[]);
        if let (Some((_, url)), Some(port)) = (self.address(), self.port()) {
            command.env("URL", url).env("PORT", port.to_string());
        }
        if let RunningKind::Postgres(server) = &self.kind {
            command
                .env("PGHOST", "127.0.0.1")
                .env("PGPORT", server.port().to_string())
                .env("PGUSER", "plimsoll")
                .env("PGPASSWORD", PASSWORD)
                .env("PGDATABASE", "plimsoll");
        }
        command
    }

    /// Returns the command of a program of the installed PostgreSQL, as [`Self::command`] does.
    pub(crate) fn client(&self, place: &TestDirectory, name: &str) -> Command {
        let RunningKind::Postgres(server) = &self.kind else {
            panic!("{name} needs a PostgreSQL server");
        };
        self.command(place, server.bin_dir().join(name))
    }

    /// Executes the statements in `sql` in order, and stops at the first error.
    ///
    /// # Errors
    /// Fails with the text on stderr if a statement fails.
    pub(crate) fn psql(&self, place: &TestDirectory, sql: &str) -> Result<(), String> {
        let script = place.path().join("sql");
        std::fs::write(&script, sql).map_err(|error| error.to_string())?;
        let mut command = self.client(place, "psql");
        command
            .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f"])
            .arg(script);
        said(&mut command)
    }

    /// Executes the lines of `commands` on a Redis server in order, and stops at the first error.
    ///
    /// # Errors
    /// Fails with the server's answer if a command fails.
    pub(crate) fn redis(&self, commands: &str) -> Result<(), String> {
        let told = |error: redis::RedisError| error.to_string();
        let mut connection = self.redis_connection().map_err(told)?;
        redis_commands(commands)
            .into_iter()
            .try_for_each(|command| {
                let answer = command.query::<redis::Value>(&mut connection);
                answer.map(drop).map_err(told)
            })
    }

    /// Returns the address of a Redis server, and not that of its proxy; of the first node of a cluster.
    pub(crate) fn redis_address(&self) -> Option<SocketAddr> {
        let is_redis = matches!(
            self.kind,
            RunningKind::Redis(_) | RunningKind::RedisCluster(_)
        );
        let port = self.port().filter(|_| is_redis)?;
        Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    }

    /// Connects to a Redis server as [`Self::redis_address`] tells.
    ///
    /// # Errors
    /// Fails if it does not answer.
    fn redis_connection(&self) -> redis::RedisResult<redis::Connection> {
        let address = self.redis_address().expect("commands need a Redis server");
        redis::Client::open(format!("redis://{address}/"))?.get_connection()
    }

    fn port(&self) -> Option<u16> {
        match &self.kind {
            RunningKind::Postgres(server) => Some(server.port()),
            RunningKind::Redis(server) => Some(server.port()),
            RunningKind::RedisCluster(cluster) => cluster.nodes().first().map(Redis::port),
            RunningKind::Websocket(server) => Some(server.port()),
            RunningKind::Own => None,
        }
    }

    /// Lets the server's processes, and those that they will start, run on these CPUs alone.
    fn bind(&self, cpus: &str) -> Result<(), String> {
        for pid in self.processes() {
            said(Command::new("taskset").args(["-apc", cpus, &pid.to_string()]))?;
        }
        Ok(())
    }
}

fn start(setup: &ServerSetup) -> Result<RunningKind, String> {
    let settings: Vec<(String, String)> = setup.settings.clone().into_iter().collect();
    let started = match setup.kind {
        ServerKind::Postgres => Postgres::start(&PostgresOptions {
            password: Some(PASSWORD.to_owned()),
            settings,
            ..PostgresOptions::default()
        })
        .map(RunningKind::Postgres),
        ServerKind::Redis => Redis::start(&RedisOptions {
            settings,
            ..RedisOptions::default()
        })
        .map(RunningKind::Redis),
        ServerKind::RedisCluster => RedisCluster::start(
            CLUSTER_NODES,
            &RedisOptions {
                settings,
                ..RedisOptions::default()
            },
        )
        .map(RunningKind::RedisCluster),
        ServerKind::Websocket => {
            let flags = settings
                .into_iter()
                .flat_map(|(name, value)| [format!("--{name}"), value]);
            WebSocketServer::start(&program("ws-bench"), &flags.collect::<Vec<_>>())
                .map(RunningKind::Websocket)
        }
        ServerKind::Own => Ok(RunningKind::Own),
    };
    started.map_err(|error| error.to_string())
}

/// Runs a command to its end.
///
/// # Errors
/// Fails with the text on stderr if the command fails.
fn said(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    output.status.success().then_some(()).ok_or(text)
}
