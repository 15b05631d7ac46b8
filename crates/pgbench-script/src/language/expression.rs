//! Expressions of scripts, and their evaluation.

use rand::Rng;

use crate::language::diagnostic::{Diagnostic, Position};
use crate::language::function::{Function, MOST_ARGUMENTS};
use crate::values::value::ScriptValue;
use crate::values::variables::Variables;

/// Parsed expression of a script, as in `\set` and `\if`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expression {
    Constant(ScriptValue),
    Variable {
        slot: usize,
        position: Position,
    },
    Call {
        function: Function,
        arguments: Vec<Expression>,
        position: Position,
    },
    /// Logical AND, whose right side is evaluated only if the left one does not decide; at the
    /// position of the operator.
    And(Box<Expression>, Box<Expression>, Position),
    Or(Box<Expression>, Box<Expression>, Position),
    Case {
        whens: Vec<(Expression, Expression)>,
        otherwise: Box<Expression>,
    },
}

impl Expression {
    /// Evaluates the expression with the values of `variables`; `random` is for functions that
    /// draw. Does not allocate, unless it fails.
    ///
    /// # Errors
    /// Returns an error with its position at an operation without a result, such as a division by
    /// zero, and at a variable that is not set.
    pub(crate) fn evaluate(
        &self,
        variables: &Variables,
        random: &mut impl Rng,
    ) -> Result<ScriptValue, Diagnostic> {
        match self {
            Self::Constant(value) => Ok(*value),
            Self::Variable { slot, position } => variables.require(*slot, *position),
            Self::Call {
                function,
                arguments,
                position,
            } => {
                let mut values = [ScriptValue::Null; MOST_ARGUMENTS];
                for (value, argument) in values.iter_mut().zip(arguments) {
                    *value = argument.evaluate(variables, random)?;
                }
                function
                    .apply(&values[..arguments.len().min(MOST_ARGUMENTS)], random)
                    .map_err(|message| Diagnostic::new(*position, message))
            }
            Self::And(left, right, position) => {
                logical(left, right, false, *position, variables, random)
            }
            Self::Or(left, right, position) => {
                logical(left, right, true, *position, variables, random)
            }
            Self::Case { whens, otherwise } => {
                for (when, then) in whens {
                    if when.evaluate(variables, random)?.is_true() {
                        return then.evaluate(variables, random);
                    }
                }
                otherwise.evaluate(variables, random)
            }
        }
    }
}

/// Evaluates AND (`decisive` is false) or OR (`decisive` is true). If the left side equals
/// `decisive`, it is the result. Otherwise NULL on either side gives NULL, as in pgbench and unlike
/// SQL. Fails if a side is no boolean.
fn logical(
    left: &Expression,
    right: &Expression,
    decisive: bool,
    position: Position,
    variables: &Variables,
    random: &mut impl Rng,
) -> Result<ScriptValue, Diagnostic> {
    let mut truth = |side: &Expression| match side.evaluate(variables, random)? {
        ScriptValue::Null => Ok(None),
        value => value
            .boolean()
            .map(Some)
            .map_err(|message| Diagnostic::new(position, message)),
    };
    match truth(left)? {
        None => Ok(ScriptValue::Null),
        Some(left) if left == decisive => Ok(ScriptValue::Boolean(decisive)),
        Some(_) => Ok(truth(right)?.map_or(ScriptValue::Null, ScriptValue::Boolean)),
    }
}
