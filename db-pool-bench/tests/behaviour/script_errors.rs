//! Scripts that cannot run: errors point into the file before anything is done.

use crate::common::{REPORT, Talk, postgres};
use crate::scripting::{refused, write};
use test_support::TestDirectory;

#[test]
fn what_is_wrong_with_a_script_is_told_before_anything_is_done() {
    let server = postgres(&[]);
    let talk = Talk::to(server.url());
    let place = TestDirectory::new();
    write(&place, "set.sql", "SELECT 1;\n\\set x 1 +\n");
    write(&place, "shell.sql", "\\shell ls\nSELECT 1;");
    write(&place, "pipe.sql", "SELECT 1;\n  \\startpipeline\n");
    write(&place, "good.sql", "SELECT 1;");
    write(&place, "sql.sql", "\\set a 1\nSELECT :a,\n  nowhere;");
    write(&place, "date.sql", "\\set a 1\nSELECT now() > :a;");
    std::fs::write(place.path().join("latin.sql"), b"SELECT '\xe9';").unwrap();
    for (args, code, told) in [
        (
            "--script set.sql",
            2,
            "set.sql:2:11: an expression is missing",
        ),
        (
            "--script shell.sql",
            2,
            "shell.sql:1:1: \\shell runs a program",
        ),
        (
            "--script pipe.sql",
            2,
            "pipe.sql:2:3: \\startpipeline is not supported",
        ),
        ("--script none.sql", 2, "cannot read the script none.sql"),
        ("--script latin.sql", 2, "not UTF-8"),
        ("--script good.sql@0", 2, "a weight is a whole number"),
        (
            "--script good.sql --workload mixed",
            2,
            "cannot be used with",
        ),
        ("--script good.sql --table t", 2, "cannot be used with"),
        ("--script good.sql --define x", 2, "NAME=VALUE"),
        ("--define x=1", 2, "--script"),
        ("--script good.sql --max-tries 0", 2, "1 or more"),
        (
            "--workload mixed --schema public",
            2,
            "begins with plimsoll_",
        ),
        (
            "--workload mixed --schema plimsoll_workload",
            2,
            "workload init",
        ),
        (
            "--script sql.sql",
            1,
            "sql.sql:3:3: the server refuses this statement: column \"nowhere\"",
        ),
        (
            "--script date.sql",
            1,
            "date.sql:2:16: the server wants a value of type timestamptz",
        ),
    ] {
        let (found, said) = refused(&place, &server, args);
        assert_eq!(found, code, "{args}: {said}");
        assert!(said.contains(told), "{args}: {said}");
    }
    assert!(!place.path().join(REPORT).exists() || talk.schemas().is_empty());
    talk.assert_nothing_is_left();
}
