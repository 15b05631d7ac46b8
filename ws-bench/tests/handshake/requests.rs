//! Tests of the requests: headers, logins, cookies, values for each connection, and where connections
//! come from.

use std::fs;
use std::net::IpAddr;

use test_support::TestDirectory;

use crate::common::{REPORT, report};
use crate::raw_server::{RawServer, SeenRequest, agrees, header};
use crate::{run, run_in, says};

fn echo_server() -> RawServer {
    RawServer::start(|_, accept| agrees(accept, ""))
}

/// Plants a secret in every flag that can hold one, and a server that repeats them all when it
/// refuses.
#[test]
fn every_flag_reaches_the_server_and_no_secret_reaches_anybody_else() {
    let server = echo_server();
    let url = server.url.replace("ws://", "ws://app:hunter2-url@") + "live?token=hunter2-query";
    let args = [
        "--url",
        &url,
        "--header",
        "X-Api-Key: hunter2-header",
        "--header",
        "User-Agent: shop/1",
        "--cookie",
        "sid=hunter2-cookie",
        "--cookie",
        "theme=dark",
        "--origin",
        "https://shop.example",
    ];
    let (place, code, said) = run(&args);
    assert_eq!(code, Some(0), "{said}");
    for SeenRequest { head, .. } in server.seen() {
        assert!(
            head.starts_with("GET /live?token=hunter2-query HTTP/1.1\r\n"),
            "{head}"
        );
        for (name, value) in [
            ("X-Api-Key", "hunter2-header"),
            ("User-Agent", "shop/1"),
            ("Cookie", "sid=hunter2-cookie; theme=dark"),
            ("Origin", "https://shop.example"),
            ("Authorization", "Basic YXBwOmh1bnRlcjItdXJs"),
        ] {
            assert_eq!(header(&head, name), Some(value), "{head}");
        }
    }
    let written = fs::read_to_string(place.path().join(REPORT)).unwrap();
    assert!(
        !written.contains("hunter2") && !said.contains("hunter2"),
        "{said}"
    );
    let headers = &report(&place).config["headers"];
    assert_eq!(headers["X-Api-Key"], "***", "{headers}");

    let repeats = RawServer::start(|head, _| {
        let length = head.len();
        format!("HTTP/1.1 403 No\r\nContent-Length: {length}\r\n\r\n{head}")
    });
    let url = repeats.url.replace("ws://", "ws://app:hunter2-url@");
    let args = [&["--url", &url], &args[2..]].concat();
    let (place, code, said) = run(&args);
    assert_eq!(code, Some(1), "{said}");
    let written = fs::read_to_string(place.path().join(REPORT)).unwrap();
    assert!(
        !written.contains("hunter2") && !said.contains("hunter2"),
        "{said}"
    );
}

#[test]
fn the_token_can_come_from_the_environment() {
    let server = echo_server();
    let place = TestDirectory::new();
    let args = ["--max", "1", "--duration", "100ms", "--url", &server.url];
    let mut command = crate::limit_of(&place, &args);
    let output = crate::finish(command.env("WS_BEARER", "hunter2"));
    let said = crate::said(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let login = server.seen()[0].head.clone();
    assert_eq!(header(&login, "Authorization"), Some("Bearer hunter2"));
    let written = fs::read_to_string(place.path().join(REPORT)).unwrap();
    assert!(
        !written.contains("hunter2") && !said.contains("hunter2"),
        "{said}"
    );
}

/// Plants three rows for the connections of two worker processes.
#[test]
fn each_connection_has_the_values_of_its_row_in_every_worker() {
    let server = echo_server();
    let place = TestDirectory::new();
    let file = place.path().join("users.csv");
    fs::write(&file, "user,token\nann,t-0 0\nbob,t-1\ncyd,t-2\n").unwrap();
    let url = server.url.clone() + "{user}?t={token}";
    let args = [
        "--url",
        &url,
        "--vars",
        "users.csv",
        "--header",
        "X-User: {user}",
        "--bearer",
        "{token}",
        "--subprotocol",
        "user.{user}",
        "--max",
        "6",
        "--start",
        "6",
        "--duration",
        "100ms",
        "--workers",
        "2",
    ];
    let output = crate::finish(&mut crate::limit_of(&place, &args));
    let said = crate::said(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let seen = server.seen();
    for (user, token, encoded) in [
        ("ann", "t-0 0", "t-0%200"),
        ("bob", "t-1", "t-1"),
        ("cyd", "t-2", "t-2"),
    ] {
        let of_user = |seen: &&SeenRequest| {
            seen.head
                .starts_with(&format!("GET /{user}?t={encoded} HTTP/1.1\r\n"))
                && header(&seen.head, "X-User") == Some(user)
                && header(&seen.head, "Authorization") == Some(&format!("Bearer {token}"))
                && header(&seen.head, "Sec-WebSocket-Protocol") == Some(&format!("user.{user}"))
        };
        // The probe is connection 0, which opens one more.
        let wanted = if user == "ann" { 3 } else { 2 };
        assert_eq!(
            seen.iter().filter(of_user).count(),
            wanted,
            "{user}: {seen:?}"
        );
    }
}

#[test]
fn a_flag_that_cannot_be_used_is_told_without_its_value() {
    let place = TestDirectory::new();
    fs::write(place.path().join("vars.csv"), "user\nhunter2\n").unwrap();
    let url = "ws://127.0.0.1:1/";
    let cases: [(&[&str], &str); 8] = [
        (&["--header", "hunter2"], "'Name: value'"),
        (
            &["--header", "Upgrade: hunter2"],
            "belongs to the handshake",
        ),
        (
            &["--header", "Sec-WebSocket-Protocol: hunter2"],
            "--subprotocol",
        ),
        (&["--subprotocol", "a, hunter2"], "one word"),
        (&["--bearer", "hunter2\nX: y"], "control character"),
        (&["--proxy", "socks5://a:hunter2@h:1"], "HTTP proxy"),
        (&["--vars", "vars.csv", "--header", "X: {name}"], "has user"),
        (&["--url", "wss://127.0.0.1:1/"], "all ws://, or all wss://"),
    ];
    for (args, wanted) in cases {
        let (code, said) = run_in(&place, &[&["--url", url], args].concat());
        let code = (code, said.contains(wanted), said.contains("hunter2"));
        assert_eq!(code, (Some(2), true, false), "{args:?}: {said}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn connections_are_spread_over_several_servers_and_local_addresses() {
    let servers = [echo_server(), echo_server()];
    let place = TestDirectory::new();
    let [one, other] = servers.each_ref().map(|server| server.url.as_str());
    let args = [
        "--url",
        one,
        "--url",
        other,
        "--source-ip",
        "127.0.0.2",
        "--source-ip",
        "127.0.0.3",
        "--max",
        "8",
        "--start",
        "8",
        "--duration",
        "100ms",
    ];
    let output = crate::finish(&mut crate::limit_of(&place, &args));
    let said = crate::said(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for server in &servers {
        // The first request is the probe's.
        let from: Vec<IpAddr> = server.seen().iter().skip(1).map(|seen| seen.from).collect();
        for wanted in ["127.0.0.2", "127.0.0.3"] {
            let wanted: IpAddr = wanted.parse().unwrap();
            let count = from.iter().filter(|ip| **ip == wanted).count();
            assert_eq!(count, 2, "{from:?}");
        }
    }
    let wrong = ["--url", one, "--source-ip", "192.0.2.1"];
    says(&wrong, 1, &["ports", "ip addr"]);
}
