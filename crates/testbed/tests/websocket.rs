//! Tests of the wrapper around `ws-bench serve`, with a program that announces its address in the
//! same way.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use testbed::{TestbedError, WebSocketServer};

use common::{assert_nothing_is_left, assert_pause_holds_the_answer_back, connect, example};

fn server() -> WebSocketServer {
    WebSocketServer::start(&example("echo"), &[]).unwrap()
}

fn echo(mut stream: TcpStream) -> String {
    stream.write_all(b"hello").unwrap();
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn it_is_reached_at_the_address_that_it_announced() {
    let server = server();
    assert_eq!(server.url(), format!("ws://127.0.0.1:{}/", server.port()));
    assert_eq!(echo(connect(([127, 0, 0, 1], server.port()))), "hello");
    assert_eq!(server.processes(), [server.pid()]);
}

#[test]
fn a_pause_holds_answers_back() {
    let server = server();
    let stream = connect(([127, 0, 0, 1], server.port()));
    let answer = assert_pause_holds_the_answer_back(
        || server.pause(),
        move || echo(stream),
        || server.resume(),
    );
    assert_eq!(answer, "hello");
}

#[test]
fn it_leaves_nothing_whether_dropped_paused_or_killed() {
    let dispose: [fn(WebSocketServer); 3] =
        [drop, |server| server.pause(), |mut server| server.kill()];
    for dispose in dispose {
        let server = server();
        let (processes, directory) = (server.processes(), server.directory().to_owned());
        dispose(server);
        assert_nothing_is_left(&processes, &directory);
    }
}

#[test]
fn arguments_are_handed_on_and_what_it_said_is_in_the_error() {
    let error = WebSocketServer::start(&example("echo"), &["--nonsense".to_owned()]).unwrap_err();
    assert!(matches!(error, TestbedError::Start { .. }), "{error}");
    assert!(
        error.to_string().contains("unknown argument --nonsense"),
        "{error}"
    );
}

#[test]
fn a_binary_that_is_not_there_is_named() {
    let error = WebSocketServer::start(Path::new("/nowhere/ws-bench"), &[]).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("cannot find /nowhere/ws-bench"),
        "{error}"
    );
}
