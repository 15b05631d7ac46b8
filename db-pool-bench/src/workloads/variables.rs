//! What a user's variables hold: numbers for expressions and parameters, and text where a query set
//! them.

use std::fmt::Write as _;
use std::ops::Range;

use crate::script::Value;

/// The variables of one user, by slot.
#[derive(Debug, Clone)]
pub(super) struct UserVariables {
    /// As expressions see them; absent where nothing is set, and where the text is no number.
    pub(super) values: Vec<Option<Value>>,
    /// What a query gave, to the letter.
    texts: Vec<Option<String>>,
}

impl UserVariables {
    pub(super) fn new(values: Vec<Option<Value>>) -> Self {
        let texts = vec![None; values.len()];
        Self { values, texts }
    }

    pub(super) fn set(&mut self, slot: usize, value: Value) {
        self.values[slot] = Some(value);
        self.texts[slot] = None;
    }

    pub(super) fn set_text(&mut self, slot: usize, text: &str) {
        self.values[slot] = Value::parse(text);
        let kept = self.texts[slot].get_or_insert_default();
        kept.clear();
        kept.push_str(text);
    }

    /// Writes `sql` to `out` with the value of each slot in place of its bytes. A variable that is
    /// not set stays as it is written, as with pgbench.
    pub(super) fn put_into(
        &self,
        sql: &str,
        substitutions: &[(Range<usize>, usize)],
        out: &mut String,
    ) {
        out.clear();
        let mut behind = 0;
        for (place, slot) in substitutions {
            out.push_str(&sql[behind..place.start]);
            match (&self.texts[*slot], self.values[*slot]) {
                (Some(text), _) => out.push_str(text),
                // Writing to a text cannot fail.
                (None, Some(value)) => {
                    let _ = write!(out, "{value}");
                }
                (None, None) => out.push_str(&sql[place.clone()]),
            }
            behind = place.end;
        }
        out.push_str(&sql[behind..]);
    }

    /// Does the same as `other`, in the room that it has.
    pub(super) fn copy_from(&mut self, other: &Self) {
        self.values.clone_from(&other.values);
        self.texts.clone_from(&other.texts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_put_where_their_names_stand_quoted_or_not() {
        let mut variables = UserVariables::new(vec![Some(Value::Integer(-3)), None, None]);
        variables.set_text(1, "007");
        let sql = "SELECT :a, ':b', t_:b, :c";
        let at = |name: &str| {
            let begin = sql.find(name).unwrap();
            begin..begin + 2
        };
        let last = sql.rfind(":b").unwrap();
        let places = [
            (at(":a"), 0),
            (at(":b"), 1),
            (last..last + 2, 1),
            (at(":c"), 2),
        ];
        let mut out = "before".to_owned();
        variables.put_into(sql, &places, &mut out);
        assert_eq!(out, "SELECT -3, '007', t_007, :c");
        assert_eq!(variables.values[1], Some(Value::Integer(7)));
        variables.set(1, Value::Double(0.5));
        variables.put_into(sql, &places, &mut out);
        assert_eq!(out, "SELECT -3, '0.5', t_0.5, :c");
    }
}
