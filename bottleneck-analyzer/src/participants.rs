//! Programs that take part in a run, recognized by their names.

use crate::assessment::ComponentKind;

/// Names of the programs of Plimsoll that make no load and record no machine.
const TOOLS: [&str; 2] = ["plimsoll", "bottleneck-analyzer"];

/// Number of bytes to which the Linux kernel cuts the name of a process.
const NAME_BYTES: usize = 15;

/// Programs that forward traffic to servers in containers, so they take part in a run.
const CARRIERS: [&str; 1] = ["docker-proxy"];

/// Returns true if `name` is the name of a program that takes part in a run: a known server or
/// pooler, a tool of Plimsoll, or a forwarder of traffic. Only the first 15 bytes of a name count.
pub(crate) fn takes_part(name: &str) -> bool {
    let components = ComponentKind::ALL.map(ComponentKind::definition);
    let known = components
        .iter()
        .flat_map(|c| c.servers.iter().chain([&c.tool]));
    let mut all = known.chain(&TOOLS).chain(&CARRIERS);
    let cut = |name: &str| name.bytes().take(NAME_BYTES).collect::<Vec<_>>();
    all.any(|known| cut(name) == cut(known))
}
