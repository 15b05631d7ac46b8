//! Values as the server takes them: in binary, in the type that it inferred for each parameter.

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{self, IsNull, ToSql, Type, to_sql_checked};

use super::value::Value;

/// What the server takes for a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `int2`
    Int2,
    /// `int4`
    Int4,
    /// `int8`
    Int8,
    /// `oid`
    Oid,
    /// `float4`
    Float4,
    /// `float8`
    Float8,
    /// `numeric`
    Numeric,
    /// `bool`
    Boolean,
    /// `text` and its like.
    Text,
}

impl Kind {
    /// The kind of a type of the server's; `None` where numbers cannot be sent as it.
    pub fn of(inferred: &Type) -> Option<Self> {
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
                types::Kind::Domain(base) => return Self::of(base),
                _ => return None,
            },
        })
    }

    /// The number of its type.
    pub fn oid(self) -> u32 {
        self.inferred().oid()
    }

    /// Its type.
    pub fn inferred(self) -> Type {
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

    /// The name of its type.
    pub fn name(self) -> &'static str {
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

/// A value for one parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    /// What is sent.
    value: Value,
    kind: Kind,
}

/// A value that the server's type cannot hold.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{value} cannot be sent as {kind}")]
pub struct Unfit {
    value: Value,
    kind: &'static str,
}

impl Bound {
    /// `value` as `kind`.
    ///
    /// # Errors
    /// Fails when the value does not fit the kind: nothing is cut off or rounded in secret.
    pub fn new(value: Value, kind: Kind) -> Result<Self, Unfit> {
        let fits = match (value, kind) {
            (Value::Integer(n), Kind::Int2) => i16::try_from(n).is_ok(),
            (Value::Integer(n), Kind::Int4) => i32::try_from(n).is_ok(),
            (Value::Integer(n), Kind::Oid) => u32::try_from(n).is_ok(),
            (Value::Null, _)
            | (_, Kind::Text)
            | (Value::Integer(_), Kind::Int8 | Kind::Float4 | Kind::Float8 | Kind::Numeric)
            | (Value::Double(_), Kind::Float4 | Kind::Float8)
            | (Value::Boolean(_), Kind::Boolean) => true,
            (Value::Double(x), Kind::Numeric) => x.is_finite(),
            _ => false,
        };
        let kind_name = kind.name();
        if fits {
            Ok(Self { value, kind })
        } else {
            Err(Unfit {
                value,
                kind: kind_name,
            })
        }
    }

    /// As what it is sent.
    pub fn kind(self) -> Kind {
        self.kind
    }

    /// Writes it in the binary format of its kind; `false` for NULL, which has no bytes.
    pub fn write(self, out: &mut impl BufMut) -> bool {
        match (self.value, self.kind) {
            (Value::Null, _) => return false,
            (Value::Integer(n), Kind::Int2) => out.put_i16(n as i16),
            (Value::Integer(n), Kind::Int4) => out.put_i32(n as i32),
            (Value::Integer(n), Kind::Int8) => out.put_i64(n),
            (Value::Integer(n), Kind::Oid) => out.put_u32(n as u32),
            (Value::Integer(n), Kind::Float4) => out.put_f32(n as f32),
            (Value::Integer(n), Kind::Float8) => out.put_f64(n as f64),
            (Value::Double(x), Kind::Float4) => out.put_f32(x as f32),
            (Value::Double(x), Kind::Float8) => out.put_f64(x),
            (Value::Boolean(b), Kind::Boolean) => out.put_u8(u8::from(b)),
            (value, Kind::Numeric) => write_numeric(&value.to_string(), out),
            // All else was refused when it was made.
            (value, _) => out.put_slice(value.to_string().as_bytes()),
        }
        true
    }
}

/// Plain decimal `text` as `numeric`: groups of four digits with the weight of the first.
/// Source: PostgreSQL's `numeric_send` as documented by its callers: int16 count of groups, int16
/// weight, uint16 sign, uint16 digits behind the point, then the groups.
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
    // A double has some 300 digits before its point at most, and as many behind it.
    out.put_u16((digits.len() / GROUP) as u16);
    // Of the first group; below zero it never is, because a zero stands before each point.
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

impl ToSql for Bound {
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

    /// The kind was made from the statement's own types.
    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(value: Value, kind: Kind) -> Result<Vec<u8>, Unfit> {
        let mut out = Vec::new();
        Bound::new(value, kind)?.write(&mut out);
        Ok(out)
    }

    #[test]
    fn values_are_written_as_the_server_reads_them() {
        let one = Value::Integer(1);
        for (value, kind, expected) in [
            (one, Kind::Int2, vec![0, 1]),
            (one, Kind::Int4, vec![0, 0, 0, 1]),
            (one, Kind::Float4, vec![0x3f, 0x80, 0, 0]),
            (Value::Boolean(true), Kind::Boolean, vec![1]),
            (Value::Double(-1.5), Kind::Text, b"-1.5".to_vec()),
            (Value::Null, Kind::Int4, vec![]),
            // -12345.6: groups 1, 2345, 6000 from weight 1, one digit behind the point.
            (
                Value::Double(-12345.6),
                Kind::Numeric,
                vec![0, 3, 0, 1, 0x40, 0, 0, 1, 0, 1, 0x09, 0x29, 0x17, 0x70],
            ),
        ] {
            assert_eq!(bytes(value, kind).unwrap(), expected, "{value} as {kind:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_and_not_cut_off() {
        for (value, kind) in [
            (Value::Integer(1 << 40), Kind::Int4),
            (Value::Integer(-1), Kind::Oid),
            (Value::Double(1.0), Kind::Int4),
            (Value::Boolean(true), Kind::Int4),
            (Value::Integer(1), Kind::Boolean),
            (Value::Double(f64::NAN), Kind::Numeric),
        ] {
            assert!(bytes(value, kind).is_err(), "{value} as {kind:?}");
        }
    }
}
