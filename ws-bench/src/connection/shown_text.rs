//! Text of a server that is shown to the user: short, escaped, and without secrets.

use bench_report::redaction;

/// Largest number of characters that are shown.
const MOST_CHARACTERS: usize = 80;
/// Largest number of bytes in which secrets are looked for before the text is cut.
const MOST_BYTES: usize = 1024;

/// Returns the first 80 characters of `bytes` in quotes. Quotes and control characters are escaped,
/// bytes that are no UTF-8 are replaced, and what may be a secret is masked. A text that was cut ends
/// in `…`.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let head = &bytes[..bytes.len().min(MOST_BYTES)];
    let text = redaction::text(&String::from_utf8_lossy(head));
    let mut escaped = String::new();
    let mut characters = text.chars();
    for character in characters.by_ref().take(MOST_CHARACTERS) {
        // Quotes are escaped as well, so that the text within them can be masked once more.
        if character.is_control() || matches!(character, '"' | '\\') {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    let is_cut = characters.next().is_some() || head.len() < bytes.len();
    format!("\"{escaped}{}\"", if is_cut { "…" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_short_escaped_and_without_secrets() {
        assert_eq!(shown(b"hi\r\n\x00\xff"), "\"hi\\r\\n\\u{0}\u{fffd}\"");
        let long = shown("ä".repeat(500).as_bytes());
        assert_eq!(long.chars().count(), MOST_CHARACTERS + 3);
        assert!(long.ends_with("…\""), "{long}");
        let hello = shown(br#"{"token":"hunter2","type":"hello"}"#);
        assert_eq!(hello, r#""{\"token\":\"***\",\"type\":\"hello\"}""#);
        assert_eq!(redaction::text(&hello), hello);
        let secret = format!("{}{{\"token\":\"hunter2\"}}", " ".repeat(62));
        assert!(
            !shown(secret.as_bytes()).contains("hun"),
            "{}",
            shown(secret.as_bytes())
        );
    }
}
