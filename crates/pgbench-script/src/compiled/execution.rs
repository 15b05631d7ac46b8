//! Execution of a compiled script up to the next action of the caller.

use std::time::Duration;

use rand::Rng;

use crate::compiled::program::{Instruction, Program};
use crate::language::diagnostic::{Diagnostic, Position};
use crate::values::value::ScriptValue;
use crate::values::variables::Variables;

/// Next action that a program requires of its caller, which has the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Send the statement at this index of [`Program::statements`] to the server.
    Statement(usize),
    /// Wait for this duration before the next call, because of `\sleep`.
    Sleep(Duration),
}

impl Program {
    /// Executes the instructions from index `next` until the caller must act, and returns the
    /// action; `None` at the end of the script. For a new execution the caller passes `next` = 0,
    /// and then the same variable, which this changes, in each call. Does not allocate.
    ///
    /// # Errors
    /// Returns an error with its position if an expression has no value, for example because of a
    /// division by zero or a variable that is not set.
    pub fn advance(
        &self,
        next: &mut usize,
        variables: &mut Variables,
        random: &mut impl Rng,
    ) -> Result<Option<Action>, Diagnostic> {
        while let Some(instruction) = self.instructions.get(*next) {
            *next += 1;
            match instruction {
                Instruction::Statement(index) => return Ok(Some(Action::Statement(*index))),
                Instruction::Set { slot, expression } => {
                    let value = expression.evaluate(variables, random)?;
                    variables.set(*slot, value);
                }
                Instruction::Sleep {
                    length,
                    unit_us,
                    position,
                } => {
                    let length = length.evaluate(variables, random)?;
                    return sleep(length, *unit_us, *position).map(Some);
                }
                Instruction::JumpUnless { condition, target } => {
                    if !condition.evaluate(variables, random)?.is_true() {
                        *next = *target;
                    }
                }
                Instruction::Jump { target } => *next = *target,
            }
        }
        Ok(None)
    }
}

/// Returns the action of waiting for `length` units of `unit_us` microseconds each; zero if it is
/// negative. Fails at `position` if `length` cannot be converted to an integer.
fn sleep(length: ScriptValue, unit_us: i64, position: Position) -> Result<Action, Diagnostic> {
    let length = length
        .integer()
        .map_err(|message| Diagnostic::new(position, message))?;
    let us = length.saturating_mul(unit_us).max(0);
    Ok(Action::Sleep(Duration::from_micros(us.cast_unsigned())))
}
