//! Operators and functions of script expressions: names, numbers of arguments, and results.

use rand::Rng;

use crate::language::distribution::IntegerRange;
use crate::language::hash;
use crate::values::value::ScriptValue;

/// Largest number of arguments that a function is called with.
pub(crate) const MOST_ARGUMENTS: usize = 4;

/// Operator or function of script expressions, all of whose arguments are evaluated before it.
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

/// Name in scripts, function, and smallest and largest number of arguments; `None` for no largest
/// one.
type NamedFunction = (&'static str, Function, usize, Option<usize>);

/// Functions that scripts call by name, in the order of the names.
pub(crate) const NAMED: [NamedFunction; 19] = [
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

/// Returns the reason for which the function `name` of pgbench is not supported; `None` if it is
/// supported or unknown.
pub(crate) fn unsupported_reason(name: &str) -> Option<&'static str> {
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
    /// Returns true if the function has a value for NULL arguments. All others return NULL if an
    /// argument is NULL.
    fn takes_null(self) -> bool {
        self == Self::Is
    }

    /// Returns the value for `arguments`, whose number must be right for the function.
    ///
    /// # Errors
    /// Returns a message if the function has no value for them, such as for a division by zero, a
    /// result that overflows, or an argument of another type.
    pub(crate) fn apply(
        self,
        arguments: &[ScriptValue],
        random: &mut impl Rng,
    ) -> Result<ScriptValue, String> {
        let null = |value: &ScriptValue| *value == ScriptValue::Null;
        if !self.takes_null() && arguments.iter().any(null) {
            return Ok(ScriptValue::Null);
        }
        match *arguments {
            [] => Ok(ScriptValue::Double(std::f64::consts::PI)),
            [a] => self.apply_to_one(a),
            [a, b] => self.apply_to_two(a, b, random),
            [low, high, parameter, ..] => {
                let bounds = IntegerRange::new(low.integer()?, high.integer()?)?;
                let parameter = parameter.double()?;
                let drawn = match self {
                    Self::RandomExponential => bounds.exponential(parameter, random),
                    Self::RandomGaussian => bounds.gaussian(parameter, random),
                    _ => bounds.zipfian(parameter, random),
                };
                drawn.map(ScriptValue::Integer)
            }
        }
    }

    fn apply_to_one(self, a: ScriptValue) -> Result<ScriptValue, String> {
        Ok(match self {
            Self::Not => ScriptValue::Boolean(!a.boolean()?),
            Self::BitNot => ScriptValue::Integer(!a.integer()?),
            Self::ToInteger => ScriptValue::Integer(a.integer()?),
            Self::ToDouble => ScriptValue::Double(a.double()?),
            Self::Exponential => ScriptValue::Double(a.double()?.exp()),
            Self::Logarithm => ScriptValue::Double(a.double()?.ln()),
            Self::SquareRoot => ScriptValue::Double(a.double()?.sqrt()),
            Self::Absolute => match a {
                ScriptValue::Double(x) => ScriptValue::Double(x.abs()),
                other => ScriptValue::Integer(other.integer()?.checked_abs().ok_or(OVERFLOW)?),
            },
            // `greatest` and `least` of a single number.
            _ => match a {
                ScriptValue::Double(_) => a,
                other => ScriptValue::Integer(other.integer()?),
            },
        })
    }

    fn apply_to_two(
        self,
        a: ScriptValue,
        b: ScriptValue,
        random: &mut impl Rng,
    ) -> Result<ScriptValue, String> {
        match self {
            Self::Is => return Ok(ScriptValue::Boolean(a == b)),
            Self::Random => {
                let bounds = IntegerRange::new(a.integer()?, b.integer()?)?;
                return Ok(ScriptValue::Integer(bounds.uniform(random)));
            }
            Self::Power => return Ok(ScriptValue::Double(a.double()?.powf(b.double()?))),
            Self::Fnv1a => {
                return Ok(ScriptValue::Integer(hash::fnv1a(
                    a.integer()?,
                    b.integer()?,
                )));
            }
            Self::Murmur2 => {
                return Ok(ScriptValue::Integer(hash::murmur2(
                    a.integer()?,
                    b.integer()?,
                )));
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
        let some_double =
            matches!(a, ScriptValue::Double(_)) || matches!(b, ScriptValue::Double(_));
        if some_double && !whole_only {
            Ok(self.apply_to_doubles(a.double()?, b.double()?))
        } else {
            self.apply_to_integers(a.integer()?, b.integer()?)
        }
    }

    #[expect(
        clippy::float_cmp,
        reason = "a script that compares doubles asks for just that"
    )]
    fn apply_to_doubles(self, a: f64, b: f64) -> ScriptValue {
        match self {
            Self::Add => ScriptValue::Double(a + b),
            Self::Subtract => ScriptValue::Double(a - b),
            Self::Multiply => ScriptValue::Double(a * b),
            Self::Divide => ScriptValue::Double(a / b),
            Self::Equal => ScriptValue::Boolean(a == b),
            Self::NotEqual => ScriptValue::Boolean(a != b),
            Self::Less => ScriptValue::Boolean(a < b),
            Self::LessOrEqual => ScriptValue::Boolean(a <= b),
            Self::Greatest => ScriptValue::Double(a.max(b)),
            _ => ScriptValue::Double(a.min(b)),
        }
    }

    fn apply_to_integers(self, a: i64, b: i64) -> Result<ScriptValue, String> {
        let whole = |n: Option<i64>| {
            n.map(ScriptValue::Integer)
                .ok_or_else(|| OVERFLOW.to_owned())
        };
        match self {
            Self::Add => whole(a.checked_add(b)),
            Self::Subtract => whole(a.checked_sub(b)),
            Self::Multiply => whole(a.checked_mul(b)),
            Self::Divide | Self::Remainder if b == 0 => Err("division by zero".to_owned()),
            Self::Divide => whole(a.checked_div(b)),
            // The remainder of the lowest integer ÷ −1 is 0, although the quotient overflows.
            Self::Remainder => Ok(ScriptValue::Integer(a.wrapping_rem(b))),
            Self::BitAnd => Ok(ScriptValue::Integer(a & b)),
            Self::BitOr => Ok(ScriptValue::Integer(a | b)),
            Self::BitXor => Ok(ScriptValue::Integer(a ^ b)),
            // Shifts by the width of an integer or more wrap around, as on the CPU.
            Self::ShiftLeft => Ok(ScriptValue::Integer(a.wrapping_shl(b as u32))),
            Self::ShiftRight => Ok(ScriptValue::Integer(a.wrapping_shr(b as u32))),
            Self::Equal => Ok(ScriptValue::Boolean(a == b)),
            Self::NotEqual => Ok(ScriptValue::Boolean(a != b)),
            Self::Less => Ok(ScriptValue::Boolean(a < b)),
            Self::LessOrEqual => Ok(ScriptValue::Boolean(a <= b)),
            Self::Greatest => Ok(ScriptValue::Integer(a.max(b))),
            _ => Ok(ScriptValue::Integer(a.min(b))),
        }
    }
}

const OVERFLOW: &str = "the result does not fit an integer";
