//! Tests of the scenario `session` as a program: each form of storage is judged rightly, and no key
//! stays on the server.
use crate::common::{self, bench, report};
use bench_report::{Report, Status, Step, WarningCode};
use nix::sys::signal::Signal;
use test_support::{Ended, RunningProgram, TestDirectory, left_behind};

/// Run in which page views often change a session twice at once, and log out soon.
const RACES: [&str; 16] = [
    "session",
    "--users",
    "8",
    "--updates",
    "100%",
    "--session-length",
    "3",
    "--repeats",
    "1",
    "--warmup",
    "100ms",
    "--duration",
    "500ms",
    "--run-dir",
    "run",
    "-q",
];

fn run(url: &str, more: &[&str]) -> (String, Report) {
    let place = TestDirectory::new();
    let args: Vec<&str> = RACES.iter().chain(more).copied().collect();
    let output = bench(&place, &args).env("REDIS_URL", url).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let failed = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}{failed}");
    (said, report(&place, "session"))
}

fn of_store<'a>(report: &'a Report, store: &str) -> &'a Step {
    let mut steps = report.steps.iter();
    let step = steps.find(|step| step.is_with(&[("store", store)]));
    step.unwrap()
}

/// A form with a race is found out, a form without it is not accused, with every way to connect.
#[test]
fn each_form_is_said_to_lose_what_it_loses_and_nothing_else() {
    for client in ["multiplexed", "pooled", "managed", "plain", "per-request"] {
        let redis = common::redis();
        let (said, report) = run(redis.url(), &["--client", client]);
        assert!(said.contains("last write wins"), "{client}: {said}");
        for (store, loses, resurrects) in [
            ("string", true, true),
            ("hash", false, true),
            ("indexed", true, true),
            ("string-cas", false, false),
        ] {
            let step = of_store(&report, store);
            let figure = |name: &str| step.figures[&format!("sessions.{name}")];
            let told = format!("{client}, {store}: {:?}", step.figures);
            assert_eq!(figure("lost_updates") > 0.0, loses, "{told}");
            assert_eq!(figure("overwritten_updates") > 0.0, loses, "{told}");
            assert_eq!(figure("resurrected") > 0.0, resurrects, "{told}");
            assert_eq!(
                step.figures.contains_key("sessions.refused_updates"),
                store == "string-cas",
                "{told}"
            );
            for none in ["lost", "outlived", "tokens_accepted_twice", "tokens_lost"] {
                assert!(figure(none) == 0.0, "{none} of {told}");
            }
            assert!(figure("each_bytes") > 512.0, "{told}");
        }
        let mut warnings = report.warnings.iter();
        let differs = warnings.find(|warning| warning.code == WarningCode::ServerDiffers);
        assert!(differs.is_none(), "{client}: {differs:?}");
        assert_eq!(common::keys(&redis), [""; 0], "{client}");
    }
}

/// A single request at a time has nobody to race with.
#[test]
fn without_requests_at_once_no_form_loses_anything() {
    let redis = common::redis();
    let (said, report) = run(redis.url(), &["--parallel", "1"]);
    assert!(!said.contains("last write wins"), "{said}");
    for step in &report.steps {
        let told = format!("{}: {:?}", step.name, step.figures);
        assert!(step.figures["sessions.updates"] > 0.0, "{told}");
        for none in ["lost_updates", "overwritten_updates", "resurrected", "lost"] {
            assert!(step.figures[&format!("sessions.{none}")] == 0.0, "{told}");
        }
    }
}

#[test]
fn a_user_who_may_not_scan_and_unlink_leaves_no_key() {
    let redis = common::redis();
    let mut user = redis::cmd("ACL");
    user.arg(&["SETUSER", "app", "on", "nopass", "~*", "&*", "+@all"]);
    user.arg(&["-scan", "-unlink", "-memory"]);
    user.exec(&mut common::connect(&redis)).unwrap();
    let url = redis.url().replace("redis://", "redis://app:any@");
    let (_, report) = run(&url, &["--csrf", "40%", "--abandoned", "50%"]);
    assert_eq!(common::keys(&redis), [""; 0]);
    assert_eq!(left_behind(&report), None);
    let step = of_store(&report, "string");
    assert!(!step.figures.contains_key("sessions.each_bytes"));
}

#[test]
fn a_signal_under_load_leaves_no_key_and_every_key_expires_without_it() {
    let redis = common::redis();
    let place = TestDirectory::new();
    let args = "session --store indexed --repeats 1 --warmup 100ms --duration 20s --ttl 1m \
                --run-dir run";
    let args: Vec<&str> = args.split_whitespace().collect();
    let mut running = RunningProgram::start(bench(&place, &args).env("REDIS_URL", redis.url()));
    running.wait_for("phase: measure");
    let mut connection = common::connect(&redis);
    for name in common::keys(&redis) {
        let life_ms: i64 = redis::cmd("PTTL")
            .arg(&name)
            .query(&mut connection)
            .unwrap();
        // -2: the load has removed it meanwhile.
        assert!(life_ms == -2 || (1..=60_000).contains(&life_ms), "{name}");
    }
    running.signal(Signal::SIGINT);
    let Ended { said, .. } = running.end();
    assert_eq!(
        report(&place, "session").status,
        Status::Interrupted,
        "{said}"
    );
    assert_eq!(common::keys(&redis), [""; 0], "{said}");
}
