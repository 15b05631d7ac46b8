//! Word wrap at 80 columns that keeps each figure on one line with its unit.

use std::fmt::Write as _;

use bench_report::plain_text;

const WIDTH: usize = 80;

/// Appends `words` to `text`, wrapped at 80 columns, with a line feed at the end. The first line
/// follows `first`; the others are indented as far as it is long. Control characters become spaces,
/// and longer words are not broken.
pub(super) fn line(text: &mut String, first: &str, words: &str) {
    let indent = first.chars().count();
    let mut column = indent;
    text.push_str(first);
    let mut fresh = true;
    // Words may contain labels from reports, whose hidden characters must not reach the terminal.
    let clean = plain_text::visible(words, ' ', |_| false);
    for word in whole_figures(&clean) {
        let length = word.chars().count();
        if !fresh && column + 1 + length > WIDTH {
            let _ = write!(text, "\n{:indent$}", "");
            column = indent;
            fresh = true;
        }
        if !fresh {
            text.push(' ');
            column += 1;
        }
        text.push_str(&word);
        column += length;
        fresh = false;
    }
    text.push('\n');
}

const UNITS: [&str; 14] = [
    "%", "ns", "µs", "ms", "s", "min", "k/s", "M/s", "B", "KiB", "MiB", "GiB", "KiB/s", "MiB/s",
];

/// Splits a sentence at its spaces into words; a figure and the unit after it are one word.
fn whole_figures(sentence: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in sentence.split(' ').filter(|w| !w.is_empty()) {
        let unit = UNITS.contains(&word.trim_end_matches([',', '.', ';', ':', ')']));
        match words.last_mut() {
            Some(figure) if unit && figure.ends_with(|c: char| c.is_ascii_digit()) => {
                figure.push(' ');
                figure.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_sentences_wrap_under_their_mark_and_stay_inside_80_columns() {
        let mut text = String::new();
        line(&mut text, " 1. ", &"word ".repeat(60));
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.len() > 3);
        assert!(lines.iter().all(|l| l.chars().count() <= WIDTH), "{text}");
        assert!(lines[1].starts_with("    word"));
    }

    #[test]
    fn escape_sequences_in_a_label_do_not_reach_the_terminal() {
        let mut text = String::new();
        line(
            &mut text,
            "",
            "a \u{1b}[31mred\u{7} \u{202e}gpj\u{200b}.exe",
        );
        assert_eq!(text, "a [31mred gpj .exe\n");
    }
}
