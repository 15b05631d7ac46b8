//! List of all names.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::entry::{NameEntry, Place};
use super::name::TableName;
use super::{load_series, machine, postgres, postgres_tables, redis, steps, summaries, websocket};

/// Iterates over all entries of the registry. A name may be there more than once, if several programs write it.
pub fn all() -> impl Iterator<Item = &'static NameEntry> {
    let figures = [
        postgres::FIGURES,
        redis::FIGURES,
        websocket::FIGURES,
        steps::FIGURES,
        summaries::FIGURES,
        load_series::FIGURES,
        machine::FIGURES,
    ];
    let families = [
        postgres::FAMILIES,
        redis::FAMILIES,
        steps::FAMILIES,
        summaries::FAMILIES,
        load_series::FAMILIES,
    ];
    let tables = postgres_tables::TABLES.iter().chain(redis::TABLES);
    let lists = figures.into_iter().chain(families);
    lists.chain(tables.copied()).flatten()
}

/// Finds the table `name`; `None` if no program writes such a table.
pub fn table(name: &str) -> Option<TableName> {
    all().find_map(|entry| match entry.place {
        Place::Table(table) if table.as_str() == name => Some(table),
        _ => None,
    })
}

/// Entries of single names, by place and name; the last one of a name that is there more than once. An
/// analysis asks for a name some hundred times per report.
static SINGLE: LazyLock<HashMap<(Place, &str), &NameEntry>> = LazyLock::new(|| {
    let single = all().filter(|entry| entry.suffix.is_none());
    single
        .map(|entry| ((entry.place, entry.prefix), entry))
        .collect()
});

/// Finds the entry of `name` in `place`; `None` if no program writes such a name. A single name counts before
/// a family, and of two families the one that fixes more of the name.
pub fn find(place: Place, name: &str) -> Option<&'static NameEntry> {
    let single = SINGLE.get(&(place, name)).copied();
    single.or_else(|| {
        all()
            .filter(|entry| entry.suffix.is_some() && entry.is_of(place, name))
            .max_by_key(|entry| entry.prefix.len() + entry.suffix.map_or(0, str::len))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_has_a_meaning_and_is_found_where_it_is_written() {
        let count = Place::Server;
        assert_eq!(
            find(count, "database.commits").map(NameEntry::pattern),
            Some("database.commits".to_owned())
        );
        assert_eq!(
            find(count, "waits.parallel.IO.DataFileRead_mean").map(NameEntry::pattern),
            Some("waits.parallel.*_mean".to_owned())
        );
        assert!(find(Place::Step, "database.commits").is_none());
        assert!(find(count, "database.comits").is_none());
        for entry in all() {
            let meaning = entry.meaning.trim();
            assert!(meaning.ends_with('.') && meaning.len() > 4, "{entry:?}");
        }
    }

    #[test]
    fn no_program_names_two_figures_alike() {
        for list in [
            postgres::FIGURES,
            redis::FIGURES,
            steps::FIGURES,
            summaries::FIGURES,
            machine::FIGURES,
        ] {
            let names: BTreeSet<String> = list.iter().map(NameEntry::pattern).collect();
            assert_eq!(names.len(), list.len());
        }
    }
}
