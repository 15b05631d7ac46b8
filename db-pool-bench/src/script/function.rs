//! Operators and functions: their names, how many arguments they take, and what they give.

use rand::rngs::SmallRng;

use super::distribution::Bounds;
use super::hash;
use super::value::Value;

/// The most arguments that a function takes.
pub(super) const MOST_ARGUMENTS: usize = 4;

/// An operator or a function all of whose arguments are evaluated before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    BitAnd,
    BitOr,
    BitXor,
    ShiftLeft,
    ShiftRight,
    BitNot,
    Not,
    Is,
    Absolute,
    ToDouble,
    ToInteger,
    Exponential,
    Greatest,
    Least,
    Fnv1a,
    Murmur2,
    Logarithm,
    Pi,
    Power,
    SquareRoot,
    Random,
    RandomExponential,
    RandomGaussian,
    RandomZipfian,
}

/// Name, function, fewest and most arguments; `most` of `None` has no bound.
type Named = (&'static str, Function, usize, Option<usize>);

/// The functions that scripts call by name.
pub(super) const NAMED: [Named; 19] = [
    ("abs", Function::Absolute, 1, Some(1)),
    ("double", Function::ToDouble, 1, Some(1)),
    ("exp", Function::Exponential, 1, Some(1)),
    ("greatest", Function::Greatest, 1, None),
    ("hash", Function::Murmur2, 1, Some(2)),
    ("hash_fnv1a", Function::Fnv1a, 1, Some(2)),
    ("hash_murmur2", Function::Murmur2, 1, Some(2)),
    ("int", Function::ToInteger, 1, Some(1)),
    ("least", Function::Least, 1, None),
    ("ln", Function::Logarithm, 1, Some(1)),
    ("mod", Function::Remainder, 2, Some(2)),
    ("pi", Function::Pi, 0, Some(0)),
    ("pow", Function::Power, 2, Some(2)),
    ("power", Function::Power, 2, Some(2)),
    ("random", Function::Random, 2, Some(2)),
    (
        "random_exponential",
        Function::RandomExponential,
        3,
        Some(3),
    ),
    ("random_gaussian", Function::RandomGaussian, 3, Some(3)),
    ("random_zipfian", Function::RandomZipfian, 3, Some(3)),
    ("sqrt", Function::SquareRoot, 1, Some(1)),
];

/// Returns why a function that pgbench has is not here.
pub(super) fn refusal(name: &str) -> Option<&'static str> {
    match name {
        "debug" => Some(
            "debug() prints at every call, which would be part of what is measured; leave it out",
        ),
        "permute" => Some(
            "permute() is not supported; hash(value) scatters too, as in 1 + abs(hash(:n)) % 1000",
        ),
        _ => None,
    }
}

impl Function {
    /// Returns true if it answers for a NULL argument too.
    fn takes_null(self) -> bool {
        self == Self::Is
    }

    /// Its value for `arguments`, as many as it takes.
    pub(super) fn apply(self, arguments: &[Value], random: &mut SmallRng) -> Result<Value, String> {
        let null = |value: &Value| *value == Value::Null;
        if !self.takes_null() && arguments.iter().any(null) {
            return Ok(Value::Null);
        }
        match *arguments {
            [] => Ok(Value::Double(std::f64::consts::PI)),
            [a] => self.of_one(a),
            [a, b] => self.of_two(a, b, random),
            [low, high, parameter, ..] => {
                let bounds = Bounds::new(low.integer()?, high.integer()?)?;
                let parameter = parameter.double()?;
                let drawn = match self {
                    Self::RandomExponential => bounds.exponential(parameter, random),
                    Self::RandomGaussian => bounds.gaussian(parameter, random),
                    _ => bounds.zipfian(parameter, random),
                };
                drawn.map(Value::Integer)
            }
        }
    }

    fn of_one(self, a: Value) -> Result<Value, String> {
        Ok(match self {
            Self::Not => Value::Boolean(!a.boolean()?),
            Self::BitNot => Value::Integer(!a.integer()?),
            Self::ToInteger => Value::Integer(a.integer()?),
            Self::ToDouble => Value::Double(a.double()?),
            Self::Exponential => Value::Double(a.double()?.exp()),
            Self::Logarithm => Value::Double(a.double()?.ln()),
            Self::SquareRoot => Value::Double(a.double()?.sqrt()),
            Self::Absolute => match a {
                Value::Double(x) => Value::Double(x.abs()),
                other => Value::Integer(other.integer()?.checked_abs().ok_or(OVERFLOW)?),
            },
            // A number is its own greatest and least.
            _ => match a {
                Value::Double(_) => a,
                other => Value::Integer(other.integer()?),
            },
        })
    }

    fn of_two(self, a: Value, b: Value, random: &mut SmallRng) -> Result<Value, String> {
        match self {
            Self::Is => return Ok(Value::Boolean(a == b)),
            Self::Random => {
                let bounds = Bounds::new(a.integer()?, b.integer()?)?;
                return Ok(Value::Integer(bounds.uniform(random)));
            }
            Self::Power => return Ok(Value::Double(a.double()?.powf(b.double()?))),
            Self::Fnv1a => return Ok(Value::Integer(hash::fnv1a(a.integer()?, b.integer()?))),
            Self::Murmur2 => {
                return Ok(Value::Integer(hash::murmur2(a.integer()?, b.integer()?)));
            }
            _ => {}
        }
        let whole_only = matches!(
            self,
            Self::Remainder
                | Self::BitAnd
                | Self::BitOr
                | Self::BitXor
                | Self::ShiftLeft
                | Self::ShiftRight
        );
        let some_double = matches!(a, Value::Double(_)) || matches!(b, Value::Double(_));
        if some_double && !whole_only {
            Ok(self.of_doubles(a.double()?, b.double()?))
        } else {
            self.of_integers(a.integer()?, b.integer()?)
        }
    }

    #[expect(
        clippy::float_cmp,
        reason = "a script that compares doubles asks for just that"
    )]
    fn of_doubles(self, a: f64, b: f64) -> Value {
        match self {
            Self::Add => Value::Double(a + b),
            Self::Subtract => Value::Double(a - b),
            Self::Multiply => Value::Double(a * b),
            Self::Divide => Value::Double(a / b),
            Self::Equal => Value::Boolean(a == b),
            Self::NotEqual => Value::Boolean(a != b),
            Self::Less => Value::Boolean(a < b),
            Self::LessOrEqual => Value::Boolean(a <= b),
            Self::Greatest => Value::Double(a.max(b)),
            _ => Value::Double(a.min(b)),
        }
    }

    fn of_integers(self, a: i64, b: i64) -> Result<Value, String> {
        let whole = |n: Option<i64>| n.map(Value::Integer).ok_or_else(|| OVERFLOW.to_owned());
        match self {
            Self::Add => whole(a.checked_add(b)),
            Self::Subtract => whole(a.checked_sub(b)),
            Self::Multiply => whole(a.checked_mul(b)),
            Self::Divide | Self::Remainder if b == 0 => Err("division by zero".to_owned()),
            Self::Divide => whole(a.checked_div(b)),
            // What is left of the lowest integer ÷ −1 is 0, though the quotient does not fit.
            Self::Remainder => Ok(Value::Integer(a.wrapping_rem(b))),
            Self::BitAnd => Ok(Value::Integer(a & b)),
            Self::BitOr => Ok(Value::Integer(a | b)),
            Self::BitXor => Ok(Value::Integer(a ^ b)),
            // As machines have it: bits beyond the width of an integer do not count.
            Self::ShiftLeft => Ok(Value::Integer(a.wrapping_shl(b as u32))),
            Self::ShiftRight => Ok(Value::Integer(a.wrapping_shr(b as u32))),
            Self::Equal => Ok(Value::Boolean(a == b)),
            Self::NotEqual => Ok(Value::Boolean(a != b)),
            Self::Less => Ok(Value::Boolean(a < b)),
            Self::LessOrEqual => Ok(Value::Boolean(a <= b)),
            Self::Greatest => Ok(Value::Integer(a.max(b))),
            _ => Ok(Value::Integer(a.min(b))),
        }
    }
}

const OVERFLOW: &str = "the result does not fit an integer";
