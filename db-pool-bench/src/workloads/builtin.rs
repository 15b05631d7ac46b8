//! Built-in workloads: scripts like those of users, on tables like those of `pgbench -i`.

use clap::ValueEnum;

use super::{ScriptEntry, Tables, WorkloadDraft};
use crate::protocol::Protocol;
use pgbench_script::{ScriptError, ScriptSource, ScriptValue};

/// Built-in workload, which `--workload` selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Builtin {
    /// Read one row by its key, as `pgbench -S` does
    PointSelect,
    /// 95 % of requests read a row, 5 % update one
    ReadHeavy,
    /// 70 % of requests read, 20 % update, 10 % are transactions
    Mixed,
    /// 20 % of requests read, 40 % update, 20 % insert, 20 % do both
    WriteHeavy,
    /// The transaction of pgbench: three updates, a select and an insert
    TpcbLike,
    /// `SELECT 1`, so that the checkout is the main cost
    CheckoutOnly,
    /// Aggregate 10,000 neighbouring rows in each request
    Report,
}

/// Built-in script: its label, the operation that its executions count for, its weight relative to
/// the other scripts of the workload, and its text in pgbench's language. `{accounts}`,
/// `{history}`, `{tellers}` and `{branches}` in the text are replaced by names of tables.
type BuiltinScript = (&'static str, &'static str, u32, &'static str);

const READ: &str = "\\set aid random(1, :rows)
SELECT abalance FROM {accounts} WHERE aid = :aid;
";
const UPDATE: &str = "\\set aid random(1, :rows)
\\set delta random(-100, 100)
UPDATE {accounts} SET abalance = abalance + :delta WHERE aid = :aid;
";
const INSERT: &str = "\\set aid random(1, :rows)
\\set delta random(-100, 100)
INSERT INTO {history} (aid, delta, mtime) VALUES (:aid, :delta, CURRENT_TIMESTAMP);
";
const TRANSFER: &str = "\\set aid random(1, :rows)
\\set delta random(-100, 100)
BEGIN;
UPDATE {accounts} SET abalance = abalance + :delta WHERE aid = :aid;
INSERT INTO {history} (aid, delta, mtime) VALUES (:aid, :delta, CURRENT_TIMESTAMP);
END;
";
const TPCB_LIKE: &str = "\\set aid random(1, 100000 * :scale)
\\set bid random(1, 1 * :scale)
\\set tid random(1, 10 * :scale)
\\set delta random(-5000, 5000)
BEGIN;
UPDATE {accounts} SET abalance = abalance + :delta WHERE aid = :aid;
SELECT abalance FROM {accounts} WHERE aid = :aid;
UPDATE {tellers} SET tbalance = tbalance + :delta WHERE tid = :tid;
UPDATE {branches} SET bbalance = bbalance + :delta WHERE bid = :bid;
INSERT INTO {history} (tid, bid, aid, delta, mtime) VALUES (:tid, :bid, :aid, :delta, CURRENT_TIMESTAMP);
END;
";
const REPORT: &str = "\\set first random(1, greatest(1, :rows - 9999))
SELECT bid, count(*), sum(abalance), min(abalance), max(abalance)
FROM {accounts} WHERE aid BETWEEN :first AND :first + 9999 GROUP BY bid;
";

/// Placeholders for the tables' names in the texts of built-in scripts, without their braces.
const TABLES: [&str; 4] = ["accounts", "history", "tellers", "branches"];

impl Builtin {
    /// Returns the name of this built-in workload as written on the command line, for example
    /// `read-heavy`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::PointSelect => "point-select",
            Self::ReadHeavy => "read-heavy",
            Self::Mixed => "mixed",
            Self::WriteHeavy => "write-heavy",
            Self::TpcbLike => "tpcb-like",
            Self::CheckoutOnly => "checkout-only",
            Self::Report => "report",
        }
    }

    /// Returns the one-line description of this built-in workload from the help text, without a
    /// trailing full stop.
    pub(crate) fn summary(self) -> String {
        let value = self.to_possible_value();
        let help = value.as_ref().and_then(|value| value.get_help());
        help.map(ToString::to_string).unwrap_or_default()
    }

    /// Returns true if the workload reads or writes pgbench's tables: every built-in workload
    /// except `checkout-only`.
    pub(crate) fn needs_tables(self) -> bool {
        self != Self::CheckoutOnly
    }

    /// Compiles the workload for `tables` and `protocol`; no server is contacted. `seed` is the
    /// seed of the hash functions in scripts. The variables `:rows` and `:scale` have the values of
    /// `tables`.
    ///
    /// # Errors
    /// Never fails for the built-in scripts.
    pub(crate) fn draft(
        self,
        tables: &Tables,
        seed: u64,
        protocol: Protocol,
    ) -> Result<WorkloadDraft, ScriptError> {
        let constants = [("rows", tables.rows), ("scale", tables.scale)];
        let constants =
            constants.map(|(name, value)| (name.to_owned(), ScriptValue::Integer(value)));
        let entries = self.entries(|table| tables.name(table));
        WorkloadDraft::new(entries, &constants, seed, protocol)
    }

    /// Returns the scripts of the workload, uncompiled, with table names filled in. `table` maps
    /// `accounts`, `history`, `tellers` and `branches` to the name that statements use for that
    /// table.
    pub(crate) fn entries(self, table: impl Fn(&str) -> String) -> Vec<ScriptEntry> {
        let entry = |(label, operation, weight, text): &BuiltinScript| {
            let mut text = (*text).to_owned();
            for name in TABLES {
                text = text.replace(&format!("{{{name}}}"), &table(name));
            }
            ScriptEntry {
                source: ScriptSource {
                    file: format!("{}/{label}", self.name()),
                    text,
                },
                label: (*label).to_owned(),
                operation: (*operation).to_owned(),
                weight: *weight,
            }
        };
        self.scripts().iter().map(entry).collect()
    }

    fn scripts(self) -> &'static [BuiltinScript] {
        match self {
            Self::PointSelect => &[("select", "select", 1, READ)],
            Self::ReadHeavy => &[("read", "read", 95, READ), ("update", "write", 5, UPDATE)],
            Self::Mixed => &[
                ("read", "read", 70, READ),
                ("update", "write", 20, UPDATE),
                ("transfer", "write", 10, TRANSFER),
            ],
            Self::WriteHeavy => &[
                ("read", "read", 20, READ),
                ("update", "write", 40, UPDATE),
                ("insert", "write", 20, INSERT),
                ("transfer", "write", 20, TRANSFER),
            ],
            Self::TpcbLike => &[("tpcb-like", "transaction", 1, TPCB_LIKE)],
            Self::CheckoutOnly => &[("checkout", "checkout", 1, "SELECT 1;\n")],
            Self::Report => &[("report", "report", 1, REPORT)],
        }
    }
}
