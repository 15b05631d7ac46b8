//! Figures in a sentence: numbers with their units, and counts.

/// Units that may follow a number, the longer ones first.
const UNITS: [&str; 15] = [
    "KiB", "MiB", "GiB", "TiB", "min", "k/s", "M/s", "ns", "µs", "ms", "/s", "s", "h", "B", "%",
];
/// Words before a number that names a thing.
const NAMES: [&str; 4] = ["SQLSTATE ", "advisory lock ", "process ", "version "];
/// Signs before a figure that belong to its text.
const BOUNDS: [&str; 3] = ["under ", "<", ">"];
/// Numbers of characters before and after a figure that tell where in a sentence it stands.
const CONTEXT: (usize, usize) = (10, 1);

/// Number in a sentence.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct WrittenFigure {
    /// The number with its unit, as written: `12.3 ms`, `under 1 %`, `40`.
    pub(super) text: String,
    /// Unit; empty for a count.
    pub(super) unit: &'static str,
    /// The number without its unit.
    pub(super) number: f64,
    /// The figure with a few characters around it.
    pub(super) context: String,
}

/// Returns the figures of `sentence`. Digits that are part of a name (`p99`, `pg_stat_io`, `10.0.0.1`,
/// `SQLSTATE 40001`) are no figures, and neither is what stands in quotes.
pub(super) fn figures(sentence: &str) -> Vec<WrittenFigure> {
    let chars: Vec<char> = sentence.chars().collect();
    let (mut found, mut at, mut is_quoted) = (Vec::new(), 0, false);
    while at < chars.len() {
        if matches!(chars[at], '`' | '"') {
            is_quoted = !is_quoted;
        }
        if is_quoted || !chars[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let start = at;
        at = end_of_word(&chars, at);
        found.extend(figure_at(&chars, start));
    }
    found
}

/// Returns the index after the word that contains index `at`.
fn end_of_word(chars: &[char], at: usize) -> usize {
    let is_inside = |i: &usize| {
        let next = chars.get(i + 1).copied().unwrap_or(' ');
        chars[*i].is_alphanumeric()
            || matches!(chars[*i], '_' | '/' | ':' | '.' | ',') && next.is_alphanumeric()
    };
    let rest = at..chars.len();
    rest.take_while(is_inside).last().map_or(at + 1, |i| i + 1)
}

/// Returns the figure whose digits begin at `start`; `None` if they are part of a name.
fn figure_at(chars: &[char], start: usize) -> Option<WrittenFigure> {
    let before: String = chars[..start].iter().collect();
    // A bound such as `p99<20ms` names a rule.
    let is_bound = before.strip_suffix(['<', '>']);
    let is_bound = is_bound.is_some_and(|left| left.ends_with(char::is_alphanumeric));
    let is_name = is_bound
        || before.ends_with(|c: char| c.is_alphanumeric() || "_$.:#/-".contains(c))
        || NAMES.iter().any(|name| before.ends_with(name));
    if is_name {
        return None;
    }
    let is_number = |i: &usize| {
        let is_digit = |c: Option<&char>| c.is_some_and(char::is_ascii_digit);
        is_digit(chars.get(*i)) || matches!(chars[*i], '.' | ',') && is_digit(chars.get(i + 1))
    };
    let end = start + (start..chars.len()).take_while(is_number).count();
    let after: String = chars[end..].iter().collect();
    let (unit, length) = unit_of(&after).unwrap_or(("", 0));
    let is_glued = after.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    if unit.is_empty() && is_glued {
        return None;
    }
    let digits: String = chars[start..end].iter().filter(|c| **c != ',').collect();
    let bound = BOUNDS.iter().find(|bound| before.ends_with(**bound));
    let written: String = chars[start..end + length].iter().collect();
    let from = start.saturating_sub(CONTEXT.0);
    let to = (end + length + CONTEXT.1).min(chars.len());
    Some(WrittenFigure {
        text: format!("{}{written}", bound.unwrap_or(&"")),
        unit,
        number: digits.parse().ok()?,
        context: chars[from..to].iter().collect(),
    })
}

/// Returns the unit at the beginning of `after`, and its length in characters with the space before it.
fn unit_of(after: &str) -> Option<(&'static str, usize)> {
    let spaced = after.strip_prefix([' ', '\u{a0}']);
    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    let fits = |unit: &&&str| {
        spaced
            .unwrap_or(after)
            .strip_prefix(**unit)
            .is_some_and(ends)
    };
    let unit = UNITS.iter().find(fits)?;
    Some((unit, unit.chars().count() + usize::from(spaced.is_some())))
}

#[test]
fn numbers_with_and_without_units_are_found_and_names_are_not() {
    let found = figures(
        "p99<20ms: p99 of 1.25 ms in 3 of 12 repeats (under 1 %): SQLSTATE 40001, 9.56 MiB/s from 10.0.0.1, \
         `LIMIT 5`, 144 k/s, pg_stat_2, 1,000 rows",
    );
    let texts: Vec<&str> = found.iter().map(|figure| figure.text.as_str()).collect();
    let expected = [
        "1.25 ms",
        "3",
        "12",
        "under 1 %",
        "9.56 MiB",
        "144 k/s",
        "1,000",
    ];
    assert_eq!(texts, expected);
    assert_eq!(found[0].unit, "ms");
    assert!((found[6].number - 1_000.0).abs() < 1e-9);
}
