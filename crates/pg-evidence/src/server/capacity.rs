//! Free connections of the server, read before each step. A pool that is larger fails differently
//! in each driver, and would lock other users out of the server.

use bench_report::names::postgres;
use bench_report::names::postgres_tables::connection_limits;
use bench_report::{EvidenceRow, ServerEvidence};
use tokio_postgres::{Error, Row};

use crate::server::client::Client;
use crate::server::foreign_text::text;
use crate::sessions::scope::Scope;

/// Kind of a limit in reports: that of a role.
pub(crate) const ROLE: &str = "role";
/// Kind of a limit in reports: that of a database.
pub(crate) const DATABASE: &str = "database";
/// Number of connections that a run needs in addition to those under test, for evidence and
/// clean-up.
const OURS: i64 = 2;

/// Query of connection limits and connections in use. Reserved connections matter only for roles
/// without access to them, and so do the limits of role and database. If the `backend_type` of
/// other roles' sessions is hidden, all sessions with a database count, including parallel workers,
/// so the number in use may be too high.
const QUERY: &str = "WITH /* plimsoll evidence */ others AS (
        SELECT usesysid, datid FROM pg_stat_activity
         WHERE NOT coalesce(starts_with(application_name, $1), false)
           AND (backend_type = 'client backend' OR backend_type IS NULL AND datid IS NOT NULL))
    SELECT current_setting('max_connections')::int8,
           current_setting('superuser_reserved_connections')::int8
             + coalesce(current_setting('reserved_connections', true), '0')::int8,
           r.rolsuper,
           (SELECT count(*) FROM others),
           r.rolconnlimit::int8,
           (SELECT count(*) FROM others WHERE usesysid = r.oid),
           r.rolname::text,
           d.datconnlimit::int8,
           (SELECT count(*) FROM others WHERE datid = d.oid),
           d.datname::text
      FROM pg_roles r, pg_database d
     WHERE r.rolname = session_user AND d.datname = current_database()";

/// Connection limits of a server for this role, and the connections of others that are in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capacity {
    /// The server's setting `max_connections`.
    pub(crate) limit: i64,
    /// Number of connections reserved for superusers and `pg_use_reserved_connections`.
    pub(crate) reserved: i64,
    /// True if this role is a superuser, so that it may use reserved connections and no limit of
    /// role or database applies to it.
    pub(crate) superuser: bool,
    /// Number of client connections to the server that do not belong to this run.
    pub(crate) used: i64,
    /// Limit of this role, and the number of others' connections with this role.
    pub(crate) role: ConnectionLimit,
    /// Limit of this database, and the number of others' connections to it.
    pub(crate) database: ConnectionLimit,
}

/// Connection limit of a role or a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConnectionLimit {
    /// Largest number of connections; negative if there is no limit.
    pub(crate) limit: i64,
    /// Number of connections that count towards the limit and do not belong to this run.
    pub(crate) used: i64,
    /// Name of the role or the database.
    pub(crate) name: String,
}

impl ConnectionLimit {
    /// Reads limit, number in use and name from the columns of `row` that begin at index `at`.
    fn from_row(row: &Row, at: usize) -> Result<Self, Error> {
        Ok(Self {
            limit: row.try_get(at)?,
            used: row.try_get(at + 1)?,
            name: text(row, at + 2)?,
        })
    }
}

impl Capacity {
    pub(crate) async fn read(client: &Client, application: &str) -> Result<Self, Error> {
        let row = client.query_one(QUERY, &[&application]).await?;
        Ok(Self {
            limit: row.try_get(0)?,
            reserved: row.try_get(1)?,
            superuser: row.try_get(2)?,
            used: row.try_get(3)?,
            role: ConnectionLimit::from_row(&row, 4)?,
            database: ConnectionLimit::from_row(&row, 7)?,
        })
    }

    /// Writes the limits of the server, and those of role and database that hold for sessions in
    /// `scope`, into `evidence`. No limit of a role or a database holds for a superuser's own
    /// sessions, but that of the database holds for others. A limit of 0 lets only superusers in.
    pub(crate) fn report(&self, scope: &Scope, evidence: &mut ServerEvidence) {
        evidence.figure(postgres::CONNECTIONS_LIMIT, self.limit as f64);
        evidence.figure(postgres::CONNECTIONS_RESERVED, self.reserved as f64);
        let for_database = !self.superuser || *scope == Scope::Everyone;
        let rows: Vec<EvidenceRow> = [
            (ROLE, &self.role, !self.superuser),
            (DATABASE, &self.database, for_database),
        ]
        .into_iter()
        .filter(|(_, share, holds)| *holds && share.limit > 0)
        .map(|(kind, share, _)| {
            EvidenceRow::new(
                [
                    (connection_limits::KIND, kind.to_owned()),
                    (connection_limits::NAME, share.name.clone()),
                ],
                [(connection_limits::LIMIT, share.limit as f64)],
            )
        })
        .collect();
        if !rows.is_empty() {
            evidence.table(connection_limits::TABLE, rows);
        }
    }

    /// Returns the reason for which `wanted` connections, and two for evidence and clean-up, do not
    /// fit; `None` if they fit. `bound` is the share of `max_connections`, from 0 to 1, that may be
    /// in use with them; `None` for all.
    pub fn refusal(&self, wanted: u64, bound: Option<f64>) -> Option<String> {
        let Self { limit, used, .. } = *self;
        let reserved = if self.superuser { 0 } else { self.reserved };
        let mut rooms = vec![(
            limit - reserved - used,
            format!(
                "max_connections is {limit}, of which {reserved} are reserved, {used} are in use"
            ),
        )];
        for (whose, share) in [(ROLE, &self.role), (DATABASE, &self.database)] {
            if share.limit >= 0 && !self.superuser {
                let ConnectionLimit { limit, used, .. } = share;
                rooms.push((
                    limit - used,
                    format!(
                        "the {whose} is allowed {limit} connections, of which {used} are in use"
                    ),
                ));
            }
        }
        if let Some(bound) = bound {
            let most = (limit as f64 * bound) as i64;
            rooms.push((
                most - used,
                format!(
                    "{:.0} % of max_connections, the most that may be taken of this server, is {most}, \
                     of which {used} are in use",
                    bound * 100.0
                ),
            ));
        }
        let (room, why) = rooms.into_iter().min_by_key(|(room, _)| *room)?;
        let free = room - OURS;
        (i64::try_from(wanted).unwrap_or(i64::MAX) > free).then(|| {
            format!(
                "{wanted} connections do not fit: {why} and {OURS} are needed to watch and clean up; \
                 use at most {}",
                free.max(0)
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: ConnectionLimit = limited(-1, 0);
    const CAPACITY: Capacity = Capacity {
        limit: 20,
        reserved: 3,
        superuser: false,
        used: 5,
        role: NONE,
        database: NONE,
    };

    const fn limited(limit: i64, used: i64) -> ConnectionLimit {
        ConnectionLimit {
            limit,
            used,
            name: String::new(),
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_largest_that_does() {
        assert_eq!(CAPACITY.refusal(10, None), None);
        let refusal = CAPACITY.refusal(11, None).unwrap();
        assert!(
            refusal.contains("max_connections is 20") && refusal.ends_with("at most 10"),
            "{refusal}"
        );
        let superuser = Capacity {
            superuser: true,
            ..CAPACITY
        };
        assert_eq!(superuser.refusal(13, None), None);
        assert!(superuser.refusal(u64::MAX, None).is_some());
    }

    #[test]
    fn the_narrowest_limit_is_the_one_that_is_named() {
        let role = Capacity {
            role: limited(8, 1),
            ..CAPACITY
        };
        let refusal = role.refusal(6, Some(0.9)).unwrap();
        assert!(
            refusal.contains("role is allowed 8") && refusal.ends_with("at most 5"),
            "{refusal}"
        );
        let bound = CAPACITY.refusal(10, Some(0.8)).unwrap();
        assert!(
            bound.contains("80 %") && bound.ends_with("at most 9"),
            "{bound}"
        );
        let superuser = Capacity {
            superuser: true,
            ..role
        };
        assert_eq!(
            superuser.refusal(13, None),
            None,
            "no limit of a role holds for it"
        );
    }

    /// Both limits are set: those that hold are told, and no other.
    #[test]
    fn limits_are_told_where_they_hold() {
        let kinds = |superuser: bool, database: i64, scope: &Scope| {
            let capacity = Capacity {
                superuser,
                role: limited(8, 1),
                database: limited(database, 1),
                ..CAPACITY
            };
            let mut evidence = ServerEvidence::default();
            capacity.report(scope, &mut evidence);
            let rows = evidence.tables.remove("connection_limits");
            let rows = rows.into_iter().flatten();
            rows.map(|row| row.labels["kind"].clone())
                .collect::<Vec<_>>()
        };
        let load = Scope::Application("load".to_owned());
        assert_eq!(kinds(false, 15, &load), ["role", "database"]);
        assert_eq!(kinds(false, -1, &load), ["role"]);
        assert_eq!(kinds(true, 15, &load), [""; 0]);
        assert_eq!(kinds(true, 15, &Scope::Everyone), ["database"]);
        assert_eq!(kinds(true, 0, &Scope::Everyone), [""; 0]);
    }
}
