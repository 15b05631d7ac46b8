//! The servers a run is made on: the user's where they are given, throwaway ones otherwise.

use testbed::token;
use testbed::{Postgres, PostgresOptions, Redis, RedisOptions, TestbedError, WebSocketServer};

use crate::cli::RunFlags;
use crate::profile::Profile;
use crate::tool_process::{self, ToolError};

/// Reason for which a server is missing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServersError {
    /// A throwaway server would not start.
    #[error(transparent)]
    Testbed(#[from] TestbedError),
    /// The WebSocket server is one of our own binaries.
    #[error(transparent)]
    Child(#[from] ToolError),
}

/// RunServers that live as long as this value, and where all of them are.
#[derive(Debug, Default)]
pub(crate) struct RunServers {
    postgres: Option<Postgres>,
    redis: Option<Redis>,
    websocket: Option<WebSocketServer>,
    urls: Vec<(&'static str, String)>,
}

impl RunServers {
    /// Starts what `profile` needs and `flags` do not name.
    ///
    /// # Errors
    /// When a server is not installed or does not start.
    pub(crate) fn start(profile: &Profile, flags: &RunFlags) -> Result<Self, ServersError> {
        let needs = |tool: &str| profile.components.iter().any(|c| c.tool == tool);
        let mut servers = Self::default();
        let mut ours = Vec::new();
        if needs("db-pool-bench") {
            let url = given_or(flags.database_url.as_ref(), &mut ours, || {
                let postgres = Postgres::start(&PostgresOptions::default())?;
                Ok(servers.postgres.insert(postgres).url().to_owned())
            })?;
            servers.urls.push(("DATABASE_URL", url));
        }
        if needs("redis-bench") {
            let url = given_or(flags.redis_url.as_ref(), &mut ours, || {
                let redis = Redis::start(&RedisOptions::default())?;
                Ok(servers.redis.insert(redis).url().to_owned())
            })?;
            servers.urls.push(("REDIS_URL", url));
        }
        if needs("ws-bench") {
            let url = given_or(flags.ws_url.as_ref(), &mut ours, || {
                let websocket = WebSocketServer::start(&tool_process::sibling("ws-bench")?, &[])?;
                Ok(servers.websocket.insert(websocket).url().to_owned())
            })?;
            servers.urls.push(("WS_URL", url));
        }
        servers.urls.push((token::ENV, token::mark(&ours)));
        Ok(servers)
    }

    /// Environment of the benches: addresses, and which of them are ours. By environment, because
    /// anyone may read a process's arguments.
    pub(crate) fn environment(&self) -> &[(&'static str, String)] {
        &self.urls
    }

    /// Names of the servers that were started, for people.
    pub(crate) fn started(&self) -> String {
        let names = [
            self.postgres.as_ref().map(|_| "PostgreSQL"),
            self.redis.as_ref().map(|_| "Redis"),
            self.websocket.as_ref().map(|_| "WebSocket"),
        ];
        let names: Vec<&str> = names.into_iter().flatten().collect();
        if names.is_empty() {
            "on your own servers".to_owned()
        } else {
            format!("on throwaway servers: {}", names.join(", "))
        }
    }
}

/// The user's server, or one that is started now and noted as ours.
fn given_or(
    given: Option<&String>,
    ours: &mut Vec<String>,
    start: impl FnOnce() -> Result<String, ServersError>,
) -> Result<String, ServersError> {
    if let Some(url) = given {
        return Ok(url.clone());
    }
    let url = start()?;
    ours.push(url.clone());
    Ok(url)
}
