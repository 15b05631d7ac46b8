//! Tests with servers that break the protocol after the upgrade, on a raw socket.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use bench_report::{LimitOwner, Report};
use test_support::{Ended, RunningProgram, TestDirectory};
use tokio_tungstenite::tungstenite::accept;

use crate::common::{HANG, errors, limit, limit_of, report};
use crate::{peer, second_step};

/// Serves a connection by sending `bytes` a moment after the upgrade.
fn sends(bytes: Vec<u8>) -> impl Fn(TcpStream) + Send + Sync + 'static {
    move |stream| {
        let Ok(mut socket) = accept(stream) else {
            return;
        };
        thread::sleep(Duration::from_millis(100));
        let stream = socket.get_mut();
        let _ = stream.write_all(&bytes);
        // Reads until the client gives up.
        let _ = stream.read_to_end(&mut Vec::new());
    }
}

fn close(code: u16) -> Vec<u8> {
    [&[0x88, 2][..], &code.to_be_bytes()].concat()
}

fn announced(bytes: u64) -> Vec<u8> {
    [&[0x82, 127][..], &bytes.to_be_bytes()].concat()
}

/// Sum of the connections that were lost by a failure of `kind`, over all steps.
fn lost(report: &Report, kind: &str) -> f64 {
    let name = format!("lost_connections.{kind}");
    let steps = report.steps.iter();
    steps.filter_map(|step| step.figures.get(&name)).sum()
}

#[test]
fn each_break_of_the_protocol_has_its_kind_and_is_told_in_plain_words() {
    let breaks: [(&str, &str, Vec<u8>); 19] = [
        ("protocol.utf8", "not UTF-8", vec![0x81, 2, 0xc3, 0x28]),
        (
            "protocol.utf8",
            "reason",
            vec![0x88, 4, 3, 0xe8, 0xff, 0xfe],
        ),
        (
            "protocol.size",
            "more than this client takes",
            announced(20 << 20),
        ),
        ("protocol.size", "does not have", announced(1 << 63)),
        ("protocol.close_code", "code 1004", close(1_004)),
        ("protocol.close_code", "code 1005", close(1_005)),
        ("protocol.close_code", "code 1006", close(1_006)),
        ("protocol.close_code", "code 1016", close(1_016)),
        ("protocol.close_code", "code 2999", close(2_999)),
        ("protocol.close_frame", "one byte", vec![0x88, 1, b'a']),
        ("protocol.reserved_bits", "reserved bits", vec![0xf2, 1, 0]),
        ("protocol.opcode", "opcode 3", vec![0x83, 0]),
        ("protocol.opcode", "opcode 11", vec![0x8b, 0]),
        ("protocol.control_frame", "in fragments", vec![0x09, 0]),
        (
            "protocol.control_frame",
            "more than 125 bytes",
            [&[0x89, 126, 0, 126][..], &[0; 126]].concat(),
        ),
        (
            "protocol.continuation",
            "had not begun",
            vec![0x80, 1, b'a'],
        ),
        (
            "protocol.continuation",
            "before the end",
            vec![0x01, 1, b'a', 0x81, 1, b'b'],
        ),
        (
            "protocol.masked",
            "only clients",
            vec![0x81, 0x81, 1, 2, 3, 4, b'a'],
        ),
        (
            "protocol.after_close",
            "after its close frame",
            [&close(1_000)[..], &[0x81, 1, b'a']].concat(),
        ),
    ];
    for some in breaks.chunks(5) {
        thread::scope(|scope| {
            for (kind, words, bytes) in some {
                scope.spawn(move || {
                    let (report, said) = second_step(sends(bytes.clone()));
                    assert!(lost(&report, kind) > 0.0, "{kind}: {said}");
                    let (_, owner, reason) = limit(&report);
                    assert_eq!(owner, LimitOwner::Target, "{kind}: {reason}");
                    let told = format!(" × {kind}): the server ");
                    let is_told = reason.contains(&told) && reason.contains(words);
                    assert!(is_told, "{kind}, {words}: {reason}");
                });
            }
        });
    }
}

/// Serves a connection by sending the beginning of a frame, and resetting the connection once the
/// client has sent something: the system does that if unread bytes are left.
fn resets_within_a_frame(stream: TcpStream) {
    let Ok(mut socket) = accept(stream) else {
        return;
    };
    let stream = socket.get_mut();
    let _ = stream.write_all(&[0x82, 100, 1, 2, 3]);
    let _ = stream.peek(&mut [0]);
}

/// Serves a connection by ending it in the middle of a frame.
fn ends_within_a_frame(stream: TcpStream) {
    let Ok(mut socket) = accept(stream) else {
        return;
    };
    let stream = socket.get_mut();
    let _ = stream.write_all(&[0x82, 100, 1, 2, 3]);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let _ = stream.read_to_end(&mut Vec::new());
}

#[test]
fn a_connection_that_ends_within_a_frame_is_reset_or_ended_without_a_close() {
    let (report, said) = second_step(resets_within_a_frame);
    assert!(lost(&report, "reset") > 0.0, "{said}");
    let (report, said) = second_step(ends_within_a_frame);
    assert!(lost(&report, "closed.1006") > 0.0, "{said}");
    let (_, owner, reason) = limit(&report);
    assert_eq!(owner, LimitOwner::Target, "{reason}");
}

/// Serves a connection by closing it, and then keeping the TCP connection open.
fn closes_and_stays(stream: TcpStream) {
    let Ok(mut socket) = accept(stream) else {
        return;
    };
    let _ = socket.get_mut().write_all(&close(1_001));
    thread::sleep(HANG);
}

#[test]
fn a_server_that_does_not_end_what_it_closed_is_not_waited_for() {
    let (report, said) = second_step(closes_and_stays);
    assert!(lost(&report, "closed.1001") > 0.0, "{said}");
}

/// Serves a connection by never reading a byte after the upgrade.
fn stops_reading(stream: TcpStream) {
    let Ok(socket) = accept(stream) else {
        return;
    };
    thread::sleep(HANG);
    drop(socket);
}

/// Checks that messages which the server does not take from the network are told from messages that
/// it takes and does not answer. The first ones fit into the buffers of the system.
#[test]
fn a_server_that_stops_reading_has_a_time_out_of_its_own_and_is_no_hang() {
    let place = TestDirectory::new();
    let url = peer(1, stops_reading);
    let args = [
        "--max",
        "2",
        "--start",
        "2",
        "--think-time",
        "0s",
        "--message-size",
        "1MiB",
        "--duration",
        "4s",
        "--timeout",
        "200ms",
    ];
    let running = RunningProgram::start(limit_of(&place, &args).args(["--url", &url]));
    let Ended { code, took, said } = running.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(took < HANG, "{said}");
    let report = report(&place);
    assert!(errors(&report, "echo", "timeout.send") > 0, "{said}");
    let (_, owner, reason) = limit(&report);
    assert_eq!(owner, LimitOwner::Target, "{reason}");
    assert!(reason.contains("does not read"), "{reason}");
}
