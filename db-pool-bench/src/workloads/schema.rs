//! Our own schema: made for one run, removed after it, and nothing else is ever dropped.

use std::time::Duration;

use tokio_postgres::{Client, Error};

/// Rows of `accounts` at scale 1: loads in well under a second, fits into any cache.
const ROWS_PER_SCALE: u64 = 100_000;
/// Between looks whether our backends are gone.
const LOOK: Duration = Duration::from_millis(10);
const LOOKS: usize = 50;

/// The schema of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    name: String,
}

impl Schema {
    /// The schema of the run `run_id`: lower-case letters, digits and `_`, so that it needs no
    /// quoting anywhere.
    pub fn of_run(run_id: &str) -> Self {
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '_'
            }
        };
        Self {
            name: format!("plimsoll_{}", run_id.chars().map(plain).collect::<String>()),
        }
    }

    /// Its name, which connections of the run carry as their application's name too.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Makes the schema with `scale` × 100,000 accounts; returns the number of rows.
    ///
    /// # Errors
    /// What the server said; what was made until then is for [`Schema::remove`].
    pub async fn create(&self, client: &Client, scale: u64) -> Result<i32, Error> {
        let name = &self.name;
        let rows = i32::try_from(scale.saturating_mul(ROWS_PER_SCALE)).unwrap_or(i32::MAX);
        client
            .batch_execute(&format!(
                "CREATE SCHEMA {name};
                 COMMENT ON SCHEMA {name} IS 'made by plimsoll for one run; may be dropped after it';
                 CREATE TABLE {name}.accounts (id int4 NOT NULL, balance int4 NOT NULL, filler char(84) NOT NULL);
                 CREATE TABLE {name}.history (account_id int4 NOT NULL, delta int4 NOT NULL, at timestamptz NOT NULL DEFAULT now());
                 INSERT INTO {name}.accounts SELECT id, 0, '' FROM generate_series(1, {rows}) AS id;
                 ALTER TABLE {name}.accounts ADD PRIMARY KEY (id)"
            ))
            .await?;
        // A first reader would otherwise write hint bits, and plans would rest on guesses.
        client
            .batch_execute(&format!("VACUUM (ANALYZE) {name}.accounts"))
            .await?;
        Ok(rows)
    }

    /// Ends the connections of this run that are still open, then drops the schema.
    ///
    /// # Errors
    /// What the server said, as when another session holds a lock on our tables.
    pub async fn remove(&self, client: &Client) -> Result<(), Error> {
        self.end_connections(client).await?;
        client
            .batch_execute(&format!(
                "SET lock_timeout = '1s'; DROP SCHEMA IF EXISTS {} CASCADE",
                self.name
            ))
            .await
    }

    /// A statement still running there would hold its locks, or make what we have just dropped.
    async fn end_connections(&self, client: &Client) -> Result<(), Error> {
        let ours = "FROM pg_stat_activity
                    WHERE starts_with(application_name, $1) AND pid <> pg_backend_pid()";
        let end = format!("SELECT pg_terminate_backend(pid) {ours}");
        client.query(&end, &[&self.name]).await?;
        let count = client.prepare(&format!("SELECT count(*) {ours}")).await?;
        for _ in 0..LOOKS {
            let left: i64 = client.query_one(&count, &[&self.name]).await?.get(0);
            if left == 0 {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_needs_no_quoting_and_fits() {
        let schema = Schema::of_run("20260314-091500-7F3a\"; DROP");
        assert_eq!(schema.name(), "plimsoll_20260314_091500_7f3a___drop");
        assert!(Schema::of_run("20260314-091500-7f3a").name().len() < 63);
    }
}
