//! Programs that take part in a run, by their names.

use crate::assessment::ComponentKind;

/// Programs of ours.
const TOOLS: [&str; 6] = [
    "db-pool-bench",
    "redis-bench",
    "ws-bench",
    "sysmon",
    "plimsoll",
    "bottleneck-analyzer",
];

/// Length at which the kernel cuts a program's name.
const NAME_BYTES: usize = 15;

/// Programs that stand between a client and a server in a container.
const CARRIERS: [&str; 1] = ["docker-proxy"];

/// Programs that are, or stand before, a component's server. Any program may be a WebSocket
/// server.
pub(crate) fn servers(component: ComponentKind) -> &'static [&'static str] {
    match component {
        ComponentKind::Postgres => &["postgres", "postmaster", "pgbouncer", "pgcat", "odyssey"],
        ComponentKind::Redis => &["redis-server", "valkey-server", "keydb-server", "dragonfly"],
        ComponentKind::Websocket | ComponentKind::Machine => &[],
    }
}

/// True if a program takes part in a run; whatever else uses CPU is somebody else's.
pub(crate) fn takes_part(name: &str) -> bool {
    let known = [ComponentKind::Postgres, ComponentKind::Redis].map(servers);
    let mut all = known.into_iter().flatten().chain(&TOOLS).chain(&CARRIERS);
    let cut = |name: &str| name.bytes().take(NAME_BYTES).collect::<Vec<_>>();
    all.any(|known| cut(name) == cut(known))
}
