//! Values of one client's variables: numbers for expressions and parameters, or text that a query
//! returned.

use std::fmt::Write as _;
use std::ops::Range;

use crate::language::diagnostic::{Diagnostic, Position};
use crate::values::value::ScriptValue;

/// Values of one client's variables, indexed by the slots of a
/// [`VariableTable`](crate::VariableTable).
#[derive(Debug, Clone)]
pub struct Variables {
    /// Value of each slot for expressions; `None` if the variable is not set, or holds text that is
    /// not a constant.
    values: Vec<Option<ScriptValue>>,
    /// Text of each slot that a query returned, unchanged; `None` if the variable is not set or was
    /// set to a value.
    texts: Vec<Option<String>>,
}

impl Variables {
    /// Creates one variable for each element of `values`; those with `None` are not set.
    pub(crate) fn new(values: Vec<Option<ScriptValue>>) -> Self {
        let texts = vec![None; values.len()];
        Self { values, texts }
    }

    /// Returns the value in `slot` for an expression; `None` if the variable is not set, if it
    /// holds text that is not a constant, or if there is no such slot.
    pub(crate) fn get(&self, slot: usize) -> Option<ScriptValue> {
        self.values.get(slot).copied().flatten()
    }

    /// Returns the value in `slot` for an expression, which reads the variable at `position`.
    ///
    /// # Errors
    /// Fails if the variable is not set, or holds text that a query returned and that is not a
    /// constant.
    pub fn require(&self, slot: usize, position: Position) -> Result<ScriptValue, Diagnostic> {
        self.get(slot)
            .ok_or_else(|| Diagnostic::new(position, "this variable has not been set yet"))
    }

    /// Sets the variable in `slot` to `value` and discards its former value or text. Panics if
    /// there is no such slot.
    pub(crate) fn set(&mut self, slot: usize, value: ScriptValue) {
        self.values[slot] = Some(value);
        self.texts[slot] = None;
    }

    /// Sets the variable in `slot` to text that a query returned. Expressions read it as a value if
    /// it is a number, `null`, `true` or `false`, else as not set. Panics if there is no such slot.
    pub(crate) fn set_text(&mut self, slot: usize, text: &str) {
        self.values[slot] = ScriptValue::parse(text);
        let kept = self.texts[slot].get_or_insert_default();
        kept.clear();
        kept.push_str(text);
    }

    /// Replaces the content of `out` by `sql`, with each byte range of `substitutions` replaced by
    /// the text or value in its slot. The ranges must be in ascending order. A variable that is not
    /// set stays as it is written, as in pgbench.
    pub fn substitute(&self, sql: &str, substitutions: &[(Range<usize>, usize)], out: &mut String) {
        out.clear();
        let mut behind = 0;
        for (range, slot) in substitutions {
            out.push_str(&sql[behind..range.start]);
            match (&self.texts[*slot], self.values[*slot]) {
                (Some(text), _) => out.push_str(text),
                // Writing to a string cannot fail.
                (None, Some(value)) => {
                    let _ = write!(out, "{value}");
                }
                (None, None) => out.push_str(&sql[range.clone()]),
            }
            behind = range.end;
        }
        out.push_str(&sql[behind..]);
    }

    /// Replaces all values by those of `other`, reusing the memory that is already allocated.
    pub fn copy_from(&mut self, other: &Self) {
        self.values.clone_from(&other.values);
        self.texts.clone_from(&other.texts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_put_where_their_names_stand_quoted_or_not() {
        let mut variables = Variables::new(vec![Some(ScriptValue::Integer(-3)), None, None]);
        variables.set_text(1, "007");
        let sql = "SELECT :a, ':b', t_:b, :c";
        let at = |name: &str| {
            let begin = sql.find(name).unwrap();
            begin..begin + 2
        };
        let last = sql.rfind(":b").unwrap();
        let position = [
            (at(":a"), 0),
            (at(":b"), 1),
            (last..last + 2, 1),
            (at(":c"), 2),
        ];
        let mut out = "before".to_owned();
        variables.substitute(sql, &position, &mut out);
        assert_eq!(out, "SELECT -3, '007', t_007, :c");
        assert_eq!(variables.get(1), Some(ScriptValue::Integer(7)));
        variables.set(1, ScriptValue::Double(0.5));
        variables.substitute(sql, &position, &mut out);
        assert_eq!(out, "SELECT -3, '0.5', t_0.5, :c");
    }
}
