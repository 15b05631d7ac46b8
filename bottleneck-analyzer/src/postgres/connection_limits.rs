//! Limits on the connections of a PostgreSQL server in one step: that of the server, and those of the
//! load's role and database, where they are set.

use bench_report::names::{postgres, postgres_tables::connection_limits};

use super::evidence::{CitedRow, PostgresEvidence};
use crate::assessment::EvidenceItem;

/// Thing whose number of connections is limited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LimitedThing {
    /// The server, by `max_connections`.
    Server,
    /// The role with this name, by its `CONNECTION LIMIT`.
    Role(String),
    /// The database with this name, by its `CONNECTION LIMIT`.
    Database(String),
}

/// Limit with the connections that count towards it.
#[derive(Debug, Clone)]
pub(crate) struct CountedLimit {
    pub(crate) of: LimitedThing,
    /// Number of connections that the limit allows.
    pub(crate) limit: f64,
    /// Part of the limit that is reserved for superusers.
    pub(crate) reserved: f64,
    /// Largest number of connections in use that count towards the limit.
    pub(crate) used: f64,
    /// Evidence that the figures rest on.
    pub(crate) evidence: Vec<EvidenceItem>,
}

/// Limits on the connections of a server in one step.
#[derive(Debug)]
pub(crate) struct ConnectionLimits {
    /// Limits whose connections were counted.
    pub(crate) counted: Vec<CountedLimit>,
    /// Things whose limit, or whose connections, are not known.
    pub(crate) uncounted: Vec<LimitedThing>,
}

impl LimitedThing {
    /// Returns the limit in words: `max_connections`, `the limit of role "app"`.
    pub(crate) fn limit(&self) -> String {
        match self {
            Self::Server => "max_connections".to_owned(),
            Self::Role(_) | Self::Database(_) => format!("the limit{}", self.owner()),
        }
    }

    /// Returns the owner of the connections in words, after a space: ` of role "app"`; empty for the server.
    pub(crate) fn owner(&self) -> String {
        match self {
            Self::Server => String::new(),
            Self::Role(name) => format!(" of role \"{name}\""),
            Self::Database(name) => format!(" of database \"{name}\""),
        }
    }

    /// Returns the thing that a row describes; `None` for a kind that this version does not know.
    fn of_row(row: &CitedRow<'_>) -> Option<Self> {
        let name = row.label(connection_limits::NAME.as_str()).to_owned();
        match row.label(connection_limits::KIND.as_str()) {
            "role" => Some(Self::Role(name)),
            "database" => Some(Self::Database(name)),
            _ => None,
        }
    }
}

impl CountedLimit {
    /// Returns the connections in use ÷ those that the limit leaves to ordinary users. Superusers may use the
    /// reserved ones, so that it may exceed 1.
    pub(crate) fn ratio(&self) -> f64 {
        self.used / (self.limit - self.reserved).max(1.0)
    }
}

impl ConnectionLimits {
    /// Reads the limits of a step; that of the server alone, uncounted, without one.
    pub(crate) fn of_step(server: Option<PostgresEvidence<'_>>) -> Self {
        let mut limits = Self {
            counted: Vec::new(),
            uncounted: Vec::new(),
        };
        let of_server = server.as_ref().and_then(of_server);
        limits.add(LimitedThing::Server, of_server);
        let rows = server.map(|server| server.rows(connection_limits::TABLE));
        for row in rows.into_iter().flatten() {
            if let Some(thing) = LimitedThing::of_row(&row) {
                let counted = of_row(&row, &thing);
                limits.add(thing, counted);
            }
        }
        limits
    }

    fn add(&mut self, thing: LimitedThing, counted: Option<CountedLimit>) {
        match counted {
            Some(counted) => self.counted.push(counted),
            None => self.uncounted.push(thing),
        }
    }

    /// Returns the counted limit of which the largest part is in use; `None` if no limit was counted.
    pub(crate) fn narrowest(&self) -> Option<&CountedLimit> {
        let all = self.counted.iter();
        all.max_by(|a, b| a.ratio().total_cmp(&b.ratio()))
    }
}

fn of_server(server: &PostgresEvidence<'_>) -> Option<CountedLimit> {
    let names = [
        postgres::CONNECTIONS_USED_MAX,
        postgres::CONNECTIONS_LIMIT,
        postgres::CONNECTIONS_RESERVED,
    ];
    let evidence = names.into_iter().filter_map(|name| server.evidence(name));
    Some(CountedLimit {
        of: LimitedThing::Server,
        limit: server.figure(names[1]).filter(|limit| *limit > 0.0)?,
        reserved: server.figure(names[2]).unwrap_or(0.0),
        used: server.figure(names[0])?,
        evidence: evidence.collect(),
    })
}

fn of_row(row: &CitedRow<'_>, thing: &LimitedThing) -> Option<CountedLimit> {
    let (used, limit) = (
        connection_limits::USED_MAX.as_str(),
        connection_limits::LIMIT.as_str(),
    );
    let owner = thing.owner();
    let evidence = [
        row.evidence(format!("largest number of connections in use{owner}"), used),
        row.evidence(format!("connections that the limit{owner} allows"), limit),
        row.label_evidence("name", connection_limits::NAME.as_str()),
    ];
    Some(CountedLimit {
        of: thing.clone(),
        limit: row.figure(limit).filter(|limit| *limit > 0.0)?,
        reserved: 0.0,
        used: row.figure(used)?,
        evidence: evidence.into_iter().flatten().collect(),
    })
}
