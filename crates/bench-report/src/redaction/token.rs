//! Search for secrets that are recognized by their form: tokens with known beginnings, keys, and
//! long random text.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::pattern::pattern;
use super::spans::Spans;
use super::word_list::{contains, words};

/// Beginnings of the tokens of many providers, separated by blanks, each group with the smallest
/// number of characters that must follow.
const BEGINNINGS: &[(usize, &str)] = &[
    (
        6,
        "xoxa- xoxb- xoxc- xoxd- xoxe- xoxe. xoxp- xoxr- xoxs- xapp- sk_live_ sk_test_ rk_live_ \
    rk_test_ pk_live_",
    ),
    (8, "eyJ whsec_ hvs. hvb. hvr. tskey- SWMTKN- ops_eyJ"),
    (
        10,
        "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- gldt- glrt- glcbt- glptt- glft- glsoat- ya29. \
    GOCSPX- dckr_pat_ dckr_oat_ sq0atp- sq0csp-",
    ),
    (12, "AKIA ASIA ABIA ACCA AGPA AROA AIDA ANPA ANVA"),
    (
        16,
        "sk- pypi- rubygems_ dop_v1_ doo_v1_ dor_v1_ shpat_ shpca_ shppa_ shpss_ hf_ gsk_ r8_ glsa_ \
    glc_ figd_ sntrys_ sntryu_ phc_ phx_ pul- lin_api_ nvapi- xkeysib- PMAK- CFPAT- ATATT3x \
    ATCTT3x squ_ sqp_ sqa_ sbp_ dp.pt. dp.st. fo1_ fm2_ AGE-SECRET-KEY-1",
    ),
    (20, "AIza SG. npm_ atlasv1."),
    (24, "s."),
    (30, "EAAC"),
    (32, "key- dapi cio"),
];

/// Pattern of hashes of passwords, as in `/etc/shadow` and LDAP, and of tokens that contain a `/`.
static HASHES: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"\$(?:[0-9]|2[abxy]|y|gy|apr1|argon2[a-z]{1,2}|pbkdf2[a-z0-9-]{0,10}|scrypt)\$[A-Za-z0-9./$+=,-]{8,}",
        r"|\{(?:S?SHA[0-9]{0,3}|S?MD5|CRYPT|ARGON2)\}[A-Za-z0-9./$+=,-]{8,}",
        r"|\b1//0[A-Za-z0-9_-]{20,}",
        r"|SCRAM-SHA-[0-9]{1,3}\$\S{10,}",
    ))
});

/// Pattern of the addresses of webhooks, with the part that is the secret in its first group.
static HOOKS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"(?:hooks\.slack\.com/(?:services|workflows|triggers)/|discord(?:app)?\.com/api/webhooks/\d+/",
        r"|webhook\.office\.com/|api\.telegram\.org/(?:file/)?bot|hooks\.zapier\.com/hooks/)",
        r#"([^\s"'?#]{6,})"#
    ))
});

static KEY_BLOCK: LazyLock<Regex> = LazyLock::new(|| pattern(r"-----BEGIN ([A-Z0-9 ]{0,40})-----"));

/// Number of letters and digits from which random text is taken for a secret.
const SHORTEST: usize = 20;
/// Number of letters and digits from which text is taken for a secret if it changes especially
/// often between digits and letters of both cases.
const SHORTEST_OF_ALL: usize = 14;

/// Adds to `out` the ranges of parts of a text that look like a secret. If `digest_ok`, random
/// digits and letters of one case are left out, because they may be a digest or the id of a
/// container.
pub(super) fn mark(text: &str, digest_ok: bool, out: &mut Spans) {
    if text.contains("-----BEGIN") {
        key_blocks(text, out);
    }
    for run in runs(text, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
    }) {
        // Options begin with `-`, which is not part of the token.
        let shown = text[run.clone()].trim_start_matches('-');
        let begins = |(least, list): &(usize, &'static str)| {
            let mut starts = words(list).filter(|start| shown.starts_with(start));
            starts.any(|start| shown.len() >= start.len() + least)
        };
        if BEGINNINGS.iter().any(begins) {
            out.add(run.end - shown.len()..run.end);
        }
    }
    if text.contains(['$', '{', '/']) {
        let hooks = HOOKS
            .captures_iter(text)
            .filter_map(|captures| captures.get(1));
        for found in HASHES.find_iter(text).chain(hooks) {
            out.add(found.range());
        }
    }
    for word in runs(text, |b| is_token_byte(b) || b == b'/' || b == b'+') {
        base64(text, &word, out);
        for run in runs(&text[word.clone()], is_token_byte) {
            let run = word.start + run.start..word.start + run.end;
            let randomness = randomness(&text[run.clone()]);
            let digest = digest_ok || is_digest(&text[..run.start]);
            if randomness == Randomness::Random || (randomness == Randomness::Digest && !digest) {
                out.add(run);
            }
        }
    }
}

/// Adds to `out` the ranges of the content of PEM and PGP blocks, except for certificates and
/// public keys. The first line stays; a block without an end extends to the end of the text.
fn key_blocks(text: &str, out: &mut Spans) {
    let mut masked_to = 0;
    for captures in KEY_BLOCK.captures_iter(text) {
        let (Some(begin), Some(kind)) = (captures.get(0), captures.get(1)) else {
            continue;
        };
        let is_secret = ["PRIVATE", "MESSAGE"]
            .iter()
            .any(|word| kind.as_str().contains(word));
        if !is_secret || begin.start() < masked_to {
            continue;
        }
        // The lines of the block are masked. The first one stays, to show that there was a key.
        let rest = &text[begin.end()..];
        let end = rest.find("-----END").unwrap_or(rest.len());
        masked_to = begin.end() + end;
        out.add(begin.end()..masked_to);
    }
}

/// Adds to `out` the range `word` of a text if it is Base64 with slashes or plus signs, is long
/// and random, and is not a path.
fn base64(text: &str, word: &Range<usize>, out: &mut Spans) {
    const SHORTEST_BASE64: usize = 32;
    let shown = &text[word.clone()];
    let is_path = shown.starts_with('/') || text[..word.start].ends_with(['.', '~', '/', ':']);
    if shown.len() >= SHORTEST_BASE64
        && !is_path
        && shown.contains(['/', '+'])
        && randomness(shown) == Randomness::Random
    {
        out.add(word.clone());
    }
}

/// Returns true if `text` is random digits and letters of both cases, unlike a part of a path or a
/// name.
pub(super) fn is_opaque(text: &str) -> bool {
    randomness(text) == Randomness::Random
}

/// Returns true if `text` has 20 or more random digits and letters of one case in one piece, as a
/// digest has.
pub(super) fn is_digest_like(text: &str) -> bool {
    randomness(text) == Randomness::Digest
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Randomness {
    Plain,
    /// Digits and letters of one case, in one piece.
    Digest,
    /// Digits and letters of both cases.
    Random,
}

/// Classifies a text by how often the kind of its characters (digit, small letter, capital)
/// changes: rarely in words, at every second character in random text.
fn randomness(text: &str) -> Randomness {
    let (mut letters, mut digits, mut small, mut changes) = (0, 0, 0, 0);
    let (mut piece, mut longest) = (0, 0);
    let mut last = 0;
    for byte in text.bytes() {
        let kind = match byte {
            b'0'..=b'9' => 1,
            b'a'..=b'z' => 2,
            b'A'..=b'Z' => 3,
            _ => 0,
        };
        piece = if kind == 0 { 0 } else { piece + 1 };
        longest = longest.max(piece);
        letters += usize::from(kind > 1);
        digits += usize::from(kind == 1);
        small += usize::from(kind == 2);
        changes += usize::from(last != 0 && kind != 0 && kind != last);
        last = kind;
    }
    let length = letters + digits;
    let above = |share: usize| changes * 100 > share * length;
    let both_cases = small > 0 && small < letters;
    if length < SHORTEST_OF_ALL || letters == 0 {
        Randomness::Plain
    } else if length < SHORTEST {
        // A short text must change more often.
        let random = both_cases && digits >= 2 && above(45);
        if random {
            Randomness::Random
        } else {
            Randomness::Plain
        }
    } else if both_cases && ((digits >= 2 && above(32)) || (length >= 24 && above(42))) {
        Randomness::Random
    } else if !both_cases && digits >= 3 && longest >= SHORTEST && above(18) {
        Randomness::Digest
    } else {
        Randomness::Plain
    }
}

/// Returns true if `before`, the text before a run of characters, says that the run is a digest,
/// an id or part of a path.
fn is_digest(before: &str) -> bool {
    let names = "id sha sha1 sha224 sha256 sha384 sha512 md5 digest commit rev revision ref \
        checksum hash uuid guid fingerprint etag container image thumbprint metadata libpod docker \
        containerd crio";
    let Some(separator) = before.chars().next_back() else {
        return false;
    };
    let before = &before[..before.len() - separator.len_utf8()];
    match separator {
        '/' => true,
        ':' | '=' | '-' => {
            let start = before
                .rfind(|c: char| !c.is_ascii_alphanumeric())
                .map_or(0, |at| at + 1);
            let name = before.get(start..).unwrap_or_default().to_ascii_lowercase();
            contains(names, &name)
        }
        _ => false,
    }
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'=' | b'~' | b'%')
}

/// Iterates over the byte ranges of the longest runs of bytes for which `belongs` is true.
fn runs(text: &str, belongs: impl Fn(u8) -> bool) -> impl Iterator<Item = Range<usize>> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        at += bytes[at..].iter().position(|byte| belongs(*byte))?;
        let length = bytes[at..].iter().position(|byte| !belongs(*byte));
        let end = length.map_or(bytes.len(), |length| at + length);
        let run = at..end;
        at = end;
        Some(run)
    })
}
