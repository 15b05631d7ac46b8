//! JSON form of reports, for people and programs: one member per line, but arrays of plain values
//! on a single line.
//!
//! A recording may have a hundred thousand numbers. With one per line, most of the report would be
//! spaces, and writing it would take twice as long.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};

/// Writes `document` as JSON in lines, without a line break at its end.
///
/// # Errors
/// Fails if the document cannot be written, or has no JSON form.
pub(crate) fn write(to: impl Write, document: &impl Serialize) -> serde_json::Result<()> {
    document.serialize(&mut Serializer::with_formatter(to, Lines::default()))
}

/// Returns `document` as JSON in lines, without a line break at its end.
///
/// # Errors
/// Fails if the document has no JSON form.
pub(crate) fn text(document: &impl Serialize) -> serde_json::Result<String> {
    let mut bytes = Vec::new();
    write(&mut bytes, document)?;
    String::from_utf8(bytes).map_err(|e| serde::ser::Error::custom(e.utf8_error()))
}

/// Formatter that indents by two spaces per level, and writes arrays of numbers, booleans and
/// nulls on one line.
#[derive(Debug, Default)]
struct Lines {
    depth: usize,
    has_members: bool,
    /// True for each enclosing array that takes several lines, the outermost first.
    arrays: Vec<bool>,
    /// Set before an element of an array: true for the first element, false for a later one;
    /// `None` elsewhere. Whether a line break follows the comma is decided once the kind of the
    /// element is known.
    element: Option<bool>,
}

impl Lines {
    fn new_line(&self, to: &mut (impl Write + ?Sized)) -> io::Result<()> {
        to.write_all(b"\n")?;
        (0..self.depth).try_for_each(|_| to.write_all(b"  "))
    }

    /// Writes the comma, unless this is the first element, before a value that stays on the line
    /// of its array.
    fn in_line(&mut self, to: &mut (impl Write + ?Sized)) -> io::Result<()> {
        match self.element.take() {
            Some(false) => to.write_all(b", "),
            Some(true) | None => Ok(()),
        }
    }

    /// Writes the comma, unless this is the first element, and the line break before an element
    /// that gets its own line. Does nothing outside an array.
    fn on_own_line(&mut self, to: &mut (impl Write + ?Sized)) -> io::Result<()> {
        let Some(is_first) = self.element.take() else {
            return Ok(());
        };
        if let Some(takes_lines) = self.arrays.last_mut() {
            *takes_lines = true;
        }
        if !is_first {
            to.write_all(b",")?;
        }
        self.new_line(to)
    }
}

macro_rules! in_line {
    ($($write:ident: $value:ty,)*) => {
        $(fn $write<W: ?Sized + Write>(&mut self, to: &mut W, value: $value) -> io::Result<()> {
            self.in_line(to)?;
            CompactFormatter.$write(to, value)
        })*
    };
}

impl Formatter for Lines {
    in_line! {
        write_bool: bool,
        write_i8: i8,
        write_i16: i16,
        write_i32: i32,
        write_i64: i64,
        write_i128: i128,
        write_u8: u8,
        write_u16: u16,
        write_u32: u32,
        write_u64: u64,
        write_u128: u128,
        write_f32: f32,
        write_f64: f64,
        write_number_str: &str,
    }

    fn write_null<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.in_line(to)?;
        CompactFormatter.write_null(to)
    }

    fn write_raw_fragment<W: ?Sized + Write>(&mut self, to: &mut W, text: &str) -> io::Result<()> {
        self.on_own_line(to)?;
        CompactFormatter.write_raw_fragment(to, text)
    }

    fn begin_string<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.on_own_line(to)?;
        CompactFormatter.begin_string(to)
    }

    fn begin_array<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.on_own_line(to)?;
        self.arrays.push(false);
        self.depth += 1;
        to.write_all(b"[")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, _: &mut W, first: bool) -> io::Result<()> {
        self.element = Some(first);
        Ok(())
    }

    fn end_array<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.depth -= 1;
        if self.arrays.pop() == Some(true) {
            self.new_line(to)?;
        }
        to.write_all(b"]")
    }

    fn begin_object<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.on_own_line(to)?;
        self.has_members = false;
        self.depth += 1;
        to.write_all(b"{")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, to: &mut W, first: bool) -> io::Result<()> {
        if !first {
            to.write_all(b",")?;
        }
        self.new_line(to)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        to.write_all(b": ")
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.has_members = true;
        Ok(())
    }

    fn end_object<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.depth -= 1;
        if self.has_members {
            self.new_line(to)?;
        }
        to.write_all(b"}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    #[test]
    fn numbers_of_an_array_share_a_line_and_nothing_else_does() {
        let document = json!({
            "at_ns": [1, 2, 3], "mean": [1.5, null, true], "none": [], "nothing": {},
            "names": ["a", "b"], "steps": [{"x": [[1, 2], [3]]}, {}], "mixed": [1, "a", 2],
        });
        let lines = [
            "{",
            "  \"at_ns\": [1, 2, 3],",
            "  \"mean\": [1.5, null, true],",
            "  \"mixed\": [1,",
            "    \"a\", 2",
            "  ],",
            "  \"names\": [",
            "    \"a\",",
            "    \"b\"",
            "  ],",
            "  \"none\": [],",
            "  \"nothing\": {},",
            "  \"steps\": [",
            "    {",
            "      \"x\": [",
            "        [1, 2],",
            "        [3]",
            "      ]",
            "    },",
            "    {}",
            "  ]",
            "}",
        ];
        let text = text(&document).unwrap();
        assert_eq!(text.lines().collect::<Vec<_>>(), lines);
    }

    fn documents() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::vec((".*", inner), 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_document_says_what_it_says_without_lines(document in documents()) {
            let read = |text: String| serde_json::from_str::<Value>(&text).unwrap();
            let compact = serde_json::to_string(&document).unwrap();
            prop_assert_eq!(read(text(&document).unwrap()), read(compact));
        }
    }
}
