//! Kinds of damage to the content of a file.

use proptest::prelude::*;

/// One kind of damage to the content of a file.
#[derive(Debug, Clone)]
pub(crate) enum Harm {
    Becomes(Vec<u8>),
    IsCutAt(usize),
    HasNumber(usize, String),
    HasBytes(usize, Vec<u8>),
    LosesLine(usize),
    Vanishes,
}

impl Harm {
    pub(crate) fn strategy() -> impl Strategy<Value = Self> {
        let number = prop_oneof![
            any::<u64>().prop_map(|n| n.to_string()),
            (0..1000_u64).prop_map(|n| n.to_string()),
            prop::sample::select(vec![
                "18446744073709551615",
                "18446744073709551616",
                "9223372036854775807",
                "-1",
                "1e300",
                "nan",
                "inf",
                "",
                "FF",
            ])
            .prop_map(str::to_owned),
        ];
        prop_oneof![
            1 => prop::collection::vec(any::<u8>(), 0..200).prop_map(Self::Becomes),
            1 => any::<usize>().prop_map(Self::IsCutAt),
            4 => (any::<usize>(), number).prop_map(|(at, n)| Self::HasNumber(at, n)),
            1 => (any::<usize>(), prop::collection::vec(any::<u8>(), 1..20))
                .prop_map(|(at, bytes)| Self::HasBytes(at, bytes)),
            1 => any::<usize>().prop_map(Self::LosesLine),
            1 => Just(Self::Vanishes),
        ]
    }

    /// Returns the content of a file with `text` after the damage; `None` if the file is to be
    /// removed.
    pub(crate) fn done_to(&self, text: &str) -> Option<Vec<u8>> {
        let within = |at: usize| at % (text.len() + 1);
        let bytes = text.as_bytes();
        Some(match self {
            Self::Becomes(bytes) => bytes.clone(),
            Self::IsCutAt(at) => bytes[..within(*at)].to_vec(),
            Self::HasNumber(at, number) => with_number(text, *at, number).into_bytes(),
            Self::HasBytes(at, more) => {
                let (before, after) = bytes.split_at(within(*at));
                [before, more, after].concat()
            }
            Self::LosesLine(line) => {
                let lines: Vec<&str> = text.split_inclusive('\n').collect();
                let lost = line % lines.len().max(1);
                let kept = lines.iter().enumerate().filter(|(i, _)| *i != lost);
                let kept: String = kept.map(|(_, line)| *line).collect();
                kept.into_bytes()
            }
            Self::Vanishes => return None,
        })
    }
}

/// Returns `text` with one of its numbers, the one at index `which` counted round, replaced by
/// `number`; unchanged if it has none.
fn with_number(text: &str, which: usize, number: &str) -> String {
    let is_digit = |at: usize| text.as_bytes()[at].is_ascii_digit();
    let begins: Vec<usize> = (0..text.len())
        .filter(|at| is_digit(*at) && (*at == 0 || !is_digit(at - 1)))
        .collect();
    if begins.is_empty() {
        return text.to_owned();
    }
    let begin = begins[which % begins.len()];
    let length = (begin..text.len()).take_while(|at| is_digit(*at)).count();
    format!("{}{number}{}", &text[..begin], &text[begin + length..])
}
