//! Tests of the test server with other clients: what each flag claims is asserted as a count, or as
//! a time that must at least have passed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod answers;
mod closing;
#[path = "../common/mod.rs"]
mod common;
mod connections;
mod violations;
mod wss;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::Duration;

use common::{bench, finish, limit_of, report, said, server};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use test_support::{Ended, RunningProgram, TestDirectory};
use testbed::WebSocketServer;
use tokio_tungstenite::tungstenite::{Error, HandshakeError, Message, WebSocket, client, connect};

/// WebSocket of a client over TCP.
type Client = WebSocket<TcpStream>;

/// Starts a server with `args` that prints its counters as JSON.
fn counting_server(args: &[&str]) -> WebSocketServer {
    server(&[args, &["--format", "json"]].concat())
}

/// Ends a server that [`counting_server`] started, and returns its counters. Panics if those of
/// connections do not add up.
fn counts(server: WebSocketServer) -> Value {
    let log = server.finish().unwrap();
    let counts: Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    let sum = |map: &Value| {
        let counts = map.as_object().unwrap().values();
        counts.map(|count| count.as_u64().unwrap()).sum::<u64>()
    };
    let count = |name: &str| counts[name].as_u64().unwrap();
    let refused = sum(&counts["refused"]);
    assert_eq!(
        count("accepted"),
        count("opened") + refused + count("without_upgrade"),
        "{counts}"
    );
    let closed = sum(&counts["closed"]["by_client"]) + sum(&counts["closed"]["by_server"]);
    assert_eq!(count("opened"), closed + count("open_at_end"), "{counts}");
    assert!(count("most_open") <= count("opened"), "{counts}");
    counts
}

/// Opens a connection to `server`; reading from it fails after [`common::HANG`].
fn open(server: &WebSocketServer) -> Client {
    try_open(server).unwrap()
}

fn try_open(server: &WebSocketServer) -> Result<Client, Box<Error>> {
    let stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    stream.set_read_timeout(Some(common::HANG)).unwrap();
    client(server.url(), stream)
        .map(|(socket, _)| socket)
        .map_err(|error| match error {
            HandshakeError::Failure(error) => Box::new(error),
            HandshakeError::Interrupted(_) => panic!("no answer to the upgrade"),
        })
}

fn echo(socket: &mut Client, text: &str) {
    socket.send(Message::text(text)).unwrap();
    assert_eq!(socket.read().unwrap(), Message::text(text));
}

/// Reads until the connection has ended as RFC 6455 describes.
fn read_to_end(socket: &mut Client) {
    loop {
        match socket.read() {
            Ok(_) => {}
            Err(Error::ConnectionClosed) => return,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn it_announces_itself_and_a_signal_is_its_normal_end_with_its_counters() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let place = TestDirectory::new();
        let mut command = bench(&place, &["serve", "--listen", "127.0.0.1:0"]);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let url = line.trim_end().strip_prefix("listening on ").unwrap();
        assert!(
            url.starts_with("ws://127.0.0.1:") && url.ends_with('/'),
            "{url}"
        );
        let (mut socket, _) = connect(url).unwrap();
        kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{signal}");
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).unwrap();
        let begins = [
            "accepted    1: 1 opened, ",
            "open        at most 1 at once, 1 at the end\n",
        ];
        assert!(begins.iter().all(|begin| rest.contains(begin)), "{rest}");
        assert!(socket.read().is_err(), "its connections ended with it");
    }
}

#[test]
fn it_echoes_text_and_bytes_and_answers_pings_and_closing() {
    let server = server(&[]);
    let (mut socket, _) = connect(server.url()).unwrap();
    let long = vec![7u8; 100_000];
    for message in [
        Message::text("grüß dich"),
        Message::binary(long),
        Message::text(""),
    ] {
        socket.send(message.clone()).unwrap();
        assert_eq!(socket.read().unwrap(), message);
    }
    socket.send(Message::Ping("ahoy".into())).unwrap();
    assert_eq!(socket.read().unwrap(), Message::Pong("ahoy".into()));
    socket.close(None).unwrap();
    let end = loop {
        match socket.read() {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(end, Error::ConnectionClosed), "{end}");
}

#[test]
fn its_counters_are_those_of_the_clients() {
    let server = counting_server(&[]);
    let mut talker = open(&server);
    for text in ["four", "", "sixsix"] {
        echo(&mut talker, text);
    }
    talker.send(Message::Ping("no data".into())).unwrap();
    talker.read().unwrap();
    let mut idle = open(&server);
    idle.close(None).unwrap();
    read_to_end(&mut idle);
    drop(TcpStream::connect(("127.0.0.1", server.port())).unwrap());
    // It is accepted before this one is.
    let _open = open(&server);
    let wanted = json!({
        "accepted": 4,
        "opened": 3,
        "most_open": 2,
        "open_at_end": 2,
        "refused": {"full": 0, "per_address": 0, "rate_limit": 0},
        "without_upgrade": 1,
        "closed": {"by_client": {"1005": 1}, "by_server": {}},
        "messages_in": 3,
        "bytes_in": 10,
        "messages_out": 3,
        "bytes_out": 10,
        "dropped": 0,
        "duplicated": 0,
        "skipped": 0,
    });
    assert_eq!(counts(server), wanted);
}

#[test]
fn a_client_that_speaks_nonsense_harms_nobody() {
    let server = server(&[]);
    let mut rude = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    rude.set_read_timeout(Some(common::HANG)).unwrap();
    rude.write_all(b"hello\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    // Whatever the server answers, it closes the connection.
    let _ = rude.read_to_end(&mut answer);
    let (mut socket, _) = connect(server.url()).unwrap();
    socket.send(Message::text("still there?")).unwrap();
    assert_eq!(socket.read().unwrap(), Message::text("still there?"));
}

#[test]
fn an_address_that_is_taken_is_one_sentence_with_a_remedy() {
    let server = server(&[]);
    let place = TestDirectory::new();
    let address = format!("127.0.0.1:{}", server.port());
    let output = finish(&mut bench(&place, &["serve", "--listen", &address]));
    assert_eq!(output.status.code(), Some(1));
    let said = said(&output);
    assert!(said.contains(&address) && said.contains("Try: "), "{said}");
    assert!(!said.contains("listening on"), "{said}");
}

#[test]
fn a_second_bench_on_the_same_server_is_no_trouble() {
    let server = server(&[]);
    let args = ["--duration", "300ms", "--max", "100", "--url", server.url()];
    let places = [TestDirectory::new(), TestDirectory::new()];
    let both = places
        .each_ref()
        .map(|place| RunningProgram::start(&mut limit_of(place, &args)));
    for running in both {
        let Ended { code, took, said } = running.end();
        assert_eq!(code, Some(0), "{said}");
        assert!(took < common::HANG + Duration::from_secs(1));
    }
    for place in &places {
        assert_eq!(common::limit(&report(place)).0, 100);
    }
}
