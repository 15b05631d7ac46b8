//! Tests that the proxy applies exactly the faults that are set.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroU64;
use std::thread;
use std::time::{Duration, Instant};

use testbed::{Faults, Proxy};

use common::{TIMEOUT, assert_pause_holds_the_answer_back, connect};

/// Starts a server that sends back all that it receives, and returns its address. It runs until the
/// test program ends.
fn echo_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || io::copy(&mut &stream, &mut &stream));
        }
    });
    address
}

fn proxy(faults: Faults) -> Proxy {
    Proxy::start(echo_server(), faults).unwrap()
}

fn echo(mut stream: &TcpStream, bytes: &[u8]) -> io::Result<Vec<u8>> {
    stream.write_all(bytes)?;
    let mut answer = vec![0; bytes.len()];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

#[test]
fn without_faults_every_byte_passes_and_so_does_the_end() {
    let proxy = proxy(Faults::default());
    let bytes: Vec<u8> = (0..1_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let stream = connect(proxy.address());
    let answer = thread::scope(|scope| {
        scope.spawn(|| {
            (&stream).write_all(&bytes).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
        });
        let mut answer = Vec::new();
        (&stream).read_to_end(&mut answer).unwrap();
        answer
    });
    assert!(answer == bytes);
}

#[test]
fn every_question_with_its_answer_is_a_round_trip() {
    let proxy = proxy(Faults::default());
    let streams = [connect(proxy.address()), connect(proxy.address())];
    for question in 0..5 {
        for stream in &streams {
            echo(stream, &[question; 100]).unwrap();
        }
    }
    assert_eq!(proxy.round_trips(), 10);
}

#[test]
fn a_delay_is_paid_in_each_direction() {
    let delay = Duration::from_millis(50);
    let proxy = proxy(Faults {
        delay,
        ..Faults::default()
    });
    let stream = connect(proxy.address());
    let started = Instant::now();
    echo(&stream, b"ping").unwrap();
    assert!(started.elapsed() >= 2 * delay, "{:?}", started.elapsed());
}

/// Verifies that a delay does not limit throughput: otherwise `pings` messages would take `pings`
/// delays.
#[test]
fn bytes_keep_flowing_while_others_are_delayed() {
    let (delay, pings) = (Duration::from_millis(100), 100);
    let proxy = proxy(Faults {
        delay,
        ..Faults::default()
    });
    let stream = connect(proxy.address());
    let started = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..pings {
                (&stream).write_all(b"ping").unwrap();
                thread::sleep(Duration::from_millis(1));
            }
        });
        let mut answers = vec![0; 4 * pings as usize];
        (&stream).read_exact(&mut answers).unwrap();
    });
    let one_after_the_other = delay * pings;
    assert!(
        started.elapsed() < one_after_the_other / 2,
        "{:?}",
        started.elapsed()
    );
}

/// Verifies that connections share the throughput: four of them with 50 kB each need as long as one
/// with 200 kB, a second at 200 kB/s, less the few milliseconds that a link may have rested. A delay
/// beside it is paid as well.
#[test]
fn a_limited_throughput_is_shared_by_all_connections() {
    let delay = Duration::from_millis(20);
    let proxy = proxy(Faults {
        bytes_per_s: NonZeroU64::new(200_000),
        delay,
        ..Faults::default()
    });
    let streams: Vec<_> = (0..4).map(|_| connect(proxy.address())).collect();
    let started = Instant::now();
    thread::scope(|scope| {
        for stream in &streams {
            scope.spawn(|| echo(stream, &vec![7; 50_000]).unwrap());
        }
    });
    let least = Duration::from_millis(990) + delay;
    assert!(started.elapsed() >= least, "{:?}", started.elapsed());
}

#[test]
fn a_stall_holds_everything_back_until_it_ends() {
    let proxy = proxy(Faults::default());
    let stream = connect(proxy.address());
    echo(&stream, b"before").unwrap();
    let answer = assert_pause_holds_the_answer_back(
        || {
            proxy.set(Faults {
                stall: true,
                ..Faults::default()
            });
        },
        move || echo(&stream, b"during").unwrap(),
        || proxy.set(Faults::default()),
    );
    assert_eq!(answer, b"during");
}

#[test]
fn a_connection_made_during_a_stall_works_when_it_ends() {
    let proxy = proxy(Faults {
        stall: true,
        ..Faults::default()
    });
    let stream = connect(proxy.address());
    let answer = assert_pause_holds_the_answer_back(
        || {},
        move || echo(&stream, b"early").unwrap(),
        || proxy.set(Faults::default()),
    );
    assert_eq!(answer, b"early");
}

#[test]
fn a_refused_connection_is_reset_and_older_ones_go_on() {
    let proxy = proxy(Faults::default());
    let older = connect(proxy.address());
    echo(&older, b"before").unwrap();
    proxy.set(Faults {
        refuse: true,
        ..Faults::default()
    });
    // The reset may arrive before the connect has completed.
    let refused = TcpStream::connect(proxy.address()).and_then(|mut newer| {
        newer.set_read_timeout(Some(TIMEOUT))?;
        newer.read_exact(&mut [0])
    });
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(echo(&older, b"after").unwrap(), b"after");
    proxy.set(Faults::default());
    assert_eq!(echo(&connect(proxy.address()), b"again").unwrap(), b"again");
}

#[test]
fn a_connection_is_cut_after_exactly_the_bytes_it_was_granted() {
    let proxy = proxy(Faults {
        cut_after_bytes: Some(150),
        ..Faults::default()
    });
    let mut stream = connect(proxy.address());
    stream.write_all(&[7; 100]).unwrap();
    let mut answer = Vec::new();
    let end = stream.read_to_end(&mut answer).unwrap_err();
    assert_eq!(end.kind(), ErrorKind::ConnectionReset);
    assert_eq!(answer.len(), 50, "100 bytes there and 50 back");
}

#[test]
fn an_unreachable_target_shows_as_a_reset() {
    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let proxy = Proxy::start(nobody, Faults::default()).unwrap();
    let outcome = TcpStream::connect(proxy.address()).and_then(|mut stream| {
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.read_exact(&mut [0])
    });
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[test]
fn dropping_it_closes_its_connections_and_its_port() {
    let proxy = proxy(Faults {
        stall: true,
        ..Faults::default()
    });
    let address = proxy.address();
    let mut stream = connect(address);
    stream.write_all(b"never answered").unwrap();
    drop(proxy);
    assert!(stream.read_exact(&mut [0]).is_err());
    assert_eq!(
        TcpStream::connect(address).unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
}
