//! Plantings of wait events of PostgreSQL on a throwaway server.
//!
//! Left out are events of single pages and partitions (`LWLock:BufferContent`, `LockManager`,
//! `ProcArray`, the small caches), which become the largest part only on many cores; reads of the
//! disk (`IO:DataFileRead`), which the operating system serves from its cache here; and events of
//! parallel workers, which are no problem.

use crate::planting::{Beside, Declared, EIGHT, Load, Planting};

/// SQL that creates the table `stock`, which several plantings use, with 10,000 rows.
const STOCK: &str = "CREATE TABLE stock (id int PRIMARY KEY, n int, note text);
    INSERT INTO stock SELECT i, 0, repeat('x', 50) FROM generate_series(1, 10000) i;
    VACUUM ANALYZE stock;";

const fn plain(
    name: &'static str,
    declared: Declared,
    setup: &'static str,
    script: &'static str,
) -> Planting {
    Planting {
        name,
        declared,
        server: &[],
        setup,
        script,
        load: EIGHT,
        beside: &[],
    }
}

const fn declared(
    finding: &'static str,
    things: &'static [&'static str],
    impact: f64,
    tolerance: f64,
) -> Declared {
    Declared {
        finding,
        things,
        impact,
        tolerance,
    }
}

/// Impact when eight users take turns: one is served, and seven wait.
const SEVEN_OF_EIGHT: f64 = 0.85;

pub(crate) const ALL: &[Planting] = &[
    // All users insert the same key; each waits until the one before has rolled back or committed.
    plain(
        "Lock:transactionid",
        declared("lock_waits", &["transactionid", "INSERT INTO keys"], SEVEN_OF_EIGHT, 0.15),
        "CREATE TABLE keys (k int PRIMARY KEY);",
        "BEGIN;\nINSERT INTO keys VALUES (1) ON CONFLICT DO NOTHING;\n\\sleep 8 ms\nROLLBACK;\n",
    ),
    plain(
        "Lock:tuple",
        declared("lock_waits", &["tuple", "stock", "UPDATE stock"], SEVEN_OF_EIGHT, 0.15),
        STOCK,
        "BEGIN;\nUPDATE stock SET n = n + 1 WHERE id = 1;\n\\sleep 8 ms\nEND;\n",
    ),
    // Another application locks the table for three fifths of the time.
    Planting {
        beside: &[Beside::Sessions {
            application: "migration",
            clients: 1,
            script: "BEGIN;\nLOCK TABLE stock IN ACCESS EXCLUSIVE MODE;\n\\sleep 300 ms\nEND;\n\\sleep 200 ms\n",
        }],
        ..plain(
            "Lock:relation",
            declared("lock_waits", &["relation", "stock", "migration"], 0.6, 0.15),
            STOCK,
            "\\set id random(1, 10000)\nSELECT n FROM stock WHERE id = :id;\n",
        )
    },
    plain(
        "Lock:advisory",
        declared("lock_waits", &["advisory", "42"], SEVEN_OF_EIGHT, 0.15),
        "",
        "BEGIN;\nSELECT pg_advisory_xact_lock(42);\n\\sleep 8 ms\nEND;\n",
    ),
    // Transactions with NOTIFY commit one at a time, each with a flush.
    Planting {
        server: &[("commit_delay", "5000"), ("commit_siblings", "0")],
        ..plain(
            "Lock:object",
            declared("lock_waits", &["object"], 0.8, 0.2),
            STOCK,
            "\\set id random(1, 10000)\nBEGIN;\nUPDATE stock SET n = n + 1 WHERE id = :id;\nNOTIFY changed;\nEND;\n",
        )
    },
    // An index is built while transactions are open for most of the time.
    Planting {
        load: Load {
            users: 1,
            pool: 1,
            ..EIGHT
        },
        beside: &[Beside::Sessions {
            application: "report",
            clients: 4,
            script: "BEGIN ISOLATION LEVEL REPEATABLE READ;\nSELECT count(*) FROM stock;\n\\sleep 300 ms\nEND;\n",
        }],
        ..plain(
            "Lock:virtualxid",
            declared("lock_waits", &["virtualxid"], 0.9, 0.15),
            STOCK,
            "DROP INDEX IF EXISTS by_n;\nCREATE INDEX CONCURRENTLY by_n ON stock (n);\n",
        )
    },
    plain(
        "Timeout:PgSleep in a statement",
        declared("sleeps", &["PgSleep", "pg_sleep"], 0.95, 0.1),
        "",
        "SELECT pg_sleep(0.02);\n",
    ),
    plain(
        "Timeout:PgSleep in a trigger",
        declared("sleeps", &["PgSleep", "INSERT INTO orders"], 0.9, 0.15),
        "CREATE TABLE orders (id int);
         CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS
           $$BEGIN PERFORM pg_sleep(0.02); RETURN new; END$$;
         CREATE TRIGGER audit BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION audit();",
        "INSERT INTO orders VALUES (1);\n",
    ),
    // The first transaction of a group flushes the log slowly; the others wait for it.
    Planting {
        server: &[("commit_delay", "10000"), ("commit_siblings", "0")],
        ..plain(
            "LWLock:WALWrite",
            declared("commit_waits", &["WALWrite", "INSERT INTO events"], 0.8, 0.2),
            "CREATE TABLE events (id bigserial PRIMARY KEY, note text);",
            "INSERT INTO events (note) VALUES ('x');\n",
        )
    },
    Planting {
        beside: &[Beside::Writers {
            name: "backup-writer",
            count: 3,
        }],
        ..plain(
            "IO:WALSync",
            declared("commit_waits", &["WALSync", "INSERT INTO events"], 0.8, 0.2),
            "CREATE TABLE events (id bigserial PRIMARY KEY, note text);",
            "INSERT INTO events (note) VALUES ('x');\n",
        )
    },
    Planting {
        server: &[("work_mem", "64kB"), ("max_parallel_workers_per_gather", "0")],
        load: Load {
            users: 2,
            pool: 2,
            ..EIGHT
        },
        ..plain(
            "IO:BufFileWrite",
            declared("temp_files", &["BufFileWrite", "ORDER BY"], 0.3, 0.25),
            "CREATE TABLE logs AS SELECT i AS id, repeat(md5(i::text), 8) AS note FROM generate_series(1, 60000) i;
             VACUUM ANALYZE logs;",
            "SELECT count(*) FROM (SELECT note FROM logs ORDER BY note OFFSET 0) sorted;\n",
        )
    },
    plain(
        "Client:ClientRead in a transaction",
        declared("kept_transactions", &["idle in transaction"], 0.9, 0.12),
        STOCK,
        "\\set id random(1, 10000)\nBEGIN;\nSELECT n FROM stock WHERE id = :id;\n\\sleep 20 ms\nEND;\n",
    ),
    // For four fifths of the time nobody acknowledges the log.
    Planting {
        beside: &[Beside::Standby {
            every_ms: 500,
            stopped_ms: 400,
        }],
        ..plain(
            "IPC:SyncRep",
            declared("sync_replica", &["SyncRep"], 0.85, 0.15),
            "CREATE TABLE events (id bigserial PRIMARY KEY, note text);
             ALTER SYSTEM SET synchronous_standby_names = 'standby'; SELECT pg_reload_conf();",
            "INSERT INTO events (note) VALUES ('x');\n",
        )
    },
    plain(
        "Extension:Extension",
        declared("other_waits", &["Extension"], 0.9, 0.15),
        "CREATE EXTENSION postgres_fdw;
         CREATE VIEW slow AS SELECT pg_sleep(0.02)::text AS slept;
         DO $$BEGIN EXECUTE format(
           'CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host ''127.0.0.1'', port %L, dbname %L)',
           current_setting('port'), current_database());
         END$$;
         CREATE USER MAPPING FOR plimsoll SERVER elsewhere OPTIONS (user 'plimsoll', password 'planted');
         CREATE FOREIGN TABLE far (slept text) SERVER elsewhere OPTIONS (table_name 'slow');",
        "SELECT slept FROM far;\n",
    ),
    plain(
        "IPC:CheckpointDone",
        declared("other_waits", &["Checkpoint", "CHECKPOINT"], 0.9, 0.15),
        STOCK,
        "CHECKPOINT;\n",
    ),
    Planting {
        beside: &[Beside::Sessions {
            application: "report",
            clients: 4,
            script: "BEGIN ISOLATION LEVEL SERIALIZABLE;\nUPDATE stock SET n = n + 1 WHERE id = :client_id + 1;\n\\sleep 300 ms\nEND;\n",
        }],
        ..plain(
            "IPC:SafeSnapshot",
            declared("other_waits", &["SafeSnapshot"], 0.9, 0.15),
            STOCK,
            "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE;\nSELECT n FROM stock WHERE id = 100;\nEND;\n",
        )
    },
    // For three fifths of the time, a prepared transaction without a session holds the row that all users
    // need.
    Planting {
        server: &[("max_prepared_transactions", "5")],
        beside: &[Beside::Sessions {
            application: "coordinator",
            clients: 1,
            script: "BEGIN;\nUPDATE stock SET n = 0 WHERE id <= 8;\nPREPARE TRANSACTION 'left';\n\\sleep 300 ms\nCOMMIT PREPARED 'left';\n\\sleep 200 ms\n",
        }],
        ..plain(
            "Lock:transactionid of a prepared transaction",
            declared("lock_waits", &["transactionid", "stock", "prepared"], 0.6,
                0.15),
            STOCK,
            "UPDATE stock SET n = n + 1 WHERE id = :client_id + 1;\n",
        )
    },
];
