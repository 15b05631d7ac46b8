//! Values for the connections from a CSV file, a row for each.

use std::path::Path;

use crate::connection::row_template::is_name;

/// Rows of values. Connection n has row n modulo their number.
#[derive(Clone, Default)]
pub(crate) struct Variables {
    /// Names of the columns.
    pub(crate) columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl std::fmt::Debug for Variables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Variables").field(&self.columns).finish()
    }
}

/// Reason why a file of values cannot be used. It shows no value.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VariablesError {
    /// The file cannot be read, or is no CSV.
    #[error("cannot read --vars {file}: {reason}")]
    Unreadable {
        /// Path of the file.
        file: String,
        /// Description of the error.
        reason: String,
    },
    /// A name in the first line cannot be used.
    #[error(
        "the first line of --vars {file} names the columns, each with letters, digits, _ and -, as in \
         user,token; column {number} does not"
    )]
    Column {
        /// Path of the file.
        file: String,
        /// Number of the column, from 1.
        number: usize,
    },
    /// The file has no row after the first line.
    #[error("--vars {0} has no row of values after its first line")]
    Empty(String),
    /// A value has a character that cannot be in a header.
    #[error("row {row} of --vars {file} has a control character, which no header can hold")]
    Control {
        /// Path of the file.
        file: String,
        /// Number of the row, from 1.
        row: usize,
    },
}

impl Variables {
    /// Reads the CSV `file`, whose first line names the columns.
    ///
    /// # Errors
    /// If it cannot be read, has no rows, or has names or values that cannot be used.
    pub(crate) fn read(file: &Path) -> Result<Self, VariablesError> {
        let shown = file.display().to_string();
        let unreadable = |error: csv::Error| VariablesError::Unreadable {
            file: shown.clone(),
            reason: error.to_string(),
        };
        let mut reader = csv::Reader::from_path(file).map_err(unreadable)?;
        let columns: Vec<String> = reader
            .headers()
            .map_err(unreadable)?
            .iter()
            .map(|name| name.trim().to_owned())
            .collect();
        if let Some(wrong) = columns.iter().position(|name| !is_name(name)) {
            let number = wrong + 1;
            return Err(VariablesError::Column {
                file: shown,
                number,
            });
        }
        let rows = reader
            .records()
            .map(|record| Ok(record?.iter().map(str::to_owned).collect()))
            .collect::<Result<Vec<Vec<String>>, csv::Error>>()
            .map_err(unreadable)?;
        if rows.is_empty() {
            return Err(VariablesError::Empty(shown));
        }
        let has_control = |row: &Vec<String>| row.iter().any(|v| v.contains(char::is_control));
        if let Some(wrong) = rows.iter().position(has_control) {
            let row = wrong + 1;
            return Err(VariablesError::Control { file: shown, row });
        }
        Ok(Self { columns, rows })
    }

    /// Returns the values of connection `id`; none if there are no rows.
    pub(crate) fn row(&self, id: u64) -> &[String] {
        let count = self.rows.len().max(1) as u64;
        let row = self.rows.get((id % count) as usize);
        row.map_or(&[], Vec::as_slice)
    }

    /// Returns the number of rows.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use test_support::TestDirectory;

    use super::*;

    fn read(text: &str) -> Result<Variables, VariablesError> {
        let place = TestDirectory::new();
        let file = place.path().join("vars.csv");
        fs::write(&file, text).unwrap();
        Variables::read(&file)
    }

    #[test]
    fn rows_are_taken_in_turn() {
        let variables = read("user,token\nann,\"a,1\"\nbob,b2\n").unwrap();
        assert_eq!(variables.columns, ["user", "token"]);
        for (id, user, token) in [(0, "ann", "a,1"), (1, "bob", "b2"), (2, "ann", "a,1")] {
            assert_eq!(variables.row(id), [user, token]);
        }
        assert!(Variables::default().row(7).is_empty());
    }

    #[test]
    fn a_file_that_cannot_be_used_is_told_without_its_values() {
        for (text, said) in [
            ("", "no row"),
            ("user,token\n", "no row"),
            ("user,to ken\na,hunter2\n", "column 2"),
            ("user,token\nann,hunter2\nbob\n", "2 fields"),
            ("user\n\"hunter2\r\nX: y\"\n", "row 1"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(
                error.contains(said) && !error.contains("hunter2"),
                "{error}"
            );
        }
    }
}
