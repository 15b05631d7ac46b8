//! Tests of the user's file of thresholds: what is accepted, and what is refused with its line.

use crate::thresholds::Thresholds;

/// Returns the message, with its file and line, and the advice, of the error about a thresholds file.
fn refusal(text: &str) -> (String, String) {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("mine.toml");
    std::fs::write(&file, text).unwrap();
    let error = Thresholds::load(Some(&file)).expect_err(text);
    let message = error.to_string();
    let place = message.rsplit('/').next().unwrap().to_owned();
    (place, error.remedy())
}

/// Files that are refused: the text, the line at fault, what is told, and a part of the remedy.
const REFUSED: &[(&str, usize, &str, &str)] = &[
    ("[objectives]\nerror_ratio = nan\n", 2, "nan", "0.01"),
    ("[objectives]\n\nerror_ratio = inf\n", 3, "inf", "0.01"),
    ("[objectives]\nerror_ratio = -0.1\n", 2, "-0.1", "0.01"),
    ("[objectives]\nerror_ratio = 1.5\n", 2, "at most 1", "0.015"),
    ("[objectives]\nredis_p90_ms = 0\n", 2, "above 0", "10.0"),
    (
        "[objectives]\nredis_p90_ms = \"10ms\"\n",
        2,
        "a text",
        "10.0",
    ),
    (
        "[objectives]\nmemory_used_ratio = 0\n",
        2,
        "above 0",
        "0.95",
    ),
    (
        "[objectives]\nredis_p9_ms = 1\n",
        2,
        "redis_p9_ms",
        "write redis_p90_ms",
    ),
    (
        "[objective]\nredis_p90_ms = 1\n",
        1,
        "objective",
        "write objectives",
    ),
    ("objectives = 3\n", 1, "a whole number", "[objectives]"),
    ("[sla]\nbudget_days = 0\n", 2, "above 0", "30"),
    ("[sla]\nbudget_days = 0.5\n", 2, "a whole number", "30"),
    (
        "[sla]\nthroughput_headroom_ratio = 1.0\n",
        2,
        "below 1",
        "0.3",
    ),
    (
        "[cpu]\nwarning_ratio = 0.95\n",
        2,
        "cpu.critical_ratio",
        "cpu.critical_ratio",
    ),
    (
        "[cpu]\ncritical_ratio = 0.5\n",
        2,
        "cpu.warning_ratio",
        "cpu.warning_ratio",
    ),
    (
        "[bands]\nwebsocket_success_critical_ratio = 0.99\n",
        2,
        "objectives.websocket_success_ratio",
        "as well",
    ),
    (
        "[objectives]\nerror_ratio = 0.2\n",
        2,
        "bands.error_warning_ratio",
        "as well",
    ),
    ("[objectives\n", 1, "not TOML", "--print-thresholds"),
    (
        "[cpu]\nwarning_ratio = 0.1\nwarning_ratio = 0.2\n",
        3,
        "not TOML",
        "mend",
    ),
    ("[[gate]]\nid = \"1\"\n", 1, "no bound", "bound ="),
    ("[[gate]]\nbound = \"p98 < 5s\"\n", 2, "p98", "p99.99"),
    (
        "[[gate]]\nbound = \"p99 > 5s\"\n",
        2,
        "p99 > 5s",
        "p99 < 5s",
    ),
    (
        "[[gate]]\nbound = \"success > 100%\"\n",
        2,
        "never be met",
        ">= 100%",
    ),
    (
        "[[gate]]\nbound = \"p99 < 5s\"\noperaton = \"read\"\n",
        3,
        "operaton",
        "operation",
    ),
    (
        "[[gate]]\nbound = \"p99 < 5s\"\nid = 9.3\n",
        3,
        "a number with",
        "id = \"9.3\"",
    ),
    (
        "[[gate]]\nbound = \"p99 < 5s\"\nid = \"\"\n",
        3,
        "empty",
        "leave id out",
    ),
    (
        "[[gate]]\nbound = \"p99 < 5s\"\ncomponent = \"mysql\"\n",
        3,
        "mysql",
        "postgres",
    ),
    (
        "[[gate]]\nbound = \"p99 < 5s\"\ntitle = \"a\\u202Eb\"\n",
        3,
        "not shown",
        "a?b",
    ),
    (
        "[[gate]]\nbound = \"p99 < 5s\"\nprofile = \"pek\"\n",
        3,
        "pek",
        "peak",
    ),
    (
        "[[gate]]\nbound = \"p99 < 5s\"\nsetting = {}\n",
        3,
        "no parameter",
        "driver",
    ),
    (
        "[[gate]]\nbound = \"p99 < 5s\"\nsetting = 8\n",
        3,
        "a section",
        "driver",
    ),
    (
        "[[gate]]\nbound = \"cpu < 90%\"\noperation = \"read\"\n",
        3,
        "operation",
        "leave",
    ),
    (
        "[[gate]]\nbound = \"p99 < 5s\"\nprocess = \"x\"\n",
        3,
        "growth",
        "memory growth",
    ),
    (
        "[[gate]]\nbound = \"p99 < 5s\"\ncomponent = \"machine\"\n",
        3,
        "no requests",
        "postgres",
    ),
    (
        "[[gate]]\nbound = \"hit ratio > 80%\"\ncomponent = \"postgres\"\n",
        3,
        "no such figure",
        "redis",
    ),
    (
        "[[gate]]\nbound = \"p99 < 5s\"\n\n[[gate]]\nbound = \"p99 < 2s\"\n",
        4,
        "another bound",
        "id",
    ),
    ("gate = 1\n", 1, "list of sections", "[[gate]]"),
    (
        "[profiles.mine]\nexpect = [\"p99 < 1s\", \"p98 < 5s\"]\n",
        2,
        "p98",
        "p99.99",
    ),
    (
        "[profiles.mine]\nexpect = [\n\"p99 < 1s\",\n7]\n",
        4,
        "a text",
        "p95 < 10s",
    ),
    (
        "[profiles.mine]\nobjective = true\n",
        2,
        "objective",
        "objectives",
    ),
    (
        "[profiles.mine]\nobjectives = 1\n",
        2,
        "true or false",
        "objectives = true",
    ),
];

#[test]
fn what_nothing_or_everything_would_meet_is_refused_with_its_line() {
    for (text, line, told, remedy) in REFUSED {
        let (message, advice) = refusal(text);
        let place = format!("mine.toml:{line}: ");
        assert!(message.starts_with(&place), "{text}: {message}");
        assert!(message.contains(told), "{text}: {message}");
        assert!(advice.contains(remedy), "{text}: {advice}");
    }
}

#[test]
fn what_is_printed_is_accepted_back_and_changes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("mine.toml");
    std::fs::write(&file, crate::thresholds::DEFAULTS).unwrap();
    let back = Thresholds::load(Some(&file)).unwrap();
    assert_eq!(back, Thresholds::load(None).unwrap());
    // The example gates in its comments are right, too.
    let text = crate::thresholds::DEFAULTS.lines();
    let after = text.skip_while(|line| !line.starts_with("# [[gate]]"));
    let uncommented = after.filter_map(|line| line.strip_prefix("# "));
    let example = uncommented.take_while(|line| !line.starts_with("Figures"));
    std::fs::write(&file, example.collect::<Vec<_>>().join("\n")).unwrap();
    assert_eq!(Thresholds::load(Some(&file)).unwrap().gates.len(), 2);
}

#[test]
fn a_file_changes_what_it_names_and_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("mine.toml");
    std::fs::write(&file, "[objectives]\npostgres_p90_ms = 20\n").unwrap();
    let mine = Thresholds::load(Some(&file)).unwrap();
    let shipped = Thresholds::load(None).unwrap();
    assert!((mine.objectives.postgres_p90_ms - 20.0).abs() < f64::EPSILON);
    assert!((shipped.objectives.postgres_p90_ms - 500.0).abs() < f64::EPSILON);
    assert_eq!(
        (&mine.cpu, &mine.profiles),
        (&shipped.cpu, &shipped.profiles)
    );
    assert!(mine.is_chosen("objectives.postgres_p90_ms"));
    assert!(!mine.is_chosen("objectives.redis_p90_ms"));
}

#[test]
fn a_generator_is_full_for_the_analyzer_where_it_is_for_the_benches() {
    let shipped = Thresholds::load(None).unwrap();
    let ours = shipped.cpu.generator_ratio;
    let theirs = bench_report::Generator::SATURATED_RATIO;
    assert!((ours - theirs).abs() < f64::EPSILON, "{ours}, {theirs}");
}
