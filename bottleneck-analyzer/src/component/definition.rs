//! Names, objectives and limits of a component.

use crate::assessment::ResourceKind;
use crate::requirement::GateFigure;
use crate::thresholds::{BandBounds, Objectives};

/// Everything that the analyzer knows of a component in advance.
#[derive(Debug)]
pub(crate) struct ComponentDefinition {
    /// Name shown to people, as in `PostgreSQL`.
    pub(crate) title: &'static str,
    /// Name used in files and in the ids of findings, as in `postgres`.
    pub(crate) name: &'static str,
    /// Program that writes the reports of the component, as in `db-pool-bench`.
    pub(crate) tool: &'static str,
    /// Names of the processes of its servers and poolers; empty if these can have any name.
    pub(crate) servers: &'static [&'static str],
    /// True if the tool has a server of its own, which then runs under the tool's name.
    pub(crate) tool_serves: bool,
    /// True if the bench searches for the most connections that the server holds, and not for the most
    /// requests that it answers.
    pub(crate) holds_connections: bool,
    /// Objective on the latency of its requests; `None` if it has none.
    pub(crate) latency: Option<LatencyObjective>,
    /// Figures of gates that no other component has.
    pub(crate) own_figures: &'static [GateFigure],
    /// Evidence by which the time of a call is divided; `None` for the machine, which has no calls.
    pub(crate) time_division: Option<TimeDivision>,
    /// Resources in the table of the component beside those that every bench uses: the machine's, the
    /// pool and the generator.
    pub(crate) own_resources: &'static [ResourceKind],
}

/// Objective on a percentile of latency, with its bounds in milliseconds. The threshold is called
/// `objectives.NAME_PERCENTILE_ms`, as in `objectives.postgres_p90_ms`.
#[derive(Debug)]
pub(crate) struct LatencyObjective {
    /// Name of the percentile, as in `p90`.
    pub(crate) percentile: &'static str,
    /// Bound of the objective.
    pub(crate) bound_ms: fn(&Objectives) -> f64,
    /// Bound of the critical band; `None` if there is no such band.
    pub(crate) critical_ms: Option<fn(&BandBounds) -> f64>,
}

/// Evidence by which the time of a call is divided into parts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TimeDivision {
    /// Phases of a request, and the states in which the server's sessions were sampled.
    SampledSessions,
    /// Phases of a request, and the times of commands that the server counts.
    CommandTimes,
    /// Phases of opening a connection.
    ConnectionPhases,
}
