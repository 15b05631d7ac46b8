//! Tests of the server with TLS.

use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use test_support::{Certificates, TestDirectory};
use testbed::WebSocketServer;
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket, client};

use crate::{common, counting_server, counts};

fn open(
    server: &WebSocketServer,
    made: &Certificates,
) -> Result<WebSocket<StreamOwned<ClientConnection, TcpStream>>, String> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(&made.authority).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "127.0.0.1".try_into().unwrap();
    let session = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    stream.set_read_timeout(Some(common::HANG)).unwrap();
    match client(server.url(), StreamOwned::new(session, stream)) {
        Ok((socket, _)) => Ok(socket),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn it_speaks_tls_with_its_certificate_and_ends_a_connection_in_order() {
    let place = TestDirectory::new();
    let made = Certificates::made_in(place.path());
    let (certificate, key) = &made.server_by_address;
    let files = [certificate, key].map(|file| file.to_str().unwrap());
    let server = counting_server(&["--tls-cert", files[0], "--tls-key", files[1]]);
    assert!(
        server.url().starts_with("wss://127.0.0.1:"),
        "{}",
        server.url()
    );

    // Neither who says nothing nor who speaks no TLS holds up the others.
    let _silent = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    let plain = server.url().replace("wss:", "ws:");
    let stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    assert!(client(&plain, stream).is_err());

    let mut socket = open(&server, &made).unwrap();
    for message in [
        Message::text("grüß dich"),
        Message::binary(vec![7; 100_000]),
    ] {
        socket.send(message.clone()).unwrap();
        assert_eq!(socket.read().unwrap(), message);
    }
    socket.close(None).unwrap();
    let end = loop {
        match socket.read() {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(end, Error::ConnectionClosed), "{end}");
    let elsewhere = TestDirectory::new();
    let distrusted = open(&server, &Certificates::made_in(elsewhere.path()));
    assert!(distrusted.unwrap_err().contains("certificate"));
    let counts = counts(server);
    assert_eq!(
        (&counts["opened"], &counts["without_upgrade"]),
        (&1.into(), &3.into())
    );
    assert_eq!(counts["closed"]["by_client"]["1005"], 1);
}
