//! Identity of a Redis server: what it says of itself to a user who may not use every command.
//!
//! Every user may send `HELLO`, which tells version, mode and role; only `INFO` has the limits of
//! the server. What the user may not use is kept with the server's refusal.

use std::collections::{BTreeMap, HashMap};

use redis::{Cmd, Connection, FromRedisValue, RedisResult, Value};

use crate::server::cluster_nodes::{self, ClusterNode};
use crate::server::failure;
use crate::server::info::Info;

/// Commands that the pool sends to check a connection, each of which is tried once.
const POOL_CHECK: [&str; 2] = ["PING", "UNWATCH"];

/// Identity of a server, as far as it tells.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ServerIdentity {
    /// Version: `7.0.15` for Redis, `valkey 8.1.0` for Valkey; `None` if it is not told.
    pub(crate) version: Option<String>,
    pub(crate) mode: ServerMode,
    pub(crate) role: ServerRole,
    /// Number of slots that a node of a cluster holds; `None` if the server is none, or does not
    /// tell.
    pub(crate) slots: Option<u32>,
    /// All nodes of the cluster that the server is a node of; empty if it is none, or does not tell.
    pub(crate) nodes: Vec<ClusterNode>,
    /// Answer to `INFO`; `None` if the server refuses it.
    pub(crate) info: Option<Info>,
    /// Refusal of each command that was tried and refused, by the command's name.
    pub(crate) denied: BTreeMap<&'static str, String>,
}

/// Mode in which a server runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum ServerMode {
    /// A server by itself.
    Standalone,
    /// A node of a cluster.
    Cluster,
    /// A Sentinel, which watches servers and holds no keys.
    Sentinel,
    /// The server does not tell, or tells a mode of a later version.
    #[default]
    Unknown,
}

/// Role of a server in its replication.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum ServerRole {
    /// The server takes writes.
    Primary,
    /// The server follows a primary.
    Replica {
        /// Host and port of the primary; `None` if they are not told.
        primary: Option<(String, u16)>,
        /// True if the replica takes writes of its own, as a setting may allow.
        takes_writes: bool,
    },
    /// The server does not tell, or has no role.
    #[default]
    Unknown,
}

impl ServerIdentity {
    /// Asks the server what it is, and tries the commands by which a pool checks a connection.
    ///
    /// # Errors
    /// Fails as [`Self::told`] does.
    pub(crate) fn read(connection: &mut Connection) -> RedisResult<Self> {
        let mut identity = Self::told(connection)?;
        for command in POOL_CHECK {
            identity.ask::<Value>(connection, command, &redis::cmd(command))?;
        }
        if identity.mode == ServerMode::Cluster {
            identity.nodes = answered(cluster_nodes::read(connection))?.unwrap_or_default();
            let asked = identity.nodes.iter().find(|node| node.is_asked);
            identity.slots = asked.map(|node| node.slots);
        }
        Ok(identity)
    }

    /// Asks the server for its version, mode, role, `INFO`, and the nodes of its cluster, and nothing
    /// else.
    ///
    /// # Errors
    /// Fails as [`Self::told`] does.
    pub(crate) fn watched(connection: &mut Connection) -> RedisResult<Self> {
        let mut identity = Self::told(connection)?;
        if identity.mode == ServerMode::Cluster {
            identity.nodes = answered(cluster_nodes::read(connection))?.unwrap_or_default();
        }
        Ok(identity)
    }

    /// Asks the server for its version, mode, role and `INFO`, and nothing else.
    ///
    /// # Errors
    /// Fails with the error of the connection, or with that of the server for `INFO` unless the
    /// user may not use it.
    fn told(connection: &mut Connection) -> RedisResult<Self> {
        let mut identity = Self::default();
        let hello: Option<HashMap<String, Value>> =
            identity.ask(connection, "HELLO", &redis::cmd("HELLO"))?;
        if let Some(hello) = hello {
            identity.add_hello(&hello);
        }
        match Info::read(connection) {
            Ok(info) => identity.add_info(info),
            Err(error) if failure::is_refused(&error) => {
                let why = failure::from_redis(&error).to_string();
                identity.denied.insert("INFO", why);
            }
            Err(error) => return Err(error),
        }
        let is_told = match &identity.role {
            ServerRole::Replica { primary, .. } => primary.is_some(),
            ServerRole::Primary => true,
            ServerRole::Unknown => identity.mode == ServerMode::Sentinel,
        };
        if !is_told {
            let role: Option<Vec<Value>> = identity.ask(connection, "ROLE", &redis::cmd("ROLE"))?;
            identity.add_role(&role.unwrap_or_default());
        }
        Ok(identity)
    }

    /// Returns the first of the pool's commands that the server refuses, with the refusal.
    pub(crate) fn denied_pool_check(&self) -> Option<(&'static str, &str)> {
        let mut denied = POOL_CHECK
            .iter()
            .filter_map(|command| Some((*command, &**self.denied.get(command)?)));
        denied.next()
    }

    /// Sends `command`, whose name is `name`. Returns `None` if the server answers with an error,
    /// and keeps the error if the user may not use the command.
    fn ask<T: FromRedisValue>(
        &mut self,
        connection: &mut Connection,
        name: &'static str,
        command: &Cmd,
    ) -> RedisResult<Option<T>> {
        let result = command.query(connection);
        if let Err(error) = &result
            && failure::is_refused(error)
        {
            let why = failure::from_redis(error).to_string();
            self.denied.insert(name, why);
        }
        answered(result)
    }

    fn add_hello(&mut self, hello: &HashMap<String, Value>) {
        let text = |name: &str| hello.get(name).and_then(text);
        if let Some(version) = text("version") {
            let is_valkey = text("server").as_deref() == Some("valkey");
            self.version = Some(if is_valkey {
                format!("valkey {version}")
            } else {
                version
            });
        }
        self.mode = mode(text("mode").as_deref());
        self.role = match text("role").as_deref() {
            Some("master") => ServerRole::Primary,
            Some("replica" | "slave") => ServerRole::Replica {
                primary: None,
                takes_writes: false,
            },
            _ => ServerRole::Unknown,
        };
    }

    fn add_info(&mut self, info: Info) {
        if let Some(version) = info.version() {
            self.version = Some(version);
        }
        if self.mode == ServerMode::Unknown {
            self.mode = mode(info.text("redis_mode").or(info.text("server_mode")));
        }
        match info.text("role") {
            Some("master") => self.role = ServerRole::Primary,
            Some("slave" | "replica") => {
                let host = info.text("master_host");
                let port = info.text("master_port").and_then(|port| port.parse().ok());
                self.role = ServerRole::Replica {
                    primary: host.map(str::to_owned).zip(port),
                    takes_writes: info.text("slave_read_only") == Some("0"),
                };
            }
            _ => {}
        }
        self.info = Some(info);
    }

    /// Adds the answer to `ROLE`: `master` and more, or `slave` with host and port of the primary.
    fn add_role(&mut self, role: &[Value]) {
        match role.first().and_then(text).as_deref() {
            Some("master") => self.role = ServerRole::Primary,
            Some("slave" | "replica") => {
                let host = role.get(1).and_then(text);
                let port = match role.get(2) {
                    Some(Value::Int(port)) => u16::try_from(*port).ok(),
                    _ => None,
                };
                let takes_writes = matches!(
                    self.role,
                    ServerRole::Replica {
                        takes_writes: true,
                        ..
                    }
                );
                self.role = ServerRole::Replica {
                    primary: host.zip(port),
                    takes_writes,
                };
            }
            Some("sentinel") => self.mode = ServerMode::Sentinel,
            _ => {}
        }
    }
}

fn mode(name: Option<&str>) -> ServerMode {
    match name {
        Some("standalone") => ServerMode::Standalone,
        Some("cluster") => ServerMode::Cluster,
        Some("sentinel") => ServerMode::Sentinel,
        _ => ServerMode::Unknown,
    }
}

fn text(value: &Value) -> Option<String> {
    redis::from_redis_value_ref(value).ok()
}

/// Returns the answer; `None` if the server answered with an error, or in an unexpected form.
///
/// # Errors
/// Fails with the error of the connection.
fn answered<T>(result: RedisResult<T>) -> RedisResult<Option<T>> {
    match result {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if failure::is_answer(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
