//! Tests of Redis servers that belong together: replicas, a cluster, a Sentinel, all of them also
//! with a password and over TLS; and that they leave nothing behind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use test_support::Certificates;
use testbed::{Redis, RedisCluster, RedisOptions, RedisSentinel, TlsFiles};

use common::redis::{ask, on_port, try_ask, value};
use common::{assert_nothing_is_left, eventually, lives};

fn options_with_tls(certificates: &Certificates, asks_clients: bool) -> RedisOptions {
    RedisOptions {
        tls: Some(TlsFiles {
            authority: certificates.authority.clone(),
            certificate: certificates.server.0.clone(),
            key: certificates.server.1.clone(),
            asks_clients,
        }),
        ..RedisOptions::default()
    }
}

fn options_with_password() -> RedisOptions {
    RedisOptions {
        password: Some("a b\"c".into()),
        ..RedisOptions::default()
    }
}

/// Connects by TLS to a server called `localhost`, which `authority` vouches for.
fn over_tls(redis: &Redis, authority: &Path) -> StreamOwned<ClientConnection, TcpStream> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(authority).unwrap())
        .unwrap();
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let client = ClientConnection::new(Arc::new(config), name).unwrap();
    StreamOwned::new(client, on_port(redis))
}

/// Returns the processes and directories of these servers.
fn traces(servers: &[Redis]) -> Vec<(Vec<u32>, PathBuf)> {
    let trace = |server: &Redis| (server.processes(), server.directory().to_owned());
    servers.iter().map(trace).collect()
}

/// Asserts that the server with these processes and this directory has ended and is removed.
fn assert_no_trace_is_left((processes, directory): &(Vec<u32>, PathBuf)) {
    assert_nothing_is_left(processes, directory);
}

#[test]
fn with_certificates_the_port_speaks_tls_alone() {
    let place = tempfile::tempdir().unwrap();
    let certificates = Certificates::made_in(place.path());
    let mut redis = Redis::start(&options_with_tls(&certificates, false)).unwrap();
    assert_eq!(redis.url(), format!("rediss://127.0.0.1:{}/", redis.port()));
    let mut encrypted = over_tls(&redis, &certificates.authority);
    assert_eq!(ask(&mut encrypted, "SET kept x"), "+OK");
    let mut plain = on_port(&redis);
    let _ = plain.write_all(b"PING\r\n");
    let mut answer = String::new();
    let _ = plain.read_to_string(&mut answer);
    assert!(!answer.contains("PONG"), "{answer}");

    redis.restart().unwrap();
    let mut encrypted = over_tls(&redis, &certificates.authority);
    assert_eq!(ask(&mut encrypted, "EXISTS kept"), ":1");
}

#[test]
fn a_server_that_asks_for_certificates_refuses_a_client_without_one() {
    let place = tempfile::tempdir().unwrap();
    let certificates = Certificates::made_in(place.path());
    let redis = Redis::start(&options_with_tls(&certificates, true)).unwrap();
    let mut nobody = over_tls(&redis, &certificates.authority);
    let _ = nobody.write_all(b"PING\r\n");
    let error = nobody.read_exact(&mut [0]).unwrap_err();
    assert_ne!(error.kind(), ErrorKind::TimedOut, "{error}");
}

#[test]
fn a_replica_has_the_data_of_its_primary_also_with_a_password_or_over_tls() {
    let place = tempfile::tempdir().unwrap();
    let certificates = Certificates::made_in(place.path());
    for options in [
        RedisOptions::default(),
        options_with_password(),
        options_with_tls(&certificates, true),
    ] {
        let primary = Redis::start(&options).unwrap();
        let replica = primary.start_replica().unwrap();
        assert_ne!(primary.port(), replica.port());
        let log = std::fs::read_to_string(replica.directory().join("server.log")).unwrap();
        assert!(log.contains("Finished with success"), "{log}");
    }
    let primary = Redis::start(&RedisOptions::default()).unwrap();
    let replica = primary.start_replica().unwrap();
    ask(&mut on_port(&primary), "SET kept x");
    eventually("the copy", || {
        value(&mut on_port(&replica), "kept").as_deref() == Some("x")
    });
    let refused = ask(&mut on_port(&replica), "SET other x");
    assert!(refused.starts_with("-READONLY"), "{refused}");
}

#[test]
fn a_cluster_serves_every_key_on_one_of_its_nodes() {
    let mut cluster = RedisCluster::start(3, &RedisOptions::default()).unwrap();
    let nodes = cluster.nodes();
    let ports: Vec<_> = nodes.iter().map(Redis::port).collect();
    // Slots of these keys by CRC16 modulo 16,384: 9,842, 10,778 and 12,182.
    for (key, owner) in [("{1}", 1), ("{user:1}", 1), ("foo", 2)] {
        for (index, node) in nodes.iter().enumerate() {
            let answer = ask(&mut on_port(node), &format!("SET {key} x"));
            if index == owner {
                assert_eq!(answer, "+OK");
            } else {
                let place = format!("127.0.0.1:{}", ports[owner]);
                assert!(answer.starts_with("-MOVED"), "{key}: {answer}");
                assert!(answer.ends_with(&place), "{key}: {answer}");
            }
        }
    }
    cluster.nodes_mut()[2].restart().unwrap();
    eventually("the node in its cluster again", || {
        value(&mut on_port(&cluster.nodes()[2]), "foo").as_deref() == Some("x")
    });
    let traces = traces(cluster.nodes());
    cluster.stop().unwrap();
    traces.iter().for_each(assert_no_trace_is_left);
}

#[test]
fn a_cluster_forms_with_a_password_and_over_tls() {
    let place = tempfile::tempdir().unwrap();
    let certificates = Certificates::made_in(place.path());
    for options in [
        options_with_password(),
        options_with_tls(&certificates, true),
    ] {
        let cluster = RedisCluster::start(3, &options).unwrap();
        let traces = traces(cluster.nodes());
        drop(cluster);
        traces.iter().for_each(assert_no_trace_is_left);
    }
}

/// Returns the port of the primary that the Sentinel names.
fn primary_of(sentinel: &RedisSentinel) -> u16 {
    let mut stream = common::connect(([127, 0, 0, 1], sentinel.port()));
    let name = RedisSentinel::PRIMARY;
    write!(stream, "SENTINEL GET-MASTER-ADDR-BY-NAME {name}\r\n").unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    lines.nth(4).unwrap().parse().unwrap()
}

#[test]
fn a_sentinel_replaces_a_killed_primary_which_comes_back_as_a_replica() {
    let mut primary = Redis::start(&options_with_password()).unwrap();
    let sentinel = RedisSentinel::start(&primary, 2).unwrap();
    assert_eq!(primary_of(&sentinel), primary.port());
    primary.kill();
    eventually("a new primary", || primary_of(&sentinel) != primary.port());
    let ports: Vec<_> = sentinel.replicas().iter().map(Redis::port).collect();
    assert!(ports.contains(&primary_of(&sentinel)), "{ports:?}");
    primary.restart().unwrap();
    eventually("the old primary as a replica", || {
        // The Sentinel ends the connections of clients when it makes the primary a replica.
        let mut stream = on_port(&primary);
        let login = try_ask(&mut stream, r#"AUTH "a b\"c""#);
        let answer = login.and_then(|_| try_ask(&mut stream, "SET x x"));
        answer.is_ok_and(|answer| answer.starts_with("-READONLY"))
    });
    let mut all = traces(sentinel.replicas());
    all.push((sentinel.processes(), sentinel.directory().to_owned()));
    drop(sentinel);
    all.iter().for_each(assert_no_trace_is_left);
    assert!(lives(primary.pid()), "the primary is not the Sentinel's");
}

#[test]
fn a_sentinel_watches_over_tls() {
    let place = tempfile::tempdir().unwrap();
    let certificates = Certificates::made_in(place.path());
    let primary = Redis::start(&options_with_tls(&certificates, true)).unwrap();
    let sentinel = RedisSentinel::start(&primary, 1).unwrap();
    assert!(
        sentinel.url().starts_with("rediss://"),
        "{}",
        sentinel.url()
    );
    let traces = [
        (sentinel.processes(), sentinel.directory().to_owned()),
        (primary.processes(), primary.directory().to_owned()),
    ];
    drop((primary, sentinel));
    traces.iter().for_each(assert_no_trace_is_left);
}
