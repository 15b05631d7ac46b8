//! Expressions, and what they come to.

use rand::rngs::SmallRng;

use super::function::{Function, MOST_ARGUMENTS};
use super::place::{Fault, Place};
use super::value::Value;

/// An expression, read once.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expression {
    Constant(Value),
    Variable {
        slot: usize,
        place: Place,
    },
    Call {
        function: Function,
        arguments: Vec<Expression>,
        place: Place,
    },
    /// The right side is evaluated only where it matters.
    And(Box<Expression>, Box<Expression>, Place),
    Or(Box<Expression>, Box<Expression>, Place),
    Case {
        whens: Vec<(Expression, Expression)>,
        otherwise: Box<Expression>,
    },
}

/// What a user's variables hold; `None` until one is set.
pub(crate) type Variables = [Option<Value>];

impl Expression {
    /// Returns what it comes to.
    pub(crate) fn evaluate(
        &self,
        variables: &Variables,
        random: &mut SmallRng,
    ) -> Result<Value, Fault> {
        match self {
            Self::Constant(value) => Ok(*value),
            Self::Variable { slot, place } => variables
                .get(*slot)
                .copied()
                .flatten()
                .ok_or_else(|| Fault::new(*place, NOT_SET)),
            Self::Call {
                function,
                arguments,
                place,
            } => {
                let mut values = [Value::Null; MOST_ARGUMENTS];
                for (value, argument) in values.iter_mut().zip(arguments) {
                    *value = argument.evaluate(variables, random)?;
                }
                function
                    .apply(&values[..arguments.len().min(MOST_ARGUMENTS)], random)
                    .map_err(|message| Fault::new(*place, message))
            }
            Self::And(left, right, place) => both(left, right, false, *place, variables, random),
            Self::Or(left, right, place) => both(left, right, true, *place, variables, random),
            Self::Case { whens, otherwise } => {
                for (when, then) in whens {
                    if when.evaluate(variables, random)?.holds() {
                        return then.evaluate(variables, random);
                    }
                }
                otherwise.evaluate(variables, random)
            }
        }
    }
}

/// Reason why an evaluation stops at a variable.
pub(crate) const NOT_SET: &str = "this variable has not been set yet";

/// AND and OR, of which a side that is `decisive` settles the whole. NULL on either side gives
/// NULL unless the left one has settled it, as pgbench has it and SQL has not.
fn both(
    left: &Expression,
    right: &Expression,
    decisive: bool,
    place: Place,
    variables: &Variables,
    random: &mut SmallRng,
) -> Result<Value, Fault> {
    let mut truth = |side: &Expression| match side.evaluate(variables, random)? {
        Value::Null => Ok(None),
        value => value
            .boolean()
            .map(Some)
            .map_err(|message| Fault::new(place, message)),
    };
    match truth(left)? {
        None => Ok(Value::Null),
        Some(left) if left == decisive => Ok(Value::Boolean(decisive)),
        Some(_) => Ok(truth(right)?.map_or(Value::Null, Value::Boolean)),
    }
}
