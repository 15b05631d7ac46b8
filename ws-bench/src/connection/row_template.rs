//! Text with places for the values of a row, such as `Bearer {token}`, of which each connection has
//! its own.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Characters of a value that are escaped in a URL: all but letters, digits and the four that never
/// mean anything there.
const IN_URL: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Text with places, each for the value of a column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RowTemplate {
    parts: Vec<TemplatePart>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum TemplatePart {
    Text(String),
    /// Place for the value of the column with this index; escaped if it is in a URL.
    Place {
        column: usize,
        is_url: bool,
    },
}

/// Place in a text for a column that there is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{{{name}}} names no column of --vars, which has {columns}")]
pub(crate) struct UnknownColumn {
    /// Name in the braces.
    pub(crate) name: String,
    /// Names of the columns, with commas between.
    pub(crate) columns: String,
}

impl RowTemplate {
    /// Adds `text` as it is.
    pub(crate) fn push_text(&mut self, text: &str) {
        if let Some(TemplatePart::Text(last)) = self.parts.last_mut() {
            last.push_str(text);
        } else {
            self.parts.push(TemplatePart::Text(text.to_owned()));
        }
    }

    /// Adds `text`, of which each `{name}` is a place for the value of that column. Without columns
    /// there are no places, and braces are text.
    ///
    /// # Errors
    /// If a name in braces is none of the `columns`.
    pub(crate) fn push(&mut self, text: &str, columns: &[String]) -> Result<(), UnknownColumn> {
        self.push_places(text, columns, [("{", "}")].as_slice())
    }

    /// Adds a part of a URL, in which braces may be escaped; values that fill its places are escaped.
    ///
    /// # Errors
    /// If a name in braces is none of the `columns`.
    pub(crate) fn push_url(&mut self, url: &str, columns: &[String]) -> Result<(), UnknownColumn> {
        self.push_places(url, columns, [("{", "}"), ("%7B", "%7D")].as_slice())
    }

    fn push_places(
        &mut self,
        text: &str,
        columns: &[String],
        braces: &[(&str, &str)],
    ) -> Result<(), UnknownColumn> {
        let mut rest = text;
        while let Some((before, name, after)) = place(rest, braces) {
            let Some(column) = columns.iter().position(|column| column == name) else {
                if !columns.is_empty() {
                    return Err(UnknownColumn {
                        name: name.to_owned(),
                        columns: columns.join(", "),
                    });
                }
                break;
            };
            self.push_text(before);
            self.parts.push(TemplatePart::Place {
                column,
                is_url: braces.len() > 1,
            });
            rest = after;
        }
        self.push_text(rest);
        Ok(())
    }

    /// Adds the text, with the values of `row` in its places, to `out`.
    pub(crate) fn fill(&self, row: &[String], out: &mut String) {
        for part in &self.parts {
            match part {
                TemplatePart::Text(text) => out.push_str(text),
                TemplatePart::Place { column, is_url } => {
                    let value = row.get(*column).map_or("", String::as_str);
                    if *is_url {
                        out.extend(utf8_percent_encode(value, IN_URL));
                    } else {
                        out.push_str(value);
                    }
                }
            }
        }
    }
}

/// Returns the first name in braces, with the texts before and after; `None` if there is none.
fn place<'a>(text: &'a str, braces: &[(&str, &str)]) -> Option<(&'a str, &'a str, &'a str)> {
    let named = braces.iter().filter_map(|(open, close)| {
        text.match_indices(open).find_map(|(at, _)| {
            let (name, after) = text[at + open.len()..].split_once(close)?;
            is_name(name).then_some((&text[..at], name, after))
        })
    });
    named.min_by_key(|(before, ..)| before.len())
}

/// Returns true if `text` can be the name of a column: letters, digits, `_` and `-`.
pub(crate) fn is_name(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    !text.is_empty() && text.chars().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Vec<String> {
        ["user", "token"].map(str::to_owned).to_vec()
    }

    fn filled(template: &RowTemplate) -> String {
        let mut out = String::new();
        template.fill(&["Ann Lee".to_owned(), "a/b=".to_owned()], &mut out);
        out
    }

    #[test]
    fn values_fill_their_places_and_are_escaped_in_a_url_only() {
        let mut header = RowTemplate::default();
        header.push("{user}: Bearer {token}!", &columns()).unwrap();
        assert_eq!(filled(&header), "Ann Lee: Bearer a/b=!");
        let mut url = RowTemplate::default();
        url.push_url("/%7Buser%7D/s?t={token}&f={\"a\":1}", &columns())
            .unwrap();
        assert_eq!(filled(&url), "/Ann%20Lee/s?t=a%2Fb%3D&f={\"a\":1}");
    }

    #[test]
    fn braces_are_text_unless_they_name_a_column() {
        let mut template = RowTemplate::default();
        template.push("{\"a\":{}} {", &columns()).unwrap();
        assert_eq!(filled(&template), "{\"a\":{}} {");
        let error = template.push("{tokn}", &columns()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "{tokn} names no column of --vars, which has user, token"
        );
        template.push("{tokn}", &[]).unwrap();
    }
}
