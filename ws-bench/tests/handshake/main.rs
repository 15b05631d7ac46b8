//! Tests of the opening of connections: what is asked of a server, which answers are accepted, and
//! what is told about the others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../common/mod.rs"]
mod common;
mod encrypted;
mod proxied;
mod raw_server;
mod redirected;
mod requests;

use common::{finish, limit_of, report, said};
use raw_server::{RawServer, agrees};
use test_support::TestDirectory;

/// Runs a short search with two connections and further `args`. Returns the directory with its
/// report, its exit code and its output.
fn run(args: &[&str]) -> (TestDirectory, Option<i32>, String) {
    let place = TestDirectory::new();
    let (code, said) = run_in(&place, args);
    (place, code, said)
}

/// Runs a short search as [`run`] does, in a directory with files of the test.
fn run_in(place: &TestDirectory, args: &[&str]) -> (Option<i32>, String) {
    let short = ["--max", "2", "--start", "2", "--duration", "100ms"];
    let mut command = limit_of(place, &[&short, args].concat());
    for variable in ["WS_URL", "WS_BEARER", "WS_PROXY"] {
        command.env_remove(variable);
    }
    let output = finish(&mut command);
    (output.status.code(), said(&output))
}

/// Asserts that a search with `args` ends with `code` and says all of `wanted`.
fn says(args: &[&str], code: i32, wanted: &[&str]) {
    let (_place, ended, said) = run(args);
    assert_eq!(ended, Some(code), "{args:?}: {said}");
    for text in wanted {
        assert!(said.contains(text), "{args:?}: no {text:?} in {said}");
    }
}

#[test]
fn an_answer_is_accepted_in_every_form_that_rfc_6455_allows() {
    let forms = [
        "connection: keep-alive, upgrade\r\nUPGRADE: WebSocket\r\n",
        "Connection: keep-alive\r\nConnection: UPGRADE\r\nUpgrade: websocket\r\n",
        "Connection: Upgrade , Keep-Alive\r\nUpgrade: h2c, websocket\r\nServer:\r\n",
    ];
    for form in forms {
        let server = RawServer::start(move |_, accept| {
            format!("HTTP/1.1 101\r\n{form}Sec-WebSocket-Accept:   {accept}\r\n\r\n")
        });
        says(&["--url", &server.url], 0, &["2 connections held"]);
    }
}

/// Plants a greeting that arrives in the same packet as the answer, after an interim answer.
#[test]
fn bytes_after_the_answer_belong_to_the_websocket() {
    let server = RawServer::start(move |_, accept| {
        let early = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
        let mut bytes = (early.to_owned() + &agrees(accept, "")).into_bytes();
        bytes.extend(b"\x81\x02hi");
        bytes
    });
    says(&["--url", &server.url], 0, &["2 connections held"]);
}

/// Plants a server that greets with a secret and never echoes.
#[test]
fn what_came_in_place_of_an_echo_is_shown() {
    let server = RawServer::mute(|_, accept| {
        let mut bytes = agrees(accept, "").into_bytes();
        let text = b"{\"token\":\"hunter2\",\"type\":\"hello\"}";
        bytes.extend([0x81, text.len() as u8]);
        bytes.extend(text);
        bytes
    });
    let args = ["--url", &server.url, "--timeout", "300ms"];
    let (_place, code, said) = run(&args);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("timeout.echo") && said.contains("hello"),
        "{said}"
    );
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn a_server_may_choose_no_subprotocol_but_none_that_was_not_offered() {
    let none = RawServer::start(|_, accept| agrees(accept, ""));
    let offer = ["--subprotocol", "v2.shop", "--subprotocol", "v1.shop"];
    let with = |url: &'static str| [&offer[..], &["--url", url]].concat();
    let url: &'static str = none.url.clone().leak();
    says(&with(url), 0, &["chose none of the subprotocols"]);
    let offered = &none.seen()[0].head;
    let header = raw_server::header(offered, "Sec-WebSocket-Protocol");
    assert_eq!(header, Some("v2.shop, v1.shop"));

    let chosen = |name: &'static str| {
        let header = format!("Sec-WebSocket-Protocol: {name}\r\n");
        RawServer::start(move |_, accept| agrees(accept, &header))
    };
    let right = chosen("v1.shop");
    let (place, code, said) = run(&with(right.url.clone().leak()));
    assert_eq!(code, Some(0), "{said}");
    let servers = &report(&place).config["servers"];
    assert_eq!(servers[0]["subprotocol"], "v1.shop", "{servers}");
    let wrong = chosen("v3.shop");
    let told = ["handshake.subprotocol", "v3.shop", "Try: --subprotocol"];
    says(&with(wrong.url.clone().leak()), 1, &told);
    says(&["--url", &wrong.url], 1, &told);
}

#[test]
fn an_answer_that_no_websocket_may_follow_has_a_kind_of_its_own() {
    let cases: [(&str, &[&str]); 4] = [
        (
            "HTTP/1.1 101\r\nUpgrade: websocket\r\nConnection: close\r\nSec-WebSocket-Accept: ACCEPT\r\n\r\n",
            &["handshake.protocol", "Connection: Upgrade"],
        ),
        (
            "HTTP/1.1 101\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Accept: ACCEPT\r\n\r\n",
            &["handshake.extension", "permessage-deflate"],
        ),
        (
            "HTTP/1.1 101\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
            &["handshake.accept_key"],
        ),
        (
            "\u{15}\u{3}\u{1}\u{0}\u{2}\u{2}F",
            &["tls.tls_server", "Try: wss://"],
        ),
    ];
    for (answer, wanted) in cases {
        let server = RawServer::start(move |_, accept| answer.replace("ACCEPT", accept));
        says(&["--url", &server.url], 1, wanted);
    }
    let endless = RawServer::start(|_, _| format!("HTTP/1.1 101\r\nX: {}", "a".repeat(1 << 20)));
    says(&["--url", &endless.url], 1, &["handshake.size", "16 KiB"]);
}

/// Plants refusals that say more than their status.
#[test]
fn what_a_server_says_in_its_refusal_is_told() {
    let cases: [(&str, &[&str]); 5] = [
        (
            "HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n",
            &["http.429", "Retry-After: 7", "as long as Retry-After says"],
        ),
        (
            "HTTP/1.1 403 No\r\nContent-Length: 22\r\n\r\nthis origin is too bad",
            &["http.403", "this origin is too bad", "--origin"],
        ),
        (
            "HTTP/1.1 401 No\r\n\r\n{\"token\":\"hunter2\",\"why\":\"late\"}",
            &["http.401", "late", "WS_BEARER"],
        ),
        (
            "HTTP/1.1 400 Bad\r\n\r\n<h1>The plain HTTP request was sent to HTTPS port</h1>",
            &["http.400", "Try: wss://"],
        ),
        (
            "HTTP/1.1 404 No\r\nContent-Length: 3\r\n\r\nno\n",
            &["http.404", "\"no\\n\"", "the path"],
        ),
    ];
    for (answer, wanted) in cases {
        let server = RawServer::start(move |_, _| answer.to_owned());
        says(&["--url", &server.url], 1, wanted);
        let (_, _, said) = run(&["--url", &server.url]);
        assert!(!said.contains("hunter2"), "{said}");
    }
}
