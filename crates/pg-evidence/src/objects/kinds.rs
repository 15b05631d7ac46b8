//! Kinds of database objects with counters, and the columns that are read of each.

use bench_report::names::postgres_tables::{functions, slru, tables};
use bench_report::names::{ColumnName, TableName};

use crate::failure::message;
use crate::server::client::Client;

/// Kind of database objects with counters, such as tables.
#[derive(Debug)]
pub(super) struct ObjectKind {
    /// Name of the kind's table in the evidence.
    pub(super) name: TableName,
    /// Label of a row in the evidence that has the object's name as its value.
    pub(super) label: ColumnName,
    /// SQL expressions of an object's id (8-byte integer) and name, separated by a comma.
    pub(super) identity: &'static str,
    /// SQL of the relation to select from, for a `FROM` clause.
    pub(super) source: &'static str,
    /// Query of the number of objects, for kinds that may have very many; `None` for others.
    pub(super) count: Option<&'static str>,
    /// Setting that can disable counting, with the value that does so; `None` if counting is always
    /// on.
    pub(super) needs: Option<(&'static str, &'static str)>,
    pub(super) columns: &'static [ObjectColumn],
}

/// Column that is read of an object, which becomes one of its figures.
#[derive(Debug, Clone, Copy)]
pub(super) struct ObjectColumn {
    pub(super) name: ColumnName,
    sql: &'static str,
    /// True for a state, of which the last value is reported; false for a counter, of which the
    /// growth is.
    pub(super) is_state: bool,
    /// True if the figure is part of an object's work, by which objects are sorted and selected.
    pub(super) weighs: bool,
}

impl ObjectColumn {
    pub(super) const fn count(name: ColumnName, sql: &'static str) -> Self {
        Self {
            name,
            sql,
            is_state: false,
            weighs: false,
        }
    }

    /// Creates a counter that is part of an object's work, by which objects are sorted. `sql` is
    /// the expression of its value.
    pub(super) const fn work(name: ColumnName, sql: &'static str) -> Self {
        Self {
            weighs: true,
            ..Self::count(name, sql)
        }
    }

    pub(super) const fn state(name: ColumnName, sql: &'static str) -> Self {
        Self {
            is_state: true,
            ..Self::count(name, sql)
        }
    }
}

impl ObjectKind {
    pub(super) fn query(&self) -> String {
        let columns = self
            .columns
            .iter()
            .map(|c| format!(", ({})::float8", c.sql));
        format!(
            "SELECT /* plimsoll evidence */ {}{} FROM {}",
            self.identity,
            columns.collect::<String>(),
            self.source
        )
    }

    /// Returns the reason for which the server does not count objects of this kind; `None` if it
    /// counts them. Fails with a message if the setting cannot be read.
    pub(super) async fn off(&self, client: &Client) -> Result<Option<String>, String> {
        let Some((setting, off)) = self.needs else {
            return Ok(None);
        };
        let query = format!("SELECT /* plimsoll evidence */ current_setting('{setting}')");
        let row = client.query_one(&query, &[]).await.map_err(message)?;
        let value: String = row.try_get(0).map_err(message)?;
        Ok((value == off).then(|| format!("{setting} is {off}")))
    }
}

pub(super) const KINDS: [ObjectKind; 3] = [
    ObjectKind {
        name: tables::TABLE,
        label: tables::RELATION,
        identity: "t.relid::int8, t.relid::regclass::text",
        source: "pg_stat_user_tables t JOIN pg_statio_user_tables i USING (relid)
                   JOIN pg_class c ON c.oid = t.relid",
        count: Some(
            "SELECT /* plimsoll evidence */ count(*) FROM pg_class WHERE relkind IN ('r', 'm', 'p')",
        ),
        needs: None,
        columns: &[
            ObjectColumn::count(tables::SEQ_SCAN, "t.seq_scan"),
            ObjectColumn::work(tables::SEQ_TUP_READ, "t.seq_tup_read"),
            ObjectColumn::work(tables::IDX_SCAN, "t.idx_scan"),
            // Entries read from all indexes of the table, including index-only scans.
            ObjectColumn::count(
                tables::IDX_ENTRIES_READ,
                "(SELECT sum(x.idx_tup_read) FROM pg_stat_user_indexes x WHERE x.relid = t.relid)",
            ),
            ObjectColumn::work(tables::INSERTED, "t.n_tup_ins"),
            ObjectColumn::work(tables::UPDATED, "t.n_tup_upd"),
            ObjectColumn::count(tables::HOT_UPDATED, "t.n_tup_hot_upd"),
            ObjectColumn::work(tables::DELETED, "t.n_tup_del"),
            ObjectColumn::state(tables::LIVE, "t.n_live_tup"),
            ObjectColumn::state(tables::DEAD, "t.n_dead_tup"),
            ObjectColumn::work(
                tables::BLOCKS_READ,
                "i.heap_blks_read + coalesce(i.idx_blks_read, 0)",
            ),
            ObjectColumn::count(
                tables::BLOCKS_HIT,
                "i.heap_blks_hit + coalesce(i.idx_blks_hit, 0)",
            ),
            ObjectColumn::count(
                tables::TOAST_BLOCKS,
                "i.toast_blks_read + i.toast_blks_hit + i.tidx_blks_read + i.tidx_blks_hit",
            ),
            // Estimate of the last VACUUM or ANALYZE; 0 if there was none.
            ObjectColumn::state(tables::PAGES, "nullif(c.relpages, 0)"),
            ObjectColumn::state(tables::ROWS_ESTIMATED, "nullif(c.reltuples, -1)"),
            ObjectColumn::state(tables::MODIFIED_SINCE_ANALYZE, "t.n_mod_since_analyze"),
            ObjectColumn::state(
                tables::SECONDS_SINCE_ANALYZE,
                "extract(epoch FROM clock_timestamp() - greatest(t.last_analyze, t.last_autoanalyze))",
            ),
        ],
    },
    ObjectKind {
        name: functions::TABLE,
        label: functions::FUNCTION,
        identity: "funcid::int8, schemaname || '.' || funcname",
        source: "pg_stat_user_functions",
        count: None,
        needs: Some(("track_functions", "none")),
        columns: &[
            ObjectColumn::count(functions::CALLS, "calls"),
            ObjectColumn::work(functions::TOTAL_NS, "total_time * 1e6"),
            ObjectColumn::count(functions::SELF_NS, "self_time * 1e6"),
        ],
    },
    ObjectKind {
        name: slru::TABLE,
        label: slru::NAME,
        identity: "hashtext(name)::int8, name",
        source: "pg_stat_slru",
        count: None,
        needs: None,
        columns: &[
            ObjectColumn::work(slru::BLOCKS_READ, "blks_read"),
            ObjectColumn::work(slru::BLOCKS_HIT, "blks_hit"),
            ObjectColumn::work(slru::BLOCKS_ZEROED, "blks_zeroed"),
        ],
    },
];
