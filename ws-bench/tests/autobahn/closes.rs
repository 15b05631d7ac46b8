//! Case 7: close frames, their codes and reasons, and what comes after them.

use super::peer::{End, FIRST_TEXT, LAST, PING, Step, TEXT, close, frame};
use super::{Case, play_all};

const NORMAL: [u8; 2] = 1_000_u16.to_be_bytes();

/// Returns a case in which the client answers a close frame with `code`.
fn closing(number: &str, steps: Vec<Step>, code: Option<u16>, kind: &str) -> Case {
    Case {
        number: number.to_owned(),
        steps,
        end: End::Closes(code),
        kind: kind.to_owned(),
    }
}

fn with_reason(reason: &[u8]) -> Vec<Step> {
    vec![Step::Send(close(&[&NORMAL[..], reason].concat()))]
}

/// Cases 7.1: a close frame is answered, and what follows it is not.
#[test]
fn case_7_1_after_a_close() {
    let hello = b"Hello World!";
    let text = || Step::Receive(TEXT, hello.to_vec());
    let mut cases = vec![Case::orderly(
        "7.1.1",
        vec![Step::Send(frame(TEXT, hello)), text()],
    )];
    let mut late = |number, before: Vec<u8>, after: Vec<u8>, mut answers: Vec<Step>| {
        let bytes = [before, close(&NORMAL), after].concat();
        answers.insert(0, Step::Send(bytes));
        cases.push(closing(
            number,
            answers,
            Some(1_000),
            "protocol.after_close",
        ));
    };
    late("7.1.2", vec![], close(b""), vec![]);
    late("7.1.3", vec![], frame(PING, b""), vec![]);
    late("7.1.4", vec![], frame(TEXT, hello), vec![]);
    let begun = frame(FIRST_TEXT, b"fragment1");
    late("7.1.5", begun, frame(LAST, b"fragment2"), vec![]);
    let long = vec![b'a'; 256 << 10];
    let both = [frame(TEXT, &long), frame(TEXT, hello)].concat();
    let echoes = vec![Step::Receive(TEXT, long), text()];
    late("7.1.6", both, frame(PING, b""), echoes);
    play_all(&cases, 6);
}

/// Cases 7.3 and 7.5: the length and the text of a close frame.
#[test]
fn case_7_3_and_7_5_reasons() {
    let alone = |payload: &[u8]| vec![Step::Send(close(payload))];
    let not_utf8 = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited";
    let normal = |number, steps| closing(number, steps, Some(1_000), "closed.1000");
    let long = with_reason(&[b'*'; 124]);
    let cases = [
        closing("7.3.1", alone(b""), None, "closed.1005"),
        Case::failing("7.3.2", alone(b"a"), "protocol.close_frame"),
        normal("7.3.3", alone(&NORMAL)),
        normal("7.3.4", with_reason(b"Hello World!")),
        normal("7.3.5", with_reason(&[b'*'; 123])),
        Case::failing("7.3.6", long, "protocol.control_frame"),
        Case::failing("7.5.1", with_reason(not_utf8), "protocol.utf8"),
    ];
    play_all(&cases, 7);
}

/// Cases 7.7, 7.9 and 7.13: codes that may be sent are answered as they are, others with 1002.
#[test]
fn case_7_7_7_9_and_7_13_codes() {
    let mut cases = Vec::new();
    let send = |code: u16| vec![Step::Send(close(&code.to_be_bytes()))];
    let allowed = [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999,
    ];
    for (n, code) in (1..).zip(allowed) {
        let kind = format!("closed.{code}");
        let number = format!("7.7.{n}");
        cases.push(closing(&number, send(code), Some(code), &kind));
    }
    let forbidden = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999];
    for (section, codes) in [("7.9", &forbidden[..]), ("7.13", &[5_000, 65_535])] {
        for (n, code) in (1..).zip(codes) {
            let number = format!("{section}.{n}");
            let kind = "protocol.close_code";
            cases.push(closing(&number, send(*code), Some(1_002), kind));
        }
    }
    play_all(&cases, 24);
}

/// Codes that were registered after the suite. The library answers 1014 as if it might not be sent
/// (tungstenite-rs, issue 502); it is recorded as it came.
#[test]
fn codes_of_later_years_are_recorded_as_they_came() {
    let cases = [(1_012, 1_012), (1_013, 1_013), (1_014, 1_002)].map(|(code, answer): (u16, _)| {
        let steps = vec![Step::Send(close(&code.to_be_bytes()))];
        closing(
            &code.to_string(),
            steps,
            Some(answer),
            &format!("closed.{code}"),
        )
    });
    play_all(&cases, 3);
}
