//! How expressions are read.
//!
//! Operators bind as in the PostgreSQL documentation, *pgbench*, section *Built-in Operators*:
//! OR, AND, NOT, IS and ISNULL, comparisons, bits, + and -, * and / and %, signs.

use super::expression::Expression;
use super::function::{Function, NAMED, refusal};
use super::names::{DEFAULT_SEED, Names};
use super::place::{Fault, Place};
use super::scan::Letter;
use super::token::{Token, Word, tokens};
use super::value::Value;

/// Parts of one expression; far more than people write, far less than a stack holds.
const MOST_PARTS: usize = 500;
/// Parentheses, signs and the like inside each other.
const DEEPEST: usize = 50;

impl Expression {
    /// Reads the expression that `letters` are; `end` is where something is missing.
    ///
    /// # Errors
    /// At the word that does not fit.
    pub(super) fn parse(letters: &[Letter], end: Place, names: &Names) -> Result<Self, Fault> {
        let mut parser = Parser {
            tokens: tokens(letters)?,
            at: 0,
            end,
            names,
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

struct Parser<'a> {
    tokens: Vec<Token>,
    at: usize,
    end: Place,
    names: &'a Names,
    parts: usize,
    depth: usize,
}

/// Binary operators, loosest first. `NOT` stands between AND and IS, and is read there.
const LEVELS: [&[(&str, Operator)]; 6] = [
    &[("or", Operator::Or)],
    &[("and", Operator::And)],
    &[
        ("=", Operator::Of(Function::Equal)),
        ("<>", Operator::Of(Function::NotEqual)),
        ("!=", Operator::Of(Function::NotEqual)),
        ("<=", Operator::Of(Function::LessOrEqual)),
        (">=", Operator::Swapped(Function::LessOrEqual)),
        ("<", Operator::Of(Function::Less)),
        (">", Operator::Swapped(Function::Less)),
    ],
    &[
        ("|", Operator::Of(Function::BitOr)),
        ("#", Operator::Of(Function::BitXor)),
        ("&", Operator::Of(Function::BitAnd)),
        ("<<", Operator::Of(Function::ShiftLeft)),
        (">>", Operator::Of(Function::ShiftRight)),
    ],
    &[
        ("+", Operator::Of(Function::Add)),
        ("-", Operator::Of(Function::Subtract)),
    ],
    &[
        ("*", Operator::Of(Function::Multiply)),
        ("/", Operator::Of(Function::Divide)),
        ("%", Operator::Of(Function::Remainder)),
    ],
];
/// Place where `NOT`, and `IS` within it, bind.
const COMPARISONS: usize = 2;

#[derive(Debug, Clone, Copy)]
enum Operator {
    Or,
    And,
    Of(Function),
    /// `a > b` is `b < a`.
    Swapped(Function),
}

impl Parser<'_> {
    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    /// The word ahead, where it is a symbol or a name.
    fn ahead(&self) -> Option<(&str, Place)> {
        let token = self.tokens.get(self.at)?;
        match &token.word {
            Word::Symbol(symbol) => Some((symbol, token.place)),
            Word::Name(name) => Some((name, token.place)),
            _ => None,
        }
    }

    fn accept(&mut self, word: &str) -> bool {
        let found = self.ahead().is_some_and(|(ahead, _)| ahead == word);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, word: &str) -> Result<(), Fault> {
        if self.accept(word) {
            return Ok(());
        }
        Err(match self.tokens.get(self.at) {
            Some(token) => Fault::new(
                token.place,
                format!("{word} is expected here, not {}", token.word.shown()),
            ),
            None => Fault::new(self.end, format!("{word} is missing")),
        })
    }

    fn here(&self) -> Place {
        self.tokens.get(self.at).map_or(self.end, |t| t.place)
    }

    /// Counts one more part.
    fn made(&mut self, expression: Expression) -> Result<Expression, Fault> {
        self.parts += 1;
        if self.parts > MOST_PARTS {
            return Err(Fault::new(
                self.here(),
                format!(
                    "an expression may have at most {MOST_PARTS} parts; \\set a part of it before"
                ),
            ));
        }
        Ok(expression)
    }

    /// Reads something inside of something.
    fn deeper(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<Expression, Fault>,
    ) -> Result<Expression, Fault> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Fault::new(
                self.here(),
                format!("an expression may nest at most {DEEPEST} deep; \\set a part of it before"),
            ));
        }
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn binary(&mut self, level: usize) -> Result<Expression, Fault> {
        let Some(operators) = LEVELS.get(level) else {
            return self.signed();
        };
        if level == COMPARISONS
            && let Some(("not", place)) = self.ahead()
        {
            self.at += 1;
            let negated = self.deeper(|parser| parser.binary(COMPARISONS))?;
            return self.call(Function::Not, vec![negated], place);
        }
        let mut left = self.binary(level + 1)?;
        loop {
            if level == COMPARISONS
                && let Some(is) = self.is(&left)?
            {
                left = is;
                continue;
            }
            let Some((ahead, place)) = self.ahead() else {
                return Ok(left);
            };
            let Some((_, operator)) = operators.iter().find(|(word, _)| *word == ahead) else {
                return Ok(left);
            };
            self.at += 1;
            let right = self.binary(level + 1)?;
            left = match *operator {
                Operator::Or => self.made(Expression::Or(left.into(), right.into(), place))?,
                Operator::And => self.made(Expression::And(left.into(), right.into(), place))?,
                Operator::Of(function) => self.call(function, vec![left, right], place)?,
                Operator::Swapped(function) => self.call(function, vec![right, left], place)?,
            };
        }
    }

    fn call(
        &mut self,
        function: Function,
        arguments: Vec<Expression>,
        place: Place,
    ) -> Result<Expression, Fault> {
        self.made(Expression::Call {
            function,
            arguments,
            place,
        })
    }

    /// `IS [NOT] NULL|TRUE|FALSE`, `ISNULL`, `NOTNULL`, where one of them follows `left`.
    fn is(&mut self, left: &Expression) -> Result<Option<Expression>, Fault> {
        let Some((word @ ("is" | "isnull" | "notnull"), place)) = self.ahead() else {
            return Ok(None);
        };
        let (mut negated, spelt) = (word == "notnull", word == "is");
        self.at += 1;
        let mut value = Value::Null;
        if spelt {
            negated = self.accept("not");
            value = match self.next() {
                Some(Token {
                    word: Word::Name(name),
                    ..
                }) if name == "null" => Value::Null,
                Some(Token {
                    word: Word::Name(name),
                    ..
                }) if name == "true" || name == "false" => Value::Boolean(name == "true"),
                Some(token) => {
                    return Err(Fault::new(
                        token.place,
                        "IS is followed by NULL, TRUE or FALSE, or by NOT and one of these",
                    ));
                }
                None => return Err(Fault::new(self.end, "NULL, TRUE or FALSE is missing")),
            };
        }
        let arguments = vec![left.clone(), Expression::Constant(value)];
        let is = self.call(Function::Is, arguments, place)?;
        if negated {
            return self.call(Function::Not, vec![is], place).map(Some);
        }
        Ok(Some(is))
    }

    fn signed(&mut self) -> Result<Expression, Fault> {
        let Some((sign @ ("-" | "+" | "~"), place)) = self.ahead() else {
            return self.primary();
        };
        let sign = sign.to_owned();
        self.at += 1;
        if sign == "-"
            && let Some(&Token {
                word: Word::Integer(n),
                place,
            }) = self.tokens.get(self.at)
        {
            // The lowest integer has no positive counterpart.
            let negative = 0_i64.checked_sub_unsigned(n);
            let value = negative.ok_or_else(|| too_large(n, place))?;
            self.at += 1;
            return self.made(Expression::Constant(Value::Integer(value)));
        }
        let operand = self.deeper(Self::signed)?;
        match sign.as_str() {
            "-" => {
                let zero = Expression::Constant(Value::Integer(0));
                self.call(Function::Subtract, vec![zero, operand], place)
            }
            "~" => self.call(Function::BitNot, vec![operand], place),
            _ => Ok(operand),
        }
    }

    fn primary(&mut self) -> Result<Expression, Fault> {
        let Some(token) = self.next() else {
            return Err(Fault::new(self.end, "an expression is missing"));
        };
        let expression = match token.word {
            Word::Integer(n) => {
                let n = i64::try_from(n).map_err(|_| too_large(n, token.place))?;
                Expression::Constant(Value::Integer(n))
            }
            Word::Double(x) => Expression::Constant(Value::Double(x)),
            Word::Variable(name) => Expression::Variable {
                slot: self.names.find(&name, token.place)?,
                place: token.place,
            },
            Word::Symbol("(") => {
                let inner = self.deeper(|parser| parser.binary(0))?;
                self.expect(")")?;
                return Ok(inner);
            }
            Word::Name(ref name) => match name.as_str() {
                "null" => Expression::Constant(Value::Null),
                "true" => Expression::Constant(Value::Boolean(true)),
                "false" => Expression::Constant(Value::Boolean(false)),
                "case" => self.deeper(Self::case)?,
                _ => self.named(name, token.place)?,
            },
            Word::Symbol(_) => return Err(unexpected(&token)),
        };
        self.made(expression)
    }

    fn case(&mut self) -> Result<Expression, Fault> {
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
            Expression::Constant(Value::Null)
        };
        self.expect("end")?;
        let otherwise = Box::new(otherwise);
        Ok(Expression::Case { whens, otherwise })
    }

    fn named(&mut self, name: &str, place: Place) -> Result<Expression, Fault> {
        if let Some(reason) = refusal(name) {
            return Err(Fault::new(place, reason));
        }
        let Some((_, function, fewest, most)) = NAMED.iter().find(|(known, ..)| *known == name)
        else {
            return Err(Fault::new(place, unknown(name)));
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
            return Err(Fault::new(place, message));
        }
        if matches!(function, Function::Fnv1a | Function::Murmur2) && arguments.len() == 1 {
            let slot = self.names.find(DEFAULT_SEED, place)?;
            arguments.push(Expression::Variable { slot, place });
        }
        if most.is_some() {
            return self.call(function, arguments, place);
        }
        // Any number of arguments: two at a time.
        let mut rest = arguments.into_iter();
        let first = rest.next().into_iter().collect();
        let mut whole = self.call(function, first, place)?;
        for argument in rest {
            whole = self.call(function, vec![whole, argument], place)?;
        }
        Ok(whole)
    }

    fn arguments(&mut self) -> Result<Vec<Expression>, Fault> {
        self.expect("(")?;
        let mut arguments = Vec::new();
        if self.accept(")") {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.deeper(|parser| parser.binary(0))?);
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

fn unexpected(token: &Token) -> Fault {
    Fault::new(
        token.place,
        format!("{} does not fit here", token.word.shown()),
    )
}

fn too_large(n: u64, place: Place) -> Fault {
    Fault::new(place, format!("{n} does not fit an integer"))
}
