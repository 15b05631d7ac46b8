//! Table of the programs whose options do not announce secrets by name, with the places of secrets
//! in their command lines.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

/// Places of secrets in the command line of one program.
#[derive(Debug, Default)]
pub(super) struct ProgramForms {
    pub(super) kind: ProgramKind,
    /// True if the program's options are whole words after a single `-`, so that no option of one
    /// letter has its value attached.
    unglued: bool,
    pub(super) options: Vec<OptionForm>,
    pub(super) words: Vec<WordForm>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum ProgramKind {
    /// Program that takes secrets in the listed forms.
    #[default]
    Own,
    /// Program that runs other programs, whose command lines are part of its own.
    Runs,
    /// Program that takes no secrets. Words such as `password` do not announce one in its command
    /// line.
    Plain,
    /// Program that prints its arguments, which another program may read as a secret.
    Prints,
}

/// Form of a secret that is the value of an option.
#[derive(Debug, Clone)]
pub(super) struct OptionForm {
    /// Word that must come before the option for this form to apply; `None` if none must.
    pub(super) after: Option<&'static str>,
    pub(super) flag: &'static str,
    pub(super) glue: Glue,
    pub(super) style: Style,
}

/// Ways in which an option and its value may be written: as one word (glued), as two words, or as
/// either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Glue {
    May,
    Must,
    Cannot,
}

/// Form of secrets that are words after certain other words: all later words of the command that are
/// no options. Other words may stand between the lead words.
#[derive(Debug, Clone)]
pub(super) struct WordForm {
    /// Words before the secret, in order; `None` stands for any word.
    pub(super) lead: Vec<Option<&'static str>>,
    pub(super) style: Style,
}

/// Part of a word that is the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Whole,
    /// The whole word, if it looks like a password; otherwise no part of it.
    Likely,
    /// The part after the first occurrence of this character.
    After(char),
    /// The whole word, without `pass:` before it, in the notation of openssl. No part if the word
    /// names a source of the secret, such as `env:NAME`.
    Source,
    /// The part after the name under which the secret is stored, as in `name=value`; the whole
    /// word if it has no name.
    Stored,
}

/// Table of programs; its first lines explain the notation.
const TEXT: &str = include_str!("programs.txt");

static TABLE: LazyLock<HashMap<&'static str, Arc<ProgramForms>>> = LazyLock::new(|| {
    let mut table = HashMap::new();
    let mut kind = ProgramKind::Own;
    // Names of an entry's programs, and its forms.
    let mut entry = [Vec::new(), Vec::new()];
    let lines = TEXT
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    for line in lines.chain(["[end]"]) {
        if !line.starts_with(' ') {
            let [names, forms] = std::mem::take(&mut entry);
            let program = Arc::new(ProgramForms::of(kind, &forms));
            table.extend(names.into_iter().map(|name| (name, Arc::clone(&program))));
        }
        if let Some(section) = line.strip_prefix('[') {
            kind = ProgramKind::of(section);
            continue;
        }
        for word in line.split_whitespace() {
            let in_forms = !entry[1].is_empty();
            entry[usize::from(in_forms || word == ":")].push(word);
        }
    }
    table
});

/// Forms that are applied to programs that are not in the table.
pub(super) static ANY: LazyLock<Arc<ProgramForms>> =
    LazyLock::new(|| find("any").unwrap_or_default());

/// Returns the forms of the program that `word` calls, without regard to its directory and `.exe`;
/// `None` if the program is not in the table.
pub(super) fn find(word: &str) -> Option<Arc<ProgramForms>> {
    let name = word.rsplit(['/', '\\']).next().unwrap_or(word);
    let name = name.strip_suffix(".exe").unwrap_or(name);
    // The word may be a pattern with which a tool searches for command lines.
    let name = name.trim_matches(['^', '$', '.', '*', '(', ')']);
    TABLE.get(name).cloned()
}

impl ProgramKind {
    fn of(section: &str) -> Self {
        match section.split(']').next() {
            Some("runs") => Self::Runs,
            Some("plain") => Self::Plain,
            Some("prints") => Self::Prints,
            _ => Self::Own,
        }
    }
}

impl ProgramForms {
    /// Parses the forms of a table entry, whose words begin with the colon before the forms.
    fn of(kind: ProgramKind, forms: &[&'static str]) -> Self {
        let mut program = Self {
            kind,
            unglued: forms.get(1) == Some(&"unglued"),
            ..Self::default()
        };
        let start = if program.unglued { 2 } else { 1 };
        let forms = forms.get(start..).unwrap_or_default();
        for form in forms
            .split(|word| *word == "|")
            .filter(|form| !form.is_empty())
        {
            program.add(form);
        }
        program
    }

    fn add(&mut self, form: &[&'static str]) {
        let is_flag = |word: &&str| word.starts_with(['-', '/', '>', '<']);
        let leads_to_words = form.get(1) == Some(&"_");
        let flag_at = form.iter().position(is_flag).filter(|_| !leads_to_words);
        let Some(at) = flag_at else {
            if let Some((secret, lead)) = form.split_last() {
                let any = |word: &&'static str| Some(*word).filter(|word| *word != "_");
                let lead = lead.iter().map(any).collect();
                self.words.push(WordForm {
                    lead,
                    style: style(secret),
                });
            }
            return;
        };
        let (after, flag) = (form[..at].last().copied(), form[at]);
        let option = match form.get(at + 1) {
            Some(secret) => {
                let glued = flag.len() == 2 && !self.unglued;
                let glue = if glued { Glue::May } else { Glue::Cannot };
                OptionForm {
                    after,
                    flag,
                    glue,
                    style: style(secret),
                }
            }
            None => OptionForm {
                after,
                flag: flag.trim_end_matches('X'),
                glue: Glue::Must,
                style: Style::Whole,
            },
        };
        self.options.push(option);
    }
}

fn style(secret: &str) -> Style {
    let mut chars = secret.chars();
    match (chars.next(), chars.next()) {
        (Some('S'), Some(':')) => Style::Source,
        (Some('U'), Some(separator)) => Style::After(separator),
        (Some('x'), _) => Style::Likely,
        _ => Style::Whole,
    }
}
