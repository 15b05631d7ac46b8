//! Throwaway server, and a connection of the test to it beside those of the bench.
#![allow(dead_code)] // Each test file uses its part.

use pg_connect::Address;
use pg_evidence::Client;
use test_support::eventually;
use testbed::{Postgres, PostgresOptions};

/// Password of the server's user; no other text of the tests contains it.
pub(crate) const PASSWORD: &str = "Zq7hunter2qZ";

pub(crate) fn postgres(settings: &[(&str, &str)]) -> Postgres {
    let settings = settings
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Postgres::start(&PostgresOptions {
        fsync: false,
        password: Some(PASSWORD.to_owned()),
        settings: settings.collect(),
        ..PostgresOptions::default()
    })
    .unwrap()
}

/// Connection of the test to the server, beside those of the bench, with blocking calls.
pub(crate) struct Talk {
    runtime: tokio::runtime::Runtime,
    client: Client,
}

impl Talk {
    pub(crate) fn to(url: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let client = runtime
            .block_on(Client::open(&Address::parse(url).unwrap(), "a_test"))
            .unwrap();
        Self { runtime, client }
    }

    pub(crate) fn execute(&self, sql: &str) {
        self.runtime
            .block_on(self.client.batch_execute(sql))
            .unwrap();
    }

    /// Executes `sql`, which the server must refuse, and returns the server's error message.
    pub(crate) fn refusal(&self, sql: &str) -> String {
        let refused = self.runtime.block_on(self.client.batch_execute(sql));
        let error = refused.expect_err("the server refuses it");
        error
            .as_db_error()
            .expect("the server's own error")
            .to_string()
    }

    pub(crate) fn names(&self, sql: &str) -> Vec<String> {
        let rows = self.runtime.block_on(self.client.query(sql, &[])).unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Returns the names of the schemas of runs that exist on the server.
    pub(crate) fn schemas(&self) -> Vec<String> {
        self.names("SELECT nspname::text FROM pg_namespace WHERE nspname LIKE 'plimsoll%'")
    }

    /// Returns the application names of the connections of runs that are open on the server, one
    /// for each connection.
    pub(crate) fn connections(&self) -> Vec<String> {
        self.names(
            "SELECT application_name FROM pg_stat_activity WHERE application_name LIKE 'plimsoll%'",
        )
    }

    /// Asserts that the server has no schema of a run, and waits until the last connection of a run
    /// is closed, because terminated backends may take a moment.
    pub(crate) fn assert_nothing_is_left(&self) {
        assert_eq!(self.schemas(), [""; 0]);
        eventually("its connections are gone", || self.connections().is_empty());
    }
}
