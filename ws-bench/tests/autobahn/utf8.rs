//! Case 6: text must be UTF-8, across fragments and chops.

use super::peer::{FIRST_TEXT, LAST, MIDDLE, Step, TEXT, frame};
use super::{Case, play_all};

const MIXED: &str = "Hello-µ@ßöäüàá-UTF-8!!";
const GREEK: &[u8] = "κ\u{1f79}σμε".as_bytes();

/// Frames of a text message, from its fragments.
fn fragments<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let parts: Vec<_> = parts.into_iter().collect();
    let last = parts.len() - 1;
    let frames = parts.iter().enumerate().map(|(n, part)| {
        let first = if n == 0 { FIRST_TEXT } else { MIDDLE };
        frame(first | if n == last { LAST } else { 0 }, part)
    });
    frames.collect::<Vec<_>>().concat()
}

fn echoed(number: &str, sent: Vec<u8>, text: &[u8]) -> Case {
    let steps = vec![Step::Send(sent), Step::Receive(TEXT, text.to_vec())];
    Case::orderly(number, steps)
}

fn failing(number: &str, steps: Vec<Step>) -> Case {
    Case::failing(number, steps, "protocol.utf8")
}

/// Cases 6.1 to 6.4: fragments that are empty or end within a character, and text that is wrong in
/// the middle.
#[test]
fn case_6_fragments_of_text() {
    let mixed = MIXED.as_bytes();
    let (before, after) = mixed.split_at(MIXED.find('ü').unwrap());
    let wrong = [GREEK, b"\xed\xa0\x80edited"].concat();
    let mut cases = vec![
        echoed("6.1.1", frame(TEXT, b""), b""),
        echoed("6.1.2", fragments([&b""[..], b"", b""]), b""),
        echoed("6.1.3", fragments([&b""[..], b"middle", b""]), b"middle"),
        echoed("6.2.1", frame(TEXT, mixed), mixed),
        echoed("6.2.2", fragments([before, after]), mixed),
        echoed("6.2.3", fragments(mixed.chunks(1)), mixed),
        echoed("6.2.4", fragments(GREEK.chunks(1)), GREEK),
        failing("6.3.1", vec![Step::Send(frame(TEXT, &wrong))]),
        failing("6.3.2", vec![Step::Send(fragments(wrong.chunks(1)))]),
    ];
    let too_high = [GREEK, b"\xf4\x90\x80\x80edited"].concat();
    for (n, cut, again) in [(1, GREEK.len(), GREEK.len() + 4), (2, 12, 13)] {
        let (first, second) = (&too_high[..cut], &too_high[cut..again]);
        let by_frame = vec![
            Step::Send(frame(FIRST_TEXT, first)),
            Step::Quiet,
            Step::Send(frame(MIDDLE, second)),
        ];
        cases.push(failing(&format!("6.4.{n}"), by_frame));
        // Non-strict: the client waits for the end of the frame.
        let whole = frame(TEXT, &too_high);
        let head = whole.len() - too_high.len();
        let by_chop = vec![
            Step::Send(whole[..head + cut].to_vec()),
            Step::Quiet,
            Step::Send(whole[head + cut..head + again].to_vec()),
            Step::Quiet,
            Step::Send(whole[head + again..].to_vec()),
        ];
        cases.push(failing(&format!("6.4.{}", n + 2), by_chop));
    }
    play_all(&cases, 13);
}

/// Returns the texts of cases 6.5 to 6.23, by section.
fn sections() -> Vec<Vec<Vec<u8>>> {
    let list = |texts: &[&[u8]]| texts.iter().map(|text| text.to_vec()).collect::<Vec<_>>();
    let truncated = [
        &b"\xc0"[..],
        b"\xe0\x80",
        b"\xf0\x80\x80",
        b"\xf8\x80\x80\x80",
        b"\xfc\x80\x80\x80\x80",
        b"\xdf",
        b"\xef\xbf",
        b"\xf7\xbf\xbf",
        b"\xfb\xbf\xbf\xbf",
        b"\xfd\xbf\xbf\xbf\xbf",
    ];
    let alone = [
        (0xc0, 0xdf),
        (0xe0, 0xef),
        (0xf0, 0xf7),
        (0xf8, 0xfb),
        (0xfc, 0xfd),
    ];
    let alone = alone.map(|(from, to)| (from..to).flat_map(|byte| [byte, b' ']).collect());
    let continuations = (1..=6).map(|n| [0x80, 0xbf].into_iter().cycle().take(n).collect());
    let surrogates =
        |codes: &[[u8; 2]]| -> Vec<u8> { codes.iter().flat_map(|[b, c]| [0xed, *b, *c]).collect() };
    let (highs, lows) = (
        [[0xa0, 0x80], [0xad, 0xbf], [0xae, 0x80], [0xaf, 0xbf]],
        [[0xb0, 0x80], [0xbf, 0xbf]],
    );
    let pairs = highs
        .iter()
        .flat_map(|high| lows.map(|low| surrogates(&[*high, low])));
    let singles = highs
        .into_iter()
        .chain([[0xb0, 0x80], [0xbe, 0x80], [0xbf, 0xbf]]);
    let planes = (0..=0x10).flat_map(|plane| [0xfffe, 0xffff].map(|code| plane << 16 | code));
    let text = |code| char::from_u32(code).unwrap().to_string().into_bytes();
    vec![
        [
            "hello$world",
            "hello¢world",
            "hello€world",
            "hello𤭢world",
            "κ\u{1f79}σμε",
        ]
        .map(|text| text.as_bytes().to_vec())
        .to_vec(),
        (1..=GREEK.len()).map(|n| GREEK[..n].to_vec()).collect(),
        [0, 0x80, 0x800, 0x1_0000].map(text).to_vec(),
        list(&[b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"]),
        [0x7f, 0x7ff, 0xffff, 0x10_ffff].map(text).to_vec(),
        list(&[
            b"\xf7\xbf\xbf\xbf",
            b"\xfb\xbf\xbf\xbf\xbf",
            b"\xfd\xbf\xbf\xbf\xbf\xbf",
        ]),
        [0xd7ff, 0xe000, 0xfffd, 0x10_ffff]
            .map(text)
            .into_iter()
            .chain([b"\xf4\x90\x80\x80".to_vec()])
            .collect(),
        [vec![0x80], vec![0xbf]]
            .into_iter()
            .chain(continuations.skip(1))
            .chain([(0x80..0xbf).collect()])
            .collect(),
        alone.to_vec(),
        list(&truncated),
        vec![truncated.concat()],
        list(&[b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"]),
        list(&[
            b"\xc0\xaf",
            b"\xe0\x80\xaf",
            b"\xf0\x80\x80\xaf",
            b"\xf8\x80\x80\x80\xaf",
            b"\xfc\x80\x80\x80\x80\xaf",
        ]),
        list(&[
            b"\xc1\xbf",
            b"\xe0\x9f\xbf",
            b"\xf0\x8f\xbf\xbf",
            b"\xf8\x87\xbf\xbf\xbf",
            b"\xfc\x83\xbf\xbf\xbf\xbf",
        ]),
        list(&[
            b"\xc0\x80",
            b"\xe0\x80\x80",
            b"\xf0\x80\x80\x80",
            b"\xf8\x80\x80\x80\x80",
            b"\xfc\x80\x80\x80\x80\x80",
        ]),
        singles.map(|single| surrogates(&[single])).collect(),
        pairs.collect(),
        planes.map(text).collect(),
        (0xfff9..=0xffff).map(text).collect(),
    ]
}

/// Returns true if text `n`, counted from 1, of section 6.`section` is UTF-8.
fn is_utf8(section: u32, n: usize) -> bool {
    match section {
        5 | 7 | 9 | 22 | 23 => true,
        // Prefixes that end with a character.
        6 => [2, 5, 7, 9, 11].contains(&n),
        11 => n < 5,
        _ => false,
    }
}

/// Cases 6.5 to 6.23: one text in one frame is echoed if it is UTF-8, and fails the connection
/// otherwise.
#[test]
fn case_6_texts() {
    let mut cases = Vec::new();
    for (section, texts) in (5..).zip(sections()) {
        for (n, text) in (1..).zip(texts) {
            let number = format!("6.{section}.{n}");
            let sent = frame(TEXT, &text);
            cases.push(if is_utf8(section, n) {
                echoed(&number, sent, &text)
            } else {
                failing(&number, vec![Step::Send(sent)])
            });
        }
    }
    play_all(&cases, 132);
}
