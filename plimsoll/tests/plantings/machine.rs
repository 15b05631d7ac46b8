//! Plantings of resources of the machine and of the server that are used up, with their users.
//!
//! Left out are memory, because a test cannot fill the memory of the machine it runs on, and swap and the
//! network card, which that machine does not have.

use crate::planting::{Beside, EIGHT, Load, Planting};

const BY_KEY: &str = "\\set id random(1, 10000)\nSELECT note FROM stock WHERE id = :id;\n";
const STOCK: &str = "CREATE TABLE stock (id int PRIMARY KEY, n int, note text);
    INSERT INTO stock SELECT i, i, repeat('x', 50) FROM generate_series(1, 10000) i;
    VACUUM ANALYZE stock;";

pub(crate) const ALL: &[Planting] = &[
    Planting {
        setup: STOCK,
        script: BY_KEY,
        beside: &[Beside::Burners {
            name: "report-job",
            count: 2,
        }],
        ..Planting::plain("CPU used by another process", ("cpu_others", &["report-job"]), (0.5, 0.25), "", "")
    },
    Planting {
        setup: STOCK,
        script: "\\set id random(1, 9000)\nSELECT sum(n) FROM stock WHERE id BETWEEN :id AND :id + 999;\n",
        beside: &[Beside::Quota { cores: 0.3 }],
        ..Planting::plain("CPU quota of a control group", ("throttled", &["quota"]), (0.7, 0.3), "", "")
    },
    Planting {
        setup: "CREATE TABLE logs (id int, who int, note text);
                INSERT INTO logs SELECT i, i % 5000, repeat('x', 60) FROM generate_series(1, 100000) i;
                VACUUM ANALYZE logs;",
        script: "\\set who random(1, 5000)\nSELECT count(*) FROM logs WHERE who = :who;\n",
        load: Load {
            users: 4,
            pool: 4,
            ..EIGHT
        },
        ..Planting::plain("CPU: an index is missing", ("sequential_scans", &["logs"]), (0.85, 0.15), "", "")
    },
    Planting {
        setup: "CREATE TABLE customers (id int PRIMARY KEY);
                CREATE TABLE orders (id int, customer int REFERENCES customers);
                INSERT INTO customers SELECT generate_series(1, 200000);
                INSERT INTO orders SELECT i, 0 + 200000 FROM generate_series(1, 50000) i;
                VACUUM ANALYZE customers; VACUUM ANALYZE orders;
                CREATE SEQUENCE next;",
        script: "DELETE FROM customers WHERE id = (SELECT nextval('next'));\n",
        load: Load {
            users: 4,
            pool: 4,
            ..EIGHT
        },
        ..Planting::plain("CPU: a foreign key without an index", ("unindexed_foreign_key", &["orders", "customer"]), (0.8, 0.2), "", "")
    },
    Planting {
        server: &[
            ("track_functions", "all"),
            ("max_parallel_workers_per_gather", "0"),
        ],
        setup: "CREATE TABLE orders (id int);
                CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS
                  $$BEGIN FOR i IN 1..400000 LOOP NULL; END LOOP; RETURN new; END$$;
                CREATE TRIGGER audit BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION audit();",
        script: "INSERT INTO orders VALUES (1);\n",
        load: Load {
            users: 4,
            pool: 4,
            ..EIGHT
        },
        ..Planting::plain("CPU: a trigger's function", ("function_time", &["audit"]), (0.8, 0.2), "", "")
    },
    Planting {
        server: &[
            ("jit", "on"),
            ("jit_above_cost", "0"),
            ("jit_inline_above_cost", "0"),
            ("jit_optimize_above_cost", "0"),
            ("max_parallel_workers_per_gather", "0"),
        ],
        setup: STOCK,
        script: BY_KEY,
        load: Load {
            users: 4,
            pool: 4,
            ..EIGHT
        },
        ..Planting::plain("CPU: compiling statements", ("jit", &["jit"]), (0.8, 0.2), "", "")
    },
    Planting {
        setup: STOCK,
        script: BY_KEY,
        load: Load {
            users: 4,
            pool: 4,
            rate: Some(100),
            ..EIGHT
        },
        beside: &[Beside::Stops {
            every_ms: 3_000,
            stopped_ms: 1_000,
        }],
        ..Planting::plain("the server stands still", ("stalls", &["stood still"]), (0.9, 0.15), "", "")
    },
    Planting {
        setup: "CREATE TABLE events (id bigserial PRIMARY KEY, note text);",
        script: "INSERT INTO events (note) VALUES ('x');\n",
        beside: &[Beside::Writers {
            name: "backup-writer",
            count: 3,
        }],
        ..Planting::plain("disk used by another process", ("commit_waits", &["WALSync", "INSERT INTO events"]), (0.8, 0.2), "", "")
    },
    Planting {
        setup: STOCK,
        script: BY_KEY,
        server: &[("max_connections", "100")],
        load: Load {
            users: 2,
            pool: 2,
            rate: Some(50),
            ..EIGHT
        },
        beside: &[Beside::Sessions {
            application: "forgotten",
            clients: 85,
            script: "\\sleep 600 s\nSELECT 1;\n",
        }],
        ..Planting::plain("connection slots of the server", ("connections_near_limit", &["max_connections"]), (0.88, 0.08), "", "")
    },
    Planting {
        setup: STOCK,
        script: "\\set id random(1, 10000)\nBEGIN;\nSELECT n FROM stock WHERE id = :id;\nSELECT n FROM stock WHERE id = :id;\nSELECT n FROM stock WHERE id = :id;\nSELECT n FROM stock WHERE id = :id;\nSELECT n FROM stock WHERE id = :id;\nSELECT n FROM stock WHERE id = :id;\nEND;\n",
        load: Load {
            users: 4,
            pool: 4,
            network_delay: "2ms",
            ..EIGHT
        },
        ..Planting::plain("round trips over a slow network", ("round_trips", &["round trip"]), (0.85, 0.15), "", "")
    },
];
