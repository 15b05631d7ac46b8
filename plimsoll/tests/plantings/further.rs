//! Causes that are in none of the three lists, so that they do not change the draw. They are planted by name.
//!
//! SQLSTATE 53300 (too many connections) is left out: the bench counts the server's free connections before
//! it opens a pool, and reports a pool that does not fit (`step_failed`).

use crate::planting::{Beside, EIGHT, Load, Planting};

const STOCK: &str = "CREATE TABLE stock (id int PRIMARY KEY, n int, note text);
    INSERT INTO stock SELECT i, 0, repeat('x', 50) FROM generate_series(1, 10000) i;
    VACUUM ANALYZE stock;";
const LOGS: &str = "CREATE TABLE logs (id int PRIMARY KEY, who text, note text);
    INSERT INTO logs SELECT i, (i % 5000)::text, repeat('x', 60) FROM generate_series(1, 100000) i;
    CREATE INDEX by_who ON logs (who);
    VACUUM ANALYZE logs;";
const BY_KEY: &str = "\\set id random(1, 10000)\nSELECT note FROM stock WHERE id = :id;\n";

const FOUR: Load = Load {
    users: 4,
    pool: 4,
    ..EIGHT
};

pub(crate) const ALL: &[Planting] = &[
    Planting {
        load: Load {
            users: 2,
            pool: 2,
            ..EIGHT
        },
        ..Planting::plain(
            "further: Client:ClientWrite of a large result",
            ("client_waits", &["ClientWrite", "repeat"]),
            (0.5, 0.35),
            "",
            "SELECT repeat('x', 1000) FROM generate_series(1, 20000);\n",
        )
    },
    Planting {
        server: &[("synchronous_commit", "off"), ("max_wal_size", "4GB")],
        ..Planting::plain(
            "further: Lock:extend",
            ("lock_waits", &["extend", "events"]),
            (0.4, 0.3),
            "CREATE UNLOGGED TABLE events (note text) WITH (fillfactor = 10);
             ALTER TABLE events ALTER note SET STORAGE PLAIN;",
            "INSERT INTO events SELECT repeat('x', 2000) FROM generate_series(1, 200);\n",
        )
    },
    Planting {
        beside: &[Beside::Sessions {
            application: "housekeeping",
            clients: 1,
            script: "VACUUM FULL stock;\n\\sleep 50 ms\n",
        }],
        ..Planting::plain(
            "further: VACUUM FULL by somebody else",
            ("lock_waits", &["relation", "stock", "housekeeping"]),
            (0.7, 0.25),
            "CREATE TABLE stock (id int PRIMARY KEY, n int, note text);
             INSERT INTO stock SELECT i, 0, repeat('x', 50) FROM generate_series(1, 200000) i;
             VACUUM ANALYZE stock;",
            BY_KEY,
        )
    },
    Planting {
        load: FOUR,
        beside: &[Beside::Sessions {
            application: "report",
            clients: 3,
            script: "SELECT sum(sqrt(a.i)) FROM generate_series(1, 3000000) a(i);\n",
        }],
        ..Planting::plain(
            "further: CPU used by a report in the same server",
            ("other_applications", &["report"]),
            (0.5, 0.3),
            STOCK,
            BY_KEY,
        )
    },
    Planting {
        load: FOUR,
        ..Planting::plain(
            "further: a cast that no index serves",
            ("sequential_scans", &["logs"]),
            (0.85, 0.15),
            LOGS,
            "\\set who random(1, 5000)\nSELECT count(*) FROM logs WHERE who::int = :who;\n",
        )
    },
    Planting {
        server: &[("random_page_cost", "100000"), ("max_parallel_workers_per_gather", "0")],
        load: FOUR,
        ..Planting::plain(
            "further: random_page_cost too high",
            ("sequential_scans", &["logs"]),
            (0.85, 0.15),
            LOGS,
            "\\set who random(1, 5000)\nSELECT count(note) FROM logs WHERE who = (:who)::text;\n",
        )
    },
    Planting {
        beside: &[Beside::Sessions {
            application: "backoffice",
            clients: 1,
            script: "BEGIN;\nUPDATE stock SET n = n + 1 WHERE id <= 10;\n\\sleep 400 ms\nEND;\n\\sleep 150 ms\n",
        }],
        ..Planting::plain(
            "further: idle in transaction of another application",
            ("lock_waits", &["transactionid", "stock", "backoffice", "idle in transaction"]),
            (0.7, 0.25),
            STOCK,
            "\\set id random(1, 10)\nUPDATE stock SET n = n + 1 WHERE id = :id;\n",
        )
    },
    Planting {
        load: Load {
            network_delay: "2ms",
            ..FOUR
        },
        ..Planting::plain(
            "further: N+1 statements over a network",
            ("round_trips", &["round trip"]),
            (0.9, 0.1),
            STOCK,
            "\\set id random(1, 9000)\nSELECT n FROM stock WHERE id = :id;\nSELECT note FROM stock WHERE id = :id + 1;\nSELECT note FROM stock WHERE id = :id + 2;\nSELECT note FROM stock WHERE id = :id + 3;\nSELECT note FROM stock WHERE id = :id + 4;\nSELECT note FROM stock WHERE id = :id + 5;\nSELECT note FROM stock WHERE id = :id + 6;\n",
        )
    },
    Planting {
        load: Load {
            users: 16,
            pool: 2,
            ..EIGHT
        },
        ..Planting::plain(
            "further: a pool too small for users who hold connections",
            ("kept_transactions", &["idle in transaction"]),
            (0.9, 0.12),
            STOCK,
            "\\set id random(1, 10000)\nBEGIN;\nSELECT n FROM stock WHERE id = :id;\n\\sleep 10 ms\nEND;\n",
        )
    },
    Planting::plain(
            "further: a hot row until the statement times out",
            ("errors_past_objective", &["57014", "UPDATE stock"]),
            (0.4, 0.4),
            "CREATE TABLE stock (id int PRIMARY KEY, n int); INSERT INTO stock VALUES (1, 0);
             ALTER DATABASE plimsoll SET statement_timeout = '60ms';",
            "BEGIN;\nUPDATE stock SET n = n + 1 WHERE id = 1;\n\\sleep 25 ms\nEND;\n",
    ),
    Planting {
        server: &[("max_wal_size", "32MB"), ("checkpoint_timeout", "1h"), ("min_wal_size", "32MB")],
        ..Planting::plain(
            "further: checkpoints for want of max_wal_size",
            ("requested_checkpoints", &["max_wal_size"]),
            (0.5, 0.5),
            "CREATE TABLE stock (id int PRIMARY KEY, n int, note text);
             INSERT INTO stock SELECT i, 0, repeat('x', 200) FROM generate_series(1, 200000) i;
             VACUUM ANALYZE stock;",
            "\\set id random(1, 200000)\nUPDATE stock SET n = n + 1 WHERE id = :id;\n",
        )
    },
    Planting {
        beside: &[Beside::Sessions {
            application: "supplier",
            clients: 1,
            script: "BEGIN;\nSELECT id FROM products WHERE id = 1 FOR UPDATE;\n\\sleep 200 ms\nEND;\n\\sleep 80 ms\n",
        }],
        ..Planting::plain(
            "further: a foreign key's parent that is being changed",
            ("lock_waits", &["transactionid", "supplier"]),
            (0.7, 0.25),
            "CREATE TABLE products (id int PRIMARY KEY); INSERT INTO products SELECT generate_series(1, 10);
             CREATE TABLE lines (product int REFERENCES products);",
            "INSERT INTO lines VALUES (1);\n",
        )
    },
    Planting {
        load: Load {
            users: 64,
            pool: 1,
            ..EIGHT
        },
        ..Planting::plain(
            "further: a pool of one for many users",
            ("pool_too_small", &["1"]),
            (0.5, 0.5),
            STOCK,
            BY_KEY,
        )
    },
    Planting {
        load: Load {
            users: 16,
            pool: 2,
            network_delay: "5ms",
            ..EIGHT
        },
        ..Planting::plain(
            "further: a pool too small while the server has room",
            ("pool_too_small", &["2"]),
            (0.8, 0.2),
            STOCK,
            BY_KEY,
        )
    },
];
