//! Plantings of SQLSTATEs that occur under load, each in a known share of the calls.

use crate::planting::{Beside, Declared, EIGHT, Load, Planting};

/// Share of the calls that fail; the scripts draw one of five numbers at random.
const ONE_IN_FIVE: f64 = 0.2;

/// Load of 100 arrivals per second in an open loop, which a throwaway server carries with ease.
const RATED: Load = Load {
    rate: Some(100),
    ..EIGHT
};

const fn failing(
    name: &'static str,
    things: &'static [&'static str],
    setup: &'static str,
    script: &'static str,
) -> Planting {
    Planting {
        name,
        declared: Declared {
            finding: "errors_past_objective",
            things,
            impact: ONE_IN_FIVE,
            tolerance: 0.06,
        },
        server: &[],
        setup,
        script,
        load: RATED,
        beside: &[],
    }
}

const fn sharing(planting: Planting, impact: f64, tolerance: f64) -> Planting {
    Planting {
        declared: Declared {
            impact,
            tolerance,
            ..planting.declared
        },
        ..planting
    }
}

const FAILS: &str = "CREATE FUNCTION fails(d int, statement text) RETURNS int LANGUAGE plpgsql AS
    $$BEGIN IF d = 5 THEN EXECUTE statement; END IF; RETURN d; END$$;";

pub(crate) const ALL: &[Planting] = &[
    failing(
        "SQLSTATE 22012 (division by zero)",
        &["22012", "division by zero"],
        "",
        "\\set d random(0, 4)\nSELECT 10 / :d;\n",
    ),
    failing(
        "SQLSTATE 22003 (numeric value out of range)",
        &["22003", "out of range"],
        "",
        "\\set d random(1, 5)\nSELECT 2147483643 + :d::int;\n",
    ),
    failing(
        "SQLSTATE 22001 (string too long)",
        &["22001", "too long"],
        "CREATE TABLE names (name varchar(40));",
        "\\set d random(1, 5)\nINSERT INTO names VALUES (repeat('x', :d::int * 10 - 9));\n",
    ),
    failing(
        "SQLSTATE 22P02 (invalid text for a number)",
        &["22P02", "invalid input syntax"],
        "",
        "\\set d random(1, 5)\nSELECT replace(:d::text, '5', 'five')::int;\n",
    ),
    failing(
        "SQLSTATE 21000 (more than one row of a subquery)",
        &["21000", "more than one row"],
        "",
        "\\set d random(1, 5)\nSELECT (SELECT i FROM generate_series(1, 1 + :d::int / 5) i);\n",
    ),
    failing(
        "SQLSTATE 23505 (unique key)",
        &["23505", "orders_key"],
        "CREATE TABLE orders (d int); INSERT INTO orders VALUES (5);
         CREATE UNIQUE INDEX orders_key ON orders (d) WHERE d = 5;",
        "\\set d random(1, 5)\nINSERT INTO orders VALUES (:d);\n",
    ),
    failing(
        "SQLSTATE 23503 (foreign key)",
        &["23503", "lines_product_fkey"],
        "CREATE TABLE products (id int PRIMARY KEY); INSERT INTO products SELECT generate_series(1, 4);
         CREATE TABLE lines (product int REFERENCES products);",
        "\\set d random(1, 5)\nINSERT INTO lines VALUES (:d);\n",
    ),
    failing(
        "SQLSTATE 23502 (not null)",
        &["23502", "null value"],
        "CREATE TABLE orders (d int NOT NULL);",
        "\\set d random(1, 5)\nINSERT INTO orders VALUES (nullif(:d::int, 5));\n",
    ),
    failing(
        "SQLSTATE 23514 (check)",
        &["23514", "orders_d_check"],
        "CREATE TABLE orders (d int CHECK (d < 5));",
        "\\set d random(1, 5)\nINSERT INTO orders VALUES (:d);\n",
    ),
    // A transaction that waits for a row which was changed meanwhile fails: about seven of eight users.
    sharing(
        Planting {
            load: EIGHT,
            ..failing(
                "SQLSTATE 40001 (serialization failure)",
                &["40001", "could not serialize"],
                "CREATE TABLE stock (id int PRIMARY KEY, n int); INSERT INTO stock VALUES (1, 0);",
                "BEGIN ISOLATION LEVEL REPEATABLE READ;\nUPDATE stock SET n = n + 1 WHERE id = 1;\n\\sleep 5 ms\nEND;\n",
            )
        },
        0.8,
        0.2,
    ),
    // Two rows are locked in either order; of two transactions that wait for each other, one fails.
    sharing(
        Planting {
            server: &[("deadlock_timeout", "20ms")],
            load: Load {
                users: 4,
                pool: 4,
                ..EIGHT
            },
            ..failing(
                "SQLSTATE 40P01 (deadlock)",
                &["40P01", "deadlock detected"],
                "CREATE TABLE stock (id int PRIMARY KEY, n int); INSERT INTO stock VALUES (1, 0), (2, 0);",
                "\\set a random(1, 2)\n\\set b 3 - :a\nBEGIN;\nUPDATE stock SET n = n + 1 WHERE id = :a;\n\\sleep 5 ms\nUPDATE stock SET n = n + 1 WHERE id = :b;\nEND;\n",
            )
        },
        0.35,
        0.25,
    ),
    // Another application holds the row for half of the time.
    sharing(
        Planting {
            beside: &[Beside::Sessions {
                application: "shop",
                clients: 1,
                script: "BEGIN;\nUPDATE stock SET n = 0 WHERE id = 1;\n\\sleep 250 ms\nEND;\n\\sleep 250 ms\n",
            }],
            ..failing(
                "SQLSTATE 55P03 (lock not available)",
                &["55P03", "could not obtain lock"],
                "CREATE TABLE stock (id int PRIMARY KEY, n int); INSERT INTO stock VALUES (1, 0);",
                "SELECT n FROM stock WHERE id = 1 FOR SHARE NOWAIT;\n",
            )
        },
        0.5,
        0.12,
    ),
    Planting {
        setup: "ALTER ROLE plimsoll SET statement_timeout = '60ms';",
        ..failing(
            "SQLSTATE 57014 (statement timeout)",
            &["57014", "statement timeout"],
            "",
            "\\set d random(1, 5)\nSELECT pg_sleep(0.2 * (:d::int / 5));\n",
        )
    },
    failing(
        "SQLSTATE 25006 (read-only transaction)",
        &["25006", "read-only"],
        "CREATE TABLE orders (d int);
         CREATE FUNCTION fails(d int) RETURNS void LANGUAGE plpgsql AS
           $$BEGIN IF d = 5 THEN SET TRANSACTION READ ONLY; END IF; INSERT INTO orders VALUES (d); END$$;",
        "\\set d random(1, 5)\nSELECT fails(:d);\n",
    ),
    failing(
        "SQLSTATE 42P01 (no such table)",
        &["42P01", "missing"],
        FAILS,
        "\\set d random(1, 5)\nSELECT fails(:d, 'SELECT FROM missing');\n",
    ),
    failing(
        "SQLSTATE 42883 (no such function)",
        &["42883", "missing"],
        FAILS,
        "\\set d random(1, 5)\nSELECT fails(:d, 'SELECT missing()');\n",
    ),
    failing(
        "SQLSTATE 42703 (no such column)",
        &["42703", "missing"],
        FAILS,
        "\\set d random(1, 5)\nSELECT fails(:d, 'SELECT missing');\n",
    ),
    failing(
        "SQLSTATE 42501 (insufficient privilege)",
        &["42501", "permission denied"],
        "CREATE TABLE secrets (id int);
         CREATE ROLE guest;
         CREATE FUNCTION fails(d int) RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS
           $$BEGIN IF d = 5 THEN PERFORM FROM secrets; END IF; RETURN d; END$$;
         ALTER FUNCTION fails OWNER TO guest;",
        "\\set d random(1, 5)\nSELECT fails(:d);\n",
    ),
    failing(
        "SQLSTATE 26000 (no such prepared statement)",
        &["26000", "nothing"],
        FAILS,
        "\\set d random(1, 5)\nSELECT fails(:d, 'EXECUTE nothing');\n",
    ),
    failing(
        "SQLSTATE 54001 (stack depth)",
        &["54001", "stack depth"],
        "CREATE FUNCTION deep(d int) RETURNS int LANGUAGE plpgsql AS
           $$BEGIN IF d = 5 THEN RETURN deep(5); END IF; RETURN d; END$$;",
        "\\set d random(1, 5)\nSELECT deep(:d);\n",
    ),
    failing(
        "SQLSTATE P0001 (raised by a function)",
        &["P0001", "out of stock"],
        "CREATE FUNCTION buy(d int) RETURNS int LANGUAGE plpgsql AS
           $$BEGIN IF d = 5 THEN RAISE EXCEPTION 'out of stock'; END IF; RETURN d; END$$;",
        "\\set d random(1, 5)\nSELECT buy(:d);\n",
    ),
    Planting {
        server: &[("temp_file_limit", "1MB"), ("work_mem", "64kB")],
        ..failing(
            "SQLSTATE 53400 (limit of temporary files)",
            &["53400", "temporary file size"],
            "",
            "\\set d random(1, 5)\nSELECT count(*) FROM (SELECT i FROM generate_series(1, 100 + 150000 * (:d::int / 5)) i ORDER BY i DESC OFFSET 0) sorted;\n",
        )
    },
    Planting {
        server: &[("max_locks_per_transaction", "10")],
        ..failing(
            "SQLSTATE 53200 (out of shared memory)",
            &["53200", "out of shared memory"],
            "",
            "\\set d random(1, 5)\nSELECT count(pg_advisory_xact_lock_shared(i)) FROM generate_series(1, 1 + 20000 * (:d::int / 5)) i;\n",
        )
    },
    // The server ends sessions that stay idle inside their transaction.
    Planting {
        server: &[("idle_in_transaction_session_timeout", "100ms")],
        ..failing(
            "SQLSTATE 25P03 (idle in transaction too long)",
            &["25P03", "idle-in-transaction"],
            "",
            "\\set d random(1, 5)\n\\set pause 1 + 300 * (:d / 5)\nBEGIN;\nSELECT 1;\n\\sleep :pause ms\nSELECT 2;\nEND;\n",
        )
    },
    // Of about two hundred statements per second, twenty are ended together with their session.
    sharing(
        Planting {
            load: Load {
                users: 4,
                pool: 4,
                ..EIGHT
            },
            beside: &[Beside::Sessions {
                application: "admin",
                clients: 1,
                script: "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(0.02)%' AND state = 'active' AND pid <> pg_backend_pid() LIMIT 1;\n\\sleep 50 ms\n",
            }],
            ..failing(
                "SQLSTATE 57P01 (terminated by an administrator)",
                &["57P01", "administrator"],
                "",
                "SELECT pg_sleep(0.02);\n",
            )
        },
        0.1,
        0.06,
    ),
];
