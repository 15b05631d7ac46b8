//! Entries of the registry.

use std::fmt;

use super::name::{FigureFamily, FigureName, TableName};

/// Part of a report in which a name is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// Figures of the server in a step.
    Server,
    /// Columns of a table about the server in a step.
    Table(TableName),
    /// Figures of a step.
    Step,
    /// Figures of the summary.
    Summary,
    /// Series over time.
    Series,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server => f.write_str("server"),
            Self::Table(table) => write!(f, "table {table}"),
            Self::Step => f.write_str("step"),
            Self::Summary => f.write_str("summary"),
            Self::Series => f.write_str("series"),
        }
    }
}

/// Name, or family of names, that reports may have, with its place and meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameEntry {
    /// Part of a report that has the name.
    pub place: Place,
    pub(super) prefix: &'static str,
    /// End of the names of a family; `None` for a single name.
    pub(super) suffix: Option<&'static str>,
    /// Meaning in one sentence.
    pub meaning: &'static str,
}

impl NameEntry {
    pub(super) const fn figure(place: Place, name: FigureName, meaning: &'static str) -> Self {
        Self::single(place, name.0, meaning)
    }

    pub(super) const fn single(place: Place, name: &'static str, meaning: &'static str) -> Self {
        Self {
            place,
            prefix: name,
            suffix: None,
            meaning,
        }
    }

    pub(super) const fn family(place: Place, family: FigureFamily, meaning: &'static str) -> Self {
        Self {
            place,
            prefix: family.prefix,
            suffix: Some(family.suffix),
            meaning,
        }
    }

    /// Returns the name with `*` for the part that differs within a family.
    pub fn pattern(&self) -> String {
        match self.suffix {
            Some(suffix) => format!("{}*{suffix}", self.prefix),
            None => self.prefix.to_owned(),
        }
    }

    /// Returns the part of `name` that differs within the entry's family, as in `Lock.tuple`; `None` for an
    /// entry of a single name, and for a name that is not of the family.
    pub fn member<'n>(&self, name: &'n str) -> Option<&'n str> {
        let (prefix, suffix) = (self.prefix, self.suffix?);
        FigureFamily { prefix, suffix }.member(name)
    }

    /// Returns true if the entry is about `name` in `place`.
    pub(crate) fn is_of(&self, place: Place, name: &str) -> bool {
        let (prefix, suffix) = (self.prefix, self.suffix.unwrap_or_default());
        self.place == place
            && match self.suffix {
                None => name == prefix,
                Some(_) => FigureFamily { prefix, suffix }.member(name).is_some(),
            }
    }
}
