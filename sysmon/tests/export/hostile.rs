//! Tests with requests that are malformed, slow, huge or something else altogether.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use crate::exporter::{Answer, Exporter, hear};
use crate::page::Page;

const GOOD: &str = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

fn exporter() -> Exporter {
    Exporter::start(&["--interval", "200ms"])
}

/// Malformed request: its name, its bytes, and the status codes that are allowed in an answer.
type Malformed = (&'static str, Vec<u8>, &'static [u16]);

fn headers(count: usize) -> String {
    (0..count).fold(String::new(), |mut all, n| {
        let _ = write!(all, "X-{n}: y\r\n");
        all
    })
}

fn malformed() -> Vec<Malformed> {
    let big = "x".repeat(1 << 20);
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03hello".to_vec();
    vec![
        ("nothing", Vec::new(), &[][..]),
        ("garbage", b"\x00\xff\xfe\r\n\r\n\r\n\x01".to_vec(), &[400]),
        ("no version", b"GET /metrics\r\n\r\n".to_vec(), &[400]),
        (
            "a strange version",
            b"GET /metrics HTTP/9.9\r\n\r\n".to_vec(),
            &[400],
        ),
        ("TLS", hello, &[400]),
        (
            "HTTP/2",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
            &[400, 505],
        ),
        (
            "a header without a name",
            b"GET /metrics HTTP/1.1\r\n: x\r\n\r\n".to_vec(),
            &[400],
        ),
        (
            "a NUL",
            b"GET /metrics HTTP/1.1\r\nA: \0\r\n\r\n".to_vec(),
            &[400],
        ),
        (
            "half a request",
            b"GET /metrics HTTP/1.1\r\nHos".to_vec(),
            &[400],
        ),
        (
            "a huge path",
            format!("GET /{big} HTTP/1.1\r\n\r\n").into(),
            &[414, 431],
        ),
        (
            "a huge header",
            format!("GET /metrics HTTP/1.1\r\nA: {big}\r\n\r\n").into(),
            &[431],
        ),
        (
            "many headers",
            format!("GET /metrics HTTP/1.1\r\n{}\r\n", headers(1_000)).into(),
            &[431],
        ),
        (
            "two lengths",
            b"POST /metrics HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab".to_vec(),
            &[400],
        ),
        (
            "a length that is none",
            b"POST /metrics HTTP/1.1\r\nContent-Length: -1\r\n\r\n".to_vec(),
            &[400],
        ),
        (
            "a body cut short",
            b"POST /metrics HTTP/1.1\r\nContent-Length: 99\r\n\r\nab".to_vec(),
            &[405],
        ),
        (
            "a body in odd pieces",
            b"POST /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_vec(),
            &[400, 405],
        ),
    ]
}

#[test]
fn whatever_is_asked_the_next_good_request_is_answered() {
    let exporter = exporter();
    for (what, bytes, statuses) in malformed() {
        let heard = exporter.say(&bytes, true);
        if heard.is_empty() {
            // Closing without an answer is allowed as well, but not for a valid request.
            assert!(!statuses.contains(&405), "{what}");
        } else {
            let status = Answer::read(&heard).status;
            assert!(statuses.contains(&status), "{what}: {status}");
        }
        exporter.page();
    }
}

#[test]
fn wrong_paths_and_methods_are_told_so() {
    let exporter = exporter();
    for path in [
        "/",
        "/metrics/",
        "//metrics",
        "/../metrics",
        "/metrics%00",
        "*",
        "/x?/metrics",
    ] {
        let answer = exporter.ask(&GOOD.replace("/metrics", path));
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.body.contains("/metrics"));
    }
    for method in [
        "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "FROB", "get",
    ] {
        let answer = exporter.ask(&GOOD.replace("GET", method));
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), Some("get, head"));
    }
    let query = exporter.ask(&GOOD.replace("/metrics", "/metrics?x=1"));
    assert_eq!(query.status, 200);
    let absolute = exporter.ask(&GOOD.replace("/metrics", "http://x/metrics"));
    assert_eq!(absolute.status, 200);
}

#[test]
fn the_head_the_old_version_two_at_once_and_a_half_closed_side_are_served() {
    let exporter = exporter();
    let head = exporter.ask(&GOOD.replace("GET", "HEAD"));
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert!(
        head.header("content-length")
            .unwrap()
            .parse::<u64>()
            .unwrap()
            > 1000
    );

    let old = exporter.ask("GET /metrics HTTP/1.0\r\n\r\n");
    assert_eq!(old.status, 200);
    Page::read(&old.body, false);

    let kept = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
    let both = exporter.say(format!("{kept}{GOOD}").as_bytes(), false);
    let both = String::from_utf8(both).unwrap();
    assert_eq!(both.matches("HTTP/1.1 200 OK\r\n").count(), 2);

    let half = exporter.say(kept.as_bytes(), true);
    Page::read(&Answer::read(&half).body, false);
}

#[test]
fn the_slow_are_let_go_and_many_of_them_keep_nobody_out_for_long() {
    let exporter = exporter();
    let begun = |bytes: &[u8]| {
        let mut stream = exporter.connect();
        stream.write_all(bytes).unwrap();
        stream
    };
    // More connections than are served at once, all with half a request or none.
    let parts: [&[u8]; 3] = [b"", b"GET /met", b"GET /metrics HTTP/1.1\r\nA: "];
    let mut slow: Vec<_> = (0..200).map(|n| begun(parts[n % 3])).collect();
    let mut dripping = slow.pop().unwrap();
    let drip = std::thread::spawn(move || {
        while dripping.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    exporter.page();
    for stream in &mut slow {
        let heard = hear(stream);
        let refused = heard.is_empty() || Answer::read(&heard).status == 408;
        assert!(refused, "{}", String::from_utf8_lossy(&heard));
    }
    drip.join().unwrap();
    exporter.page();
}
