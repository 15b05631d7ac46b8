//! Tests with clients that violate the protocol: each gets the close code of its violation.

use std::io::Write as _;

use tokio_tungstenite::tungstenite::{Error, Message};

use crate::{counting_server, counts, echo, open};

/// Sends `bytes` as they are on a new connection, and returns the code of the server's close frame.
fn code_after(server: &testbed::WebSocketServer, bytes: &[u8]) -> Option<u16> {
    let mut client = open(server);
    client.get_mut().write_all(bytes).unwrap();
    let code = loop {
        if let Message::Close(frame) = client.read().unwrap() {
            break frame.map(|frame| frame.code.into());
        }
    };
    assert!(matches!(client.read(), Err(Error::ConnectionClosed)));
    code
}

#[test]
fn each_violation_has_its_close_code() {
    let server = counting_server(&[]);
    // The key of each mask is zero.
    for (violation, code, bytes) in [
        ("an unmasked frame", 1002, &[0x81, 1, b'a'][..]),
        ("a reserved bit", 1002, &[0xc1, 0x81, 0, 0, 0, 0, b'a']),
        ("an unknown opcode", 1002, &[0x83, 0x80, 0, 0, 0, 0]),
        ("a ping in fragments", 1002, &[0x09, 0x80, 0, 0, 0, 0]),
        ("a continuation of nothing", 1002, &[0x80, 0x80, 0, 0, 0, 0]),
        (
            "a close code of one byte",
            1002,
            &[0x88, 0x81, 0, 0, 0, 0, 3],
        ),
        (
            "text that is no UTF-8",
            1007,
            &[0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28],
        ),
        (
            "a frame of 17 MiB",
            1009,
            &[0x82, 0xff, 0, 0, 0, 0, 1, 0x10, 0, 0, 0, 0, 0, 0],
        ),
    ] {
        assert_eq!(code_after(&server, bytes), Some(code), "{violation}");
    }
    let mut client = open(&server);
    echo(&mut client, "nobody else is harmed");
    let counts = counts(server);
    let closed = &counts["closed"]["by_server"];
    assert_eq!(
        (&closed["1002"], &closed["1007"], &closed["1009"]),
        (&6.into(), &1.into(), &1.into())
    );
}

#[test]
fn the_close_frame_arrives_although_more_was_on_its_way() {
    let server = counting_server(&[]);
    let unread = [&[0x81, 1, b'a'][..], &vec![0; 100_000]].concat();
    assert_eq!(code_after(&server, &unread), Some(1002));
}
