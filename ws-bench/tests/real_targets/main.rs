//! Tests with servers that were not written for them: Python's `websockets`, npm's `ws`, and nginx in
//! front of one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]

#[path = "../common/mod.rs"]
mod common;
mod nginx;
mod peer_server;

use common::{finish, limit_of, report, said};
use peer_server::PeerServer;
use test_support::TestDirectory;

/// Runs a short search with two connections and further `args` in `place`. Returns its exit code and
/// its output.
fn run_in(place: &TestDirectory, args: &[&str]) -> (Option<i32>, String) {
    let short = ["--max", "2", "--start", "2", "--duration", "100ms"];
    let mut command = limit_of(place, &[&short, args].concat());
    for variable in ["WS_URL", "WS_BEARER", "WS_PROXY"] {
        command.env_remove(variable);
    }
    let output = finish(&mut command);
    (output.status.code(), said(&output))
}

/// Asserts that a search on `server` with `args` ends with `code` and says all of `wanted`.
fn says(server: &PeerServer, args: &[&str], code: i32, wanted: &[&str]) {
    let place = TestDirectory::new();
    let (ended, said) = run_in(&place, &[&["--url", &server.url], args].concat());
    assert_eq!(ended, Some(code), "{args:?}: {said}");
    for text in wanted {
        assert!(said.contains(text), "{args:?}: no {text:?} in {said}");
    }
}

#[test]
fn websockets_of_python_is_loaded_as_it_wants_to_be() {
    let python = |mode| PeerServer::python(mode);
    let Some(plain) = python("plain") else { return };
    let held = "2 connections held";
    says(&plain, &[], 0, &[held]);
    says(&python("greets").unwrap(), &[], 0, &[held]);
    says(&python("deflate").unwrap(), &[], 0, &[held]);
    let token = python("token").unwrap();
    says(&token, &["--bearer", "hunter2"], 0, &[held]);
    says(
        &token,
        &[],
        1,
        &[
            "http.401",
            "Retry-After: 7",
            "the token is missing",
            "WS_BEARER",
        ],
    );
    let subprotocols = python("subprotocols").unwrap();
    says(
        &subprotocols,
        &["--subprotocol", "v1.shop"],
        0,
        &[held, "the subprotocol v1.shop"],
    );
    says(
        &subprotocols,
        &["--subprotocol", "v2.shop"],
        0,
        &[held, "none of the subprotocols"],
    );
    says(&subprotocols, &[], 0, &[held]);
    let origin = python("origin").unwrap();
    says(&origin, &["--origin", "https://shop.example"], 0, &[held]);
    says(&origin, &[], 1, &["http.403", "--origin"]);
    let small = python("small").unwrap();
    says(&small, &[], 0, &[held]);
    let place = TestDirectory::new();
    let args = ["--url", &small.url, "--message-size", "64"];
    let (code, said) = run_in(&place, &args);
    assert_eq!(code, Some(0), "{said}");
    let steps = &report(&place).steps;
    assert!(
        steps
            .iter()
            .all(|step| step.figures.contains_key("lost_connections.closed.1009")),
        "{said}"
    );
}

#[test]
fn ws_of_npm_is_loaded_as_it_wants_to_be() {
    let node = |mode| PeerServer::node(mode);
    let Some(plain) = node("plain") else { return };
    let held = "2 connections held";
    says(&plain, &[], 0, &[held]);
    says(&node("greets").unwrap(), &[], 0, &[held]);
    says(&node("deflate").unwrap(), &[], 0, &[held]);
    let subprotocols = node("subprotocols").unwrap();
    says(
        &subprotocols,
        &["--subprotocol", "v1.shop"],
        0,
        &[held, "the subprotocol v1.shop"],
    );
    says(
        &subprotocols,
        &["--subprotocol", "v2.shop"],
        0,
        &[held, "none of the subprotocols"],
    );
    let refuses = node("refuses").unwrap();
    says(
        &refuses,
        &[],
        1,
        &["http.429", "Retry-After: 7", "slow down"],
    );
    let needs = node("needs-subprotocol").unwrap();
    says(&needs, &["--subprotocol", "v1.shop"], 0, &[held]);
    says(
        &needs,
        &[],
        1,
        &[
            "closed.4406",
            "Subprotocol not acceptable",
            "Try: --subprotocol",
        ],
    );
}
