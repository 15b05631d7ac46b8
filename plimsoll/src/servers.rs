//! Servers of a run: the user's where they are given, throwaway ones otherwise.

use testbed::token;
use testbed::{Postgres, PostgresOptions, Redis, RedisOptions, TestbedError, WebSocketServer};

use crate::cli::RunFlags;
use crate::profile::Profile;
use crate::tool_process::{self, ToolError};

/// Reasons for which a server is missing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServersError {
    /// A throwaway server did not start.
    #[error(transparent)]
    Testbed(#[from] TestbedError),
    /// The binary of the WebSocket server is missing.
    #[error(transparent)]
    Child(#[from] ToolError),
}

/// Addresses of all servers of a run, and the throwaway ones, which are stopped when this is dropped.
#[derive(Debug, Default)]
pub(crate) struct RunServers {
    postgres: Option<Postgres>,
    redis: Option<Redis>,
    websocket: Option<WebSocketServer>,
    urls: Vec<(&'static str, String)>,
}

impl RunServers {
    /// Starts the servers that `profile` needs and `flags` do not name.
    ///
    /// # Errors
    /// Fails when a server is not installed or does not start.
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

    /// Returns the environment of the benches: the addresses, and a mark of the throwaway servers.
    /// Arguments of a process could be read by anyone.
    pub(crate) fn environment(&self) -> &[(&'static str, String)] {
        &self.urls
    }

    /// Returns a phrase with the names of the servers that were started.
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

/// Returns the user's server, or starts one and adds it to `ours`.
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
