//! Tests of TLS: certificates, names, and ports of the other kind.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use test_support::{Certificates, TestDirectory};
use tokio_tungstenite::tungstenite::accept;

use crate::common::report;
use crate::raw_server::{RawServer, agrees};
use crate::run_in;

/// Starts an echo server that shows a certificate and wants one of its clients if `authority` is
/// given. Returns its port.
fn tls_server(certificate: &(impl AsRef<Path>, impl AsRef<Path>), authority: Option<&Path>) -> u16 {
    let chain = CertificateDer::pem_file_iter(&certificate.0).unwrap();
    let chain = chain.map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(&certificate.1).unwrap();
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match authority {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let mut roots = RootCertStore::empty();
            roots
                .add(CertificateDer::from_pem_file(file).unwrap())
                .unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let config = Arc::new(builder.with_single_cert(chain, key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let config = Arc::clone(&config);
            thread::spawn(move || serve(stream, config));
        }
    });
    port
}

fn serve(stream: TcpStream, config: Arc<ServerConfig>) {
    let connection = ServerConnection::new(config).unwrap();
    let Ok(mut socket) = accept(StreamOwned::new(connection, stream)) else {
        return;
    };
    while let Ok(message) = socket.read() {
        if message.is_binary() && socket.send(message).is_err() {
            return;
        }
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// Asserts that each search with its arguments ends with its code and says all that is wanted.
fn all_say(place: &TestDirectory, cases: &[(&[&str], i32, &[&str])]) {
    for (args, code, wanted) in cases {
        let (ended, said) = run_in(place, args);
        assert_eq!(ended, Some(*code), "{args:?}: {said}");
        for text in *wanted {
            assert!(said.contains(text), "{args:?}: no {text:?} in {said}");
        }
    }
}

const HELD: &[&str] = &["2 connections held"];

#[test]
fn each_fault_of_a_certificate_has_a_kind_and_a_remedy() {
    let place = TestDirectory::new();
    let made = Certificates::made_in(place.path());
    let port = tls_server(&made.server, None);
    let named = format!("wss://localhost:{port}/");
    let address = format!("wss://127.0.0.1:{port}/");
    let expired = tls_server(&made.expired_server, None);
    let expired = format!("wss://localhost:{expired}/");
    let ca = text(&made.authority);
    let strange_place = TestDirectory::new();
    let stranger = text(&Certificates::made_in(strange_place.path()).authority);
    let wrong_name = ["tls.wrong_name", "for localhost", "--sni"];
    let old = ["tls.certificate", "expired", "holds today"];
    all_say(
        &place,
        &[
            (&["--url", &named, "--ca", &ca], 0, HELD),
            (&["--url", &address, "--ca", &ca], 1, &wrong_name),
            (
                &["--url", &address, "--ca", &ca, "--sni", "localhost"],
                0,
                HELD,
            ),
            (
                &["--url", &named, "--ca", &stranger],
                1,
                &["tls.unknown_ca", "--ca FILE"],
            ),
            (
                &["--url", &address, "--insecure"],
                0,
                &["warning: --insecure"],
            ),
            (&["--url", &expired, "--ca", &ca], 1, &old),
        ],
    );
}

#[test]
fn ports_of_the_other_kind_and_servers_that_want_a_certificate_are_told() {
    let place = TestDirectory::new();
    let made = Certificates::made_in(place.path());
    let ca = text(&made.authority);
    let port = tls_server(&made.server, None);
    let on_tls = format!("ws://127.0.0.1:{port}/");
    let plain = RawServer::start(|_, accept| agrees(accept, ""));
    let on_plain = plain.url.replace("ws://", "wss://");
    let picky = tls_server(&made.server, Some(&made.authority));
    let picky = ["--url", &format!("wss://localhost:{picky}/"), "--ca", &ca];
    let (certificate, key) = (text(&made.client.0), text(&made.client.1));
    let shown = ["--client-cert", &certificate, "--client-key", &key];
    let wants_plain = ["tls.plain_server", "ws:// in place of wss://"];
    let wants_tls = ["tls.tls_server", "wss:// in place of ws://"];
    all_say(
        &place,
        &[
            (&["--url", &on_plain, "--ca", &ca], 1, &wants_plain),
            (&["--url", &on_tls], 1, &wants_tls),
            (&picky, 1, &["tls.client_certificate", "--client-cert"]),
            (&[&picky[..], &shown].concat(), 0, HELD),
        ],
    );
}

#[test]
fn the_handshake_of_tls_is_a_phase_and_workers_make_it_too() {
    let place = TestDirectory::new();
    let made = Certificates::made_in(place.path());
    let port = tls_server(&made.server, None);
    let url = format!("wss://localhost:{port}/");
    let ca = text(&made.authority);
    for further in [&[][..], &["--workers", "2"]] {
        let args = [&["--url", &url, "--ca", &ca], further].concat();
        let (code, said) = run_in(&place, &args);
        assert_eq!(code, Some(0), "{said}");
        let report = report(&place);
        let phases = &report.steps[0].operations["connect"].phases;
        let phases: Vec<_> = phases.keys().map(String::as_str).collect();
        assert_eq!(phases, ["tcp", "tls", "upgrade"], "{further:?}");
        assert!(report.config["servers"][0]["tls_ns"].as_u64().unwrap() > 0);
    }
    let (code, said) = run_in(&place, &["--url", &url, "--insecure"]);
    assert_eq!(code, Some(0), "{said}");
    let report = report(&place);
    assert_eq!(report.config["insecure"], true);
    assert!(
        report
            .warnings
            .iter()
            .any(|warning| warning.message.contains("not checked"))
    );
}
