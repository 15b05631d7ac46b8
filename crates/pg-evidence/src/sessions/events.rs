//! Dominant wait event among the waits of one class, named as in PostgreSQL's manual.

use std::collections::BTreeMap;

use bench_report::ServerEvidence;

/// Classes of sessions' waits, with the types of wait events in each.
const TYPES: [(&str, &[&str]); 4] = [
    ("lock", &["Lock"]),
    ("lwlock", &["LWLock"]),
    ("io", &["IO"]),
    (
        "other_wait",
        &["IPC", "Timeout", "Activity", "BufferPin", "Extension"],
    ),
];
/// Smallest share of its class, from 0 to 1, at which a wait event is named.
const MOST: f64 = 0.5;

/// Returns the wait event, such as `WALSync`, that makes up at least half of the waits of the class
/// `part` (`lock`, `lwlock`, `io` or `other_wait`) over `steps`. `None` if no event does, the class
/// is another, or the server reports no waits.
pub fn dominant_event<'a>(
    part: &str,
    steps: impl Iterator<Item = &'a ServerEvidence>,
) -> Option<String> {
    let (_, types) = TYPES.iter().find(|(of, _)| *of == part)?;
    let mut means: BTreeMap<&str, f64> = BTreeMap::new();
    for (event, mean) in steps.flat_map(|server| events(server, types)) {
        *means.entry(event).or_default() += mean;
    }
    let all: f64 = means.values().sum();
    let (event, largest) = means.into_iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    (largest > 0.0 && largest >= MOST * all).then(|| event.to_owned())
}

fn events<'a>(
    server: &'a ServerEvidence,
    types: &'a [&str],
) -> impl Iterator<Item = (&'a str, f64)> {
    server.figures.iter().filter_map(|(name, mean)| {
        let named = name.strip_prefix("waits.")?.strip_suffix("_mean")?;
        let (of, event) = named.split_once('.')?;
        types.contains(&of).then_some((event, *mean))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_event_that_is_most_of_its_class_is_named_and_none_where_there_are_many() {
        let mut server = ServerEvidence::default();
        for (name, mean) in [
            ("waits.IO.WALSync_mean", 1.2),
            ("waits.IO.DataFileRead_mean", 0.4),
            ("waits.Lock.tuple_mean", 9.0),
            ("waits.LWLock.WALWrite_mean", 0.3),
            ("waits.LWLock.BufferContent_mean", 0.2),
            ("waits.LWLock.ProcArray_mean", 0.2),
        ] {
            server.figures.insert(name.to_owned(), mean);
        }
        let named = |part| dominant_event(part, std::iter::once(&server));
        assert_eq!(named("io").as_deref(), Some("WALSync"));
        assert_eq!(named("lock").as_deref(), Some("tuple"));
        assert_eq!(named("lwlock"), None, "no one of them is half");
        assert_eq!(named("cpu"), None);
        assert_eq!(named("other_wait"), None);
    }
}
