//! Kinds of components.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::definition::ComponentDefinition;
use super::machine::MACHINE;
use super::postgres::POSTGRES;
use super::redis::REDIS;
use super::websocket::WEBSOCKET;
use crate::requirement::GateFigure;

/// Component that was loaded, or the machine that all of them run on.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Component")]
pub(crate) enum ComponentKind {
    /// PostgreSQL behind a connection pool, or without one.
    Postgres,
    /// Redis, or a compatible server such as Valkey.
    Redis,
    /// A WebSocket server.
    Websocket,
    /// Machine that the other components run on.
    Machine,
}

impl ComponentKind {
    /// All kinds, in their order.
    pub(crate) const ALL: [Self; 4] = [Self::Postgres, Self::Redis, Self::Websocket, Self::Machine];

    /// Returns what the analyzer knows of the component in advance.
    pub(crate) fn definition(self) -> &'static ComponentDefinition {
        match self {
            Self::Postgres => &POSTGRES,
            Self::Redis => &REDIS,
            Self::Websocket => &WEBSOCKET,
            Self::Machine => &MACHINE,
        }
    }

    /// Returns the component that the reports of `tool` are about; `None` for an unknown tool.
    pub(crate) fn of_tool(tool: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|kind| kind.definition().tool == tool)
    }

    /// Returns the component that alone has `figure`; `None` if the figure is not of one component.
    pub(crate) fn owner_of(figure: GateFigure) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.has_own(figure))
    }

    /// Returns true if the component, and no other one, has `figure`.
    pub(crate) fn has_own(self, figure: GateFigure) -> bool {
        self.definition().own_figures.contains(&figure)
    }

    /// Returns the name shown to people, as in `PostgreSQL`.
    pub(crate) fn title(self) -> &'static str {
        self.definition().title
    }

    /// Returns the name used in files and in the ids of findings, as in `postgres`.
    pub(crate) fn name(self) -> &'static str {
        self.definition().name
    }

    /// Returns true if the bench of the component searches for the most connections held.
    pub(crate) fn holds_connections(self) -> bool {
        self.definition().holds_connections
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::thresholds::{DEFAULTS, Thresholds};

    #[test]
    fn every_kind_is_listed_and_its_name_is_that_of_the_schema() {
        let schema = serde_json::to_value(schemars::schema_for!(ComponentKind)).unwrap();
        let variants = schema["oneOf"].as_array().unwrap().iter();
        let known: Vec<&str> = variants.map(|v| v["const"].as_str().unwrap()).collect();
        assert_eq!(known, ComponentKind::ALL.map(ComponentKind::name));
        let tools = ComponentKind::ALL.map(|kind| kind.definition().tool);
        assert_eq!(BTreeSet::from(tools).len(), known.len());
    }

    #[test]
    fn the_bound_of_a_latency_objective_is_the_threshold_named_after_it() {
        let text: toml::Table = DEFAULTS.parse().unwrap();
        let shipped = Thresholds::load(None).unwrap();
        let loaded = ComponentKind::ALL.map(ComponentKind::definition);
        for component in loaded {
            let Some(latency) = &component.latency else {
                continue;
            };
            let place = format!("{}_{}_ms", component.name, latency.percentile);
            let bound = text["objectives"][&place].as_float();
            assert_eq!(
                bound,
                Some((latency.bound_ms)(&shipped.objectives)),
                "{place}"
            );
        }
    }
}
