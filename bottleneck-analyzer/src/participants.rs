//! Programs that take part in a run, recognized by their names.

use crate::assessment::ComponentKind;

/// Names of Plimsoll's own programs.
const TOOLS: [&str; 6] = [
    "db-pool-bench",
    "redis-bench",
    "ws-bench",
    "sysmon",
    "plimsoll",
    "bottleneck-analyzer",
];

/// Number of bytes to which the Linux kernel cuts the name of a process.
const NAME_BYTES: usize = 15;

/// Programs that forward traffic to servers in containers, so they take part in a run.
const CARRIERS: [&str; 1] = ["docker-proxy"];

/// Returns the names of a component's servers and poolers. Empty for WebSocket servers, which can
/// have any name, and for the machine.
pub(crate) fn servers(component: ComponentKind) -> &'static [&'static str] {
    match component {
        ComponentKind::Postgres => &["postgres", "postmaster", "pgbouncer", "pgcat", "odyssey"],
        ComponentKind::Redis => &["redis-server", "valkey-server", "keydb-server", "dragonfly"],
        ComponentKind::Websocket | ComponentKind::Machine => &[],
    }
}

/// Returns true if `name` is the name of a program that takes part in a run: a known server or
/// pooler, a tool of Plimsoll, or a forwarder of traffic. Only the first 15 bytes of a name count.
pub(crate) fn takes_part(name: &str) -> bool {
    let known = [ComponentKind::Postgres, ComponentKind::Redis].map(servers);
    let mut all = known.into_iter().flatten().chain(&TOOLS).chain(&CARRIERS);
    let cut = |name: &str| name.bytes().take(NAME_BYTES).collect::<Vec<_>>();
    all.any(|known| cut(name) == cut(known))
}
