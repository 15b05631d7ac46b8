//! Tests of wrong input to `redis-bench`: the program prints one clear sentence with what to do,
//! and ends with the right exit code.
use std::io::{Read as _, Write as _};

use crate::common::{self, bench, report, told};
use bench_report::Status;
use test_support::TestDirectory;
use testbed::{Redis, RedisOptions};

#[test]
fn a_worker_of_several_hosts_is_refused_what_no_schedule_can_keep() {
    let url = Some("redis://127.0.0.1:1/");
    for (url, args, part) in [
        (url, "--worker 0/2", "add --start-at TIME"),
        (url, "--start-at 4102444800", "as in --worker 0/2"),
        (url, "--worker 2/2 --start-at 1", "0/N to N-1/N"),
        (url, "--worker 0/2 --start-at 1", "has passed"),
        (url, "--worker 0/2 --start-at soon", "date +%s"),
        (None, "--worker 0/2 --start-at 1", "give --url"),
        (
            url,
            "--worker 0/2 --start-at 1 --workers 2",
            "give one of them",
        ),
    ] {
        let place = TestDirectory::new();
        let args: Vec<&str> = run_args().into_iter().chain(args.split(' ')).collect();
        let stderr = told(&place, url, &args, 2);
        assert!(stderr.contains(part), "{args:?}: {stderr}");
        assert!(!place.path().join("run").exists(), "nothing was begun");
    }
    let start_at = std::time::SystemTime::now() + std::time::Duration::from_mins(5);
    let seconds = start_at
        .duration_since(std::time::SystemTime::UNIX_EPOCH)
        .unwrap();
    let start_at = seconds.as_secs().to_string();
    let share = [
        "--worker",
        "0/9",
        "--start-at",
        &start_at,
        "--client",
        "pooled",
    ];
    for (more, part) in [
        (&["--pool-size", "8"][..], "--pool-size 9 or more"),
        (&["--pool-size", "9", "--users", "4"], "--users 9 or more"),
        (
            &["--pool-size", "9", "--find-rate", "p99<5ms"],
            "search from one host",
        ),
    ] {
        let args = [&run_args()[..], &share[..], more].concat();
        let stderr = told(&TestDirectory::new(), url, &args, 2);
        assert!(stderr.contains(part), "{args:?}: {stderr}");
    }
}

fn run_args() -> Vec<&'static str> {
    vec!["cache", "--run-dir", "run"]
}

#[test]
fn a_user_who_may_not_write_is_told_once_and_what_it_would_need() {
    let redis = common::redis();
    let mut admin = common::connect(&redis);
    let rights = "on >app-pass ~* +@all -set";
    let mut command = redis::cmd("ACL");
    command
        .arg("SETUSER")
        .arg("app")
        .arg(rights.split(' ').collect::<Vec<_>>());
    let _: () = command.query(&mut admin).unwrap();
    let url = redis.url().replace("redis://", "redis://app:app-pass@");
    let place = TestDirectory::new();
    let stderr = told(&place, Some(&url), &run_args(), 1);
    assert_eq!(stderr.matches("no permissions").count(), 1, "{stderr}");
    assert!(
        stderr.contains("NOPERM") && stderr.contains("Try: a user who may SET"),
        "{stderr}"
    );
    assert!(!stderr.contains("app-pass"), "{stderr}");
}

#[test]
fn wrong_usage_is_told_with_code_2() {
    let place = TestDirectory::new();
    for (args, wanted) in [
        (&["cache", "--client", "telepathy"][..], "multiplexed"),
        (&["cache", "--pool-size", "0"], "1 or more"),
        (&["cache", "--duration=-5s"], "such as 500ms"),
        (&["cache", "--duration", "-5s"], "--"),
        (&["cache", "--keys-as", "hot"], "write uniform, zipf:0.9"),
        (&["cache", "--zipf", "-1"], "negative, as -1 is"),
        (&["cache", "--zipf", "steep"], "from 0 to 100 such as 0.99"),
        (&["cache", "--writes", "-0.1"], "from 0 to 1"),
        (&["pool", "--rate", "-5"], "above zero, not -5"),
        (&["pool", "--users", "-5"], "1 or more, not -5"),
        (&["pool", "--think-time", "-1s"], "write 2s"),
        (&["pool", "--worker", "-1/2"], "0/N to N-1/N"),
        (&["pool", "--start-at", "-5"], "date +%s"),
        (&["cache", "--ttl", "0s"], "such as 500ms"),
        (&["cache", "--preload", "150%"], "from 0 to 1"),
        (&["cache", "--value-size", "1GiB"], "512 MiB"),
        (&["cache", "--polsize", "3"], "--help"),
        (
            &["cache", "--rate", "100", "--users", "4"],
            "exclude each other",
        ),
        (
            &["pool", "--users", "4", "--rate", "100"],
            "exclude each other",
        ),
        (
            &["pool", "--find-rate", "p99<5ms", "--rate", "ramp:1..2/1m"],
            "--rate sets one",
        ),
        (
            &["cache", "--find-rate", "p99<5ms", "--users", "4"],
            "users who wait for their answers",
        ),
        (
            &["cache", "--find-rate", "p99<5ms", "--spawn-rate", "4"],
            "starts users, of whom there are none",
        ),
        (&["pool", "--find-rate", "p99"], "write p99<20ms"),
        (&["pool", "--rate", "ramp:10..20"], "ramp:10..200/5m"),
        (&["pool", "--users", "ramp:10..fast/5m"], "\"fast\" is no"),
        (
            &["pool", "--rate", "ramp:10..20/1m", "--duration", "5s"],
            "longer than the 5s of --duration",
        ),
        (
            &["cache", "--rate", "10", "--spawn-rate", "2"],
            "leave one of the two out",
        ),
        (
            &[
                "pool",
                "--client",
                "pooled",
                "--pool-size",
                "8",
                "--users",
                "4",
                "--workers",
                "8",
            ],
            "8 workers cannot share 4 users",
        ),
        (&["pool", "--workload", "zadd"], "get"),
        (&["cash"], "cache"),
    ] {
        let stderr = told(&place, None, args, 2);
        assert!(stderr.contains(wanted), "{args:?}: {stderr}");
    }
}

#[test]
fn a_flag_that_would_have_no_effect_is_wrong_usage() {
    let place = TestDirectory::new();
    for (args, wanted) in [
        (
            "cache --client multiplexed --pool-size 8",
            "--pool-size is for the pooled client",
        ),
        (
            "cache --client multiplexed --pool-size 8",
            "write --client multiplexed,pooled",
        ),
        (
            "pool --client pooled --connections 2 --workers 2",
            "--connections is for the multiplexed client",
        ),
        (
            "pool --client pooled --connections 2 --find-rate p99<5ms",
            "write --client pooled,multiplexed",
        ),
        (
            "pool --rate 100 --think-time 5ms",
            "--think-time makes users pause",
        ),
        ("cache --pacing poisson", "add --rate PER_S"),
        ("cache --users 4 --pacing constant", "add --rate PER_S"),
        ("pool --users ramp:1..5/1m --spin", "add --rate PER_S"),
        (
            "cache --maxmemory 4MiB --url redis://127.0.0.1:1/",
            "leave out --url and REDIS_URL",
        ),
        (
            "cache --maxmemory 4MiB --find-rate p99<5ms",
            "leave out --maxmemory or --find-rate",
        ),
        ("cache --maxmemory 4MiB --preload 0.5", "--preload"),
        ("cache --policy allkeys-lfu", "--maxmemory"),
    ] {
        let args: Vec<&str> = args.split(' ').chain(["--run-dir", "run"]).collect();
        let stderr = told(&place, None, &args, 2);
        assert!(stderr.contains(wanted), "{args:?}: {stderr}");
        assert!(!place.path().join("run").exists(), "nothing was begun");
    }
}

#[test]
fn a_wrong_url_is_wrong_usage_and_its_password_is_not_shown() {
    let place = TestDirectory::new();
    for url in [
        "cache",
        "http://:hunter2@127.0.0.1/",
        "redis://:hunter2@127.0.0.1:port/",
        "redis://:hunter2@127.0.0.1/first",
    ] {
        let stderr = told(&place, Some(url), &run_args(), 2);
        assert!(stderr.contains("redis://"), "{stderr}");
        let stderr = told(&place, None, &["pool", "--url", url], 2);
        assert!(stderr.contains("redis://"), "{stderr}");
    }
}

#[test]
fn an_option_of_a_url_that_would_have_no_effect_is_wrong_usage() {
    let place = TestDirectory::new();
    for (url, wanted) in [
        ("redis://:hunter2@127.0.0.1:1/?db=3", "redis://HOST:PORT/3"),
        (
            "redis://127.0.0.1:1/?password=hunter2",
            "USER:PASSWORD@HOST",
        ),
        ("redis://127.0.0.1:1/?protocol=resp4", "?protocol=3"),
        ("redis://127.0.0.1:1/?timeout=5s", "no option timeout"),
        ("redis://127.0.0.1:1/3#insecure", "leave it out"),
        ("unix:///nowhere?password=hunter2", "write pass=…"),
        ("unix:///nowhere?pass=hunter2&db=first", "?db=3"),
    ] {
        let stderr = told(&place, Some(url), &run_args(), 2);
        assert!(stderr.contains(wanted), "{url}: {stderr}");
        assert!(!place.path().join("run").exists(), "nothing was begun");
    }
}

#[test]
fn a_password_that_was_not_encoded_is_told_how_to_write_it() {
    let place = TestDirectory::new();
    for sign in ["/", "?", "#"] {
        let url = format!("redis://app:hunter2{sign}@127.0.0.1:1/");
        let stderr = told(&place, Some(&url), &run_args(), 2);
        assert!(stderr.contains("%2F") && stderr.contains("%23"), "{stderr}");
    }
}

#[test]
fn a_refused_connection_names_the_server_and_the_next_step() {
    let place = TestDirectory::new();
    let stderr = told(
        &place,
        Some("redis://:hunter2@127.0.0.1:1/"),
        &run_args(),
        1,
    );
    assert!(
        stderr.contains("127.0.0.1:1") && stderr.contains("refused"),
        "{stderr}"
    );
    assert!(
        stderr.contains("Try: redis-cli -h 127.0.0.1 -p 1 ping"),
        "{stderr}"
    );
    assert_eq!(report(&place, "cache").status, Status::Failed);
}

#[test]
fn a_replica_is_told_with_its_primary_before_anything_is_written() {
    let setting = ("replicaof".to_owned(), "127.0.0.1 1".to_owned());
    let redis = Redis::start(&RedisOptions {
        settings: vec![setting],
        ..RedisOptions::default()
    });
    let redis = redis.unwrap();
    let place = TestDirectory::new();
    let stderr = told(&place, Some(redis.url()), &run_args(), 1);
    assert_eq!(stderr.matches("read only replica").count(), 1, "{stderr}");
    assert!(stderr.contains("READONLY"), "{stderr}");
    assert!(
        stderr.contains("its primary: redis://127.0.0.1:1/"),
        "{stderr}"
    );
}

/// A server that speaks TLS answers the greeting of a TLS client with an alert or a handshake, and
/// closes any other connection.
#[test]
fn a_port_that_speaks_tls_is_told_from_a_broken_one() {
    for (answer, wanted) in [
        (&[21, 3, 3, 0, 2, 2, 40][..], Some("rediss://")),
        (&[22, 3, 3, 0, 122, 2, 0], Some("rediss://")),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", None),
        (&[], None),
    ] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("redis://:hunter2@{}/", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for mut client in listener.incoming().flatten() {
                let mut greeting = [0; 3];
                if client.read_exact(&mut greeting).is_ok() && greeting == [22, 3, 1] {
                    let _ = client.write_all(answer);
                }
            }
        });
        let place = TestDirectory::new();
        let stderr = told(&place, Some(&url), &run_args(), 1);
        match wanted {
            Some(part) => assert!(
                stderr.contains("speaks TLS") && stderr.contains(part),
                "{stderr}"
            ),
            None => assert!(
                stderr.contains("cannot connect") && !stderr.contains("TLS"),
                "{stderr}"
            ),
        }
        assert_eq!(report(&place, "cache").status, Status::Failed);
    }
}

#[test]
fn a_node_with_a_part_of_a_clusters_slots_is_told_before_anything_is_written() {
    let bus = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let bus_port = bus.local_addr().unwrap().port().to_string();
    drop(bus);
    let settings = [("cluster-enabled", "yes"), ("cluster-port", &bus_port)];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let redis = Redis::start(&RedisOptions {
        settings: settings.into(),
        ..RedisOptions::default()
    })
    .unwrap();
    let mut slots = redis::cmd("CLUSTER");
    slots.arg("ADDSLOTSRANGE").arg(0).arg(5_460);
    slots.exec(&mut common::connect(&redis)).unwrap();
    let stderr = told(&TestDirectory::new(), Some(redis.url()), &run_args(), 1);
    assert!(
        stderr.contains("5461 of its 16384 slots") && stderr.contains("Try: --client cluster"),
        "{stderr}"
    );
    assert!(!stderr.contains("MOVED"), "{stderr}");
}

#[test]
fn what_the_server_cannot_bear_is_not_begun() {
    let settings = [("maxmemory", "20mb"), ("maxclients", "30")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let redis = Redis::start(&RedisOptions {
        settings: settings.into(),
        ..RedisOptions::default()
    })
    .unwrap();
    let place = TestDirectory::new();
    let mut big = run_args();
    big.extend(["--keys", "1M"]);
    let stderr = told(&place, Some(redis.url()), &big, 1);
    assert!(
        stderr.contains("maxmemory") && stderr.contains("--keys") && !stderr.contains("***"),
        "{stderr}"
    );
    let mut wide = run_args();
    wide.extend(["--keys", "10", "--pool-size", "40"]);
    let stderr = told(&place, Some(redis.url()), &wide, 1);
    assert!(
        stderr.contains("30 clients") && stderr.contains("--pool-size"),
        "{stderr}"
    );
    assert_eq!(common::keys(&redis), Vec::<String>::new());
}

#[test]
fn help_has_examples() {
    let place = TestDirectory::new();
    for args in [&["--help"][..], &["cache", "--help"], &["pool", "--help"]] {
        let output = bench(&place, args).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success() && text.contains("Examples:"),
            "{text}"
        );
        assert!(!text.contains("hunter2"));
    }
}
