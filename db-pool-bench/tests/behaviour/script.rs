//! Tests of scripts on real servers: pgbench's built-in scripts run unchanged in every scenario,
//! and scripts compute the same values as under pgbench.

use crate::common::{Talk, complete, postgres, report, sweep};
use crate::scripting::{figure, pgbench, run, shipped, with_pgbench_tables, write};
use bench_report::{Step, StepEnd};
use test_support::TestDirectory;

const DRIVERS: [&str; 4] = ["wire", "direct", "deadpool", "sqlx"];

/// Asserts that `step` completed, that each script is an operation with successes and no errors,
/// and that each statement of a transaction is a part with its own times.
fn assert_statements_are_told_apart(step: &Step) {
    assert_eq!(step.end, StepEnd::Completed);
    assert_eq!(
        step.operations.keys().collect::<Vec<_>>(),
        ["select-only", "simple-update", "tpcb-like"],
        "{}",
        step.name
    );
    for operation in step.operations.values() {
        assert!(
            operation.succeeded > 0 && operation.errors.is_empty(),
            "{operation:?}"
        );
    }
    // Statements of transactions are told apart; a script of one is the operation itself.
    let whole = &step.operations["tpcb-like"];
    let parts: Vec<_> = step
        .parts
        .iter()
        .filter(|(name, _)| name.starts_with("tpcb-like:"))
        .collect();
    assert_eq!(parts.len(), 7, "{:?}", step.parts.keys());
    assert!(
        !step
            .parts
            .keys()
            .any(|name| name.starts_with("select-only"))
    );
    let sum: f64 = parts
        .iter()
        .map(|(_, part)| part.call.as_ref().unwrap().mean_ns)
        .sum();
    let service = whole.service.as_ref().unwrap().mean_ns;
    assert!(sum <= service && sum > 0.5 * service, "{sum} of {service}");
    assert!(
        parts
            .iter()
            .all(|(_, part)| part.succeeded >= whole.succeeded)
    );
}

#[test]
fn every_scenario_asks_for_what_scripts_say() {
    let server = postgres(&[]);
    let talk = Talk::to(server.url());
    talk.execute("CREATE TABLE visits (who int NOT NULL, counted boolean)");
    let scripts = TestDirectory::new();
    let count = "BEGIN; INSERT INTO visits VALUES (:client_id, false);
                 UPDATE visits SET counted = true WHERE who = :client_id AND NOT counted; END;";
    write(&scripts, "count.sql", count);
    let script = scripts.path().join("count.sql");
    for (scenario, args) in [
        (
            "scale",
            "--pool-size 2 --users 3 --repeats 1 --warmup 0 --duration 300ms",
        ),
        (
            "exhaust",
            "--pool-size 2 --users 3 --holder slow-query --keep 300ms --duration 300ms",
        ),
        (
            "lifecycle",
            "--pool-size 2 --peak-rate 40 --duration 300ms --idle 300ms",
        ),
    ] {
        talk.execute("TRUNCATE visits");
        let args = format!("{args} --driver deadpool --script {}", script.display());
        let ran = complete(server.url(), scenario, &args);
        assert_eq!(ran.report.config["workload"], "count", "{}", ran.said);
        let counted: u64 = ran
            .report
            .steps
            .iter()
            .filter_map(|step| step.operations.get("count"))
            .map(|operation| operation.succeeded)
            .sum();
        assert!(counted > 0, "{scenario}: {}", ran.said);
        let kept = figure(&talk, "SELECT count(*) FROM visits WHERE counted");
        // Those outside the steps' windows are there as well; no transaction was left half done.
        assert!(
            kept.cast_unsigned() >= counted,
            "{scenario}: {kept} of {counted}"
        );
        assert_eq!(
            figure(&talk, "SELECT count(*) FROM visits WHERE NOT counted"),
            0
        );
        talk.assert_nothing_is_left();
    }
}

#[test]
fn pgbenchs_own_scripts_run_unchanged_on_every_driver_and_balances_agree() {
    let server = with_pgbench_tables("2");
    let talk = Talk::to(server.url());
    let place = TestDirectory::new();
    for name in ["tpcb-like", "simple-update", "select-only"] {
        write(&place, &format!("{name}.sql"), &shipped(&server, name));
    }
    let args = "--script tpcb-like.sql@6 --script simple-update.sql@3 --script select-only.sql@1 --scale 2 --max-tries 5
        --driver wire,direct,deadpool,sqlx --pool-sizes 3 --repeats 1 --warmup 0 --duration 600ms --seed 3";
    let (report, said) = run(&place, &server, args);

    assert_eq!(report.steps.len(), DRIVERS.len(), "{said}");
    report
        .steps
        .iter()
        .for_each(assert_statements_are_told_apart);
    assert!(said.contains("UPDATE pgbench_tellers SET"), "{said}");

    // What pgbench documents to hold after its transactions.
    let accounts = figure(&talk, "SELECT sum(abalance) FROM pgbench_accounts");
    let history = figure(&talk, "SELECT sum(delta) FROM pgbench_history");
    assert_eq!(accounts, history);
    let (tellers, branches) = (
        figure(&talk, "SELECT sum(tbalance) FROM pgbench_tellers"),
        figure(&talk, "SELECT sum(bbalance) FROM pgbench_branches"),
    );
    assert_eq!(tellers, branches);
    let noted = figure(&talk, "SELECT count(*) FROM pgbench_history") as u64;
    let writes: u64 = report
        .steps
        .iter()
        .map(|s| s.operations["tpcb-like"].succeeded + s.operations["simple-update"].succeeded)
        .sum();
    // The last transactions of a step end after its measured part.
    let slack = (DRIVERS.len() * 6) as u64;
    assert!(
        (writes..=writes + slack).contains(&noted),
        "{writes} measured, {noted} noted"
    );
    assert_eq!(talk.schemas(), [""; 0], "nothing was made for scripts");
    talk.assert_nothing_is_left();
}

#[test]
fn functions_come_to_the_very_values_that_pgbench_prints() {
    let server = postgres(&[]);
    let place = TestDirectory::new();
    let expressions = [
        "hash(5, 42)",
        "hash_fnv1a(5, 42)",
        "hash_murmur2(-9, 0)",
        "hash_fnv1a(9223372036854775807, -1)",
        "1 + 2 * 3 - 4 % 3",
        "-7 / 2",
        "-7 % 3",
        "1 << 3 # 1 | 6 & 3",
        "~5",
        "case when 1 > 2 then 1 when not false then 2 else 3 end",
        "int(5.4 + 3.8)",
        "int(2.5)",
        "int(-0.5)",
        "greatest(5, 4, 7, 2)",
        "least(5, -4, 3)",
        "mod(54, 32)",
        "abs(-17)",
        "int(1000000 * sqrt(2.0) + 100 * exp(1) + 100 * ln(10) + 10 * pi())",
        "int(pow(2.0, 10) + power(3, 2))",
        "case when null is null and 1 notnull and not (1 isnull) then 1 else 0 end",
        "case when 3 <> 4 and 3 != 4 and 3 <= 3 and 4 >= 3 or 1 / 0 = 1 then 1 else 0 end",
        "case when null or true then 1 else 0 end",
        "case when (null and false) is null and (true and null) is null then 1 else 0 end",
        "case when (false and null) is false and (true or null) is true then 1 else 0 end",
        "case when 1 is true or (1 = 1) is not true then 1 else 0 end",
        "-9223372036854775808 % -1",
    ];
    let mut script = String::new();
    let mut debug = String::new();
    for (i, expression) in expressions.iter().enumerate() {
        script +=
            &format!("\\set v{i} {expression}\nINSERT INTO v (n, value) VALUES ({i}, :v{i});\n");
        debug += &format!("\\set v{i} debug({expression})\n");
    }
    let talk = Talk::to(server.url());
    talk.execute("CREATE TABLE v (n int, value int8)");
    write(
        &place,
        "ours.sql",
        &format!("BEGIN;\nDELETE FROM v;\n{script}END;\n"),
    );
    run(
        &place,
        &server,
        "--script ours.sql --driver deadpool --pool-sizes 1 --users 1 --repeats 1 --warmup 0 --duration 100ms",
    );
    let ours = talk.names("SELECT value::text FROM v ORDER BY n");

    write(&place, "theirs.sql", &format!("{debug}SELECT 1;\n"));
    let file = place.path().join("theirs.sql");
    let (_, said) = pgbench(
        &server,
        &["-n", "-t", "1", "-f", file.to_str().unwrap(), server.url()],
    );
    let theirs: Vec<&str> = said
        .lines()
        .filter_map(|line| line.rsplit_once("int ").map(|(_, value)| value))
        .collect();
    assert_eq!(ours, theirs, "{said}");
}

#[test]
fn a_script_on_a_throwaway_server_finds_the_tables_of_pgbench() {
    let place = TestDirectory::new();
    write(
        &place,
        "s.sql",
        "\\set aid random_zipfian(1, 100000 * :scale, 1.2)
         \\set kind :aid % 2
         \\if :kind = 0
         SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
         \\elif :tenants > 30
         SELECT count(*) FROM pgbench_tellers WHERE tid <= :tenants;
         \\else
         SELECT never;
         \\endif",
    );
    // The branch that is never taken is looked at as well: the server knows no such column.
    let output = sweep(&place, "--script s.sql --define tenants=40 --driver direct --pool-sizes 1 --repeats 1 --warmup 0 --duration 200ms --quiet")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("s.sql:8:17:") && said.contains("\"never\" does not exist"),
        "{said}"
    );

    let text = std::fs::read_to_string(place.path().join("s.sql")).unwrap();
    let place = TestDirectory::new();
    write(&place, "s.sql", &text.replace("never", "1"));
    let args = "--script s.sql --define tenants=40 --driver direct,deadpool,sqlx --pool-sizes 2 --repeats 1 --warmup 0 --duration 200ms";
    let output = sweep(&place, args).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    for step in &report(&place).steps {
        assert!(step.operations["s"].errors.is_empty(), "{said}");
    }
}
