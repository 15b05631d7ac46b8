//! Tests of user and password: from the URL, from the environment, and refused on the command line.
use crate::common::{self, PASSWORD, bench, report, told};
use test_support::TestDirectory;

const RUN: [&str; 3] = ["cache", "--run-dir", "run"];

#[test]
fn the_password_in_the_environment_logs_in_unless_the_url_has_one() {
    let redis = common::redis_with_password();
    let port = redis.port();
    let (plain, wrong) = (
        format!("redis://127.0.0.1:{port}/"),
        format!("redis://:hunter2-wrong@127.0.0.1:{port}/"),
    );
    let args = "pool --client pooled --repeats 1 --warmup 0s --duration 100ms --run-dir run";
    for (url, password, wanted) in [
        (&*plain, PASSWORD, Ok(())),
        (redis.url(), "hunter2-wrong", Ok(())),
        (
            &plain,
            "hunter2-wrong",
            Err("the password in REDISCLI_AUTH"),
        ),
        (&wrong, PASSWORD, Err("did not take user and password")),
        (&plain, "", Err("wants a password")),
    ] {
        let place = TestDirectory::new();
        let args: Vec<&str> = args.split(' ').chain(["--url", url]).collect();
        let mut command = bench(&place, &args);
        let output = command.env("REDISCLI_AUTH", password).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!stderr.contains("hunter2"), "{stderr}");
        match wanted {
            Ok(()) => assert_eq!(output.status.code(), Some(0), "{stderr}"),
            Err(said) => {
                assert_eq!(output.status.code(), Some(1), "{stderr}");
                assert!(stderr.contains(said), "{stderr}");
            }
        }
        let saved = std::fs::read_to_string(place.path().join("run/redis-bench.pool.json"));
        assert!(!saved.unwrap().contains("hunter2"));
        assert_eq!(common::keys(&redis), Vec::<String>::new());
    }
}

#[test]
fn worker_processes_log_in_with_the_password_of_the_environment() {
    let redis = common::redis_with_password();
    let place = TestDirectory::new();
    let url = format!("redis://127.0.0.1:{}/", redis.port());
    let args = "pool --client pooled --workers 2 --repeats 1 --warmup 0s --duration 200ms \
                --run-dir run --url";
    let args: Vec<&str> = args.split_whitespace().chain([&*url]).collect();
    let mut command = bench(&place, &args);
    command.env("REDISCLI_AUTH", PASSWORD);
    assert_cmd::Command::from_std(command).assert().code(0);
    let report = report(&place, "pool");
    assert!(report.steps[0].operations["set"].succeeded > 0);
}

/// A parent process marks its throwaway servers, which have no password.
#[test]
fn a_throwaway_server_does_not_get_the_password_of_the_environment() {
    let redis = common::redis();
    let args = "pool --client pooled --repeats 1 --warmup 0s --duration 100ms --run-dir run";
    for url in [None, Some(redis.url())] {
        let place = TestDirectory::new();
        let mut command = bench(&place, &args.split(' ').collect::<Vec<_>>());
        command.env("REDISCLI_AUTH", PASSWORD);
        if let Some(url) = url {
            command.env(testbed::token::ENV, testbed::token::mark([url]));
            command.env("REDIS_URL", url);
        }
        assert_cmd::Command::from_std(command).assert().code(0);
    }
}

#[test]
fn password_and_host_in_the_flags_of_other_tools_are_refused_with_what_to_write() {
    let place = TestDirectory::new();
    for (args, wanted) in [
        ("pool -a hunter2", "REDISCLI_AUTH"),
        ("cache -ahunter2", "REDISCLI_AUTH"),
        ("pool -h cache", "--url redis://HOST:PORT/"),
        ("-h", ""),
    ] {
        let args: Vec<&str> = args.split(' ').collect();
        if wanted.is_empty() {
            assert!(bench(&place, &args).output().unwrap().status.success());
            continue;
        }
        let stderr = told(&place, None, &args, 2);
        assert!(stderr.contains(wanted), "{args:?}: {stderr}");
    }
}

#[test]
fn a_wrong_or_missing_password_is_told_apart_from_a_missing_server() {
    let redis = common::redis_with_password();
    let place = TestDirectory::new();
    let port = redis.port();
    let wrong = format!("redis://:hunter2-wrong@127.0.0.1:{port}/");
    let stderr = told(&place, Some(&wrong), &RUN, 1);
    assert!(
        stderr.contains("did not take user and password"),
        "{stderr}"
    );
    let none = format!("redis://127.0.0.1:{port}/");
    let stderr = told(&place, Some(&none), &RUN, 1);
    assert!(
        stderr.contains("wants a password") && stderr.contains("REDIS_URL"),
        "{stderr}"
    );
    assert!(!PASSWORD.is_empty());
}
