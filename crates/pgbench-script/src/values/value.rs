//! Values of variables and expressions, and their conversions.

use std::fmt;

/// Value of a script variable or an expression.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ScriptValue {
    /// SQL's NULL.
    Null,
    /// True or false.
    Boolean(bool),
    /// 64-bit integer.
    Integer(i64),
    /// 64-bit floating-point number.
    Double(f64),
}

impl ScriptValue {
    /// Parses a constant as `--define` accepts it: a finite number, `null`, `true` or `false`, in
    /// any case, with white space around it ignored. `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(whole) = text.parse() {
            return Some(Self::Integer(whole));
        }
        match text.to_ascii_lowercase().as_str() {
            "null" => Some(Self::Null),
            "true" => Some(Self::Boolean(true)),
            "false" => Some(Self::Boolean(false)),
            _ => {
                let number: f64 = text.parse().ok()?;
                number.is_finite().then_some(Self::Double(number))
            }
        }
    }

    /// Returns the name of the value's type with its article, such as `an integer`, for error
    /// messages.
    pub(crate) fn type_name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "a boolean",
            Self::Integer(_) => "an integer",
            Self::Double(_) => "a double",
        }
    }

    /// Converts the value to an integer; a double is rounded, half to even. Fails for a double
    /// outside the range of `i64`, an infinity, NaN, a boolean and NULL.
    pub(crate) fn integer(self) -> Result<i64, String> {
        match self {
            Self::Integer(n) => Ok(n),
            Self::Double(x) => {
                let rounded = x.round_ties_even();
                // Both bounds are exact as doubles; the upper one is the smallest number that does
                // not fit.
                if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&rounded) {
                    Ok(rounded as i64)
                } else {
                    Err(format!("{x} does not fit an integer"))
                }
            }
            other => Err(format!("{} is no integer", other.type_name())),
        }
    }

    /// Converts the value to a double; a large integer is rounded to the nearest one. Fails for a
    /// boolean and NULL.
    pub(crate) fn double(self) -> Result<f64, String> {
        match self {
            Self::Integer(n) => Ok(n as f64),
            Self::Double(x) => Ok(x),
            other => Err(format!("{} is no double", other.type_name())),
        }
    }

    /// Returns the value of a boolean. Fails for numbers and NULL.
    pub(crate) fn boolean(self) -> Result<bool, String> {
        match self {
            Self::Boolean(b) => Ok(b),
            other => Err(format!("{} is no boolean", other.type_name())),
        }
    }

    /// Returns true if `\if` and `CASE` treat the value as true: the boolean true, and numbers
    /// other than zero. False for the boolean false, zero and NULL.
    pub(crate) fn is_true(self) -> bool {
        match self {
            Self::Null => false,
            Self::Boolean(b) => b,
            Self::Integer(n) => n != 0,
            Self::Double(x) => x != 0.0,
        }
    }
}

/// Formats the value as an SQL literal, such as `NULL`, `true` or `1.5`.
impl fmt::Display for ScriptValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Boolean(b) => write!(f, "{b}"),
            Self::Integer(n) => write!(f, "{n}"),
            Self::Double(x) => write!(f, "{x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_double_rounds_half_to_even_and_must_fit() {
        for (x, n) in [(9.2, 9), (2.5, 2), (3.5, 4), (-2.5, -2), (-0.4, 0)] {
            assert_eq!(ScriptValue::Double(x).integer(), Ok(n));
        }
        assert_eq!(
            ScriptValue::Double(-9_223_372_036_854_775_808.0).integer(),
            Ok(i64::MIN)
        );
        for x in [9_223_372_036_854_775_808.0, f64::NAN, f64::INFINITY] {
            assert!(ScriptValue::Double(x).integer().is_err(), "{x}");
        }
    }

    #[test]
    fn constants_read_as_people_write_them() {
        for (text, value) in [
            ("12", ScriptValue::Integer(12)),
            ("-1.5", ScriptValue::Double(-1.5)),
            ("TRUE", ScriptValue::Boolean(true)),
            ("null", ScriptValue::Null),
        ] {
            assert_eq!(ScriptValue::parse(text), Some(value));
        }
        assert_eq!(ScriptValue::parse("accounts"), None);
        assert_eq!(ScriptValue::parse("NaN"), None);
    }
}
