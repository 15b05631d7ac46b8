//! Tests of a load on a whole cluster: its requests go to every node, none fails, and no key is left
//! on any node. What cannot be done on a cluster is refused with a sentence.
use crate::common::cluster::TestCluster;
use crate::common::{self, bench, told};
use bench_report::{Operation, Report, WarningCode};
use serde_json::json;
use test_support::{Certificates, TestDirectory, left_behind};
use testbed::{RedisOptions, RedisUser, TlsFiles};

const SCRIPT: &str = "
[lua.take]
script = \"return redis.call('INCR', KEYS[1])\"

[[sequence]]
name = 'cart'
[[sequence.command]]
run = ['HSET', 'cart:{user}', 'item:{zipf:50}', '{bytes:20}']
[[sequence.command]]
run = ['MGET', '{{{user}}}:a', '{{{user}}}:b']
[[sequence.command]]
run = ['RENAME', '{{cart:{user}}}:new', '{{cart:{user}}}']
[[sequence.command]]
lua = 'take'
keys = ['taken:{uniform:50}']
";

/// Runs `redis-bench` with `args` and the client of a cluster on the cluster at `url`, and asserts that
/// it ends well. Returns its text and the report of its scenario, the first of `args`.
fn run(url: &str, args: &str) -> (String, Report) {
    run_in(&TestDirectory::new(), url, args)
}

fn run_in(place: &TestDirectory, url: &str, args: &str) -> (String, Report) {
    let args = format!("{args} --client cluster --repeats 1 --run-dir run --url {url}");
    let args: Vec<&str> = args.split_whitespace().collect();
    let output = bench(place, &args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {said}");
    assert!(!said.contains("hunter2"), "{said}");
    let report = common::report(place, args[0]);
    assert_eq!(left_behind(&report), None, "{said}");
    (said, report)
}

fn operations(report: &Report) -> impl Iterator<Item = &Operation> {
    let steps = report.steps.iter();
    steps.flat_map(|step| step.operations.values())
}

/// Asserts that each of the three nodes executed at least a tenth of the calls.
fn assert_spread(calls: &[u64], said: &str) {
    let all: u64 = calls.iter().sum();
    let is_spread = calls.iter().all(|calls| calls * 10 >= all);
    assert!(is_spread && all > 10, "{calls:?} {said}");
}

#[test]
fn a_load_across_slots_reaches_every_node_fails_nowhere_and_leaves_nothing() {
    let cluster = TestCluster::start(&RedisOptions::default());
    for (args, command) in [
        ("pool --workload set --users 60", "set"),
        ("pool --workload get -P 16 --connections 2", "get"),
        ("cache --keys 500 --writes 0.2", "get"),
        ("burst --keys 500 --users spike:9,20/200ms", "get"),
        (
            "cache --stampede lock,early --backend 5ms --ttl 100ms",
            "set",
        ),
        (
            "session --store string,hash,string-cas,indexed --users 20",
            "pexpire",
        ),
        (
            "rate-limit --algorithm sliding-log,gcra --form atomic,racy --keys 40",
            "evalsha",
        ),
        (
            "rate-limit --algorithm fixed-window,token-bucket --verify --keys 40",
            "evalsha",
        ),
    ] {
        cluster.reset_statistics();
        let length = "--warmup 0s --duration 600ms";
        let (said, report) = run(cluster.url(), &format!("{args} {length}"));
        if !args.contains("stampede") {
            assert_spread(&cluster.calls(command), &said);
        }
        let failed: u64 = operations(&report).map(Operation::failures).sum();
        assert_eq!(failed, 0, "{args}: {said}");
        assert_eq!(report.config["clients"], json!(["cluster"]));
        assert!(said.contains("per node"), "{said}");
        assert_eq!(cluster.keys(), [""; 0], "{args}");
        let mut warnings = report.warnings.iter();
        let differs = warnings.find(|warning| warning.code == WarningCode::ServerDiffers);
        assert!(differs.is_none(), "{args}: {differs:?}");
        for agreed in report.steps.iter().filter(|_| args.contains("--verify")) {
            assert_eq!(agreed.figures["limiter.disagreed"], 0.0, "{said}");
        }
    }
}

#[test]
fn a_script_goes_to_the_node_of_each_key_and_workers_share_the_load() {
    let cluster = TestCluster::start(&RedisOptions::default());
    let place = TestDirectory::new();
    let file = place.path().join("s.toml");
    let without_rename = SCRIPT
        .replace("'RENAME'", "'SMOVE'")
        .replace("{user}}}']", "{user}}}', 'x']");
    std::fs::write(&file, without_rename).unwrap();
    let script = format!(
        "pool --script {} --warmup 0s --duration 400ms",
        file.display()
    );
    let (said, report) = run_in(&place, cluster.url(), &script);
    assert_eq!(
        operations(&report).map(Operation::failures).sum::<u64>(),
        0,
        "{said}"
    );
    assert_spread(&cluster.calls("incr"), &said);
    assert_eq!(cluster.keys(), [""; 0]);

    let args = "cache --keys 300 --workers 2 --connections 2 --warmup 0s --duration 400ms";
    let (said, report) = run(cluster.url(), args);
    assert_eq!(
        operations(&report).map(Operation::failures).sum::<u64>(),
        0,
        "{said}"
    );
    assert_eq!(cluster.keys(), [""; 0]);
}

#[test]
fn a_user_with_a_password_logs_in_on_every_node() {
    let cluster = TestCluster::start(&RedisOptions {
        password: Some(common::PASSWORD.to_owned()),
        users: vec![
            user(USER, "~plimsoll:* +@all"),
            user("lost", "~plimsoll:* +@all -cluster"),
        ],
        ..RedisOptions::default()
    });
    let port = cluster.nodes.nodes()[0].port();
    let user = format!("redis://{USER}:{USER_PASSWORD}@127.0.0.1:{port}/");
    for url in [&*user, cluster.url()] {
        cluster.reset_statistics();
        let args = "pool --workload set --users 60 --warmup 0s --duration 200ms";
        let (said, report) = run(url, args);
        assert_eq!(
            operations(&report).map(Operation::failures).sum::<u64>(),
            0,
            "{said}"
        );
        assert_spread(&cluster.calls("set"), &said);
        assert_eq!(cluster.keys(), [""; 0]);
    }
    let lost = format!("redis://lost:{USER_PASSWORD}@127.0.0.1:{port}/");
    let args = ["pool", "--client", "cluster", "--run-dir", "run"];
    let stderr = told(&TestDirectory::new(), Some(&lost), &args, 1);
    assert!(stderr.contains("a user who may CLUSTER"), "{stderr}");
    let wrong = format!("redis://{USER}:hunter2-no@127.0.0.1:{port}/");
    let stderr = told(&TestDirectory::new(), Some(&wrong), &args, 1);
    assert!(
        stderr.contains("did not take user and password"),
        "{stderr}"
    );
}

const USER: &str = "app";
const USER_PASSWORD: &str = "hunter2-app";

fn user(name: &str, rules: &str) -> RedisUser {
    RedisUser {
        name: name.to_owned(),
        password: USER_PASSWORD.to_owned(),
        rules: rules.to_owned(),
    }
}

#[test]
fn every_node_is_reached_by_tls() {
    let place = TestDirectory::new();
    let made = Certificates::made_in(place.path());
    let cluster = TestCluster::start(&RedisOptions {
        tls: Some(TlsFiles {
            authority: made.authority.clone(),
            certificate: made.server.0.clone(),
            key: made.server.1.clone(),
            asks_clients: true,
        }),
        // The certificate has the name of the host and not its address.
        settings: vec![
            (
                "cluster-announce-hostname".to_owned(),
                "localhost".to_owned(),
            ),
            (
                "cluster-preferred-endpoint-type".to_owned(),
                "hostname".to_owned(),
            ),
        ],
        ..RedisOptions::default()
    });
    let url = cluster.url().replace("127.0.0.1", "localhost");
    let (certificate, key) = made.client;
    let args = format!(
        "cache --keys 300 --warmup 0s --duration 300ms --ca {} --cert {} --key {}",
        made.authority.display(),
        certificate.display(),
        key.display()
    );
    let (said, report) = run_in(&place, &url, &args);
    assert_eq!(
        operations(&report).map(Operation::failures).sum::<u64>(),
        0,
        "{said}"
    );
    assert!(
        operations(&report).map(|one| one.succeeded).sum::<u64>() > 0,
        "{said}"
    );
    assert!(report.config.contains_key("tls"), "{said}");
}

#[test]
fn what_cannot_be_done_on_a_cluster_is_refused_with_what_to_write() {
    let redis = common::redis();
    let place = TestDirectory::new();
    let file = place.path().join("s.toml");
    let across = SCRIPT.replace("'{{cart:{user}}}']", "'{{cart:{n}}}']");
    std::fs::write(&file, across).unwrap();
    let script = format!("pool --script {}", file.display());
    let url = Some("redis://127.0.0.1:1/");
    for (args, url, code, wanted) in [
        ("pool", None, 2, "a throwaway server is none"),
        ("pool", Some("redis://127.0.0.1:1/2"), 2, "only database 0"),
        ("pool", Some("redis+unix:///tmp/x.sock"), 2, "Unix socket"),
        ("burst --storm 9", url, 2, "--storm connects to one server"),
        (&script, url, 2, "s.toml:12:7: the keys of this command"),
        ("pool", Some(redis.url()), 1, "is no node of a cluster"),
    ] {
        let args = format!("{args} --client cluster --run-dir run");
        let args: Vec<&str> = args.split_whitespace().collect();
        let stderr = told(&place, url, &args, code);
        assert!(stderr.contains(wanted), "{args:?}: {stderr}");
    }
    assert_eq!(common::keys(&redis), [""; 0]);
}

/// Without the client of a cluster, a node is refused as before, and the client is named.
#[test]
fn a_node_of_a_cluster_is_refused_to_other_clients_with_the_name_of_that_client() {
    let cluster = TestCluster::start(&RedisOptions::default());
    for args in [
        &["pool", "--run-dir", "run"][..],
        &["cache", "--run-dir", "run", "--client", "cluster,pooled"],
    ] {
        let stderr = told(&TestDirectory::new(), Some(cluster.url()), args, 1);
        assert!(stderr.contains("of its 16384 slots"), "{stderr}");
        assert!(stderr.contains("--client cluster and no other"), "{stderr}");
    }
    let memory = ["memory", "--run-dir", "run", "--keys", "1k"];
    let stderr = told(&TestDirectory::new(), Some(cluster.url()), &memory, 1);
    assert!(!stderr.contains("--client"), "{stderr}");
    assert_eq!(cluster.keys(), [""; 0]);
}
