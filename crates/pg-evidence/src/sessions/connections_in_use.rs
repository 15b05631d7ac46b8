//! Connections in use that count towards the limits of the server, of a role and of a database.

use bench_report::ServerEvidence;
use bench_report::names::postgres;
use bench_report::names::postgres_tables::connection_limits;

use crate::server::capacity::{DATABASE, ROLE};
use crate::sessions::session::SessionGroup;

/// Numbers of client connections in use, in one sample or the largest of several.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConnectionsInUse {
    /// Number of all client connections to the server.
    pub(crate) server: u64,
    /// Number of those that have the role of this connection.
    role: u64,
    /// Number of those to the database of this connection.
    database: u64,
}

impl ConnectionsInUse {
    /// The connection that takes the samples: no sample contains it, and it counts towards each
    /// limit.
    pub(crate) const SAMPLER: Self = Self {
        server: 1,
        role: 1,
        database: 1,
    };

    /// Adds the client sessions of a group.
    pub(crate) fn add(&mut self, group: &SessionGroup) {
        self.server += group.count;
        self.role += group.of_own_role;
        self.database += group.of_own_database;
    }

    /// Returns the larger of each number here and in `other`.
    pub(crate) fn largest(self, other: Self) -> Self {
        Self {
            server: self.server.max(other.server),
            role: self.role.max(other.role),
            database: self.database.max(other.database),
        }
    }

    /// Writes the numbers into `evidence`: that of the server, and those of role and database into
    /// the rows of their limits, if there are any.
    pub(crate) fn report(self, evidence: &mut ServerEvidence) {
        evidence.figure(postgres::CONNECTIONS_USED_MAX, self.server as f64);
        let limits = connection_limits::TABLE.as_str();
        for row in evidence.tables.get_mut(limits).into_iter().flatten() {
            let used = match row.label(connection_limits::KIND) {
                Some(ROLE) => self.role,
                Some(DATABASE) => self.database,
                _ => continue,
            };
            let column = connection_limits::USED_MAX.to_string();
            row.figures.insert(column, used as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use bench_report::EvidenceRow;

    use super::*;
    use crate::sessions::session::tests::session;

    /// Two samples: the most connections of the server are in the first, of the role in the second.
    #[test]
    fn the_largest_number_for_each_limit_is_told_in_its_row() {
        let sample = |count, of_own_role, of_own_database| {
            let mut used = ConnectionsInUse::SAMPLER;
            used.add(&SessionGroup {
                count,
                of_own_role,
                of_own_database,
                ..session(Some("idle"), Some(("Client", "ClientRead")))
            });
            used
        };
        let largest = sample(5, 2, 4).largest(sample(3, 3, 1));
        let limit = |kind: &str| {
            EvidenceRow::new(
                [(connection_limits::KIND, kind.to_owned())],
                [(connection_limits::LIMIT, 10.0)],
            )
        };
        let mut evidence = ServerEvidence::default();
        largest.report(&mut evidence);
        assert!(evidence.tables.is_empty(), "no limit is set: {evidence:?}");
        let limits = vec![limit(ROLE), limit(DATABASE)];
        evidence.table(connection_limits::TABLE, limits);
        largest.report(&mut evidence);
        assert_eq!(evidence.value(postgres::CONNECTIONS_USED_MAX), Some(6.0));
        let rows = evidence.rows(connection_limits::TABLE).unwrap().iter();
        let used: Vec<_> = rows
            .map(|row| row.value(connection_limits::USED_MAX))
            .collect();
        assert_eq!(used, [Some(4.0), Some(5.0)]);
    }
}
