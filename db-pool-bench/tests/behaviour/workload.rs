//! Tests of the command `workload` on real servers: it creates lasting tables, checks scripts, and
//! proposes a mix.

use crate::common::{PASSWORD, Talk, complete, postgres, report, sweep};
use test_support::TestDirectory;

/// Runs `db-pool-bench workload` with `args`, on the server at `url` if given. Returns the exit
/// code, and the text on stdout followed by that on stderr, which must contain no password and no
/// trace of a panic.
fn workload(place: &TestDirectory, url: Option<&str>, args: &[&str]) -> (i32, String) {
    let mut command = place.command(env!("CARGO_BIN_EXE_db-pool-bench"), &["workload"]);
    command.args(args);
    if let Some(url) = url {
        command.env("DATABASE_URL", url);
    }
    let output = command.output().unwrap();
    let said =
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    for never in ["panicked", "Caused by", PASSWORD] {
        assert!(!said.contains(never), "{args:?}: {said}");
    }
    (output.status.code().unwrap(), said)
}

#[test]
fn all_built_in_workloads_are_listed_described_and_run_on_every_driver() {
    let server = postgres(&[]);
    let place = TestDirectory::new();
    let (code, list) = workload(&place, None, &["list"]);
    assert_eq!(code, 0, "{list}");
    for (name, operations) in [
        ("tpcb-like", vec!["transaction"]),
        ("checkout-only", vec!["checkout"]),
        ("report", vec!["report"]),
        ("write-heavy", vec!["read", "write"]),
    ] {
        assert!(list.contains(name), "{list}");
        let (code, said) = workload(&place, None, &["describe", name]);
        assert!(code == 0 && said.contains("weight"), "{said}");
        let args = format!(
            "--workload {name} --driver direct,deadpool,sqlx --pool-sizes 2 --repeats 1 --warmup 0 --duration 300ms --seed 2"
        );
        let output = sweep(&place, &args)
            .env("DATABASE_URL", server.url())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{name}: {said}");
        for step in &report(&place).steps {
            let found: Vec<&String> = step.operations.keys().collect();
            assert_eq!(found, operations, "{name}: {}", step.name);
            for operation in step.operations.values() {
                assert!(
                    operation.succeeded > 0 && operation.errors.is_empty(),
                    "{operation:?}"
                );
            }
        }
    }
    Talk::to(server.url()).assert_nothing_is_left();
}

#[test]
fn tables_that_stay_are_made_used_and_removed_and_others_are_never_touched() {
    let server = postgres(&[]);
    let (talk, place) = (Talk::to(server.url()), TestDirectory::new());
    let url = Some(server.url());
    talk.execute("CREATE SCHEMA plimsoll_theirs");

    let (code, said) = workload(&place, url, &["init", "--scale", "2"]);
    assert!(code == 0 && said.contains("200000 accounts"), "{said}");
    let (code, said) = workload(&place, url, &["init"]);
    assert!(code == 2 && said.contains("is there already"), "{said}");
    let rows = talk.names("SELECT count(*)::text FROM plimsoll_workload.pgbench_accounts");
    assert_eq!(rows, ["200000"]);

    let args = "--schema plimsoll_workload --workload tpcb-like --driver deadpool --pool-sizes 2 --repeats 1 --warmup 0 --duration 300ms";
    let output = sweep(&place, args)
        .env("DATABASE_URL", server.url())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let report = report(&place);
    assert!(report.steps[0].operations["transaction"].succeeded > 0);
    let noted = talk.names("SELECT count(*)::text FROM plimsoll_workload.pgbench_history");
    assert_ne!(noted, ["0"], "it ran on the tables that were there");
    let mut left = talk.schemas();
    left.sort();
    assert_eq!(
        left,
        ["plimsoll_theirs", "plimsoll_workload"],
        "and made no others"
    );

    for command in ["init", "drop"] {
        let (code, said) = workload(&place, url, &[command, "--schema", "plimsoll_theirs"]);
        assert!(
            code == 2 && said.contains("not made by this tool"),
            "{said}"
        );
        let (code, said) = workload(&place, url, &[command, "--schema", "public"]);
        assert!(code == 2 && said.contains("plimsoll_"), "{said}");
    }
    let (code, said) = workload(&place, url, &["drop"]);
    assert!(code == 0 && said.contains("Removed"), "{said}");
    let (code, said) = workload(&place, url, &["drop"]);
    assert!(code == 0 && said.contains("nothing to remove"), "{said}");
    assert_eq!(talk.schemas(), ["plimsoll_theirs"]);
}

#[test]
fn a_check_shows_statements_or_names_the_place_that_is_wrong() {
    let server = postgres(&[]);
    let place = TestDirectory::new();
    let write = |name: &str, text: &str| std::fs::write(place.path().join(name), text).unwrap();
    write(
        "good.sql",
        "\\set a random(1, :tenants)\nSELECT :a,\n  ':a' || 'x';\n"
            .replace("':a'", "'a'")
            .as_str(),
    );
    write("bad.sql", "SELECT 1;\n\\set a 1 +* 2\n");
    write("table.sql", "SELECT n\nFROM nowhere;\n");

    let (code, said) = workload(
        &place,
        None,
        &["check", "good.sql", "--define", "tenants=4"],
    );
    assert!(
        code == 0 && said.contains("2:1: SELECT $1, 'a' || 'x'"),
        "{said}"
    );
    let (code, said) = workload(&place, None, &["check", "good.sql"]);
    assert!(
        code == 2 && said.contains("good.sql:1:18: nothing sets :tenants"),
        "{said}"
    );
    let (code, said) = workload(&place, None, &["check", "table.sql@3", "bad.sql"]);
    assert!(
        code == 2 && said.contains("bad.sql:2:11: * does not fit here"),
        "{said}"
    );
    let (code, said) = workload(&place, None, &["check", "table.sql"]);
    assert!(code == 0 && said.contains("--url"), "{said}");
    let (code, said) = workload(&place, None, &["check", "table.sql", "--url", server.url()]);
    assert!(
        code == 2 && said.contains("table.sql:2:6: the server refuses"),
        "{said}"
    );
    let (code, said) = workload(&place, None, &["check", "none.sql"]);
    assert!(code == 2 && said.contains("none.sql"), "{said}");
    let (code, said) = workload(&place, None, &["describe", "nothing"]);
    assert!(code == 2 && said.contains("tpcb-like"), "{said}");
    let (code, said) = workload(&place, None, &["init"]);
    assert!(code == 2 && said.contains("--url"), "{said}");
}

#[test]
fn a_mix_is_proposed_from_what_was_counted_without_any_value() {
    let server = postgres(&[]);
    let (talk, place) = (Talk::to(server.url()), TestDirectory::new());
    let url = Some(server.url());
    talk.execute("DROP EXTENSION IF EXISTS pg_stat_statements");
    let (code, said) = workload(&place, url, &["suggest"]);
    assert!(
        code == 1 && said.contains("this database has no pg_stat_statements"),
        "{said}"
    );

    talk.execute("CREATE EXTENSION pg_stat_statements; CREATE TABLE orders (id int, name text)");
    talk.execute("SELECT pg_stat_statements_reset()");
    for id in 0..90 {
        talk.execute(&format!("SELECT name FROM orders WHERE id = {id}"));
    }
    for _ in 0..10 {
        talk.execute("INSERT INTO orders VALUES (4711, 'topsecret')");
    }
    // Statements that runs of this program leave in the statistics are not part of anybody's load.
    let ran = complete(server.url(), "observe", "--duration 200ms");
    assert_eq!(ran.code, 0, "{}", ran.said);
    talk.execute("CREATE ROLE reader LOGIN PASSWORD 'Zq7hunter2qZ'");

    let (code, said) = workload(&place, url, &["suggest", "--write", "mix"]);
    assert_eq!(code, 0, "{said}");
    for value in ["4711", "topsecret"] {
        assert!(!said.contains(value), "{said}");
    }
    assert!(
        said.contains("SELECT name FROM orders WHERE id = $1"),
        "{said}"
    );
    assert!(
        said.contains("mix/01.sql@90") && said.contains("mix/02.sql@10"),
        "{said}"
    );
    assert!(
        !said.contains("mix/03.sql"),
        "nothing else was asked: {said}"
    );
    assert!(said.contains("read-heavy"), "90 % of calls read: {said}");

    // The script says what it lacks; with that added, it runs.
    let script = place.path().join("mix/01.sql");
    let text = std::fs::read_to_string(&script).unwrap();
    assert!(text.contains("int4: \\set p1"), "{text}");
    let (code, said) = workload(&place, None, &["check", "mix/01.sql"]);
    assert!(code == 2 && said.contains("nothing sets :p1"), "{said}");
    std::fs::write(&script, format!("\\set p1 random(0, 89)\n{text}")).unwrap();
    let (code, said) = workload(
        &place,
        None,
        &["check", "mix/01.sql", "--url", server.url()],
    );
    assert_eq!(code, 0, "{said}");
    let (code, said) = workload(&place, url, &["suggest", "--write", "mix"]);
    assert!(code == 1 && said.contains("does not exist yet"), "{said}");

    let reader = server.url().replace("//plimsoll:", "//reader:");
    let (code, said) = workload(&place, Some(&reader), &["suggest"]);
    assert!(
        code == 1 && said.contains("may not see") && said.contains("pg_read_all_stats"),
        "{said}"
    );
}
