//! Parser of expressions, by precedence climbing.
//!
//! Operators bind as in the PostgreSQL documentation, *pgbench*, section *Built-in Operators*, from
//! the loosest to the tightest: OR, AND, NOT, IS and ISNULL, comparisons, bits, + and -, * and /
//! and %, signs.

use crate::language::diagnostic::{Diagnostic, Position};
use crate::language::expression::Expression;
use crate::language::function::{Function, NAMED, unsupported_reason};
use crate::language::operator::{BinaryOperator, COMPARISONS, PRECEDENCE};
use crate::language::scanner::SourceChar;
use crate::language::token::{Token, TokenKind, tokenize};
use crate::values::value::ScriptValue;
use crate::values::variable_table::{DEFAULT_SEED, VariableTable};

/// Largest number of constants, variables, operators and calls in one expression: far more than
/// people write, far fewer than would overflow the stack.
const MOST_PARTS: usize = 500;
/// Largest depth to which parentheses, arguments, signs, NOT and CASE may nest in one expression.
const MOST_DEPTH: usize = 50;

impl Expression {
    /// Parses the whole of `chars` as one expression. `end` is the position that an error names if
    /// something is missing at the end; `variables` gives the slots of the variables that are read.
    ///
    /// # Errors
    /// Fails at the first token that does not fit, at a variable that nothing sets, and if the
    /// expression is too long or too deeply nested.
    pub(crate) fn parse(
        chars: &[SourceChar],
        end: Position,
        variables: &VariableTable,
    ) -> Result<Self, Diagnostic> {
        let mut parser = Parser {
            tokens: tokenize(chars)?,
            at: 0,
            end,
            variables,
            parts: 0,
            depth: 0,
        };
        let expression = parser.binary(0)?;
        match parser.tokens.get(parser.at) {
            None => Ok(expression),
            Some(token) => Err(unexpected(token)),
        }
    }
}

/// State of the parser of one expression: its tokens, and the index `at` of the next one to parse.
struct Parser<'a> {
    tokens: Vec<Token>,
    at: usize,
    end: Position,
    variables: &'a VariableTable,
    parts: usize,
    depth: usize,
}

impl Parser<'_> {
    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    /// Returns the text and position of the next token without consuming it; `None` if the token is
    /// a number or a variable, or if no token is left.
    fn peek(&self) -> Option<(&str, Position)> {
        let token = self.tokens.get(self.at)?;
        match &token.kind {
            TokenKind::Symbol(symbol) => Some((symbol, token.position)),
            TokenKind::Name(name) => Some((name, token.position)),
            _ => None,
        }
    }

    /// Consumes the next token if it is the symbol or name `word`, and returns true; else consumes
    /// nothing and returns false.
    fn accept(&mut self, word: &str) -> bool {
        let found = self.peek().is_some_and(|(ahead, _)| ahead == word);
        self.at += usize::from(found);
        found
    }

    /// Consumes the next token, which must be the symbol or name `word`; fails if it is not.
    fn expect(&mut self, word: &str) -> Result<(), Diagnostic> {
        if self.accept(word) {
            return Ok(());
        }
        Err(match self.tokens.get(self.at) {
            Some(token) => Diagnostic::new(
                token.position,
                format!("{word} is expected here, not {}", token.kind.text()),
            ),
            None => Diagnostic::new(self.end, format!("{word} is missing")),
        })
    }

    fn position(&self) -> Position {
        self.tokens.get(self.at).map_or(self.end, |t| t.position)
    }

    /// Counts `expression` as one more part and returns it unchanged. Fails if the whole expression
    /// has more than [`MOST_PARTS`] parts.
    fn count_part(&mut self, expression: Expression) -> Result<Expression, Diagnostic> {
        self.parts += 1;
        if self.parts > MOST_PARTS {
            return Err(Diagnostic::new(
                self.position(),
                format!(
                    "an expression may have at most {MOST_PARTS} parts; \\set a part of it before"
                ),
            ));
        }
        Ok(expression)
    }

    /// Calls `read` one level of nesting deeper. Fails if the depth exceeds [`MOST_DEPTH`].
    fn nested(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<Expression, Diagnostic>,
    ) -> Result<Expression, Diagnostic> {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return Err(Diagnostic::new(
                self.position(),
                format!(
                    "an expression may nest at most {MOST_DEPTH} deep; \\set a part of it before"
                ),
            ));
        }
        let read = read(self);
        self.depth -= 1;
        read
    }

    /// Parses operands joined by binary operators that bind at least as tightly as the group at
    /// index `precedence` of [`PRECEDENCE`], which associate to the left.
    fn binary(&mut self, precedence: usize) -> Result<Expression, Diagnostic> {
        let Some(operators) = PRECEDENCE.get(precedence) else {
            return self.signed();
        };
        if precedence == COMPARISONS
            && let Some(("not", position)) = self.peek()
        {
            self.at += 1;
            let negated = self.nested(|parser| parser.binary(COMPARISONS))?;
            return self.call(Function::Not, vec![negated], position);
        }
        let mut left = self.binary(precedence + 1)?;
        loop {
            if precedence == COMPARISONS
                && let Some(is) = self.is_test(&left)?
            {
                left = is;
                continue;
            }
            let Some((ahead, position)) = self.peek() else {
                return Ok(left);
            };
            let Some((_, operator)) = operators.iter().find(|(word, _)| *word == ahead) else {
                return Ok(left);
            };
            self.at += 1;
            let right = self.binary(precedence + 1)?;
            left = match *operator {
                BinaryOperator::Or => {
                    self.count_part(Expression::Or(left.into(), right.into(), position))?
                }
                BinaryOperator::And => {
                    self.count_part(Expression::And(left.into(), right.into(), position))?
                }
                BinaryOperator::Call(function) => {
                    self.call(function, vec![left, right], position)?
                }
                BinaryOperator::Swapped(function) => {
                    self.call(function, vec![right, left], position)?
                }
            };
        }
    }

    fn call(
        &mut self,
        function: Function,
        arguments: Vec<Expression>,
        position: Position,
    ) -> Result<Expression, Diagnostic> {
        self.count_part(Expression::Call {
            function,
            arguments,
            position,
        })
    }

    /// Parses `IS [NOT] NULL|TRUE|FALSE`, `ISNULL` or `NOTNULL` after the parsed operand `left`;
    /// `None`, with nothing consumed, if none of these words follows. Fails if `IS` is followed by
    /// something else.
    fn is_test(&mut self, left: &Expression) -> Result<Option<Expression>, Diagnostic> {
        let Some((word @ ("is" | "isnull" | "notnull"), position)) = self.peek() else {
            return Ok(None);
        };
        let (mut negated, has_operand) = (word == "notnull", word == "is");
        self.at += 1;
        let mut value = ScriptValue::Null;
        if has_operand {
            negated = self.accept("not");
            value = match self.next() {
                Some(Token {
                    kind: TokenKind::Name(name),
                    ..
                }) if name == "null" => ScriptValue::Null,
                Some(Token {
                    kind: TokenKind::Name(name),
                    ..
                }) if name == "true" || name == "false" => ScriptValue::Boolean(name == "true"),
                Some(token) => {
                    return Err(Diagnostic::new(
                        token.position,
                        "IS is followed by NULL, TRUE or FALSE, or by NOT and one of these",
                    ));
                }
                None => return Err(Diagnostic::new(self.end, "NULL, TRUE or FALSE is missing")),
            };
        }
        let arguments = vec![left.clone(), Expression::Constant(value)];
        let is = self.call(Function::Is, arguments, position)?;
        if negated {
            return self.call(Function::Not, vec![is], position).map(Some);
        }
        Ok(Some(is))
    }

    /// Parses an operand with any number of signs (`-`, `+`, `~`) before it. A minus before an
    /// integer makes a negative constant.
    fn signed(&mut self) -> Result<Expression, Diagnostic> {
        let Some((sign @ ("-" | "+" | "~"), position)) = self.peek() else {
            return self.primary();
        };
        let sign = sign.to_owned();
        self.at += 1;
        if sign == "-"
            && let Some(&Token {
                kind: TokenKind::Integer(n),
                position,
            }) = self.tokens.get(self.at)
        {
            // The lowest integer has no positive counterpart.
            let negative = 0_i64.checked_sub_unsigned(n);
            let value = negative.ok_or_else(|| too_large(n, position))?;
            self.at += 1;
            return self.count_part(Expression::Constant(ScriptValue::Integer(value)));
        }
        let operand = self.nested(Self::signed)?;
        match sign.as_str() {
            "-" => {
                let zero = Expression::Constant(ScriptValue::Integer(0));
                self.call(Function::Subtract, vec![zero, operand], position)
            }
            "~" => self.call(Function::BitNot, vec![operand], position),
            _ => Ok(operand),
        }
    }

    /// Parses a constant, a variable, a function call, a CASE or an expression in parentheses.
    fn primary(&mut self) -> Result<Expression, Diagnostic> {
        let Some(token) = self.next() else {
            return Err(Diagnostic::new(self.end, "an expression is missing"));
        };
        let expression = match token.kind {
            TokenKind::Integer(n) => {
                let n = i64::try_from(n).map_err(|_| too_large(n, token.position))?;
                Expression::Constant(ScriptValue::Integer(n))
            }
            TokenKind::Double(x) => Expression::Constant(ScriptValue::Double(x)),
            TokenKind::Variable(name) => Expression::Variable {
                slot: self.variables.require(&name, token.position)?,
                position: token.position,
            },
            TokenKind::Symbol("(") => {
                let inner = self.nested(|parser| parser.binary(0))?;
                self.expect(")")?;
                return Ok(inner);
            }
            TokenKind::Name(ref name) => match name.as_str() {
                "null" => Expression::Constant(ScriptValue::Null),
                "true" => Expression::Constant(ScriptValue::Boolean(true)),
                "false" => Expression::Constant(ScriptValue::Boolean(false)),
                "case" => self.nested(Self::case)?,
                _ => self.function_call(name, token.position)?,
            },
            TokenKind::Symbol(_) => return Err(unexpected(&token)),
        };
        self.count_part(expression)
    }

    /// Parses a CASE whose first word, `case`, is already consumed. Without an ELSE the value is
    /// NULL.
    fn case(&mut self) -> Result<Expression, Diagnostic> {
        let mut whens = Vec::new();
        self.expect("when")?;
        loop {
            let when = self.binary(0)?;
            self.expect("then")?;
            whens.push((when, self.binary(0)?));
            if !self.accept("when") {
                break;
            }
        }
        let otherwise = if self.accept("else") {
            self.binary(0)?
        } else {
            Expression::Constant(ScriptValue::Null)
        };
        self.expect("end")?;
        let otherwise = Box::new(otherwise);
        Ok(Expression::Case { whens, otherwise })
    }

    /// Parses the arguments of function `name`, and returns the call. Fails for an unknown or
    /// unsupported name and for a wrong number of arguments.
    fn function_call(&mut self, name: &str, position: Position) -> Result<Expression, Diagnostic> {
        if let Some(reason) = unsupported_reason(name) {
            return Err(Diagnostic::new(position, reason));
        }
        let Some((_, function, fewest, most)) = NAMED.iter().find(|(known, ..)| *known == name)
        else {
            return Err(Diagnostic::new(position, unknown(name)));
        };
        let (function, fewest, most) = (*function, *fewest, *most);
        let mut arguments = self.arguments()?;
        if arguments.len() < fewest || most.is_some_and(|most| arguments.len() > most) {
            let wanted = match most {
                Some(most) if most == fewest => fewest.to_string(),
                Some(most) => format!("{fewest} or {most}"),
                None => format!("{fewest} or more"),
            };
            let message = format!("{name} takes {wanted} arguments, not {}", arguments.len());
            return Err(Diagnostic::new(position, message));
        }
        if matches!(function, Function::Fnv1a | Function::Murmur2) && arguments.len() == 1 {
            let slot = self.variables.require(DEFAULT_SEED, position)?;
            arguments.push(Expression::Variable { slot, position });
        }
        if most.is_some() {
            return self.call(function, arguments, position);
        }
        // A function with any number of arguments becomes nested calls with two.
        let mut rest = arguments.into_iter();
        let first = rest.next().into_iter().collect();
        let mut whole = self.call(function, first, position)?;
        for argument in rest {
            whole = self.call(function, vec![whole, argument], position)?;
        }
        Ok(whole)
    }

    fn arguments(&mut self) -> Result<Vec<Expression>, Diagnostic> {
        self.expect("(")?;
        let mut arguments = Vec::new();
        if self.accept(")") {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.nested(|parser| parser.binary(0))?);
            if !self.accept(",") {
                break;
            }
        }
        self.expect(")")?;
        Ok(arguments)
    }
}

fn unknown(name: &str) -> String {
    let known: Vec<&str> = NAMED.iter().map(|(name, ..)| *name).collect();
    format!(
        "there is no function {name}; there are {}",
        known.join(", ")
    )
}

fn unexpected(token: &Token) -> Diagnostic {
    Diagnostic::new(
        token.position,
        format!("{} does not fit here", token.kind.text()),
    )
}

fn too_large(n: u64, position: Position) -> Diagnostic {
    Diagnostic::new(position, format!("{n} does not fit an integer"))
}
