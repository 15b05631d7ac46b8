//! Execution of a program up to the next action of the caller.

use std::time::Duration;

use rand::Rng;

use crate::compiled::program::{Instruction, Program};
use crate::language::diagnostic::{Diagnostic, Position};
use crate::values::value::ScriptValue;
use crate::values::variables::Variables;

/// Next action that a program requires of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Send the statement at this index of [`Program::statements`].
    Statement(usize),
    /// Wait for this long, because of `\sleep`.
    Sleep(Duration),
}

impl Program {
    /// Executes instructions from index `next` until the caller must act; `None` at the end of the
    /// script. For a new execution the caller passes `next` = 0, and then the same variable in each
    /// call. Does not allocate.
    ///
    /// # Errors
    /// Fails if an expression has no value, for example because of a division by zero. The error
    /// has its position.
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

/// Returns the wait for `length` units of `unit_us` microseconds; zero if it is negative.
fn sleep(length: ScriptValue, unit_us: i64, position: Position) -> Result<Action, Diagnostic> {
    let length = length
        .integer()
        .map_err(|message| Diagnostic::new(position, message))?;
    let us = length.saturating_mul(unit_us).max(0);
    Ok(Action::Sleep(Duration::from_micros(us.cast_unsigned())))
}
