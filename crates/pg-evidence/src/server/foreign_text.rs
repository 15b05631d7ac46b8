//! Text columns from other sessions, which may have the encoding of another database.

use std::error::Error;

use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type};

/// Text of a column whose bytes need not be UTF-8; invalid bytes become `�`.
struct Foreign(String);

impl<'a> FromSql<'a> for Foreign {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(String::from_utf8_lossy(raw).into_owned()))
    }

    fn accepts(of: &Type) -> bool {
        <&str>::accepts(of)
    }
}

/// Returns the text in the column of `row` at index `at` (from 0); `None` if it is NULL. Invalid
/// UTF-8 becomes `�`. Fails if there is no such column, or it has another type than text.
pub(crate) fn optional(row: &Row, at: usize) -> Result<Option<String>, tokio_postgres::Error> {
    Ok(row.try_get::<_, Option<Foreign>>(at)?.map(|text| text.0))
}

/// Returns the text in the column of `row` at index `at` (from 0), empty if it is NULL. Invalid
/// UTF-8 becomes `�`. Fails if there is no such column, or it has another type than text.
pub(crate) fn text(row: &Row, at: usize) -> Result<String, tokio_postgres::Error> {
    Ok(optional(row, at)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_another_encoding_are_no_error() {
        let latin = Foreign::from_sql(&Type::TEXT, b"SELECT 'caf\xe9'").unwrap();
        assert_eq!(latin.0, "SELECT 'caf\u{fffd}'");
        assert!(Foreign::accepts(&Type::TEXT) && Foreign::accepts(&Type::NAME));
        assert!(!Foreign::accepts(&Type::INT4));
    }
}
