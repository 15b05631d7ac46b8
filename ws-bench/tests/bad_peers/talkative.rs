//! Tests with servers that send more than echoes: messages of their own, and pings.

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use bench_report::LimitOwner;
use test_support::TestDirectory;
use tokio_tungstenite::tungstenite::{Message, accept};

use crate::common::{finish, limit, limit_of, report, said};
use crate::peer;

/// Serves a connection by sending a greeting, and then messages of its own every few milliseconds
/// between its echoes.
fn chatters(stream: TcpStream) {
    let Ok(mut socket) = accept(stream) else {
        return;
    };
    let _ = socket.send(Message::text("welcome"));
    let soon = Some(Duration::from_millis(2));
    socket.get_ref().set_read_timeout(soon).unwrap();
    let others = vec![7; 64];
    loop {
        let chatted = socket
            .send(Message::text("{\"type\":\"heartbeat\"}"))
            .and_then(|()| socket.send(Message::binary(others.clone())));
        let echoed = match socket.read() {
            Ok(message) if message.is_binary() => socket.send(message),
            Ok(_) => Ok(()),
            Err(tokio_tungstenite::tungstenite::Error::Io(error))
                if error.kind() == std::io::ErrorKind::WouldBlock =>
            {
                Ok(())
            }
            Err(_) => return,
        };
        if chatted.and(echoed).is_err() {
            return;
        }
    }
}

/// Checks that a message which a server sends by itself counts neither as an echo nor as a wrong
/// echo.
#[test]
fn a_server_that_says_more_than_it_is_asked_is_measured_by_its_echoes() {
    let place = TestDirectory::new();
    let args = ["--max", "8", "--start", "8", "--duration", "500ms"];
    let url = peer(0, chatters);
    let output = finish(limit_of(&place, &args).args(["--url", &url]));
    let said = said(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let report = report(&place);
    let (value, owner, reason) = limit(&report);
    assert_eq!((value, owner), (8, LimitOwner::Bound), "{reason}: {said}");
    let echo = &report.steps[0].operations["echo"];
    assert!(echo.succeeded > 0 && echo.errors.is_empty(), "{echo:?}");
}

/// Starts an echo server that pings each connection once and counts the answers in `pongs`. Returns
/// its URL.
fn counts_pongs(pongs: &Arc<AtomicU64>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let pongs = Arc::clone(pongs);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let pongs = Arc::clone(&pongs);
            thread::spawn(move || {
                let Ok(mut socket) = accept(stream) else {
                    return;
                };
                let _ = socket.send(Message::Ping(b"alive"[..].into()));
                while let Ok(message) = socket.read() {
                    if message.is_pong() {
                        pongs.fetch_add(1, Ordering::Relaxed);
                    }
                    if message.is_binary() && socket.send(message).is_err() {
                        return;
                    }
                }
            });
        }
    });
    url
}

/// Checks that all connections answer pings, although only one of them sends messages and the
/// others are idle.
#[test]
fn connections_that_are_silent_answer_the_pings_of_their_server() {
    let pongs = Arc::new(AtomicU64::new(0));
    let place = TestDirectory::new();
    let args = [
        "--max",
        "30",
        "--start",
        "30",
        "--duration",
        "300ms",
        "--talkers",
        "1",
    ];
    let output = finish(limit_of(&place, &args).args(["--url", &counts_pongs(&pongs)]));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let (value, ..) = limit(&report(&place));
    assert_eq!(value, 30, "{}", said(&output));
    assert!(pongs.load(Ordering::Relaxed) >= 30, "{pongs:?}");
}

/// Serves a connection with echoes, of which it sends every hundredth twice.
fn doubles(stream: TcpStream) {
    let Ok(mut socket) = accept(stream) else {
        return;
    };
    let mut count = 0;
    while let Ok(message) = socket.read() {
        if !message.is_binary() {
            continue;
        }
        count += 1;
        let doubled = if count % 100 == 0 {
            socket.send(message.clone())
        } else {
            Ok(())
        };
        if doubled.and_then(|()| socket.send(message)).is_err() {
            return;
        }
    }
}

/// Checks that a second answer is counted and told, and fails no message, because the first one was
/// right.
#[test]
fn every_hundredth_answer_sent_twice_is_counted_apart() {
    let place = TestDirectory::new();
    let args = [
        "--max",
        "2",
        "--start",
        "2",
        "--rate",
        "1000",
        "--duration",
        "1s",
    ];
    let output = finish(limit_of(&place, &args).args(["--url", &peer(0, doubles)]));
    let said = said(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let report = report(&place);
    let step = &report.steps[0];
    let echo = &step.operations["echo"];
    assert_eq!((echo.attempted, echo.succeeded), (1_000, 1_000), "{said}");
    // The last message of each connection may be doubled after the connection has been measured.
    let doubled = step.figures["duplicate_answers"];
    assert!((8.0..=10.0).contains(&doubled), "{doubled}: {said}");
    assert!(
        said.contains(&format!("{doubled} messages answered twice")),
        "{said}"
    );
    let (value, owner, _) = limit(&report);
    assert_eq!((value, owner), (2, LimitOwner::Bound), "{said}");
}
