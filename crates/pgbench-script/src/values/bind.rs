//! Bind parameters: values of a script in the binary format of the PostgreSQL types that the server
//! infers.

use bytes::{BufMut, BytesMut};
use postgres_types::{IsNull, Kind, ToSql, Type, to_sql_checked};

use crate::values::value::ScriptValue;

/// PostgreSQL type of a bind parameter that can carry a value of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterType {
    /// PostgreSQL's `int2`
    Int2,
    /// PostgreSQL's `int4`
    Int4,
    /// PostgreSQL's `int8`
    Int8,
    /// PostgreSQL's `oid`
    Oid,
    /// PostgreSQL's `float4`
    Float4,
    /// PostgreSQL's `float8`
    Float8,
    /// PostgreSQL's `numeric`
    Numeric,
    /// PostgreSQL's `bool`
    Boolean,
    /// PostgreSQL's `text`, `varchar`, `char`, `name` and `unknown`, all of which are sent as
    /// `text`
    Text,
}

impl ParameterType {
    /// Converts the type that the server inferred for a parameter; a domain counts as its base
    /// type. `None` if no value of a script can be sent as this type, such as a date.
    pub fn from_postgres(inferred: &Type) -> Option<Self> {
        Some(match *inferred {
            Type::INT2 => Self::Int2,
            Type::INT4 => Self::Int4,
            Type::INT8 => Self::Int8,
            Type::OID => Self::Oid,
            Type::FLOAT4 => Self::Float4,
            Type::FLOAT8 => Self::Float8,
            Type::NUMERIC => Self::Numeric,
            Type::BOOL => Self::Boolean,
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN => Self::Text,
            _ => match inferred.kind() {
                Kind::Domain(base) => return Self::from_postgres(base),
                _ => return None,
            },
        })
    }

    /// Returns the object id of the type in the system catalog `pg_type`.
    pub fn oid(self) -> u32 {
        self.postgres_type().oid()
    }

    /// Returns the same type as the crate `postgres-types` names it.
    pub fn postgres_type(self) -> Type {
        match self {
            Self::Int2 => Type::INT2,
            Self::Int4 => Type::INT4,
            Self::Int8 => Type::INT8,
            Self::Oid => Type::OID,
            Self::Float4 => Type::FLOAT4,
            Self::Float8 => Type::FLOAT8,
            Self::Numeric => Type::NUMERIC,
            Self::Boolean => Type::BOOL,
            Self::Text => Type::TEXT,
        }
    }

    /// Returns the name of the type in PostgreSQL, such as `int4`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Int2 => "int2",
            Self::Int4 => "int4",
            Self::Int8 => "int8",
            Self::Oid => "oid",
            Self::Float4 => "float4",
            Self::Float8 => "float8",
            Self::Numeric => "numeric",
            Self::Boolean => "bool",
            Self::Text => "text",
        }
    }
}

/// Value of one bind parameter, already checked to fit the parameter's type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoundValue {
    value: ScriptValue,
    parameter_type: ParameterType,
}

/// Error of [`BoundValue::new`]: a value does not fit the type of its parameter.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{value} cannot be sent as {type_name}")]
pub struct BindError {
    value: ScriptValue,
    type_name: &'static str,
}

impl BoundValue {
    /// Pairs `value` with the type as which it is to be sent. NULL fits every type, and every value
    /// fits text.
    ///
    /// # Errors
    /// Fails if the value does not fit the type. Integers are never truncated and doubles never
    /// rounded to integers; a number sent as `float4` or `float8` loses the digits that type cannot
    /// hold.
    pub fn new(value: ScriptValue, parameter_type: ParameterType) -> Result<Self, BindError> {
        let fits = match (value, parameter_type) {
            (ScriptValue::Integer(n), ParameterType::Int2) => i16::try_from(n).is_ok(),
            (ScriptValue::Integer(n), ParameterType::Int4) => i32::try_from(n).is_ok(),
            (ScriptValue::Integer(n), ParameterType::Oid) => u32::try_from(n).is_ok(),
            (ScriptValue::Null, _)
            | (_, ParameterType::Text)
            | (
                ScriptValue::Integer(_),
                ParameterType::Int8
                | ParameterType::Float4
                | ParameterType::Float8
                | ParameterType::Numeric,
            )
            | (ScriptValue::Double(_), ParameterType::Float4 | ParameterType::Float8)
            | (ScriptValue::Boolean(_), ParameterType::Boolean) => true,
            (ScriptValue::Double(x), ParameterType::Numeric) => x.is_finite(),
            _ => false,
        };
        if fits {
            Ok(Self {
                value,
                parameter_type,
            })
        } else {
            Err(BindError {
                value,
                type_name: parameter_type.name(),
            })
        }
    }

    /// Returns the PostgreSQL type as which the value is sent.
    pub fn parameter_type(self) -> ParameterType {
        self.parameter_type
    }

    /// Appends the value to `out` in the binary format of its type and returns true. For NULL,
    /// appends nothing and returns false.
    pub fn write(self, out: &mut impl BufMut) -> bool {
        match (self.value, self.parameter_type) {
            (ScriptValue::Null, _) => return false,
            (ScriptValue::Integer(n), ParameterType::Int2) => out.put_i16(n as i16),
            (ScriptValue::Integer(n), ParameterType::Int4) => out.put_i32(n as i32),
            (ScriptValue::Integer(n), ParameterType::Int8) => out.put_i64(n),
            (ScriptValue::Integer(n), ParameterType::Oid) => out.put_u32(n as u32),
            (ScriptValue::Integer(n), ParameterType::Float4) => out.put_f32(n as f32),
            (ScriptValue::Integer(n), ParameterType::Float8) => out.put_f64(n as f64),
            (ScriptValue::Double(x), ParameterType::Float4) => out.put_f32(x as f32),
            (ScriptValue::Double(x), ParameterType::Float8) => out.put_f64(x),
            (ScriptValue::Boolean(b), ParameterType::Boolean) => out.put_u8(u8::from(b)),
            (value, ParameterType::Numeric) => write_numeric(&value.to_string(), out),
            // Writes the text form; `new` refuses all other pairs.
            (value, _) => out.put_slice(value.to_string().as_bytes()),
        }
        true
    }
}

/// Appends plain decimal `text` to `out` as a binary `numeric`: int16 number of groups, int16
/// weight of the first, uint16 sign, uint16 digits after the decimal point, then groups of four
/// digits, an int16 each. `text` has no exponent, and a digit stands before its point. Source:
/// PostgreSQL, `numeric_send` in `src/backend/utils/adt/numeric.c`.
fn write_numeric(text: &str, out: &mut impl BufMut) {
    const NEGATIVE: u16 = 0x4000;
    const GROUP: usize = 4;
    let (sign, plain) = match text.strip_prefix('-') {
        Some(plain) => (NEGATIVE, plain),
        None => (0, text),
    };
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
    let before = whole.len().next_multiple_of(GROUP);
    let behind = fraction.len().next_multiple_of(GROUP);
    let digits = format!("{whole:0>before$}{fraction:0<behind$}");
    // A double has at most about 300 digits before its point, and as many after it.
    out.put_u16((digits.len() / GROUP) as u16);
    // The weight of the first group is never below zero, because a digit precedes each point.
    out.put_u16((before / GROUP) as u16 - 1);
    out.put_u16(sign);
    out.put_u16(fraction.len() as u16);
    for group in digits.as_bytes().chunks(GROUP) {
        let value = group
            .iter()
            .fold(0, |n, digit| n * 10 + i16::from(digit - b'0'));
        out.put_i16(value);
    }
}

impl ToSql for BoundValue {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        Ok(if self.write(out) {
            IsNull::No
        } else {
            IsNull::Yes
        })
    }

    /// Returns true for every type: the caller has bound the value as the type that the server
    /// inferred.
    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(value: ScriptValue, kind: ParameterType) -> Result<Vec<u8>, BindError> {
        let mut out = Vec::new();
        BoundValue::new(value, kind)?.write(&mut out);
        Ok(out)
    }

    #[test]
    fn values_are_written_as_the_server_reads_them() {
        let one = ScriptValue::Integer(1);
        for (value, kind, expected) in [
            (one, ParameterType::Int2, vec![0, 1]),
            (one, ParameterType::Int4, vec![0, 0, 0, 1]),
            (one, ParameterType::Float4, vec![0x3f, 0x80, 0, 0]),
            (ScriptValue::Boolean(true), ParameterType::Boolean, vec![1]),
            (
                ScriptValue::Double(-1.5),
                ParameterType::Text,
                b"-1.5".to_vec(),
            ),
            (ScriptValue::Null, ParameterType::Int4, vec![]),
            // The number -12345.6 has the groups 1, 2345 and 6000 from weight 1, and one digit
            // after the point.
            (
                ScriptValue::Double(-12345.6),
                ParameterType::Numeric,
                vec![0, 3, 0, 1, 0x40, 0, 0, 1, 0, 1, 0x09, 0x29, 0x17, 0x70],
            ),
        ] {
            assert_eq!(bytes(value, kind).unwrap(), expected, "{value} as {kind:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_and_not_cut_off() {
        for (value, kind) in [
            (ScriptValue::Integer(1 << 40), ParameterType::Int4),
            (ScriptValue::Integer(-1), ParameterType::Oid),
            (ScriptValue::Double(1.0), ParameterType::Int4),
            (ScriptValue::Boolean(true), ParameterType::Int4),
            (ScriptValue::Integer(1), ParameterType::Boolean),
            (ScriptValue::Double(f64::NAN), ParameterType::Numeric),
        ] {
            assert!(bytes(value, kind).is_err(), "{value} as {kind:?}");
        }
    }
}
