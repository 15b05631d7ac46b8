//! Machine that the other components run on, recorded by `sysmon`.

use super::definition::ComponentDefinition;

pub(super) static MACHINE: ComponentDefinition = ComponentDefinition {
    title: "Machine",
    name: "machine",
    tool: "sysmon",
    servers: &[],
    tool_serves: false,
    holds_connections: false,
    latency: None,
    own_figures: &[],
    time_division: None,
    own_resources: &[],
};
