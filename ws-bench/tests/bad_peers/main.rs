//! Tests with servers that misbehave: each kind of misbehaviour has a result of its own, and none
//! makes the bench hang or panic.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::float_cmp
)]

#[path = "../common/mod.rs"]
mod common;
mod fallen;
mod frames;
mod talkative;

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use bench_report::{LimitOwner, Report};
use common::{errors, finish, limit, limit_of, report, said};
use test_support::{Ended, RunningProgram, TestDirectory};
use tokio_tungstenite::tungstenite::{Message, WebSocket, accept};

/// Function that serves one accepted connection in a wrong way.
type Manner = fn(TcpStream);

/// Starts a server that echoes on its first `good` connections and serves all others as `manner`
/// does. Returns its URL.
fn peer(good: u64, manner: impl Fn(TcpStream) + Send + Sync + 'static) -> String {
    let manner = Arc::new(manner);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let seen = Arc::new(AtomicU64::new(0));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let behaves = seen.fetch_add(1, Ordering::Relaxed) < good;
            let manner = Arc::clone(&manner);
            thread::spawn(move || {
                if behaves {
                    echo(stream);
                } else {
                    manner(stream);
                }
            });
        }
    });
    url
}

fn echo(stream: TcpStream) {
    if let Ok(mut socket) = accept(stream) {
        echo_on(&mut socket);
    }
}

fn echo_on(socket: &mut WebSocket<TcpStream>) {
    while let Ok(message) = socket.read() {
        if message.is_binary() && socket.send(message).is_err() {
            return;
        }
    }
}

fn read_request(stream: &mut TcpStream) {
    let mut byte = [0];
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        seen.push(byte[0]);
    }
}

fn answer(mut stream: TcpStream, text: &str) {
    read_request(&mut stream);
    let _ = stream.write_all(text.as_bytes());
    thread::sleep(Duration::from_millis(200));
}

fn wrong_key(stream: TcpStream) {
    answer(
        stream,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
    );
}

fn silence(mut stream: TcpStream) {
    let mut rest = Vec::new();
    // Reads until the client gives up.
    let _ = stream.read_to_end(&mut rest);
}

fn endless_header(mut stream: TcpStream) {
    read_request(&mut stream);
    let mut sent = stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nX-Long: ");
    while sent.is_ok() {
        sent = stream.write_all(&[b'a'; 1_024]);
    }
}

fn answers_byte_by_byte(mut stream: TcpStream) {
    read_request(&mut stream);
    let answer = b"HTTP/1.1 101 Switching Protocols\r\nX-Long: ";
    for byte in answer.iter().chain(std::iter::repeat(&b'a')) {
        thread::sleep(Duration::from_millis(30));
        if stream.write_all(&[*byte]).is_err() {
            return;
        }
    }
}

fn nonsense(stream: TcpStream) {
    answer(stream, "220 mail.example ESMTP\r\n\r\n");
}

fn forbidden(stream: TcpStream) {
    answer(
        stream,
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
    );
}

fn hangs_up(mut stream: TcpStream) {
    read_request(&mut stream);
}

/// Runs a search on a server that behaves only on two connections: that of the probe, and one of
/// the first step's two. Returns the report and the output.
fn second_step(manner: impl Fn(TcpStream) + Send + Sync + 'static) -> (Report, String) {
    let place = TestDirectory::new();
    let url = peer(2, manner);
    let args = [
        "--max",
        "8",
        "--start",
        "2",
        "--duration",
        "200ms",
        "--timeout",
        "1s",
    ];
    let output = finish(limit_of(&place, &args).args(["--url", &url]));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    (report(&place), said(&output))
}

#[test]
fn each_way_to_refuse_an_upgrade_has_its_kind() {
    let manners: [(&str, Manner); 7] = [
        ("handshake.accept_key", wrong_key),
        ("handshake.size", endless_header),
        ("timeout.upgrade", silence),
        ("timeout.upgrade", answers_byte_by_byte),
        ("handshake.protocol", nonsense),
        ("http.403", forbidden),
        ("handshake.closed", hangs_up),
    ];
    for (kind, manner) in manners {
        let (report, said) = second_step(manner);
        assert!(errors(&report, "connect", kind) > 0, "{kind}: {said}");
        let (value, owner, reason) = limit(&report);
        assert_eq!((value, owner), (1, LimitOwner::Target), "{kind}: {reason}");
        assert!(reason.contains(kind), "{kind}: {reason}");
    }
}

fn closes_with_reason(stream: TcpStream) {
    use tokio_tungstenite::tungstenite::protocol::CloseFrame;
    let Ok(mut socket) = accept(stream) else {
        return;
    };
    thread::sleep(Duration::from_millis(100));
    let frame = CloseFrame {
        code: 1013.into(),
        reason: "try again later".into(),
    };
    let _ = socket.close(Some(frame));
    while socket.read().is_ok() {}
}

fn drops(stream: TcpStream) {
    let Ok(socket) = accept(stream) else {
        return;
    };
    let mut stream = socket.get_ref();
    stream.shutdown(Shutdown::Write).unwrap();
    // Reads what the client still sends, because the system would otherwise reset the connection.
    let _ = stream.read_to_end(&mut Vec::new());
}

fn never_echoes(stream: TcpStream) {
    let Ok(mut socket) = accept(stream) else {
        return;
    };
    while socket.read().is_ok() {}
}

fn echoes_something_else(stream: TcpStream) {
    let Ok(mut socket) = accept(stream) else {
        return;
    };
    while let Ok(message) = socket.read() {
        if message.is_binary() && socket.send(Message::text("no")).is_err() {
            return;
        }
    }
}

fn changes_a_byte(stream: TcpStream) {
    let Ok(mut socket) = accept(stream) else {
        return;
    };
    while let Ok(message) = socket.read() {
        let mut bytes = message.into_data().to_vec();
        if let Some(last) = bytes.last_mut() {
            *last ^= 1;
        }
        if socket.send(Message::binary(bytes)).is_err() {
            return;
        }
    }
}

#[test]
fn each_way_to_fail_an_open_connection_has_its_kind() {
    let manners: [(&str, Manner); 5] = [
        ("closed.1013", closes_with_reason),
        ("closed.1006", drops),
        ("timeout.echo", never_echoes),
        ("timeout.echo", echoes_something_else),
        ("wrong_echo", changes_a_byte),
    ];
    for (kind, manner) in manners {
        let (report, said) = second_step(manner);
        let lost: f64 = report
            .steps
            .iter()
            .filter_map(|step| step.figures.get(&format!("lost_connections.{kind}")))
            .sum();
        assert!(lost > 0.0, "{kind}: {said}");
        let (_, owner, reason) = limit(&report);
        assert_eq!(owner, LimitOwner::Target, "{kind}: {reason}");
    }
}

fn unauthorized(stream: TcpStream) {
    answer(
        stream,
        "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
    );
}

fn full(stream: TcpStream) {
    answer(
        stream,
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
    );
}

fn closes_at_once(stream: TcpStream, code: u16) {
    use tokio_tungstenite::tungstenite::protocol::CloseFrame;
    let Ok(mut socket) = accept(stream) else {
        return;
    };
    let frame = CloseFrame {
        code: code.into(),
        reason: "no".into(),
    };
    let _ = socket.close(Some(frame));
    while socket.read().is_ok() {}
}

#[test]
fn a_server_that_cannot_be_loaded_gets_a_remedy_for_the_cause_that_it_names() {
    let manners: [(&str, &str, Manner); 6] = [
        ("closed.4406", "subprotocol", |stream| {
            closes_at_once(stream, 4406);
        }),
        ("closed.1008", "WS_BEARER", |stream| {
            closes_at_once(stream, 1008);
        }),
        ("closed.1013", "overloaded", |stream| {
            closes_at_once(stream, 1013);
        }),
        ("http.401", "WS_BEARER", unauthorized),
        ("http.503", "it is full", full),
        ("handshake.protocol", "220 mail.example", nonsense),
    ];
    for (kind, remedy, manner) in manners {
        let place = TestDirectory::new();
        let output = finish(limit_of(&place, &["--max", "2"]).args(["--url", &peer(0, manner)]));
        let said = said(&output);
        assert_eq!(output.status.code(), Some(1), "{kind}: {said}");
        assert!(
            said.contains(kind) && said.contains(remedy),
            "{kind}: {said}"
        );
        assert!(!said.contains("nc -vz"), "{kind}: {said}");
    }
}

/// Starts a server that accepts every connection and closes every fourth one a moment later, after
/// the first, which is the probe's. Returns its URL.
fn ends_every_fourth() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for (n, stream) in listener.incoming().flatten().enumerate() {
            thread::spawn(move || {
                if n > 0 && n.is_multiple_of(4) {
                    closes_at_once(stream, 1012);
                } else {
                    echo(stream);
                }
            });
        }
    });
    url
}

/// Checks that new connections which replace those that the server closed do not hide the loss.
#[test]
fn connections_that_end_while_others_are_opened_are_lost_ones() {
    let place = TestDirectory::new();
    let args = ["--max", "40", "--start", "40", "--duration", "300ms"];
    let output = finish(limit_of(&place, &args).args(["--url", &ends_every_fourth()]));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let report = report(&place);
    let step = &report.steps[0];
    let opened = step.operations["connect"].succeeded;
    let lost = step.figures["lost_connections.closed.1012"];
    assert!(opened > 40, "some were opened again: {step:?}");
    let ended = (opened / 4) as f64;
    assert!(lost >= ended - 1.0, "{lost} of {opened}: {step:?}");
    let (_, owner, reason) = limit(&report);
    assert_eq!(owner, LimitOwner::Target, "{reason}");
    assert!(reason.contains("closed.1012"), "{reason}");
}

/// Serves a connection by sending a burst of pings, and closes it before any of them can be
/// answered.
fn pings_and_drops(stream: TcpStream) {
    let Ok(mut socket) = accept(stream) else {
        return;
    };
    for n in 0..20 {
        let _ = socket.write(Message::Ping(vec![n].into()));
    }
    let _ = socket.flush();
    let _ = socket.get_ref().shutdown(Shutdown::Both);
}

/// Serves a connection with echoes, but does not answer a close frame, and keeps the TCP connection
/// open.
fn never_says_goodbye(stream: TcpStream) {
    let Ok(mut socket) = accept(stream) else {
        return;
    };
    while let Ok(message) = socket.read() {
        if message.is_close() {
            thread::sleep(common::HANG);
        }
        if message.is_binary() && socket.send(message).is_err() {
            return;
        }
    }
}

#[test]
fn no_peer_keeps_the_bench_from_its_end() {
    let (report, said) = second_step(pings_and_drops);
    let figures = report.steps.iter().flat_map(|step| &step.figures);
    let lost = figures.filter(|(name, _)| {
        let kind = name.strip_prefix("lost_connections.");
        kind.is_some_and(|kind| ["closed.1006", "reset"].contains(&kind))
    });
    assert!(lost.map(|(_, count)| count).sum::<f64>() > 0.0, "{said}");

    let place = TestDirectory::new();
    let args = ["--max", "20", "--start", "20", "--duration", "200ms"];
    let url = peer(0, never_says_goodbye);
    let running = RunningProgram::start(limit_of(&place, &args).args(["--url", &url]));
    let Ended { code, took, said } = running.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(took < common::HANG, "{said}");
    let (value, owner, _) = limit(&common::report(&place));
    assert_eq!((value, owner), (20, LimitOwner::Bound), "{said}");
}
