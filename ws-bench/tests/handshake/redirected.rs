//! Tests of redirections, and of hosts with several addresses.

use std::net::TcpListener;

use crate::common::report;
use crate::raw_server::{RawServer, agrees, header};
use crate::{run, says};

fn redirects(status: u16, location: &str) -> RawServer {
    let location = location.to_owned();
    RawServer::start(move |_, _| {
        format!("HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
    })
}

#[test]
fn a_redirection_is_told_with_its_address_and_followed_on_request() {
    for status in [301, 302, 303, 307, 308] {
        let server = RawServer::start(move |head, accept| {
            if head.starts_with("GET /old ") {
                format!("HTTP/1.1 {status} Moved\r\nLocation: /new?x=1\r\n\r\n")
            } else {
                agrees(accept, "")
            }
        });
        let old = server.url.clone() + "old";
        let new = server.url.clone() + "new?x=1";
        let kind = format!("http.{status}");
        says(&["--url", &old], 1, &[&kind, &format!("Try: --url {new}")]);
        let args = [
            "--url",
            &old,
            "--follow-redirects",
            "1",
            "--bearer",
            "hunter2",
        ];
        let (place, code, said) = run(&args);
        assert_eq!(code, Some(0), "{said}");
        let servers = &report(&place).config["servers"][0];
        assert_eq!(servers["url"], new.as_str(), "{servers}");
        assert_eq!(servers["redirected_from"][0], old.as_str(), "{servers}");
        // Only the probe asks for the old path again.
        let asked = server.seen();
        let old = asked
            .iter()
            .filter(|seen| seen.head.starts_with("GET /old "));
        assert_eq!(old.count(), 2, "one a run");
    }
}

#[test]
fn a_login_is_not_sent_to_the_server_to_which_another_redirects() {
    let other = RawServer::start(|_, accept| agrees(accept, ""));
    let server = redirects(302, &other.url.replace("ws://", "http://"));
    let args = ["--url", &server.url, "--follow-redirects", "3"];
    says(&args, 0, &["redirects", "2 connections held"]);
    let seen = other.seen().len();
    let login = ["--header", "X-Api-Key: hunter2"];
    let told = ["the login is not for another server", &other.url];
    says(&[&args[..], &login].concat(), 1, &told);
    assert_eq!(other.seen().len(), seen);
    assert!(
        other
            .seen()
            .iter()
            .all(|s| header(&s.head, "X-Api-Key").is_none())
    );
}

#[test]
fn redirections_in_a_circle_and_to_no_websocket_are_told() {
    let circle = redirects(302, "/");
    let args = ["--url", &circle.url, "--follow-redirects", "3"];
    says(&args, 1, &["http.302", "Location: /"]);
    assert_eq!(circle.seen().len(), 4);
    let mail = redirects(302, "mailto:a@b.example");
    says(
        &["--url", &mail.url, "--follow-redirects", "3"],
        1,
        &["http.302", "mailto:"],
    );
}

/// Plants a host of which, where the resolver knows both, only the IPv4 address is served.
#[test]
fn every_address_of_a_host_is_tried_and_its_failure_told() {
    let server = RawServer::start(|_, accept| agrees(accept, ""));
    let url = server.url.replace("127.0.0.1", "localhost");
    let (place, code, said) = run(&["--url", &url]);
    assert_eq!(code, Some(0), "{said}");
    let told = &report(&place).config["servers"][0];
    assert!(
        told["address"].as_str().unwrap().starts_with("127.0.0.1:"),
        "{told}"
    );
    assert!(told["dns_ns"].as_u64().unwrap() > 0, "{told}");
    assert!(told["tcp_ns"].as_u64().unwrap() > 0, "{told}");
    if let Some(failed) = told["failed"].as_object() {
        assert!(
            failed.keys().all(|address| address.starts_with("[::1]:")),
            "{told}"
        );
        assert!(said.contains("does not answer (refused"), "{said}");
    }
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://localhost:{}/", gone.local_addr().unwrap().port());
    drop(gone);
    says(&["--url", &url], 1, &["cannot connect", "refused"]);
}
