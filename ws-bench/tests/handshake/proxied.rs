//! Tests of connections through an HTTP proxy.

use std::fs;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::common::{REPORT, report};
use crate::raw_server::{RawServer, agrees, header, read_head};
use crate::{run, says};

/// Login of the proxies of these tests: `app` with the password `hunter2`.
const LOGIN: &str = "Basic YXBwOmh1bnRlcjI=";

/// Starts a proxy that opens tunnels for those who log in. Returns its address and the first lines of
/// the requests.
fn proxy() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let seen = Arc::clone(&seen);
            thread::spawn(move || pass_on(client, &seen));
        }
    });
    (address, asked)
}

fn pass_on(mut client: TcpStream, seen: &Mutex<Vec<String>>) {
    let head = read_head(&mut client);
    let line = head.lines().next().unwrap_or_default().to_owned();
    let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
    seen.lock().unwrap().push(line);
    if header(&head, "Proxy-Authorization") != Some(LOGIN) {
        let said = "HTTP/1.1 407 Login\r\nContent-Length: 11\r\n\r\nno hunter2!";
        let _ = client.write_all(said.as_bytes());
        return;
    }
    let Ok(server) = TcpStream::connect(target) else {
        let _ = client.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
        return;
    };
    client
        .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
        .unwrap();
    let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let back = thread::spawn(move || {
        let (mut server, mut client) = (server, client);
        let _ = std::io::copy(&mut server, &mut client);
        let _ = client.shutdown(std::net::Shutdown::Write);
    });
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(std::net::Shutdown::Write);
    let _ = back.join();
}

#[test]
fn connections_go_through_the_tunnel_of_a_proxy() {
    let server = RawServer::start(|_, accept| agrees(accept, ""));
    let (address, asked) = proxy();
    let proxy = format!("http://app:hunter2@{address}");
    let (place, code, said) = run(&["--url", &server.url, "--proxy", &proxy]);
    assert_eq!(code, Some(0), "{said}");
    let host = server.url.trim_start_matches("ws://").trim_end_matches('/');
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert!(
        asked
            .iter()
            .all(|line| *line == format!("CONNECT {host} HTTP/1.1"))
    );
    let phases = &report(&place).steps[0].operations["connect"].phases;
    let phases: Vec<_> = phases.keys().map(String::as_str).collect();
    assert_eq!(phases, ["proxy", "tcp", "upgrade"]);
    let written = fs::read_to_string(place.path().join(REPORT)).unwrap();
    assert!(
        !written.contains("hunter2") && !said.contains("hunter2"),
        "{said}"
    );
}

#[test]
fn a_proxy_that_opens_no_tunnel_is_told_from_the_server() {
    let server = RawServer::start(|_, accept| agrees(accept, ""));
    let (address, _) = proxy();
    let wrong = format!("http://app:hunter3@{address}");
    let told = ["proxy.407", "through the proxy", "USER:PASSWORD"];
    says(&["--url", &server.url, "--proxy", &wrong], 1, &told);
    let right = format!("http://app:hunter2@{address}");
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", gone.local_addr().unwrap());
    drop(gone);
    says(
        &["--url", &url, "--proxy", &right],
        1,
        &["proxy.502", "as the proxy can reach"],
    );
    assert!(server.seen().is_empty());
}
