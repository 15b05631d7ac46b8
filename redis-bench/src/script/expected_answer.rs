//! Answer that a script expects of a command.

use std::fmt;

use redis::Value;
use toml::Value as TomlValue;

use super::value_template::{TemplateValues, ValueTemplate};

/// Largest number of characters of an answer that a message shows.
const MOST_SHOWN: usize = 60;

/// Answer that a script expects of a command, as `expect` writes it.
#[derive(Debug, Clone)]
pub(super) enum ExpectedAnswer {
    /// This text or number.
    Text {
        template: ValueTemplate,
        written: String,
    },
    /// No value: `expect = false`.
    Nothing,
    /// Any value: `expect = true`.
    Anything,
    /// A list of these answers.
    List(Vec<ExpectedAnswer>),
}

impl ExpectedAnswer {
    /// Parses the value of `expect`.
    ///
    /// # Errors
    /// Fails with a message about the value or its placeholder.
    pub(super) fn parse(value: &TomlValue) -> Result<Self, String> {
        let written = match value {
            TomlValue::Boolean(true) => return Ok(Self::Anything),
            TomlValue::Boolean(false) => return Ok(Self::Nothing),
            TomlValue::Array(list) => {
                let each = list.iter().map(Self::parse);
                return Ok(Self::List(each.collect::<Result<_, _>>()?));
            }
            TomlValue::String(text) => text.clone(),
            TomlValue::Integer(number) => number.to_string(),
            _ => {
                return Err(
                    "an answer is a text, a whole number, true (any value), false (no value), or a \
                     list of these"
                        .to_owned(),
                );
            }
        };
        let template = ValueTemplate::parse(&written)?;
        if template.is_drawn() {
            return Err(format!(
                "{written} is drawn anew each time, so no answer can be known to be it; {{user}}, \
                 {{n}} and {{bytes:N}} can"
            ));
        }
        Ok(Self::Text { template, written })
    }

    /// Returns true if `answer` is the expected one; `values` are those of the command. `buffer` is
    /// overwritten.
    pub(super) fn is(
        &self,
        answer: &Value,
        values: &mut TemplateValues<'_>,
        buffer: &mut Vec<u8>,
    ) -> bool {
        match (self, answer) {
            (Self::Nothing, Value::Nil) => true,
            (Self::Nothing, _) | (_, Value::Nil) => false,
            (Self::Anything, _) => true,
            (Self::Text { template, .. }, answer) => {
                template.write(values, buffer);
                is_text(answer, buffer)
            }
            (Self::List(list), Value::Array(answers) | Value::Set(answers)) => {
                let mut pairs = list.iter().zip(answers);
                list.len() == answers.len()
                    && pairs.all(|(one, answer)| one.is(answer, values, buffer))
            }
            (Self::List(list), Value::Map(answers)) => {
                let mut pairs = list.chunks(2).zip(answers);
                list.len() == answers.len() * 2
                    && pairs.all(|(pair, (key, value))| {
                        pair[0].is(key, values, buffer) && pair[1].is(value, values, buffer)
                    })
            }
            (Self::List(_), _) => false,
        }
    }
}

/// Returns true if `answer` is this text, or the number that the text writes.
fn is_text(answer: &Value, text: &[u8]) -> bool {
    match answer {
        Value::BulkString(bytes) => bytes == text,
        Value::SimpleString(said) | Value::VerbatimString { text: said, .. } => {
            said.as_bytes() == text
        }
        Value::Okay => text == b"OK",
        Value::Int(number) => {
            std::str::from_utf8(text).is_ok_and(|text| text.parse() == Ok(*number))
        }
        Value::Double(number) => {
            std::str::from_utf8(text).is_ok_and(|text| text.parse() == Ok(*number))
        }
        _ => false,
    }
}

impl fmt::Display for ExpectedAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { written, .. } => write!(f, "{}", shortened(written)),
            Self::Nothing => f.write_str("no value"),
            Self::Anything => f.write_str("a value"),
            Self::List(list) => write!(f, "a list of {}", list.len()),
        }
    }
}

/// Returns `answer` as a message shows it.
pub(super) fn told(answer: &Value) -> String {
    match answer {
        Value::Nil => "no value".to_owned(),
        Value::Okay => "OK".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Double(number) => number.to_string(),
        Value::SimpleString(text) => shortened(text),
        Value::BulkString(bytes) => shortened(&String::from_utf8_lossy(bytes)),
        Value::Array(list) | Value::Set(list) => format!("a list of {}", list.len()),
        Value::Map(pairs) => format!("a list of {}", pairs.len() * 2),
        _ => "another kind of answer".to_owned(),
    }
}

/// Returns the beginning of `text` in quotes.
fn shortened(text: &str) -> String {
    let mut shown: String = text.chars().take(MOST_SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::SmallRng;

    use super::*;

    fn expected(toml: &str) -> Result<ExpectedAnswer, String> {
        let table: toml::Table = format!("expect = {toml}").parse().unwrap();
        ExpectedAnswer::parse(&table["expect"])
    }

    fn is(toml: &str, answer: &Value) -> bool {
        let mut random = SmallRng::seed_from_u64(1);
        let mut values = TemplateValues {
            user: 7,
            count: 3,
            random: &mut random,
        };
        let expected = expected(toml).unwrap();
        expected.is(answer, &mut values, &mut Vec::new())
    }

    #[test]
    fn an_answer_is_the_expected_one_or_it_is_not() {
        let bulk = |text: &str| Value::BulkString(text.into());
        let list = || Value::Array(vec![bulk("a"), Value::Nil]);
        let map = || Value::Map(vec![(bulk("f"), bulk("v"))]);
        for (toml, answer, wanted) in [
            ("'OK'", Value::Okay, true),
            ("'OK'", bulk("OK"), true),
            ("'PONG'", Value::SimpleString("PONG".to_owned()), true),
            ("'7:3'", bulk("7:3"), true),
            ("'{user}:{n}'", bulk("7:3"), true),
            ("'{bytes:3}'", bulk("abc"), true),
            ("'abc'", bulk("abcd"), false),
            ("5", Value::Int(5), true),
            ("5", bulk("5"), true),
            ("5", Value::Int(6), false),
            ("'{n}'", Value::Int(3), true),
            ("0.5", Value::Double(0.5), true),
            ("true", bulk(""), true),
            ("true", Value::Nil, false),
            ("false", Value::Nil, true),
            ("false", bulk(""), false),
            ("''", Value::Nil, false),
            ("['a', false]", list(), true),
            ("['a']", list(), false),
            ("['f', 'v']", map(), true),
            ("['f']", map(), false),
            ("['a', false]", bulk("a"), false),
        ] {
            // A number with a fraction is no answer; it is written as a text.
            let toml = if toml == "0.5" { "'0.5'" } else { toml };
            assert_eq!(is(toml, &answer), wanted, "{toml} {answer:?}");
        }
    }

    #[test]
    fn what_no_answer_can_be_is_told() {
        for (toml, told) in [
            ("0.5", "an answer is a text"),
            ("'{zipf:9}'", "is drawn anew"),
            ("['{hex:9}']", "is drawn anew"),
            ("'{x}'", "is no placeholder"),
        ] {
            let why = expected(toml).unwrap_err();
            assert!(why.contains(told), "{toml}: {why}");
        }
        assert_eq!(
            told(&Value::BulkString("x".repeat(99).into())).len(),
            2 + 60 + 3
        );
    }
}
