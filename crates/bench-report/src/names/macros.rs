//! Macros that define names together with their entries in the registry.

/// Defines the names of figures that stand in one place of a report, and their entries `FIGURES`.
macro_rules! figures {
    ($place:ident: $(#[doc = $meaning:literal] $name:ident = $text:literal;)+) => {
        $(
            #[doc = $meaning]
            pub const $name: $crate::names::name::FigureName = $crate::names::name::FigureName($text);
        )+
        pub(super) const FIGURES: &[$crate::names::entry::NameEntry] = &[$($crate::names::entry::NameEntry::figure(
            $crate::names::entry::Place::$place,
            $name,
            $meaning,
        )),+];
    };
}

/// Defines families of figures that stand in one place of a report, and their entries `FAMILIES`.
macro_rules! families {
    ($place:ident: $(#[doc = $meaning:literal] $name:ident = $prefix:literal, $suffix:literal;)+) => {
        $(
            #[doc = $meaning]
            pub const $name: $crate::names::name::FigureFamily = $crate::names::name::FigureFamily {
                prefix: $prefix,
                suffix: $suffix,
            };
        )+
        pub(super) const FAMILIES: &[$crate::names::entry::NameEntry] = &[$($crate::names::entry::NameEntry::family(
            $crate::names::entry::Place::$place,
            $name,
            $meaning,
        )),+];
    };
}

/// Defines a module for each table with its name and those of its columns, and the entries `TABLES`.
macro_rules! tables {
    ($(#[doc = $about:literal] $table:ident = $text:literal {
        $(#[doc = $meaning:literal] $name:ident = $column:literal;)+
    })+) => {
        $(
            #[doc = $about]
            pub mod $table {
                use $crate::names::entry::{NameEntry, Place};
                use $crate::names::name::{ColumnName, TableName};

                #[doc = $about]
                pub const TABLE: TableName = TableName($text);
                $(
                    #[doc = $meaning]
                    pub const $name: ColumnName = ColumnName { table: TABLE, name: $column };
                )+
                pub(super) const ENTRIES: &[NameEntry] =
                    &[$(NameEntry::single(Place::Table(TABLE), $column, $meaning)),+];
            }
        )+
        pub(super) const TABLES: &[&[$crate::names::entry::NameEntry]] = &[$($table::ENTRIES),+];
    };
}

pub(super) use {families, figures, tables};
