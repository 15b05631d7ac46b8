//! Tests of runs over TLS: with the right certificates every client works and no key stays; with
//! wrong ones the program ends with one sentence and a remedy, before it writes a key.
use std::path::Path;

use crate::common::{self, bench, redis, report};
use bench_report::Report;
use test_support::{Certificates, TestDirectory};
use testbed::{Redis, RedisOptions, TlsFiles};

const POOL: &str =
    "pool --workload set --users 4 --duration 300ms --warmup 0 --repeats 1 --run-dir run";

/// Certificates, and a server that takes TLS only.
struct EncryptedServer {
    _place: TestDirectory,
    certificates: Certificates,
    redis: Redis,
}

impl EncryptedServer {
    fn start(asks_clients: bool) -> Self {
        let place = TestDirectory::new();
        let certificates = Certificates::made_in(place.path());
        let tls = TlsFiles {
            authority: certificates.authority.clone(),
            certificate: certificates.server.0.clone(),
            key: certificates.server.1.clone(),
            asks_clients,
        };
        let redis = Redis::start(&RedisOptions {
            tls: Some(tls),
            ..RedisOptions::default()
        })
        .unwrap();
        Self {
            _place: place,
            certificates,
            redis,
        }
    }

    /// Returns the URL of the server by the name in its certificate.
    fn url(&self) -> String {
        self.redis.url().replace("127.0.0.1", "localhost")
    }

    fn ca(&self) -> String {
        format!("--ca {}", self.certificates.authority.display())
    }

    fn assert_no_key_stays(&self) {
        let client = redis::Client::open(self.redis.socket_url()).unwrap();
        let mut connection = client.get_connection().unwrap();
        let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
        assert_eq!(keys, Vec::<String>::new());
    }
}

/// Runs `redis-bench` with these arguments on the server at `url`, and returns its exit code and
/// the text on stderr.
fn ran(url: &str, args: &str) -> (Option<i32>, String, Option<Report>) {
    let place = TestDirectory::new();
    let args: Vec<&str> = args.split(' ').collect();
    let output = bench(&place, &args).env("REDIS_URL", url).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let is_complete = output.status.code() == Some(0);
    (
        output.status.code(),
        said,
        is_complete.then(|| report(&place, "pool")),
    )
}

fn pair(files: &(std::path::PathBuf, std::path::PathBuf)) -> String {
    format!("--cert {} --key {}", files.0.display(), files.1.display())
}

/// Asserts that a run ends with exit code 1, `what` and `remedy` on stderr, and without a key.
fn assert_refused(server: &EncryptedServer, url: &str, flags: &str, what: &str, remedy: &str) {
    let (code, said, _) = ran(url, format!("{POOL} {flags}").trim_end());
    assert_eq!(code, Some(1), "{said}");
    let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains(what) && flat.contains(remedy), "{said}");
    server.assert_no_key_stays();
}

#[test]
fn every_client_works_over_tls_and_leaves_no_key() {
    let server = EncryptedServer::start(false);
    for workers in ["", " --workers 2 --connections 2"] {
        let args = format!(
            "{POOL} --client pooled,multiplexed {}{workers}",
            server.ca()
        );
        let (code, said, report) = ran(&server.url(), &args);
        assert_eq!(code, Some(0), "{said}");
        let report = report.unwrap();
        assert_eq!(report.steps.len(), 2, "{said}");
        let encryption = report.config["tls"].as_str().unwrap();
        assert!(encryption.starts_with("TLSv1.3 TLS_"), "{encryption}");
        for step in &report.steps {
            assert!(step.failures.is_empty(), "{:?}", step.failures);
            let succeeded: u64 = step
                .operations
                .values()
                .map(|counts| counts.succeeded)
                .sum();
            assert!(succeeded > 0, "{step:?}");
            assert!(step.server.is_some(), "the server was watched");
        }
        server.assert_no_key_stays();
    }
}

#[test]
fn an_authority_that_did_not_issue_the_certificate_is_not_enough() {
    let server = EncryptedServer::start(false);
    let elsewhere = TestDirectory::new();
    let other = Certificates::made_in(elsewhere.path()).authority;
    for flags in [format!("--ca {}", other.display()), String::new()] {
        let what = "not issued by an authority that is trusted";
        assert_refused(&server, &server.url(), &flags, what, "--ca FILE");
    }
}

#[test]
fn a_host_that_the_certificate_does_not_name_is_told_beside_those_that_it_names() {
    let server = EncryptedServer::start(false);
    let what = "the server's certificate is for localhost, not for 127.0.0.1";
    assert_refused(
        &server,
        server.redis.url(),
        &server.ca(),
        what,
        "the host in the URL as the server's certificate names it",
    );
}

#[test]
fn a_server_that_wants_a_certificate_gets_the_right_one() {
    let server = EncryptedServer::start(true);
    let (ca, own) = (server.ca(), pair(&server.certificates.client));
    let args = format!("{POOL} --client pooled,multiplexed {ca} {own}");
    let (code, said, _) = ran(&server.url(), &args);
    assert_eq!(code, Some(0), "{said}");
    server.assert_no_key_stays();

    let what = "the server wants a certificate of the client";
    assert_refused(
        &server,
        &server.url(),
        &ca,
        what,
        "--cert CERT.pem --key KEY.pem",
    );
    let elsewhere = TestDirectory::new();
    let strange = pair(&Certificates::made_in(elsewhere.path()).client);
    let what = "the server did not accept the client's certificate";
    let flags = format!("{ca} {strange}");
    assert_refused(
        &server,
        &server.url(),
        &flags,
        what,
        "that holds today, of an authority",
    );
}

#[test]
fn a_server_without_tls_is_told_as_such() {
    let server = EncryptedServer::start(false);
    let plain = redis();
    let url = plain
        .url()
        .replace("redis://127.0.0.1", "rediss://localhost");
    let what = "the server does not speak TLS on this port";
    let remedy = "redis:// in place of rediss://";
    let ca = server.ca();
    // Some handshakes have the end of a line in their random bytes, and get an answer.
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert_refused(&server, &url, &ca, what, remedy));
        }
    });
    assert_eq!(common::keys(&plain), Vec::<String>::new());
}

#[test]
fn a_flag_of_tls_without_effect_or_file_is_wrong_usage() {
    let place = TestDirectory::new();
    let certificates = Certificates::made_in(place.path());
    let ca = certificates.authority.display().to_string();
    let missing = Path::new("/nowhere/ca.pem").display();
    for (url, flags, part) in [
        ("redis://127.0.0.1:1/", format!("--ca {ca}"), "rediss://"),
        (
            "unix:///nowhere",
            format!("--ca {ca}"),
            "--ca has no effect",
        ),
        ("", format!("--ca {ca}"), "with --url or in REDIS_URL"),
        ("rediss://127.0.0.1:1/", format!("--cert {ca}"), "--key"),
        (
            "rediss://127.0.0.1:1/",
            format!("--ca {missing}"),
            "cannot read /nowhere/ca.pem",
        ),
        (
            "rediss://127.0.0.1:1/#insecure",
            format!("--ca {ca}"),
            "has no effect",
        ),
    ] {
        let args = format!("{POOL} {flags}");
        let mut command = bench(&place, &args.split(' ').collect::<Vec<_>>());
        if !url.is_empty() {
            command.env("REDIS_URL", url);
        }
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(flat.contains(part), "{said}");
        assert!(!place.path().join("run").exists(), "nothing was begun");
    }
}
