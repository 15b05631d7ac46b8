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

fn list(texts: &[&[u8]]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.to_vec()).collect()
}

fn text(code: u32) -> Vec<u8> {
    char::from_u32(code).unwrap().to_string().into_bytes()
}

/// Returns the texts of cases 6.5 to 6.11, by section: right texts, and the bounds of the code.
fn bounds() -> [Vec<Vec<u8>>; 7] {
    let dollar_to_han = ["hello$world", "hello¢world", "hello€world", "hello𤭢world"];
    let mut right = dollar_to_han.map(|text| text.as_bytes().to_vec()).to_vec();
    right.push(GREEK.to_vec());
    let mut others = [0xd7ff, 0xe000, 0xfffd, 0x10_ffff].map(text).to_vec();
    others.push(b"\xf4\x90\x80\x80".to_vec());
    [
        right,
        (1..=GREEK.len()).map(|n| GREEK[..n].to_vec()).collect(),
        [0, 0x80, 0x800, 0x1_0000].map(text).to_vec(),
        list(&[b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"]),
        [0x7f, 0x7ff, 0xffff, 0x10_ffff].map(text).to_vec(),
        list(&[
            b"\xf7\xbf\xbf\xbf",
            b"\xfb\xbf\xbf\xbf\xbf",
            b"\xfd\xbf\xbf\xbf\xbf\xbf",
        ]),
        others,
    ]
}

/// Returns the texts of cases 6.12 to 6.16, by section: bytes that are in a wrong place, missing, or
/// impossible.
fn misplaced() -> [Vec<Vec<u8>>; 5] {
    let truncated = list(&[
        b"\xc0",
        b"\xe0\x80",
        b"\xf0\x80\x80",
        b"\xf8\x80\x80\x80",
        b"\xfc\x80\x80\x80\x80",
        b"\xdf",
        b"\xef\xbf",
        b"\xf7\xbf\xbf",
        b"\xfb\xbf\xbf\xbf",
        b"\xfd\xbf\xbf\xbf\xbf",
    ]);
    let mut continuations = list(&[b"\x80", b"\xbf"]);
    let turns = [0x80, 0xbf].into_iter().cycle();
    continuations.extend((2..=6).map(|n| turns.clone().take(n).collect()));
    continuations.push((0x80..0xbf).collect());
    let leads = [0xc0..0xdf, 0xe0..0xef, 0xf0..0xf7, 0xf8..0xfb, 0xfc..0xfd];
    let leads = leads.map(|leads| leads.flat_map(|lead| [lead, b' ']).collect());
    let joined = truncated.concat();
    [
        continuations,
        leads.to_vec(),
        truncated,
        vec![joined],
        list(&[b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"]),
    ]
}

/// Returns the texts of cases 6.17 to 6.19, by section: characters in more bytes than they need.
fn overlong() -> [Vec<Vec<u8>>; 3] {
    [
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
    ]
}

/// Returns the texts of cases 6.20 to 6.23, by section: surrogates, alone and in pairs, and code
/// points that are no characters but may be sent.
fn special() -> [Vec<Vec<u8>>; 4] {
    let surrogate = |code: u16| {
        [
            0xed,
            0x80 | (code >> 6) as u8 & 0x3f,
            0x80 | code as u8 & 0x3f,
        ]
    };
    let (highs, lows) = ([0xd800, 0xdb7f, 0xdb80, 0xdbff], [0xdc00, 0xdfff]);
    let singles = highs.into_iter().chain([0xdc00, 0xdf80, 0xdfff]);
    let pairs = highs
        .iter()
        .flat_map(|high| lows.map(|low| [*high, low].map(surrogate).concat()));
    let planes = (0..=0x10_u32).flat_map(|plane| [0xfffe, 0xffff].map(|code| (plane << 16) | code));
    [
        singles.map(|code| surrogate(code).to_vec()).collect(),
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
    let sections = bounds().into_iter().chain(misplaced());
    let sections = sections.chain(overlong()).chain(special());
    for (section, texts) in (5..).zip(sections) {
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
