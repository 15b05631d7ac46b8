//! Commands of Redis as the files of plantings write them: one on each line, its words between spaces.

/// Parses each line of `lines` that is not empty as a command. A text between double quotes is one word.
pub(crate) fn redis_commands(lines: &str) -> Vec<redis::Cmd> {
    let lines = lines.lines().map(words).filter(|words| !words.is_empty());
    lines
        .map(|words| {
            let mut command = redis::Cmd::new();
            command.arg(words);
            command
        })
        .collect()
}

fn words(line: &str) -> Vec<String> {
    // Every second part lies between quotes.
    let parts = line.split('"').enumerate();
    let words = parts.flat_map(|(number, part)| match number % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect(),
        _ => vec![part.to_owned()],
    });
    words.collect()
}

#[test]
fn a_text_between_quotes_is_one_word() {
    let line = r#"  EVAL "for i = 1, 9 do end" 0 "" "#;
    assert_eq!(words(line), ["EVAL", "for i = 1, 9 do end", "0", ""]);
    assert_eq!(redis_commands("\n PING\n\nGET a\n").len(), 2);
}
