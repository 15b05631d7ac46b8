//! Servers of a run: those of the user where URLs are given, throwaway ones otherwise.

use testbed::token;
use testbed::{Postgres, PostgresOptions, Redis, RedisOptions, TestbedError, WebSocketServer};

use crate::cli::RunFlags;
use crate::profile::Profile;
use crate::tool_process::{self, ToolError};

/// Reasons why a server for a run cannot be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServersError {
    /// A throwaway server is not installed or did not start.
    #[error(transparent)]
    Testbed(#[from] TestbedError),
    /// The program `ws-bench`, which acts as WebSocket server, is missing.
    #[error(transparent)]
    Child(#[from] ToolError),
}

/// Servers that the benches of a run use, with their URLs. Those that this program started are
/// stopped when this value is dropped.
#[derive(Debug, Default)]
pub(crate) struct RunServers {
    postgres: Option<Postgres>,
    redis: Option<Redis>,
    websocket: Option<WebSocketServer>,
    urls: Vec<(&'static str, String)>,
}

impl RunServers {
    /// Starts the servers that the components of `profile` need and for which `flags` contain no
    /// URL.
    ///
    /// # Errors
    /// Fails if a server is not installed or does not start.
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

    /// Returns environment variables for the benches, as name and value: the URLs of the servers,
    /// and a mark of those that are throwaway servers. Arguments are not used for this, because
    /// every user of the machine can read the arguments of a process.
    pub(crate) fn environment(&self) -> &[(&'static str, String)] {
        &self.urls
    }

    /// Returns a phrase for the user with the names of the throwaway servers that were started, or
    /// a phrase that there are none.
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

/// Returns the URL of the user's server if `given`. Otherwise calls `start`, which starts a
/// throwaway server, adds its URL to `ours`, and returns it.
///
/// # Errors
/// Fails with the error of `start`.
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
