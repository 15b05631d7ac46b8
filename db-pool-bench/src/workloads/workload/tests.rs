//! Tests of compiled workloads.

use super::*;

#[test]
fn a_statement_is_named_without_the_schema_of_the_run() {
    for (words, name) in [
        (
            &["UPDATE", "pgbench_accounts", "SET"][..],
            "UPDATE pgbench_accounts SET",
        ),
        (
            &["UPDATE", "plimsoll_1.pgbench_tellers", "SET"],
            "UPDATE pgbench_tellers SET",
        ),
        (
            &["INSERT", "INTO", "shop.orders"],
            "INSERT INTO shop.orders",
        ),
        (&[], "statement"),
    ] {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        assert_eq!(statement_name(&words), name);
    }
}
