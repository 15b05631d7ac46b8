//! How many connections a server has left, asked before each step: a pool that does not fit shows
//! as a different error in each driver, and would lock others out of the user's server.

use tokio_postgres::{Client, Error};

/// Connections that a run needs beside those under test: the watch, and one for cleaning up.
const OURS: i64 = 2;

/// Reserves count only for those they keep out. `backend_type` of other roles' sessions may be
/// hidden; those with a database are then counted, workers among them: rather too many.
const QUERY: &str = "
    SELECT current_setting('max_connections')::int8,
           current_setting('superuser_reserved_connections')::int8
             + coalesce(current_setting('reserved_connections', true), '0')::int8,
           (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
           (SELECT count(*) FROM pg_stat_activity
             WHERE NOT coalesce(starts_with(application_name, $1), false)
               AND (backend_type = 'client backend' OR backend_type IS NULL AND datid IS NOT NULL))";

/// Room for connections on a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// `max_connections`.
    pub limit: i64,
    /// Kept for superusers and the like.
    pub reserved: i64,
    /// Whether we may use the reserve.
    pub superuser: bool,
    /// Connections of others.
    pub used: i64,
}

impl Capacity {
    pub(super) async fn read(client: &Client, application: &str) -> Result<Self, Error> {
        let row = client.query_one(QUERY, &[&application]).await?;
        Ok(Self {
            limit: row.try_get(0)?,
            reserved: row.try_get(1)?,
            superuser: row.try_get::<_, Option<bool>>(2)?.unwrap_or(false),
            used: row.try_get(3)?,
        })
    }

    /// Why `wanted` connections do not fit, if they do not.
    pub fn refusal(&self, wanted: u64) -> Option<String> {
        let Self { limit, used, .. } = *self;
        let reserved = if self.superuser { 0 } else { self.reserved };
        let free = limit - reserved - used - OURS;
        (i64::try_from(wanted).unwrap_or(i64::MAX) > free).then(|| {
            format!(
                "{wanted} connections do not fit: max_connections is {limit}, of which {reserved} \
                 are reserved, {used} are in use and {OURS} are needed to watch and clean up; \
                 use at most {}",
                free.max(0)
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_with_the_largest_that_does() {
        let capacity = Capacity {
            limit: 20,
            reserved: 3,
            superuser: false,
            used: 5,
        };
        assert_eq!(capacity.refusal(10), None);
        let refusal = capacity.refusal(11).unwrap();
        assert!(
            refusal.contains("max_connections is 20") && refusal.ends_with("at most 10"),
            "{refusal}"
        );
        let superuser = Capacity {
            superuser: true,
            ..capacity
        };
        assert_eq!(superuser.refusal(13), None);
        assert!(superuser.refusal(u64::MAX).is_some());
    }
}
