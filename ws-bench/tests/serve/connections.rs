//! Tests of which connections are accepted, and which upgrades are refused.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use testbed::WebSocketServer;
use tokio_tungstenite::tungstenite::http::Response;
use tokio_tungstenite::tungstenite::{Error, client};

use crate::common::{self, server};
use crate::{Client, counting_server, counts, echo, open, read_to_end, try_open};

/// Request to upgrade, up to the end of the first headers.
const REQUEST: &str = "GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// Returns the response to an upgrade that must be refused.
fn refusal(server: &WebSocketServer) -> Box<Response<Option<Vec<u8>>>> {
    match try_open(server).map_err(|error| *error) {
        Err(Error::Http(response)) => response,
        other => panic!("{other:?}"),
    }
}

/// Opens a connection from another address of this machine.
fn open_from(source: Ipv4Addr, server: &WebSocketServer) -> Client {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(IpAddr::V4(source), 0)).unwrap();
        let server = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), server.port());
        socket.connect(server).await.unwrap().into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(common::HANG)).unwrap();
    client(server.url(), stream).unwrap().0
}

/// Sends `headers` after [`REQUEST`] and returns the head of the response.
fn response_to(server: &WebSocketServer, headers: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    stream.set_read_timeout(Some(common::HANG)).unwrap();
    stream
        .write_all(format!("{REQUEST}{headers}\r\n").as_bytes())
        .unwrap();
    let mut response = Vec::new();
    while !response.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        response.extend(byte);
    }
    String::from_utf8(response).unwrap().to_ascii_lowercase()
}

#[test]
fn it_refuses_politely_and_takes_the_next_when_a_place_is_free() {
    let server = counting_server(&["--refuse-after", "2"]);
    let mut first = open(&server);
    let _second = open(&server);
    assert_eq!(refusal(&server).status(), 503);
    first.close(None).unwrap();
    read_to_end(&mut first);
    drop(first);
    let _third = open(&server);
    let counts = counts(server);
    assert_eq!(counts["refused"]["full"], 1);
    assert_eq!(
        (&counts["opened"], &counts["most_open"]),
        (&3.into(), &2.into())
    );
}

#[cfg(target_os = "linux")]
#[test]
fn an_address_has_its_places_and_a_request_that_is_no_upgrade_takes_none() {
    let server = counting_server(&["--per-address", "2"]);
    for request in [
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST / HTTP/1.1\r\n\r\n",
        "x\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    }
    let mut first = open(&server);
    let _second = open(&server);
    let response = refusal(&server);
    assert_eq!(response.status(), 403);
    assert!(response.headers().get("retry-after").is_none());
    let mut other = open_from(Ipv4Addr::new(127, 0, 0, 2), &server);
    echo(&mut other, "from elsewhere");
    first.close(None).unwrap();
    read_to_end(&mut first);
    drop(first);
    let _third = open(&server);
    let counts = counts(server);
    assert_eq!(counts["refused"]["per_address"], 1);
    assert_eq!(
        (&counts["opened"], &counts["without_upgrade"]),
        (&4.into(), &3.into())
    );
}

#[test]
fn no_second_has_more_upgrades_than_the_limit_and_the_rest_get_429() {
    const LIMIT: usize = 5;
    let server = counting_server(&["--rate-limit", &LIMIT.to_string()]);
    // Times between which each upgrade was admitted.
    let (mut admitted, mut refused) = (Vec::new(), 0);
    while admitted.len() < 3 * LIMIT {
        let begin = Instant::now();
        match try_open(&server).map_err(|error| *error) {
            Ok(_) => admitted.push((begin, Instant::now())),
            Err(Error::Http(response)) => {
                refused += 1;
                assert_eq!(response.status(), 429);
                assert_eq!(response.headers()["retry-after"], "1");
                thread::sleep(Duration::from_millis(20));
            }
            other => panic!("{other:?}"),
        }
    }
    for window in admitted.windows(LIMIT + 1) {
        let took = window[LIMIT].1 - window[0].0;
        assert!(took >= Duration::from_secs(1), "{took:?}");
    }
    let counts = counts(server);
    assert_eq!(counts["opened"], 3 * LIMIT);
    assert_eq!(counts["refused"]["rate_limit"], refused);
}

#[cfg(target_os = "linux")]
#[test]
fn the_kernel_queues_as_many_connections_as_the_backlog_says() {
    const BACKLOG: usize = 4;
    let server = server(&["--backlog", &BACKLOG.to_string(), "--accept-every", "1h"]);
    let _accepted = open(&server);
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), server.port());
    let connect = || TcpStream::connect_timeout(&address, Duration::from_secs(2)).ok();
    let queued: Vec<_> = std::iter::from_fn(connect).take(20).collect();
    // Linux takes one more than the backlog.
    assert_eq!(queued.len(), BACKLOG + 1);
}

#[test]
fn connections_are_accepted_no_faster_than_told() {
    const CONNECTIONS: u32 = 6;
    let pause = Duration::from_millis(50);
    let server = server(&["--accept-every", "50ms"]);
    let begin = Instant::now();
    let opened = || {
        let _open = open(&server);
        begin.elapsed()
    };
    let last = thread::scope(|scope| {
        let all: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(opened)).collect();
        all.into_iter()
            .map(|one| one.join().unwrap())
            .max()
            .unwrap()
    });
    assert!(last >= pause * (CONNECTIONS - 1), "{last:?}");
}

#[test]
fn one_subprotocol_is_chosen_if_it_is_offered() {
    let server = server(&["--subprotocol", "graphql-transport-ws"]);
    let chosen = "sec-websocket-protocol: graphql-transport-ws\r\n";
    for (offer, wanted) in [
        (
            "Sec-WebSocket-Protocol: graphql-ws, graphql-transport-ws\r\n",
            true,
        ),
        (
            "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n",
            true,
        ),
        (
            "Sec-WebSocket-Protocol: graphql-transport-ws2, GRAPHQL-TRANSPORT-WS\r\n",
            false,
        ),
        ("", false),
    ] {
        let response = response_to(&server, offer);
        assert!(response.starts_with("http/1.1 101 "), "{response}");
        assert_eq!(response.contains(chosen), wanted, "{offer}: {response}");
        let named = response.matches("sec-websocket-protocol").count();
        assert_eq!(named, usize::from(wanted), "{response}");
    }
}
