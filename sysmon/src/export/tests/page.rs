//! Strict parser of both exposition formats: any deviation from the description of the format
//! panics.

use std::collections::{BTreeMap, BTreeSet};

pub(crate) type Labels = BTreeMap<String, String>;

/// Parsed content of a page of metrics.
#[derive(Debug)]
pub(crate) struct Page {
    /// Type of each family, such as `counter`, by the family's name.
    pub families: BTreeMap<String, String>,
    pub samples: BTreeMap<(String, Labels), f64>,
}

impl Page {
    /// Parses `text`; as OpenMetrics if `open` is true, else as the text format. Panics on any
    /// deviation.
    pub(crate) fn read(text: &str, open: bool) -> Self {
        let mut reader = Reader {
            open,
            current: Family::default(),
            page: Self {
                families: BTreeMap::new(),
                samples: BTreeMap::new(),
            },
        };
        let lines = text.strip_suffix('\n').expect("the last line ends");
        let lines = if open {
            lines.strip_suffix("\n# EOF").expect("the end is marked")
        } else {
            lines
        };
        for line in lines.split('\n') {
            reader.line(line);
        }
        reader.close();
        reader.page
    }

    /// Returns the value of the sample without labels that has this name. Panics if there is none.
    pub(crate) fn value(&self, name: &str) -> f64 {
        self.samples[&(name.to_owned(), Labels::new())]
    }

    /// Iterates over the labels and values of all samples with this name.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = (&Labels, f64)> {
        let all = self.samples.iter().filter(move |((n, _), _)| n == name);
        all.map(|((_, labels), value)| (labels, *value))
    }

    /// Iterates over all samples of counters, by name and labels, with their values.
    pub(crate) fn counters(&self) -> impl Iterator<Item = (&(String, Labels), f64)> {
        let is_counter = |name: &str| {
            let family = name.strip_suffix("_total").unwrap_or(name);
            [name, family]
                .iter()
                .any(|n| self.families.get(*n).is_some_and(|kind| kind == "counter"))
        };
        let all = self.samples.iter();
        all.filter(move |((name, _), _)| is_counter(name))
            .map(|(key, value)| (key, *value))
    }
}

#[derive(Default)]
struct Family {
    name: String,
    kind: Option<String>,
    said: BTreeSet<&'static str>,
    samples: usize,
}

struct Reader {
    open: bool,
    current: Family,
    page: Page,
}

impl Reader {
    fn line(&mut self, line: &str) {
        let Some(comment) = line.strip_prefix("# ") else {
            return self.sample(line);
        };
        let mut words = comment.splitn(3, ' ');
        let (what, name, text) = (words.next(), words.next(), words.next());
        let (name, text) = (name.unwrap(), text.unwrap());
        assert!(is_name(name, true), "{line}");
        if self.current.name != name {
            self.close();
            assert!(!self.page.families.contains_key(name), "{name} twice");
            name.clone_into(&mut self.current.name);
        }
        let what = match what {
            Some("HELP") => {
                assert!(!text.trim().is_empty() && text.ends_with('.'), "{line}");
                assert!(!text.contains(['"', '\\']), "{line}");
                "HELP"
            }
            Some("TYPE") => {
                let kinds = ["counter", "gauge"];
                let known = kinds.contains(&text) || (self.open && text == "info");
                assert!(known, "{line}");
                self.current.kind = Some(text.to_owned());
                "TYPE"
            }
            Some("UNIT") => {
                assert!(self.open && name.ends_with(&format!("_{text}")), "{line}");
                "UNIT"
            }
            _ => panic!("a comment of no meaning: {line}"),
        };
        assert_eq!(self.current.samples, 0, "after its samples: {line}");
        assert!(self.current.said.insert(what), "twice: {line}");
    }

    fn close(&mut self) {
        let family = std::mem::take(&mut self.current);
        if family.name.is_empty() {
            return;
        }
        assert!(family.samples > 0, "{} has no samples", family.name);
        let kind = family.kind.expect("a family has a type");
        let is_base = ["_seconds", "_bytes"]
            .iter()
            .any(|u| family.name.ends_with(u));
        if self.open && is_base {
            assert!(family.said.contains("UNIT"), "{} has a unit", family.name);
        }
        assert!(family.said.contains("HELP"), "{} has help", family.name);
        self.page.families.insert(family.name, kind);
    }

    fn sample(&mut self, line: &str) {
        let end = line.find(['{', ' ']).expect(line);
        let (name, rest) = line.split_at(end);
        assert!(is_name(name, true), "{line}");
        let kind = self.current.kind.as_deref().expect(line);
        let suffix = match (self.open, kind) {
            (true, "counter") => "_total",
            (true, "info") => "_info",
            _ => "",
        };
        assert_eq!(name, self.current.name.clone() + suffix, "{line}");
        assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(rest) => labels(rest),
            None => (Labels::new(), rest),
        };
        let value = rest.strip_prefix(' ').expect(line);
        assert!(!value.contains(' '), "a time as well: {line}");
        let value: f64 = value.parse().expect(line);
        assert!(value.is_finite(), "{line}");
        assert!(value >= 0.0 || kind == "gauge", "{line}");
        self.current.samples += 1;
        let key = (name.to_owned(), labels);
        assert!(!self.page.samples.contains_key(&key), "twice: {line}");
        self.page.samples.insert(key, value);
    }
}

fn is_name(name: &str, colon: bool) -> bool {
    let first = name.chars().next();
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colon && c == ':');
    first.is_some_and(|c| !c.is_ascii_digit()) && name.chars().all(good)
}

/// Parses `key="value",…` up to the closing brace. Returns the labels, and the rest of the text.
fn labels(mut text: &str) -> (Labels, &str) {
    let mut labels = Labels::new();
    loop {
        let (key, rest) = text.split_once("=\"").expect(text);
        assert!(is_name(key, false) && !key.starts_with("__"), "{key}");
        let mut value = String::new();
        let mut chars = rest.char_indices();
        let end = loop {
            match chars.next().expect("a label ends") {
                (at, '"') => break at,
                (_, '\\') => value.push(match chars.next().unwrap().1 {
                    'n' => '\n',
                    c @ ('\\' | '"') => c,
                    c => panic!("no such escape: {c}"),
                }),
                (_, c) => value.push(c),
            }
        };
        assert!(
            labels.insert(key.to_owned(), value).is_none(),
            "{key} twice"
        );
        match rest[end + 1..].split_at(1) {
            (",", rest) => text = rest,
            ("}", rest) => return (labels, rest),
            (odd, _) => panic!("{odd} after a label"),
        }
    }
}
