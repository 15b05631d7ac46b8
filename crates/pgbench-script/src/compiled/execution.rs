//! Execution of a program, up to what the caller has to do.

use std::time::Duration;

use rand::Rng;

use crate::compiled::program::{Instruction, Program};
use crate::language::diagnostic::{Diagnostic, Position};
use crate::values::value::ScriptValue;
use crate::values::variables::Variables;

/// Next thing that a program asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Send the statement at this index of [`Program::statements`].
    Statement(usize),
    /// Wait for this long: `\sleep`.
    Sleep(Duration),
}

impl Program {
    /// Executes instructions from index `next` until the caller has something to do; `None` at the
    /// end of the script. An execution starts with `next` at 0 and hands it in again each time.
    /// Does not allocate.
    ///
    /// # Errors
    /// Fails when an expression has no value, as in a division by zero, with its position.
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

/// Waits for `length` units of `unit_us` microseconds; not at all where it is negative.
fn sleep(length: ScriptValue, unit_us: i64, position: Position) -> Result<Action, Diagnostic> {
    let length = length
        .integer()
        .map_err(|message| Diagnostic::new(position, message))?;
    let us = length.saturating_mul(unit_us).max(0);
    Ok(Action::Sleep(Duration::from_micros(us.cast_unsigned())))
}
