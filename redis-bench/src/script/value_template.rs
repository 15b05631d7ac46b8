//! Templates of keys and arguments: text with placeholders that are drawn for each command.

use std::io::Write as _;

use rand::RngExt as _;
use rand::rngs::SmallRng;

use crate::keys::key_skew::{KeySampler, Skew};

/// Largest length that a placeholder may make, in bytes.
const LONGEST: u64 = 64 << 20;

/// Part of a template.
#[derive(Debug, Clone)]
enum TemplatePart {
    /// Text that is always the same; also `{bytes:N}`.
    Text(Vec<u8>),
    /// Number of the user, from 0.
    User,
    /// Number of the user's sequence, from 0.
    Count,
    /// Number that is drawn.
    Number(KeySampler),
    /// Random hexadecimal digits, this many.
    Hex(u64),
}

/// Text with placeholders.
#[derive(Debug, Clone)]
pub(super) struct ValueTemplate(Vec<TemplatePart>);

/// Byte or placeholder of a template, as far as it decides about the slot of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SlotSymbol {
    Byte(u8),
    User,
    Count,
    /// Something drawn, which differs from key to key.
    Drawn,
}

/// What the placeholders of one command stand for.
#[derive(Debug)]
pub(super) struct TemplateValues<'a> {
    pub(super) user: u64,
    pub(super) count: u64,
    pub(super) random: &'a mut SmallRng,
}

impl ValueTemplate {
    /// Parses a template; `{{` and `}}` are braces.
    ///
    /// # Errors
    /// Fails with a message about the placeholder that is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut plain = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            plain.extend_from_slice(&rest.as_bytes()[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                plain.extend_from_slice(brace.as_bytes());
                rest = after;
                continue;
            }
            let end = rest.find('}').filter(|_| brace == "{");
            let end = end.ok_or_else(|| {
                format!("a {brace} alone; write {brace}{brace} for a brace that is no placeholder")
            })?;
            match placeholder(&rest[..end])? {
                TemplatePart::Text(bytes) => plain.extend(bytes),
                part => {
                    parts.push(TemplatePart::Text(std::mem::take(&mut plain)));
                    parts.push(part);
                }
            }
            rest = &rest[end + 1..];
        }
        plain.extend_from_slice(rest.as_bytes());
        parts.push(TemplatePart::Text(plain));
        Ok(Self(parts))
    }

    /// Creates the template that is always `text`.
    pub(super) fn text(text: &str) -> Self {
        Self(vec![TemplatePart::Text(text.as_bytes().to_vec())])
    }

    /// Returns the text of a template without placeholders that are drawn or counted; `None` for
    /// others.
    pub(super) fn fixed(&self) -> Option<&[u8]> {
        match self.0.as_slice() {
            [TemplatePart::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Returns true if a part is drawn anew each time that the template is written.
    pub(super) fn is_drawn(&self) -> bool {
        let mut parts = self.0.iter();
        parts.any(|part| matches!(part, TemplatePart::Number(_) | TemplatePart::Hex(_)))
    }

    /// Returns the template with `prefix` in front of it.
    pub(super) fn under(&self, prefix: &str) -> Self {
        let front = TemplatePart::Text(prefix.as_bytes().to_vec());
        Self([front].into_iter().chain(self.0.iter().cloned()).collect())
    }

    /// Returns true if this key and `other` are in one slot of a cluster whenever they are parts of one
    /// command: they have the same hash tag, or the same name, without anything drawn.
    pub(super) fn is_in_slot_of(&self, other: &Self) -> bool {
        let part = self.slot_part();
        part == other.slot_part() && !part.1.contains(&SlotSymbol::Drawn)
    }

    /// Returns the part of a key by which its slot is found: true and what stands between the first `{`
    /// and the next `}`, or false and all if that is nothing. Source: Redis cluster specification, hash
    /// tags.
    fn slot_part(&self) -> (bool, Vec<SlotSymbol>) {
        let symbols = self.0.iter().flat_map(|part| match part {
            TemplatePart::Text(text) => text.iter().copied().map(SlotSymbol::Byte).collect(),
            TemplatePart::User => vec![SlotSymbol::User],
            TemplatePart::Count => vec![SlotSymbol::Count],
            TemplatePart::Number(_) | TemplatePart::Hex(_) => vec![SlotSymbol::Drawn],
        });
        let symbols: Vec<SlotSymbol> = symbols.collect();
        let find = |brace: u8, from: usize| {
            let mut rest = symbols.iter().skip(from);
            rest.position(|symbol| *symbol == SlotSymbol::Byte(brace))
                .map(|at| from + at)
        };
        let Some(open) = find(b'{', 0) else {
            return (false, symbols);
        };
        match find(b'}', open) {
            Some(close) if close > open + 1 => (true, symbols[open + 1..close].to_vec()),
            _ => (false, symbols),
        }
    }

    /// Writes the template with `values` into `buffer`, replacing its content.
    pub(super) fn write(&self, values: &mut TemplateValues<'_>, buffer: &mut Vec<u8>) {
        buffer.clear();
        for part in &self.0 {
            // Writing to memory cannot fail.
            let _ = match part {
                TemplatePart::Text(text) => buffer.write_all(text),
                TemplatePart::User => write!(buffer, "{}", values.user),
                TemplatePart::Count => write!(buffer, "{}", values.count),
                TemplatePart::Number(sampler) => write!(buffer, "{}", sampler.draw(values.random)),
                TemplatePart::Hex(digits) => {
                    for _ in 0..*digits {
                        let digit = values.random.random_range(0..16_usize);
                        buffer.push(b"0123456789abcdef"[digit]);
                    }
                    Ok(())
                }
            };
        }
    }
}

fn placeholder(text: &str) -> Result<TemplatePart, String> {
    let (name, number) = match text.split_once(':') {
        Some((name, number)) => (name, Some(number)),
        None => (text, None),
    };
    let number = || -> Result<u64, String> {
        let number = number.unwrap_or_default();
        let parsed = number.parse().ok().filter(|n| (1..=LONGEST).contains(n));
        parsed.ok_or_else(|| {
            format!(
                "{{{name}:{number}}} needs a whole number from 1 to {LONGEST}, as {{{name}:100}}"
            )
        })
    };
    match (name, text.contains(':')) {
        ("user", false) => Ok(TemplatePart::User),
        ("n", false) => Ok(TemplatePart::Count),
        ("zipf", _) => Ok(TemplatePart::Number(
            Skew::Zipf { exponent: 1.0 }.sampler(number()?),
        )),
        ("uniform", _) => Ok(TemplatePart::Number(Skew::Uniform.sampler(number()?))),
        ("hex", _) => Ok(TemplatePart::Hex(number()?)),
        ("bytes", _) => {
            let text = (0..number()?).map(|i| b'a' + (i % 26) as u8);
            Ok(TemplatePart::Text(text.collect()))
        }
        _ => Err(format!(
            "{{{text}}} is no placeholder; there are {{user}}, {{n}}, {{zipf:N}}, {{uniform:N}}, \
             {{hex:N}} and {{bytes:N}}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    fn written(template: &str) -> String {
        let mut random = SmallRng::seed_from_u64(1);
        let mut values = TemplateValues {
            user: 7,
            count: 3,
            random: &mut random,
        };
        let mut buffer = b"of before".to_vec();
        let template = ValueTemplate::parse(template).unwrap();
        template.under("p:").write(&mut values, &mut buffer);
        String::from_utf8(buffer).unwrap()
    }

    #[test]
    fn placeholders_are_filled_in_and_all_else_stays() {
        for (template, wanted) in [
            ("cart", "p:cart"),
            ("", "p:"),
            ("{user}/{n}", "p:7/3"),
            ("{{tag}}:{bytes:3}ü", "p:{tag}:abcü"),
            ("{zipf:1}{uniform:1}", "p:00"),
        ] {
            assert_eq!(written(template), wanted, "{template}");
        }
        let hex = written("{hex:12}");
        assert_eq!(hex.len(), 14);
        assert!(
            hex[2..].chars().all(|digit| digit.is_ascii_hexdigit()),
            "{hex}"
        );
    }

    #[test]
    fn keys_are_in_one_slot_if_their_tag_is_the_same_without_a_draw() {
        for (one, other, wanted) in [
            ("a:{{cart}}", "b:{{cart}}:x", true),
            ("{{cart:{user}}}:a", "{{cart:{user}}}:b", true),
            ("{{cart:{user}}}:a", "{{cart:{n}}}:b", false),
            ("{{{zipf:9}}}", "{{{zipf:9}}}", false),
            ("cart:{user}", "cart:{user}", true),
            ("cart:{user}", "stock:{user}", false),
            ("{{}}a", "{{}}b", false),
            ("cart", "{{cart}}", false),
        ] {
            let parse = |text| ValueTemplate::parse(text).unwrap().under("plimsoll:run:");
            assert_eq!(
                parse(one).is_in_slot_of(&parse(other)),
                wanted,
                "{one} {other}"
            );
        }
    }

    #[test]
    fn a_wrong_placeholder_is_told() {
        for (template, told) in [
            ("{usr}", "{usr} is no placeholder"),
            ("{zipf}", "{zipf:} needs a whole number"),
            ("{bytes:0}", "needs a whole number"),
            ("{user:1}", "is no placeholder"),
            ("a{b", "a { alone"),
            ("a}b", "a } alone"),
        ] {
            let why = ValueTemplate::parse(template).unwrap_err();
            assert!(why.contains(told), "{template}: {why}");
        }
    }
}
