//! Compiled pgbench script: a sequence of instructions, in which `\if` blocks are jumps.

use crate::compiled::statement::ScriptStatement;
use crate::language::diagnostic::{Diagnostic, Position};
use crate::language::expression::Expression;
use crate::language::meta_command::MetaCommand;
use crate::language::scanner::{RawCommand, is_name_part};
use crate::language::source::ValueMode;
use crate::language::unsupported;
use crate::values::capture::Capture;
use crate::values::value::ScriptValue;
use crate::values::variable_table::VariableTable;

/// Target of a jump whose real target is not known yet.
const UNKNOWN: usize = usize::MAX;

/// Instruction of a compiled script.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Instruction {
    /// `\set`: stores the value of `expression` in the variable with the index `slot`.
    Set { slot: usize, expression: Expression },
    /// `\sleep`: waits for `length` units of `unit_us` microseconds each.
    Sleep {
        length: Expression,
        unit_us: i64,
        position: Position,
    },
    /// Sends the statement at this index of [`Program::statements`].
    Statement(usize),
    /// Continues at the instruction with the index `target` unless the condition is true.
    JumpUnless {
        condition: Expression,
        target: usize,
    },
    /// Continues at the instruction with the index `target`.
    Jump { target: usize },
}

/// Compiled pgbench script, executed by [`Program::advance`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Program {
    pub(crate) instructions: Vec<Instruction>,
    /// SQL statements in the order of the script; [`Action::Statement`](crate::Action::Statement)
    /// has an index of this list.
    pub statements: Vec<ScriptStatement>,
}

/// Block of an `\if` whose `\endif` was not read yet.
struct IfBlock {
    position: Position,
    /// Index of the conditional jump to the next branch; `None` if its target is already set.
    pending: Option<usize>,
    /// Indices of the jumps from the ends of the branches to the end of the block.
    ends: Vec<usize>,
    has_else: bool,
}

impl Program {
    /// Compiles the commands of one script, whose variables must be declared in `variables`.
    ///
    /// # Errors
    /// Returns the first mistake: a command that is unknown, malformed or not supported, an `\if`
    /// without `\endif`, or a script without an SQL statement.
    pub(crate) fn compile(
        commands: &[RawCommand],
        variables: &VariableTable,
        mode: ValueMode,
    ) -> Result<Self, Diagnostic> {
        let mut program = Self::default();
        let mut blocks = Vec::new();
        for (at, command) in commands.iter().enumerate() {
            match command {
                RawCommand::Sql(chars) => {
                    unsupported::check_statement(chars, mode)?;
                    let statement = ScriptStatement::compile(chars, variables, mode)?;
                    let index = program.statements.len();
                    program.instructions.push(Instruction::Statement(index));
                    program.statements.push(statement);
                }
                RawCommand::Meta(chars) => {
                    let meta = MetaCommand::parse(chars);
                    if meta.captures() {
                        let follows = at > 0 && matches!(commands[at - 1], RawCommand::Sql(_));
                        program.capture(&meta, follows, variables, mode)?;
                    } else {
                        program.meta(&meta, variables, &mut blocks)?;
                    }
                }
            }
        }
        if let Some(block) = blocks.pop() {
            let message = "this \\if has no \\endif";
            return Err(Diagnostic::new(block.position, message));
        }
        if program.statements.is_empty() {
            let begin = Position { line: 1, column: 1 };
            return Err(Diagnostic::new(begin, "the script holds no SQL statement"));
        }
        Ok(program)
    }

    fn meta(
        &mut self,
        meta: &MetaCommand,
        variables: &VariableTable,
        blocks: &mut Vec<IfBlock>,
    ) -> Result<(), Diagnostic> {
        match meta.name.as_str() {
            "set" => self.set(meta, variables),
            "sleep" => self.sleep(meta, variables),
            "if" => {
                let condition = meta.expression(variables)?;
                blocks.push(IfBlock {
                    position: meta.position,
                    pending: Some(self.jump_unless(condition)),
                    ends: Vec::new(),
                    has_else: false,
                });
                Ok(())
            }
            "elif" => {
                let condition = meta.expression(variables)?;
                let block = self.begin_branch(meta, blocks)?;
                block.pending = Some(self.jump_unless(condition));
                Ok(())
            }
            "else" => {
                meta.expect_no_argument()?;
                self.begin_branch(meta, blocks)?.has_else = true;
                Ok(())
            }
            "endif" => {
                meta.expect_no_argument()?;
                let block = blocks.pop().ok_or_else(|| meta.without_if())?;
                for jump in block.ends.into_iter().chain(block.pending) {
                    self.jump_here(jump);
                }
                Ok(())
            }
            name => {
                let reason = unsupported::command_reason(name);
                Err(Diagnostic::new(meta.position, reason))
            }
        }
    }

    /// Adds `\gset` or `\aset` to the preceding statement, which exists if `follows` is true. Fails
    /// if there is none, values are bound, or the command has more than one argument.
    fn capture(
        &mut self,
        meta: &MetaCommand,
        follows: bool,
        variables: &VariableTable,
        mode: ValueMode,
    ) -> Result<(), Diagnostic> {
        let name = &meta.name;
        if mode == ValueMode::Bind {
            let message = format!(
                "\\{name} is there with --protocol simple alone: elsewhere rows are dropped unread"
            );
            return Err(Diagnostic::new(meta.position, message));
        }
        let text = meta.text();
        let mut words = text.split_whitespace();
        let (prefix, further) = (words.next().unwrap_or_default(), words.next());
        match self.statements.last_mut() {
            Some(statement) if follows && further.is_none() => {
                let all = name == "aset";
                statement.capture = Some(Capture::new(meta.position, all, prefix, variables));
                Ok(())
            }
            Some(_) if follows => {
                let message = format!("\\{name} takes a prefix for names, or nothing");
                Err(Diagnostic::new(meta.argument(), message))
            }
            _ => {
                let message = format!("\\{name} follows a query, whose row it keeps");
                Err(Diagnostic::new(meta.position, message))
            }
        }
    }

    /// Adds a conditional jump whose target is not known yet. Returns the index of the instruction.
    fn jump_unless(&mut self, condition: Expression) -> usize {
        self.instructions.push(Instruction::JumpUnless {
            condition,
            target: UNKNOWN,
        });
        self.instructions.len() - 1
    }

    /// Ends a branch of the innermost `\if` block, begins the next one, and returns the block.
    /// Fails outside a block and after `\else`.
    fn begin_branch<'b>(
        &mut self,
        meta: &MetaCommand,
        blocks: &'b mut [IfBlock],
    ) -> Result<&'b mut IfBlock, Diagnostic> {
        let block = blocks.last_mut().ok_or_else(|| meta.without_if())?;
        if block.has_else {
            let message = format!("\\{} after \\else", meta.name);
            return Err(Diagnostic::new(meta.position, message));
        }
        block.ends.push(self.instructions.len());
        self.instructions
            .push(Instruction::Jump { target: UNKNOWN });
        if let Some(jump) = block.pending.take() {
            self.jump_here(jump);
        }
        Ok(block)
    }

    /// Sets the target of the jump at `index` to the instruction that is added next.
    fn jump_here(&mut self, index: usize) {
        let next = self.instructions.len();
        if let Some(Instruction::JumpUnless { target, .. } | Instruction::Jump { target }) =
            self.instructions.get_mut(index)
        {
            *target = next;
        }
    }

    fn set(&mut self, meta: &MetaCommand, variables: &VariableTable) -> Result<(), Diagnostic> {
        let (name, rest) = meta.assignment();
        if name.is_empty() {
            let message = "\\set takes a name and an expression, as in \\set n random(1, 10)";
            return Err(Diagnostic::new(meta.argument(), message));
        }
        let expression = Expression::parse(rest, meta.end, variables)?;
        let slot = variables.require(&name, meta.position)?;
        self.instructions
            .push(Instruction::Set { slot, expression });
        Ok(())
    }

    fn sleep(&mut self, meta: &MetaCommand, variables: &VariableTable) -> Result<(), Diagnostic> {
        let wrong = || {
            let message = "\\sleep takes a whole number or a variable, then us, ms or s";
            Diagnostic::new(meta.argument(), message)
        };
        let text = meta.text();
        let text = text.trim();
        let (length, unit) = if let Some(variable) = text.strip_prefix(':') {
            let name: String = variable.chars().take_while(|c| is_name_part(*c)).collect();
            let position = meta.argument();
            let slot = variables.require(&name, position)?;
            let length = Expression::Variable { slot, position };
            (length, &variable[name.len()..])
        } else {
            let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let number = text[..digits].parse().map_err(|_| wrong())?;
            let length = Expression::Constant(ScriptValue::Integer(number));
            (length, &text[digits..])
        };
        let unit_us = match unit.trim().to_ascii_lowercase().as_str() {
            "us" => 1,
            "ms" => 1_000,
            "" | "s" => 1_000_000,
            _ => return Err(wrong()),
        };
        let position = meta.position;
        self.instructions.push(Instruction::Sleep {
            length,
            unit_us,
            position,
        });
        Ok(())
    }
}
