//! Cause that is planted on purpose, with the finding that the analyzer must report; each is one
//! file in `causes`, and its declaration was written before its first run.
//!
//! A file describes the cause once, with placeholders such as `${held}`, and lists its severities
//! with the values that stand in their place. `[without]` has the values, or drops the
//! disturbances, that take the cause away and leave everything else as it is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Planted cause with one severity, all values in their places.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Planting {
    /// Name of the cause, for example `Lock:tuple` or `pool too small`.
    pub(crate) name: String,
    /// Group of the table in the documentation.
    pub(crate) group: String,
    pub(crate) finding: DeclaredFinding,
    #[serde(default)]
    pub(crate) server: ServerSetup,
    pub(crate) load: Load,
    /// Disturbances that run at the same time as the load.
    #[serde(default)]
    pub(crate) beside: Vec<Beside>,
}

/// Declared finding: its rule, the things that it must name, and the quantity of its figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeclaredFinding {
    /// Name of the rule that reports the finding; the finding's id begins with it.
    pub(crate) rule: String,
    /// Texts that the finding must contain, all of them, in upper or lower case.
    #[serde(deserialize_with = "texts")]
    pub(crate) things: Vec<String>,
    pub(crate) figure: DeclaredFigure,
    /// True if the finding is no problem but information: then no problem may be found, and this
    /// must be among the informations.
    #[serde(default)]
    pub(crate) is_information: bool,
}

/// Quantity that the declared share is a share of, and how the same share is measured by taking the
/// cause away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeclaredFigure {
    /// Mean response time: the part of it that is not there without the cause at the same load.
    ResponseTime,
    /// Requests: the share that fails, less the share that fails without the cause.
    Requests,
    /// Throughput: the part of what is carried without the cause that is not carried with it.
    Capacity,
    /// Nothing that taking the cause away gives back; the finding has no share.
    None,
}

/// Severity of a cause, with the share that the finding must have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Severity {
    #[serde(default = "only")]
    pub(crate) name: String,
    /// Declared share, from 0 to 1, of the quantity that the declared figure names; absent if the
    /// finding has none.
    pub(crate) share: Option<f64>,
    /// Largest permitted difference between the told share and `share`.
    #[serde(default)]
    pub(crate) tolerance: f64,
    /// Values that stand in place of the placeholders.
    #[serde(default, skip_serializing)]
    pub(crate) values: BTreeMap<String, toml::Value>,
}

/// Reads a list of texts and numbers as texts: a placeholder may be filled with a number.
fn texts<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Thing {
        Text(String),
        Number(i64),
    }
    let things = Vec::<Thing>::deserialize(from)?.into_iter();
    let text = |thing| match thing {
        Thing::Text(text) => text,
        Thing::Number(number) => number.to_string(),
    };
    Ok(things.map(text).collect())
}

fn only() -> String {
    "only".to_owned()
}

/// Throwaway server, and what is done on it before the load.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServerSetup {
    #[serde(default)]
    pub(crate) kind: ServerKind,
    #[serde(default)]
    pub(crate) settings: BTreeMap<String, String>,
    /// Statements that are executed once before the load: SQL, or lines of words for Redis, in which a
    /// text between double quotes is one word.
    #[serde(default)]
    pub(crate) setup: String,
    /// Delay that a proxy between load and server adds to each direction, in milliseconds.
    #[serde(default)]
    pub(crate) delay_ms: u64,
    /// Bytes per second that such a proxy carries in each direction; any number if 0.
    #[serde(default)]
    pub(crate) bytes_per_s: u64,
    /// CPUs that the server may use, as `taskset` takes them; all if empty.
    #[serde(default)]
    pub(crate) cpus: String,
}

/// Kinds of throwaway servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ServerKind {
    Postgres,
    Redis,
    /// Cluster of three primaries.
    RedisCluster,
    Websocket,
    /// No server of the harness: the bench starts one of its own.
    #[default]
    Own,
}

/// Load under which the cause takes effect.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Load {
    /// Program that makes the load.
    pub(crate) tool: String,
    /// Its subcommand and arguments, separated by spaces.
    pub(crate) arguments: String,
    /// Number of users of a closed loop, who wait for their answers.
    pub(crate) users: Option<u32>,
    /// Arrivals per second of an open loop.
    pub(crate) rate: Option<f64>,
    /// Script that each user repeats, in pgbench's language; none if empty.
    #[serde(default)]
    pub(crate) script: String,
    /// CPUs that the program may use, as `taskset` takes them; all if empty.
    #[serde(default)]
    pub(crate) cpus: String,
}

/// Disturbance that runs at the same time as the load.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "snake_case",
    rename_all_fields = "snake_case",
    deny_unknown_fields
)]
pub(crate) enum Beside {
    /// Sessions of an application with this name, each of which repeats a pgbench script.
    Sessions {
        application: String,
        clients: u32,
        script: String,
    },
    /// Processes with this program name that execute a shell script. Its environment has the
    /// server's address (`URL`, `PORT`, `PGPORT`, …), and `TMP`, a directory of its own.
    Programs {
        name: String,
        count: u32,
        script: String,
    },
    /// Client of Redis that sends these commands, lines of words as in `setup`, on a connection of its
    /// own and not through a proxy, once in `every_ms` milliseconds.
    Redis { commands: String, every_ms: u64 },
    /// CPU quota: the processes are in a control group that may use this number of cores.
    Quota { cores: f64 },
    /// Stops: all processes of the server, or the program that makes the load, are stopped for the
    /// last `stopped_ms` milliseconds of every `every_ms`.
    Stops {
        #[serde(default)]
        whose: Stopped,
        every_ms: u64,
        stopped_ms: u64,
    },
    /// Synchronous standby, a receiver of the write-ahead log, that is stopped for the last
    /// `stopped_ms` milliseconds of every `every_ms`.
    Standby { every_ms: u64, stopped_ms: u64 },
    /// Another run of the same load on the same server.
    SecondRun { arguments: String },
}

/// Part of the run that is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stopped {
    #[default]
    Server,
    Load,
}
