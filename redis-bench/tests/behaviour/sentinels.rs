//! Tests of a primary that Sentinels name: which ways to connect survive a failover under load, what is
//! told of it, and that no key stays on the new primary.
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::common::{self, bench};
use bench_report::{Report, WarningCode};
use nix::sys::signal::Signal;
use test_support::{Certificates, RunningProgram, TestDirectory, left_behind};
use testbed::{Redis, RedisOptions, RedisSentinel, TlsFiles};

/// Ways to connect. All but the last ask the Sentinels again when they reconnect; the driver's manager
/// knows one address.
const CLIENTS: [&str; 5] = ["pooled", "multiplexed", "plain", "per-request", "managed"];

fn url(sentinel: &RedisSentinel) -> String {
    format!("{}?sentinel={}", sentinel.url(), RedisSentinel::PRIMARY)
}

/// Returns the address of the primary that the Sentinel names.
fn named(sentinel: &RedisSentinel) -> String {
    let client = redis::Client::open(sentinel.url()).unwrap();
    let mut connection = client.get_connection().unwrap();
    let mut ask = redis::cmd("SENTINEL");
    ask.arg(&["GET-MASTER-ADDR-BY-NAME", RedisSentinel::PRIMARY]);
    let (host, port): (String, u16) = ask.query(&mut connection).unwrap();
    format!("{host}:{port}")
}

/// Waits until the Sentinel names another primary than `old`, and returns it.
fn await_failover(sentinel: &RedisSentinel, old: &str) -> String {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let now = named(sentinel);
        if now != old {
            return now;
        }
        assert!(Instant::now() < until, "no failover from {old}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Returns the replica that the Sentinel made the primary.
fn promoted<'a>(sentinel: &'a RedisSentinel, address: &str) -> &'a Redis {
    let mut replicas = sentinel.replicas().iter();
    let found = replicas.find(|replica| address.ends_with(&format!(":{}", replica.port())));
    found.unwrap_or_else(|| panic!("{address} is none of the replicas"))
}

/// Run of `pool` with one way to connect.
struct ClientRun {
    client: &'static str,
    place: TestDirectory,
    running: RunningProgram,
}

/// Starts a run of `pool` at `url` with each of `clients`, and returns them when all make requests.
fn start<const N: usize>(clients: [&'static str; N], url: &str, more: &str) -> [ClientRun; N] {
    let mut runs = clients.map(|client| {
        let args = format!(
            "pool --workload set --users 4 --think-time 2ms --repeats 1 --warmup 0s \
             --stop-on p99>1h --run-dir run --client {client} {more} --url {url}"
        );
        let args: Vec<&str> = args.split_whitespace().collect();
        let place = TestDirectory::new();
        let running = RunningProgram::start(&mut bench(&place, &args));
        ClientRun {
            client,
            place,
            running,
        }
    });
    for run in &mut runs {
        run.running.wait_for("phase: measure");
    }
    std::thread::sleep(Duration::from_millis(300));
    runs
}

impl ClientRun {
    /// Waits for the end, asserts the exit code `code`, and returns what was said and the report.
    fn end(self, code: i32) -> (&'static str, String, Report) {
        let ended = self.running.end();
        assert_eq!(ended.code, Some(code), "{}: {}", self.client, ended.said);
        (self.client, ended.said, common::report(&self.place, "pool"))
    }
}

/// Returns the throughput of the last measured interval.
fn last_throughput(report: &Report) -> f64 {
    let mut series = report.series.iter();
    let throughput = series
        .find(|series| series.name == "throughput_per_s")
        .unwrap();
    let ends = throughput.at_ns.iter().zip(&throughput.mean);
    let until_ns = report.steps[0].window.measure_end_ns;
    let mut measured = ends.filter(|(at, _)| **at <= until_ns);
    measured.next_back().unwrap().1.unwrap()
}

fn warning(report: &Report, code: WarningCode) -> &str {
    let mut warnings = report.warnings.iter();
    let found = warnings.find(|warning| warning.code == code);
    &found
        .unwrap_or_else(|| panic!("no {code:?}: {:?}", report.warnings))
        .message
}

#[test]
fn a_killed_primary_is_replaced_under_load_and_all_but_the_manager_go_on_at_the_new_one() {
    let mut primary = common::redis();
    let sentinel = RedisSentinel::start(&primary, 2).unwrap();
    let old = named(&sentinel);
    let runs = start(CLIENTS, &url(&sentinel), "--duration 8s");
    primary.kill();
    await_failover(&sentinel, &old);
    let [surviving @ .., (_, said, report)] = runs.map(|run| run.end(0));
    let step = &report.steps[0];
    assert!(step.operations["set"].errors["refused"] > 0, "{said}");
    assert_eq!(step.figures["outage.open"], 1.0, "{said}");
    let told = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("until the step ended"), "{said}");
    assert!(said.contains("SENTINEL MASTERS"), "{said}");
    // On a busy machine the Sentinel may have replaced the new one as well.
    let new = named(&sentinel);
    for (client, said, report) in &surviving {
        assert_eq!(report.config["primary"], *old, "{client}");
        let set = &report.steps[0].operations["set"];
        assert!(set.failures() > 0, "{client}: {set:?}");
        assert_eq!(set.censored, 0, "{client}: {set:?}");
        let kinds = ["refused", "closed", "reset", "sentinel"];
        let known = kinds.iter().filter_map(|kind| set.errors.get(*kind));
        assert_eq!(known.sum::<u64>(), set.failures(), "{client}: {set:?}");
        assert!(last_throughput(report) > 0.0, "{client}: {said}");
        let step = &report.steps[0];
        // A second without an answer makes the primary down, and only then is it replaced.
        assert!(step.figures["outage.longest_ns"] >= 1e9, "{client}: {said}");
        assert_eq!(step.figures["outage.open"], 0.0, "{client}: {said}");
        assert!(said.contains("Outage: step 1"), "{client}: {said}");
        let servers = format!("({old} → {new})");
        for code in [WarningCode::TargetAway, WarningCode::DisturbedServer] {
            let told = warning(report, code);
            assert!(told.contains(&servers), "{client}: {told}");
        }
        assert_eq!(left_behind(report), None, "{client}");
    }
    assert_eq!(common::keys(promoted(&sentinel, &new)), [""; 0]);
}

/// A command begins the failover. The old primary lives on, and the Sentinel makes it a replica some
/// seconds later.
#[test]
fn shared_connections_and_pools_leave_a_primary_that_has_become_a_replica() {
    let primary = common::redis();
    let sentinel = RedisSentinel::start(&primary, 1).unwrap();
    let old = named(&sentinel);
    let runs = start(["multiplexed", "pooled"], &url(&sentinel), "--duration 40s");
    let mut begin = redis::cmd("SENTINEL");
    begin.arg(&["FAILOVER", RedisSentinel::PRIMARY]);
    let sentinels = redis::Client::open(sentinel.url()).unwrap();
    begin
        .exec(&mut sentinels.get_connection().unwrap())
        .unwrap();
    let new = await_failover(&sentinel, &old);
    let mut admin = common::connect(&primary);
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let role: Vec<redis::Value> = redis::cmd("ROLE").query(&mut admin).unwrap_or_default();
        if role.first() == Some(&redis::Value::BulkString(b"slave".to_vec())) {
            break;
        }
        assert!(Instant::now() < until, "no replica");
        std::thread::sleep(Duration::from_millis(100));
        admin = common::connect(&primary);
    }
    // Time for the load to leave the old primary, and to make requests at the new one.
    std::thread::sleep(Duration::from_secs(2));
    for run in &runs {
        run.running.signal(Signal::SIGINT);
    }
    let servers = format!("({old} → {new})");
    for (client, said, report) in runs.map(|run| run.end(130)) {
        let step = &report.steps[0];
        // A pool may lose nothing: it checks a connection before each request.
        assert_ne!(step.figures.get("outage.open"), Some(&1.0), "{said}");
        assert!(last_throughput(&report) > 0.0, "{client}: {said}");
        let told = warning(&report, WarningCode::DisturbedServer);
        assert!(told.contains(&servers), "{client}: {told}");
    }
    assert_eq!(common::keys(promoted(&sentinel, &new)), [""; 0]);
}

/// Runs `pool` shortly with the URL `url`, and returns its exit code and all that it said.
fn short(place: &TestDirectory, url: &str, more: &str) -> (Option<i32>, String) {
    let args = format!(
        "pool --workload get --users 4 --repeats 1 --warmup 0s --duration 300ms --run-dir run \
         --url {url} {more}"
    );
    let args: Vec<&str> = args.split_whitespace().collect();
    let output = bench(place, &args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), said)
}

#[test]
fn a_sentinel_that_names_no_primary_is_told_with_what_it_said() {
    let primary = common::redis();
    let sentinel = RedisSentinel::start(&primary, 1).unwrap();
    let (at, free) = (sentinel.port(), "127.0.0.1:1");
    for (url, wanted) in [
        (
            format!("redis://127.0.0.1:{at}/?sentinel=orders"),
            format!("127.0.0.1:{at} knows no primary called orders"),
        ),
        (
            format!("redis://{free}/?sentinel=orders"),
            format!("{free}: Connection refused"),
        ),
        (
            format!("{}?sentinel=orders", primary.url()),
            "ERR unknown command".to_owned(),
        ),
    ] {
        let place = TestDirectory::new();
        let (code, said) = short(&place, &url, "");
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(&wanted), "{said}");
        assert_eq!(said.matches("Try: redis-cli").count(), 1, "{said}");
        assert!(said.contains("SENTINEL MASTERS"), "{said}");
    }
    assert_eq!(common::keys(&primary), [""; 0]);
}

/// The servers want a password, the first Sentinel of the URL is down, and the other one wants no
/// password at first and then the same.
#[test]
fn every_process_finds_the_primary_by_another_sentinel_and_logs_in_there() {
    let primary = common::redis_with_password();
    let sentinel = RedisSentinel::start(&primary, 1).unwrap();
    let name = RedisSentinel::PRIMARY;
    let login = primary.url().trim_start_matches("redis://");
    let login = login.split('@').next().unwrap();
    let url = format!(
        "redis://{login}@127.0.0.1:1,127.0.0.1:{}/?sentinel={name}&protocol=resp3",
        sentinel.port()
    );
    let workers = "--client multiplexed --connections 2 --workers 2";
    let clients = "--client pooled,multiplexed,managed,plain,per-request";
    let at_sentinel = redis::Client::open(sentinel.url()).unwrap();
    let mut lock = redis::cmd("ACL");
    lock.arg(&["SETUSER", "default", "resetpass"]);
    lock.arg(format!(">{}", common::PASSWORD));
    for (is_locked, more) in [(false, clients), (false, workers), (true, clients)] {
        if is_locked {
            lock.exec(&mut at_sentinel.get_connection().unwrap())
                .unwrap();
        }
        let place = TestDirectory::new();
        let (code, said) = short(&place, &url, more);
        assert_eq!(code, Some(0), "{said}");
        let report = common::report(&place, "pool");
        for step in &report.steps {
            let get = &step.operations["get"];
            assert!(get.succeeded > 0 && get.failures() == 0, "{more}: {get:?}");
        }
        let secrets = [common::PASSWORD, "hunter2"];
        assert!(
            secrets.iter().all(|secret| !said.contains(secret)),
            "{said}"
        );
    }
    assert_eq!(common::keys(&primary), [""; 0]);
}

/// Starts a primary with this certificate and key, and a Sentinel that has them, too.
fn encrypted(
    made: &Certificates,
    (certificate, key): &(PathBuf, PathBuf),
) -> (Redis, RedisSentinel) {
    let primary = Redis::start(&RedisOptions {
        tls: Some(TlsFiles {
            authority: made.authority.clone(),
            certificate: certificate.clone(),
            key: key.clone(),
            asks_clients: false,
        }),
        ..RedisOptions::default()
    })
    .unwrap();
    let sentinel = RedisSentinel::start(&primary, 1).unwrap();
    (primary, sentinel)
}

#[test]
fn a_sentinel_and_its_primary_may_both_speak_tls() {
    let place = TestDirectory::new();
    let made = Certificates::made_in(place.path());
    let ca = format!("--ca {}", made.authority.display());
    let (_primary, sentinel) = encrypted(&made, &made.server_by_address);
    let more = format!("--client pooled,multiplexed,managed {ca}");
    let (code, said) = short(&place, &url(&sentinel), &more);
    assert_eq!(code, Some(0), "{said}");
    let report = common::report(&place, "pool");
    let tls = report.config["tls"].as_str().unwrap();
    assert!(tls.starts_with("TLSv1."), "{said}");
    // A Sentinel names an address, also where the certificates are for a name.
    let (_primary, sentinel) = encrypted(&made, &made.server);
    let by_name = url(&sentinel).replace("127.0.0.1", "localhost");
    let (code, said) = short(&place, &by_name, &ca);
    assert_eq!(code, Some(1), "{said}");
    let what = "the server's certificate is for localhost, not for 127.0.0.1";
    assert!(said.contains(what), "{said}");
}
