//! Tests of the search for the highest rate, on a real server with a known limit. Each request
//! holds a connection for ten milliseconds or more, so two connections serve at most 200 requests
//! per second.

use bench_report::{FoundRate, RateSearchEnd, Report, Status};
use test_support::TestDirectory;

use crate::common::{complete, postgres};
use crate::scripting::write;

/// Highest rate that the search may find, in requests per second: two connections at 10 ms per
/// request, divided by 0.97, because a rate counts as held if 97 % of it was served.
const MOST_PER_S: f64 = 2.0 / 0.010 / 0.97;

/// Runs `scenario` as a search with a script that sleeps for 10 ms, which must complete. Returns
/// the report, and the text that was printed on stdout and stderr.
fn search(scenario: &str, args: &str) -> (Report, String) {
    let server = postgres(&[]);
    let scripts = TestDirectory::new();
    write(&scripts, "nap.sql", "SELECT pg_sleep(0.01);");
    let script = scripts.path().join("nap.sql");
    let args = format!(
        "--script {} --warmup 300ms --duration 1s --repeats 1 {args}",
        script.display()
    );
    let ran = complete(server.url(), scenario, &args);
    assert_eq!(
        (ran.code, ran.report.status),
        (0, Status::Complete),
        "{}",
        ran.said
    );
    let fits = |line: &str| line.chars().count() <= 80 || line.contains("Report:");
    assert!(ran.said.lines().all(fits), "{}", ran.said);
    (ran.report, ran.said)
}

fn assert_limit_is_found(found: &FoundRate) {
    let held = found.held_per_s.unwrap_or_else(|| panic!("{found:?}"));
    assert!((20.0..=MOST_PER_S + 1.0).contains(&held), "{found:?}");
    if found.end == RateSearchEnd::Bracketed {
        let broken = found.broken_per_s.unwrap();
        assert!(held < broken && broken <= held * 1.06, "{found:?}");
    } else {
        // If the machine was too busy to judge, the search must say so and claim nothing more.
        assert_eq!(found.end, RateSearchEnd::NotJudgedAbove, "{found:?}");
    }
}

#[test]
fn a_sweep_finds_the_highest_rate_of_each_setting() {
    let args = "--driver deadpool,direct --pool-sizes 2 --find-rate p50<500ms";
    let (report, said) = search("sweep", args);
    let found = &report.summary.found_rates;
    let mut subjects: Vec<&str> = found.iter().map(|f| f.subject.as_str()).collect();
    subjects.sort_unstable();
    assert_eq!(subjects, ["deadpool, pool of 2", "direct, 2 users"]);
    found.iter().for_each(assert_limit_is_found);
    for found in found {
        let start: String = found.reason.chars().take(20).collect();
        for wanted in [&found.subject, &start] {
            assert!(said.contains(wanted.as_str()), "{wanted}: {said}");
        }
        for tried in &found.steps {
            let step = &report.steps[tried.step];
            assert_eq!(step.parameter("rate_per_s"), Some(tried.rate_per_s));
            assert!(step.server.is_some(), "{}", step.name);
        }
    }
    assert_eq!(report.config["find_rate"][0], "p50<500ms");
}

#[test]
fn scale_finds_the_highest_rate_of_its_pool_instead_of_users() {
    let (report, said) = search("scale", "--pool-size 2 --find-rate p50<500ms");
    let [found] = &*report.summary.found_rates else {
        panic!("{:?}", report.summary.found_rates);
    };
    assert_eq!(found.subject, "deadpool, pool of 2");
    assert_limit_is_found(found);
    assert!(said.contains("highest rate of arrivals that keeps p50<500ms"));
    assert!(!report.config.contains_key("users"));
}
