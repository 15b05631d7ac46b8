//! Tests of how connections end, by rules of the server and by clients.

use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

use test_support::eventually;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::{Client, counting_server, counts, echo, open, read_to_end, try_open};

/// Reads until the close frame of the server, and returns its code and reason; `None` if it has
/// none.
fn close_frame(socket: &mut Client) -> Option<(u16, String)> {
    loop {
        if let Message::Close(frame) = socket.read().unwrap() {
            read_to_end(socket);
            return frame.map(|frame| (frame.code.into(), frame.reason.to_string()));
        }
    }
}

#[test]
fn a_connection_is_closed_after_its_answers_with_code_and_reason() {
    let args = [
        "--close-after",
        "3",
        "--close-code",
        "4001",
        "--close-reason",
        "enough",
    ];
    let server = counting_server(&args);
    for _ in 0..2 {
        let mut client = open(&server);
        for text in ["a", "b", "c"] {
            echo(&mut client, text);
        }
        assert_eq!(close_frame(&mut client), Some((4001, "enough".to_owned())));
    }
    let counts = counts(server);
    assert_eq!(counts["closed"]["by_server"]["4001"], 2);
    assert_eq!(counts["messages_out"], 6);
}

#[test]
fn a_stream_breaks_off_after_its_answers() {
    let args = [
        "--mode",
        "stream",
        "--chunk-interval",
        "0s",
        "--close-after",
        "4",
    ];
    let server = counting_server(&args);
    let mut client = open(&server);
    client.send(Message::text("10")).unwrap();
    for _ in 0..4 {
        assert!(client.read().unwrap().is_text());
    }
    assert_eq!(close_frame(&mut client), Some((1000, String::new())));
    assert_eq!(counts(server)["messages_out"], 4);
}

#[test]
fn every_connection_is_closed_at_its_age_whether_it_talks_or_not() {
    let age = Duration::from_millis(300);
    let server = counting_server(&["--max-age", "300ms", "--close-code", "1001"]);
    let begin = Instant::now();
    let (mut idle, mut talker) = (open(&server), open(&server));
    let code = loop {
        talker.send(Message::text("still here")).unwrap();
        match talker.read().unwrap() {
            Message::Close(frame) => break frame.map(|frame| u16::from(frame.code)),
            _ => thread::sleep(Duration::from_millis(10)),
        }
    };
    assert!(begin.elapsed() >= age, "{:?}", begin.elapsed());
    assert_eq!(code, Some(1001));
    read_to_end(&mut talker);
    assert_eq!(close_frame(&mut idle), Some((1001, String::new())));
    assert_eq!(counts(server)["closed"]["by_server"]["1001"], 2);
}

#[test]
fn a_client_that_reads_nothing_is_closed_at_its_age_as_well() {
    let server = counting_server(&["--max-age", "300ms", "--refuse-after", "1"]);
    let deaf = open(&server);
    let mut sender = deaf.get_ref().try_clone().unwrap();
    // Sends masked messages of 64 KiB until the server takes no more.
    thread::spawn(move || {
        let header = [0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        let frame = [&header[..], &vec![0; 64 * 1024]].concat();
        while std::io::Write::write_all(&mut sender, &frame).is_ok() {}
    });
    eventually("its place is free", || try_open(&server).is_ok());
    drop(deaf);
    assert!(counts(server)["closed"]["by_server"]["1000"].as_u64() >= Some(1));
}

#[test]
fn a_ping_keeps_a_connection_from_being_idle() {
    let timeout = Duration::from_millis(400);
    let server = counting_server(&["--idle-timeout", "400ms"]);
    let mut client = open(&server);
    let begin = Instant::now();
    let mut last = begin;
    // Pings for three times as long. On a slow machine one may come too late.
    while begin.elapsed() < 3 * timeout {
        let now = Instant::now();
        client.send(Message::Ping("alive".into())).unwrap();
        match client.read().unwrap() {
            Message::Pong(_) => last = now,
            _ => break,
        }
        thread::sleep(Duration::from_millis(50));
    }
    while client.read().is_ok() {}
    assert!(last.elapsed() >= timeout, "{:?}", last.elapsed());
    assert_eq!(counts(server)["closed"]["by_server"]["1000"], 1);
}

#[test]
fn messages_of_the_server_are_no_sign_of_life_of_the_client() {
    let args = [
        "--mode",
        "stream",
        "--chunk-interval",
        "20ms",
        "--idle-timeout",
        "300ms",
    ];
    let server = counting_server(&args);
    let mut client = open(&server);
    client.send(Message::text("1000000")).unwrap();
    assert_eq!(close_frame(&mut client), Some((1000, String::new())));
    assert_eq!(counts(server)["closed"]["by_server"]["1000"], 1);
}

#[test]
fn a_close_may_have_no_code_or_no_frame() {
    let server = counting_server(&["--close-after", "1", "--close-code", "1005"]);
    let mut client = open(&server);
    echo(&mut client, "a");
    assert_eq!(close_frame(&mut client), None);
    assert_eq!(counts(server)["closed"]["by_server"]["1005"], 1);

    let server = counting_server(&["--close-after", "1", "--close-code", "1006"]);
    let mut client = open(&server);
    echo(&mut client, "a");
    let error = client.read().unwrap_err();
    let cut = matches!(
        error,
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)
    );
    assert!(cut, "{error}");
    assert_eq!(counts(server)["closed"]["by_server"]["1006"], 1);
}

#[test]
fn a_client_s_close_is_answered_with_its_own_code_and_counted() {
    let server = counting_server(&[]);
    for (code, reason) in [(1000, ""), (3001, "see you"), (4999, "")] {
        let mut client = open(&server);
        let frame = CloseFrame {
            code: code.into(),
            reason: reason.into(),
        };
        client.close(Some(frame)).unwrap();
        assert_eq!(close_frame(&mut client), Some((code, reason.to_owned())));
    }
    let mut codeless = open(&server);
    codeless.close(None).unwrap();
    assert_eq!(close_frame(&mut codeless), None);
    drop(open(&server));
    let mut half = open(&server);
    half.get_ref().shutdown(Shutdown::Write).unwrap();
    assert!(half.read().is_err());
    let wanted = serde_json::json!({"1000": 1, "1005": 1, "1006": 2, "3001": 1, "4999": 1});
    let counts = counts(server);
    assert_eq!(counts["closed"]["by_client"], wanted);
}
