//! What belongs to a table: its indexes, its triggers, and foreign keys without an index between it
//! and other tables. A statement on the table causes work there.

use bench_report::names::postgres_tables::{indexes, triggers, unindexed_foreign_keys};
use bench_report::names::{ColumnName, TableName};
use bench_report::{EvidenceRow, ServerEvidence};

use crate::failure::message;
use crate::server::client::Client;
use crate::server::foreign_text::text;

const TRIGGERS: &str = "SELECT /* plimsoll evidence */ t.tgrelid::regclass::text, t.tgname::text,
           t.tgfoid::regproc::text
      FROM pg_trigger t
     WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgrelid::int8 = ANY ($1)
     ORDER BY 1, 2 LIMIT 20";
/// Query of foreign keys for which the referring table has no index. An index fits if its first
/// columns are those of the key, in any order.
const UNINDEXED: &str = "SELECT /* plimsoll evidence */ k.conrelid::regclass::text,
           (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY u.at)
              FROM unnest(k.conkey) WITH ORDINALITY AS u(number, at)
              JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number),
           k.confrelid::regclass::text
      FROM pg_constraint k
     WHERE k.contype = 'f' AND (k.conrelid::int8 = ANY ($1) OR k.confrelid::int8 = ANY ($1))
       AND NOT EXISTS (
           SELECT FROM pg_index i
            WHERE i.indrelid = k.conrelid AND i.indisvalid AND i.indpred IS NULL
              AND (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey)
     ORDER BY 1, 2 LIMIT 20";

/// Query of usable indexes with their columns or expressions, the leading one first.
const INDEXES: &str = "SELECT /* plimsoll evidence */ i.indrelid::regclass::text, c.relname::text,
           (SELECT string_agg(pg_get_indexdef(i.indexrelid, k::int, true), ', ' ORDER BY k)
              FROM generate_series(1, i.indnkeyatts) AS k)
             || CASE WHEN i.indpred IS NULL THEN '' ELSE ' (partial)' END
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
     WHERE i.indisvalid AND i.indrelid::int8 = ANY ($1)
     ORDER BY 1, 2 LIMIT 100";

/// Writes into `evidence` the indexes and triggers of the tables with the object ids `touched`, and the
/// foreign keys from or to them that have no index; at most 100 indexes, and 20 of each other kind. If
/// `touched` is not known, all of them are recorded as unavailable with the reason.
pub(super) async fn report(
    client: &Client,
    touched: Result<&[i64], &str>,
    evidence: &mut ServerEvidence,
) {
    let tables: [(TableName, &str, [ColumnName; 3]); 3] = [
        (
            indexes::TABLE,
            INDEXES,
            [indexes::RELATION, indexes::INDEX, indexes::COLUMNS],
        ),
        (
            triggers::TABLE,
            TRIGGERS,
            [triggers::RELATION, triggers::TRIGGER, triggers::FUNCTION],
        ),
        (
            unindexed_foreign_keys::TABLE,
            UNINDEXED,
            [
                unindexed_foreign_keys::CHILD,
                unindexed_foreign_keys::COLUMNS,
                unindexed_foreign_keys::PARENT,
            ],
        ),
    ];
    for (name, query, labels) in tables {
        let found = match touched {
            Ok(touched) => rows(client, query, touched, labels).await,
            Err(reason) => Err(reason.to_owned()),
        };
        match found {
            Ok(rows) => evidence.table(name, rows),
            Err(reason) => drop(evidence.unavailable.insert(name.to_string(), reason)),
        }
    }
}

async fn rows(
    client: &Client,
    query: &str,
    touched: &[i64],
    labels: [ColumnName; 3],
) -> Result<Vec<EvidenceRow>, String> {
    let mut rows = Vec::new();
    for row in client.query(query, &[&touched]).await.map_err(message)? {
        let mut named = EvidenceRow::default();
        for (at, label) in labels.iter().enumerate() {
            let value = text(&row, at).map_err(message)?;
            named.labels.insert(label.to_string(), value);
        }
        rows.push(named);
    }
    Ok(rows)
}
