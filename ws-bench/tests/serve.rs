//! Tests of the echo server with other clients.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::Duration;

use common::{bench, finish, limit_of, report, said, server};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use test_support::{Ended, RunningProgram, TestDirectory};
use tokio_tungstenite::tungstenite::{Error, Message, connect};

#[test]
fn it_announces_itself_in_one_line_and_a_signal_is_its_normal_end() {
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
        assert_eq!(rest, "", "one line and no more");
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
fn it_refuses_politely_and_takes_the_next_when_a_place_is_free() {
    let server = server(&["--refuse-after", "2"]);
    let (mut first, _) = connect(server.url()).unwrap();
    let _second = connect(server.url()).unwrap();
    match connect(server.url()) {
        Err(Error::Http(response)) => assert_eq!(response.status(), 503),
        other => panic!("{other:?}"),
    }
    first.close(None).unwrap();
    while first.read().is_ok() {}
    drop(first);
    assert!(
        connect(server.url()).is_ok(),
        "the place was free before we could see its end"
    );
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
