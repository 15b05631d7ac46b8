//! A script as it is executed: commands in order, blocks turned into jumps.

use super::expression::Expression;
use super::gather::Gather;
use super::names::Names;
use super::place::{Fault, Place};
use super::refused;
use super::scan::{Letter, Piece, is_name_part};
use super::statement::{Statement, variable};
use super::value::Value;
use crate::protocol::Protocol;

/// Commands that set variables to what the query before them gives.
const GATHERING: [&str; 2] = ["gset", "aset"];

/// One command of a script.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Command {
    /// `\set`.
    Set { slot: usize, expression: Expression },
    /// `\sleep`: how many of `unit_us`.
    Sleep {
        length: Expression,
        unit_us: i64,
        place: Place,
    },
    /// Statement of this number, from 0 in each script.
    Statement(usize),
    /// On to `target` unless the condition holds.
    JumpUnless {
        condition: Expression,
        target: usize,
    },
    /// On to `target`.
    Jump { target: usize },
}

/// The commands and statements of one script.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Program {
    pub(crate) commands: Vec<Command>,
    pub(crate) statements: Vec<Statement>,
}

/// An `\if` that has no `\endif` yet.
struct Block {
    begun: Place,
    /// The jump to the next branch, whose target is not known yet.
    pending: Option<usize>,
    /// Jumps from the end of each branch to the end of all.
    ends: Vec<usize>,
    otherwise: bool,
}

/// A backslash command: its name, and the rest of its line.
struct Meta<'a> {
    name: String,
    rest: &'a [Letter],
    place: Place,
    /// Just behind it, where something is missing.
    end: Place,
}

/// Notes all variables that the `\set` commands of `pieces` set.
pub(super) fn declare(pieces: &[Piece], names: &mut Names) {
    for piece in pieces {
        if let Piece::Meta(letters) = piece {
            let meta = Meta::read(letters);
            if meta.name == "set" {
                let name = variable_name(meta.rest).0;
                if !name.is_empty() {
                    names.declare(&name);
                }
            }
        }
    }
}

/// Returns true if a command of `pieces` sets variables to what a query gives.
pub(super) fn gathers(pieces: &[Piece]) -> bool {
    let gathering = |piece: &Piece| match piece {
        Piece::Meta(letters) => GATHERING.contains(&Meta::read(letters).name.as_str()),
        Piece::Sql(_) => false,
    };
    pieces.iter().any(gathering)
}

/// Notes all variables that `pieces` read.
pub(super) fn declare_read(pieces: &[Piece], names: &mut Names) {
    for piece in pieces {
        let (Piece::Sql(letters) | Piece::Meta(letters)) = piece;
        for at in 0..letters.len() {
            let after_colon = at > 0 && letters[at - 1].c == ':';
            if let Some(name) = variable(letters, at).filter(|_| !after_colon) {
                names.declare(&name);
            }
        }
    }
}

impl Program {
    /// Compiles `pieces`.
    ///
    /// # Errors
    /// At the first command that is none, or that cannot run here, with the reason.
    pub(super) fn compile(
        pieces: &[Piece],
        names: &Names,
        protocol: Protocol,
    ) -> Result<Self, Fault> {
        let mut program = Self::default();
        let mut blocks = Vec::new();
        let textual = protocol.is_textual();
        for (at, piece) in pieces.iter().enumerate() {
            match piece {
                Piece::Sql(letters) => {
                    refused::check(letters, textual)?;
                    let statement = Statement::compile(letters, names, textual)?;
                    let index = program.statements.len();
                    program.commands.push(Command::Statement(index));
                    program.statements.push(statement);
                }
                Piece::Meta(letters) => {
                    let meta = Meta::read(letters);
                    if GATHERING.contains(&meta.name.as_str()) {
                        let follows = at > 0 && matches!(pieces[at - 1], Piece::Sql(_));
                        program.gather(&meta, follows, names, textual)?;
                    } else {
                        program.meta(&meta, names, &mut blocks)?;
                    }
                }
            }
        }
        if let Some(block) = blocks.pop() {
            return Err(Fault::new(block.begun, "this \\if has no \\endif"));
        }
        if program.statements.is_empty() {
            let begin = Place { line: 1, column: 1 };
            return Err(Fault::new(begin, "the script holds no SQL statement"));
        }
        Ok(program)
    }

    fn meta(&mut self, meta: &Meta, names: &Names, blocks: &mut Vec<Block>) -> Result<(), Fault> {
        match meta.name.as_str() {
            "set" => self.set(meta, names),
            "sleep" => self.sleep(meta, names),
            "if" => {
                let condition = meta.expression(names)?;
                blocks.push(Block {
                    begun: meta.place,
                    pending: Some(self.commands.len()),
                    ends: Vec::new(),
                    otherwise: false,
                });
                let target = usize::MAX;
                self.commands
                    .push(Command::JumpUnless { condition, target });
                Ok(())
            }
            "elif" => {
                let condition = meta.expression(names)?;
                let block = self.branch(meta, blocks)?;
                block.pending = Some(self.commands.len());
                let target = usize::MAX;
                self.commands
                    .push(Command::JumpUnless { condition, target });
                Ok(())
            }
            "else" => {
                meta.ends()?;
                self.branch(meta, blocks)?.otherwise = true;
                Ok(())
            }
            "endif" => {
                meta.ends()?;
                let block = blocks.pop().ok_or_else(|| meta.without_if())?;
                for jump in block.ends.into_iter().chain(block.pending) {
                    self.land(jump);
                }
                Ok(())
            }
            name => Err(Fault::new(meta.place, refusal(name))),
        }
    }

    /// The statement before, which `follows` says there is, sets variables.
    fn gather(
        &mut self,
        meta: &Meta,
        follows: bool,
        names: &Names,
        textual: bool,
    ) -> Result<(), Fault> {
        let name = &meta.name;
        if !textual {
            let message = format!(
                "\\{name} is there with --protocol simple alone: elsewhere rows are dropped unread"
            );
            return Err(Fault::new(meta.place, message));
        }
        let text: String = meta.rest.iter().map(|l| l.c).collect();
        let mut words = text.split_whitespace();
        let (prefix, more) = (words.next().unwrap_or_default(), words.next());
        match self.statements.last_mut() {
            Some(statement) if follows && more.is_none() => {
                let all = name == "aset";
                statement.gather = Some(Gather::new(meta.place, all, prefix, names));
                Ok(())
            }
            Some(_) if follows => {
                let message = format!("\\{name} takes a prefix for names, or nothing");
                Err(Fault::new(meta.argument(), message))
            }
            _ => {
                let message = format!("\\{name} follows a query, whose row it keeps");
                Err(Fault::new(meta.place, message))
            }
        }
    }

    /// Ends a branch and begins another.
    fn branch<'b>(&mut self, meta: &Meta, blocks: &'b mut [Block]) -> Result<&'b mut Block, Fault> {
        let block = blocks.last_mut().ok_or_else(|| meta.without_if())?;
        if block.otherwise {
            let message = format!("\\{} after \\else", meta.name);
            return Err(Fault::new(meta.place, message));
        }
        block.ends.push(self.commands.len());
        self.commands.push(Command::Jump { target: usize::MAX });
        if let Some(jump) = block.pending.take() {
            self.land(jump);
        }
        Ok(block)
    }

    /// The jump at `index` leads to what comes next.
    fn land(&mut self, index: usize) {
        let next = self.commands.len();
        if let Some(Command::JumpUnless { target, .. } | Command::Jump { target }) =
            self.commands.get_mut(index)
        {
            *target = next;
        }
    }

    fn set(&mut self, meta: &Meta, names: &Names) -> Result<(), Fault> {
        let (name, rest) = variable_name(meta.rest);
        if name.is_empty() {
            let place = meta.rest.iter().find(|l| !l.c.is_whitespace());
            let place = place.map_or(meta.end, |l| l.place);
            let message = "\\set takes a name and an expression, as in \\set n random(1, 10)";
            return Err(Fault::new(place, message));
        }
        let expression = Expression::parse(rest, meta.end, names)?;
        let slot = names.find(&name, meta.place)?;
        self.commands.push(Command::Set { slot, expression });
        Ok(())
    }

    fn sleep(&mut self, meta: &Meta, names: &Names) -> Result<(), Fault> {
        let wrong = || {
            let message = "\\sleep takes a whole number or a variable, then us, ms or s";
            Fault::new(meta.argument(), message)
        };
        let text: String = meta.rest.iter().map(|l| l.c).collect();
        let text = text.trim();
        let (length, unit) = if let Some(variable) = text.strip_prefix(':') {
            let name: String = variable.chars().take_while(|c| is_name_part(*c)).collect();
            let place = meta.argument();
            let slot = names.find(&name, place)?;
            (
                Expression::Variable { slot, place },
                &variable[name.len()..],
            )
        } else {
            let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let number = text[..digits].parse().map_err(|_| wrong())?;
            (
                Expression::Constant(Value::Integer(number)),
                &text[digits..],
            )
        };
        let unit_us = match unit.trim().to_ascii_lowercase().as_str() {
            "us" => 1,
            "ms" => 1_000,
            "" | "s" => 1_000_000,
            _ => return Err(wrong()),
        };
        let place = meta.place;
        self.commands.push(Command::Sleep {
            length,
            unit_us,
            place,
        });
        Ok(())
    }
}

impl<'a> Meta<'a> {
    fn read(letters: &'a [Letter]) -> Self {
        let is_letter = |l: &&Letter| is_name_part(l.c);
        let length = letters.iter().take_while(is_letter).count();
        let begin = letters
            .first()
            .map_or(Place { line: 1, column: 1 }, |l| l.place);
        let last = letters.iter().rev().find(|l| !l.c.is_whitespace());
        Self {
            // As with pgbench, capitals or not.
            name: letters[..length]
                .iter()
                .map(|l| l.c.to_ascii_lowercase())
                .collect(),
            rest: &letters[length..],
            // At the backslash.
            place: Place {
                column: begin.column.saturating_sub(1).max(1),
                ..begin
            },
            end: last.map_or(begin, |l| Place {
                column: l.place.column.saturating_add(1),
                ..l.place
            }),
        }
    }

    fn expression(&self, names: &Names) -> Result<Expression, Fault> {
        Expression::parse(self.rest, self.end, names)
    }

    /// Returns where its argument begins.
    fn argument(&self) -> Place {
        let first = self.rest.iter().find(|l| !l.c.is_whitespace());
        first.map_or(self.end, |l| l.place)
    }

    fn ends(&self) -> Result<(), Fault> {
        match self.rest.iter().find(|l| !l.c.is_whitespace()) {
            None => Ok(()),
            Some(letter) => Err(Fault::new(
                letter.place,
                format!("\\{} takes nothing", self.name),
            )),
        }
    }

    fn without_if(&self) -> Fault {
        Fault::new(self.place, format!("\\{} without \\if", self.name))
    }
}

/// The name after `\set`, and what follows it.
fn variable_name(rest: &[Letter]) -> (String, &[Letter]) {
    let begin = rest.iter().take_while(|l| l.c.is_whitespace()).count();
    let part = |l: &&Letter| is_name_part(l.c) && l.c != '$';
    let length = rest[begin..].iter().take_while(part).count();
    let (name, rest) = rest[begin..].split_at(length);
    let separated = rest.first().is_none_or(|l| l.c.is_whitespace());
    let name: String = name.iter().map(|l| l.c).collect();
    let sound = separated && !name.starts_with(|c: char| c.is_ascii_digit());
    (if sound { name } else { String::new() }, rest)
}

/// Returns why a backslash command cannot run here.
fn refusal(name: &str) -> String {
    match name {
        "shell" | "setshell" => format!(
            "\\{name} runs a program of this machine for each request, which would be what is measured; \\set the value, or --define it"
        ),
        "startpipeline" | "endpipeline" | "syncpipeline" => format!(
            "\\{name} is not supported: neither pool sends a statement before it has the answer to the last one; leave it out"
        ),
        "setrandom" => {
            "\\setrandom is of pgbench before 9.6; write \\set name random(first, last)".to_owned()
        }
        "" => "a backslash without a command".to_owned(),
        _ => format!(
            "there is no \\{name} in scripts; there are \\set, \\sleep, \\if, \\elif, \\else, \\endif, \\gset and \\aset"
        ),
    }
}
