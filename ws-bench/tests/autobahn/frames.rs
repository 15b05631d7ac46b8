//! Cases 1 to 5: lengths, pings and pongs, reserved bits, opcodes, fragments.

use super::peer::{BINARY, FIRST_TEXT, LAST, MIDDLE, PING, PONG, Step, TEXT, frame};
use super::{Case, play_all};

const HELLO: &[u8] = b"Hello, world!";

/// Case 1: a message is echoed, whatever its length.
#[test]
fn case_1_lengths() {
    let mut cases = Vec::new();
    for (kind, opcode, byte) in [(1, TEXT, b'*'), (2, BINARY, 0xfe)] {
        let lengths = [0, 125, 126, 127, 128, 65_535, 65_536, 65_536];
        for (n, length) in (1..).zip(lengths) {
            let payload = vec![byte; length];
            let bytes = frame(opcode, &payload);
            let send = if n == 8 {
                Step::Chop(bytes, 997)
            } else {
                Step::Send(bytes)
            };
            let steps = vec![send, Step::Receive(opcode, payload)];
            cases.push(Case::orderly(&format!("1.{kind}.{n}"), steps));
        }
    }
    play_all(&cases, 16);
}

fn pong(payload: &[u8]) -> Step {
    Step::Receive(PONG, payload.to_vec())
}

/// Case 2: pings are answered, pongs are not, and neither may be long.
#[test]
fn case_2_pings_and_pongs() {
    let mut cases = Vec::new();
    let long = vec![0xfe; 125];
    let payloads = [b"", HELLO, b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", &long[..]];
    for (n, payload) in (1..).zip(payloads) {
        let steps = vec![Step::Send(frame(PING, payload)), pong(payload)];
        cases.push(Case::orderly(&format!("2.{n}"), steps));
    }
    let too_long = vec![Step::Send(frame(PING, &[0xfe; 126]))];
    cases.push(Case::failing("2.5", too_long, "protocol.control_frame"));
    let bytewise = vec![Step::Chop(frame(PING, &long), 1), pong(&long)];
    cases.push(Case::orderly("2.6", bytewise));
    cases.push(Case::orderly("2.7", vec![Step::Send(frame(PONG, b""))]));
    let unasked = || Step::Send(frame(PONG, b"nobody asked"));
    cases.push(Case::orderly("2.8", vec![unasked()]));
    let both = vec![unasked(), Step::Send(frame(PING, b"ping")), pong(b"ping")];
    cases.push(Case::orderly("2.9", both));
    for (number, size) in [("2.10", 1_000), ("2.11", 1)] {
        let payloads: Vec<_> = (0..10).map(|n| format!("payload-{n}")).collect();
        let sent = payloads.iter().map(|text| {
            let ping = frame(PING, text.as_bytes());
            Step::Chop(ping, size)
        });
        let answers = payloads.iter().map(|text| pong(text.as_bytes()));
        cases.push(Case::orderly(number, sent.chain(answers).collect()));
    }
    play_all(&cases, 11);
}

/// Returns the steps of a server that sends a right text, then `wrong`, then a ping, in pieces of
/// `size` bytes. The client must echo the text, and not answer the ping.
fn after_a_text(wrong: &[u8], size: usize) -> Vec<Step> {
    let bytes = [&frame(TEXT, HELLO)[..], wrong, &frame(PING, b"")].concat();
    vec![Step::Chop(bytes, size), Step::Receive(TEXT, HELLO.to_vec())]
}

/// Case 3: reserved bits fail the connection.
#[test]
fn case_3_reserved_bits() {
    let with = |first: u8, bits: u8, payload: &[u8]| frame(first | bits << 4, payload);
    let alone = |bytes| vec![Step::Send(bytes)];
    let binary = b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff";
    let all = [
        alone(with(TEXT, 1, HELLO)),
        after_a_text(&with(TEXT, 2, HELLO), 1_000),
        after_a_text(&with(TEXT, 3, HELLO), 2 + HELLO.len()),
        after_a_text(&with(TEXT, 4, HELLO), 1),
        alone(with(BINARY, 5, binary)),
        alone(with(BINARY, 6, HELLO)),
        alone(with(super::peer::CLOSE, 7, b"")),
    ];
    let cases = (1..).zip(all).map(|(n, steps): (u32, _)| {
        Case::failing(&format!("3.{n}"), steps, "protocol.reserved_bits")
    });
    play_all(&cases.collect::<Vec<_>>(), 7);
}

/// Case 4: reserved opcodes fail the connection.
#[test]
fn case_4_reserved_opcodes() {
    let mut cases = Vec::new();
    for (kind, opcode) in [(1, 3), (2, 11)] {
        let first = |n: u8| LAST | (opcode + n);
        let all = [
            vec![Step::Send(frame(first(0), b""))],
            vec![Step::Send(frame(first(1), b"reserved"))],
            after_a_text(&frame(first(2), b""), 1_000),
            after_a_text(&frame(first(3), HELLO), 1_000),
            after_a_text(&frame(first(4), HELLO), 1),
        ];
        for (n, steps) in (1..).zip(all) {
            let number = format!("4.{kind}.{n}");
            cases.push(Case::failing(&number, steps, "protocol.opcode"));
        }
    }
    play_all(&cases, 10);
}

/// Returns steps that send the frames in three ways: all at once, one by one, byte by byte.
fn three_ways(frames: &[Vec<u8>]) -> [Vec<Step>; 3] {
    [
        vec![Step::Send(frames.concat())],
        frames.iter().cloned().map(Step::Send).collect(),
        vec![Step::Chop(frames.concat(), 1)],
    ]
}

/// Case 5: messages may come in fragments with control frames between them, but control frames may
/// not, and fragments must follow one another.
#[test]
fn case_5_fragments() {
    let [one, two, three, four] = [1, 2, 3, 4].map(|n| format!("fragment{n}").into_bytes());
    let [one, two, three, four] = [&one[..], &two, &three, &four];
    let mut cases = Vec::new();
    for (number, first) in [("5.1", 0x09), ("5.2", 0x0a)] {
        let bytes = [frame(first, one), frame(LAST, two)].concat();
        let steps = vec![Step::Send(bytes)];
        cases.push(Case::failing(number, steps, "protocol.control_frame"));
    }
    let echo = || Step::Receive(TEXT, [one, two].concat());
    let parts = [frame(FIRST_TEXT, one), frame(LAST, two)];
    for (n, mut steps) in (3..).zip(three_ways(&parts)) {
        steps.push(echo());
        cases.push(Case::orderly(&format!("5.{n}"), steps));
    }
    let ping = frame(PING, b"ping");
    let parts = [frame(FIRST_TEXT, one), ping, frame(LAST, two)];
    for (n, mut steps) in (6..).zip(three_ways(&parts)) {
        steps.extend([pong(b"ping"), echo()]);
        cases.push(Case::orderly(&format!("5.{n}"), steps));
    }
    let mut fails = |number: &str, steps| {
        cases.push(Case::failing(number, steps, "protocol.continuation"));
    };
    for (from, first) in [(9, LAST), (12, MIDDLE)] {
        let parts = [frame(first, b"continues nothing"), frame(TEXT, HELLO)];
        for (n, steps) in (from..).zip(three_ways(&parts)) {
            fails(&format!("5.{n}"), steps);
        }
    }
    let bytes = [
        frame(FIRST_TEXT, one),
        frame(LAST, two),
        frame(MIDDLE, three),
        frame(TEXT, four),
    ];
    fails("5.15", vec![Step::Send(bytes.concat()), echo()]);
    for (number, first) in [("5.16", MIDDLE), ("5.17", LAST)] {
        let bytes = [
            frame(first, one),
            frame(FIRST_TEXT, two),
            frame(LAST, three),
        ]
        .concat();
        fails(number, vec![Step::Send(bytes.repeat(2))]);
    }
    let bytes = [frame(FIRST_TEXT, one), frame(TEXT, two)].concat();
    fails("5.18", vec![Step::Send(bytes)]);
    for (number, is_joined) in [("5.19", true), ("5.20", false)] {
        cases.push(Case::orderly(number, pings_between(is_joined)));
    }
    play_all(&cases, 20);
}

/// Returns the steps of a server that sends two pings between five fragments. The client must answer
/// the first one before the last fragment comes.
fn pings_between(is_joined: bool) -> Vec<Step> {
    let parts: Vec<String> = (1..=5).map(|n| format!("fragment{n}")).collect();
    let part = |first: u8, n: usize| frame(first, parts[n].as_bytes());
    let send = |frames: &[Vec<u8>]| -> Vec<Step> {
        if is_joined {
            vec![Step::Send(frames.concat())]
        } else {
            frames.iter().cloned().map(Step::Send).collect()
        }
    };
    let mut steps = send(&[part(FIRST_TEXT, 0), part(MIDDLE, 1), frame(PING, b"one")]);
    steps.push(pong(b"one"));
    steps.extend(send(&[
        part(MIDDLE, 2),
        part(MIDDLE, 3),
        frame(PING, b"two"),
        part(LAST, 4),
    ]));
    steps.extend([
        pong(b"two"),
        Step::Receive(TEXT, parts.concat().into_bytes()),
    ]);
    steps
}
