//! Search for secrets in a command line, word by word.

use std::ops::Range;
use std::sync::Arc;

use super::names::{self, Naming};
use super::options::OptionMatch;
use super::programs::{self, ANY, ProgramForms, ProgramKind, Style, WordForm};
use super::spans::Spans;
use super::word_list::{contains, words};

/// Last parts of the names of options whose value may be a user and a password: `--user a:b`,
/// `--proxy-user=a:b`.
const USER_OPTIONS: &str = "user username login basic authenticate account cert";

/// Last parts of the names of options whose value is a digest or an identifier, which only looks
/// like a secret: `-id`.
const DIGESTS: &str = "id sha sha1 sha256 sha512 digest commit rev revision ref checksum hash uuid \
    guid fingerprint etag md5 image container metadata";

/// Words of commands that manage secrets, such as `gh secret`.
const SECRETS: &str = "secret secrets secrets:set secret:set config:secrets";
/// Words that, beside one of [`SECRETS`], mean that the command stores a secret, which is one of
/// its arguments.
const STORING: &str =
    "set put create add new update write edit import versions secrets:set secret:set";

/// Names of options whose value is the secret to be stored in such a command; `v` and `b` are `-v`
/// and `-b`.
const STORED: &str = "value body data string string-value plaintext literal from-literal text v b";

/// Endings of words that are no options but announce that the next word is a secret.
const SPELT_OUT: &str = "password passphrase passwd requirepass masterauth secretkey accesskey \
    authtoken sessiontoken apikey userpw ownerpw rootpw psk";

/// Number of leading words of a command that are kept for comparison; they determine the task of
/// the command.
const MOST_WORDS: usize = 16;

/// Reader of the words of one command line in order, which finds the secrets in them.
#[derive(Debug)]
pub(super) struct CommandReader {
    mode: ReadMode,
    program: Option<Arc<ProgramForms>>,
    /// True if the program, or one that it runs, is not in the table of programs.
    unknown: bool,
    /// Possible meanings of the next word, as a value of the options before it.
    pending: Vec<PendingValue>,
    /// First words of the command that are not options, in lower case.
    words: Vec<String>,
    /// For each form of words, the number of its leading words that have appeared so far.
    reached: Vec<usize>,
    next: NextWord,
    /// True if the command sets a password, which is then one of the following words.
    sets_password: bool,
}

/// Kind of text that a [`CommandReader`] reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadMode {
    /// Text that may quote a command line.
    Text,
    Command,
    /// Command line in which one command prints a secret and another one reads it.
    Piped,
}

/// Kind of the next word, which the option before it determines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NextWord {
    Word,
    /// A digest or an identifier, which only looks like a secret.
    Digest,
    /// A script that a shell runs.
    Script,
}

#[derive(Debug, Clone, Copy)]
enum PendingValue {
    Secret(Style),
    /// A secret, unless the word is a path or a number, which only refer to one.
    Reference,
}

impl CommandReader {
    pub(super) fn new(mode: ReadMode) -> Self {
        Self {
            mode,
            program: None,
            unknown: true,
            pending: Vec::new(),
            words: Vec::new(),
            reached: Vec::new(),
            next: NextWord::Word,
            sets_password: false,
        }
    }

    /// Forgets the words so far, at the end of a command, so that the next word begins a new one.
    pub(super) fn end_command(&mut self) {
        *self = Self::new(self.mode);
    }

    fn commands(&self) -> bool {
        self.mode != ReadMode::Text
    }

    fn is(&self, kind: ProgramKind) -> bool {
        self.program
            .as_ref()
            .is_some_and(|program| program.kind == kind)
    }

    /// Returns true if the next word may be a digest, so that random digits and letters of one
    /// case are not masked.
    pub(super) fn digest_next(&self) -> bool {
        self.next == NextWord::Digest || self.is(ProgramKind::Plain)
    }

    /// Returns true if the next word is a script for a shell, in which an assignment ends at the
    /// next blank.
    pub(super) fn script_next(&self) -> bool {
        self.next == NextWord::Script
    }

    /// Returns true if a next word with blanks in it is a command line of its own, which the
    /// program runs.
    pub(super) fn runs_commands(&self) -> bool {
        self.commands() && (self.program.is_none() || self.is(ProgramKind::Runs))
    }

    /// Reads the next word, and adds to `out` the ranges of the secrets in it.
    pub(super) fn read(&mut self, word: &str, out: &mut Spans) {
        if !self.pending.is_empty() && matches!(word, "=" | ":") {
            return;
        }
        let is_script = self.is(ProgramKind::Runs) && is_script_option(word);
        self.next = if is_script {
            NextWord::Script
        } else {
            NextWord::Word
        };
        let pending = std::mem::take(&mut self.pending);
        if !pending.is_empty() && !is_option(word) {
            for secret in pending.iter().filter_map(|pending| pending.find(word)) {
                out.add(secret);
            }
            // In `--secret dbPassword X` the option is a switch, and the word after it announces
            // the secret.
            if self.commands() && spells_out(word) {
                self.pending.push(PendingValue::Secret(Style::Whole));
            }
            // In `-uapp -pX` the first option already has its value, and another option follows.
            if word.starts_with('-') {
                self.option(word, out);
            }
        } else if !self.option(word, out) {
            self.word(word, out);
        }
    }

    /// Reads an option, and adds the range of its secret to `out` or expects it in the next word.
    /// Returns false if `word` is no option.
    fn option(&mut self, word: &str, out: &mut Spans) -> bool {
        let own = self.program.clone();
        let own = own.iter().flat_map(|program| &program.options);
        let any = (self.unknown && self.commands()).then_some(&ANY.options);
        let mut taken = false;
        for form in own.chain(any.into_iter().flatten()) {
            if form
                .after
                .is_some_and(|after| !self.words.iter().any(|seen| seen == after))
            {
                continue;
            }
            match form.look(word) {
                OptionMatch::Nothing => continue,
                OptionMatch::Next => self.pending.push(PendingValue::Secret(form.style)),
                OptionMatch::Here(range) => out.add(range),
            }
            taken = true;
        }
        let Some(name) = word.strip_prefix('-').filter(|name| !name.is_empty()) else {
            return taken;
        };
        let name = name.trim_start_matches('-');
        if !self.leads(word) && !self.of_a_secret(name, word.len() - name.len(), out) {
            self.named(name, word.len() - name.len(), out);
        }
        true
    }

    /// Counts an option that begins a form of words, as in `dscl . -passwd PATH X`: the words
    /// after it are not its values. Returns true if the word is such an option.
    fn leads(&mut self, word: &str) -> bool {
        let Some(program) = self.program.clone() else {
            return false;
        };
        self.reached
            .resize(program.words.len().max(self.reached.len()), 0);
        let mut leads = false;
        for (form, reached) in program.words.iter().zip(&mut self.reached) {
            if form.lead.get(*reached) == Some(&Some(word)) {
                *reached += 1;
                leads = true;
            }
        }
        leads
    }

    /// Reads an option of a command that stores a secret, such as `gh secret set NAME --body X`.
    /// Adds the range of its value to `out` or expects the value in the next word. Returns false
    /// if the option does not hold the secret.
    fn of_a_secret(&mut self, name: &str, start: usize, out: &mut Spans) -> bool {
        let (name, value) = name.split_once('=').unwrap_or((name, ""));
        if !self.stores_a_secret() || !contains(STORED, name) {
            return false;
        }
        if value.is_empty() {
            self.pending.push(PendingValue::Secret(Style::Stored));
        } else if let Some(range) = Style::Stored.find(value) {
            let start = start + name.len() + 1;
            out.add(start + range.start..start + range.end);
        }
        true
    }

    /// Returns true if the words of the command so far mean that it stores a secret: `secrets
    /// set`, `secret create`.
    fn stores_a_secret(&self) -> bool {
        let any = |list| self.words.iter().any(|word| contains(list, word));
        any(SECRETS) && any(STORING)
    }

    /// Reads the option called `name`, without its hyphens, which begins at byte `start` of its
    /// word: adds the range of the password in its value to `out`, or notes the kind of value that
    /// the next word is.
    fn named(&mut self, name: &str, start: usize, out: &mut Spans) {
        if let Some((name, value)) = name.split_once('=') {
            if contains(USER_OPTIONS, &last_part(name))
                && let Some(range) = Style::After(':').find(value)
            {
                let start = start + name.len() + 1;
                out.add(start + range.start..start + range.end);
            }
            return;
        }
        // In a sentence that names an option, such as `fewer --keys, or a smaller --value-size`, no
        // value follows.
        if name.len() < 2 || name.contains([':', ' ']) || name.ends_with([',', ';', '.', ')']) {
            return;
        }
        let last = last_part(name);
        if contains(DIGESTS, &last) {
            self.next = NextWord::Digest;
        }
        match names::naming(name) {
            Naming::Secret => self.pending.push(PendingValue::Secret(Style::Whole)),
            Naming::Reference => self.pending.push(PendingValue::Reference),
            Naming::Harmless if contains(USER_OPTIONS, &last) => {
                self.pending.push(PendingValue::Secret(Style::After(':')));
            }
            Naming::Harmless => {}
        }
    }

    /// Reads a word that is not an option, and adds its range to `out` if the words before it say
    /// that it is a secret.
    fn word(&mut self, word: &str, out: &mut Spans) {
        let first = self.words.is_empty();
        if self.words.len() < MOST_WORDS {
            self.words.push(word.to_ascii_lowercase());
        }
        // A secret may end like the path of a program: `set_password root X/bq`.
        let is_secret_due = self.sets_password || self.stores_a_secret();
        let calls = !is_secret_due && self.calls(word, first);
        if !self.commands() {
            return;
        }
        if !calls {
            if self.sets_password || (self.mode == ReadMode::Piped && self.is(ProgramKind::Prints))
            {
                out.add(0..word.len());
            }
            if self.stores_a_secret() {
                let style = if word.contains('=') {
                    Style::Stored
                } else {
                    Style::Likely
                };
                out.add(style.find(word).unwrap_or_default());
            }
            self.forms(word, out);
        }
        let plain = self.is(ProgramKind::Plain) || self.is(ProgramKind::Prints);
        if !plain && !first && spells_out(word) {
            self.pending.push(PendingValue::Secret(Style::Whole));
            let word = word.to_ascii_lowercase();
            self.sets_password |= words("set change reset").any(|verb| word.contains(verb));
        }
    }

    /// Notes the program and its forms if the word is the name of a program. Returns true if it
    /// is.
    fn calls(&mut self, word: &str, first: bool) -> bool {
        let runs = self.is(ProgramKind::Runs);
        if word.contains('=') {
            // An assignment before the command.
            if first {
                self.words.clear();
            }
            return false;
        }
        if !first && !runs && self.program.is_some() {
            return false;
        }
        let found = programs::find(word).filter(|found| {
            // Another word may only look like a program: a plain word in the command line of an
            // unknown program.
            first || runs || matches!(found.kind, ProgramKind::Own | ProgramKind::Runs)
        });
        let Some(found) = found else {
            self.unknown |= runs && !word.bytes().all(|byte| byte.is_ascii_digit());
            return first && self.commands();
        };
        // The word may only look like a known program, if it was an argument of an unknown one.
        self.unknown &= !first && !runs;
        self.reached = vec![0; found.words.len() + ANY.words.len()];
        self.program = Some(found);
        true
    }

    /// Advances the forms of words of the program by `word`, and adds its range to `out` if a form
    /// says that it is the secret.
    fn forms(&mut self, word: &str, out: &mut Spans) {
        let own = self.program.clone();
        let own = own.iter().flat_map(|program| &program.words);
        let any = self.unknown.then_some(&ANY.words).into_iter().flatten();
        let forms: Vec<&WordForm> = own.chain(any).collect();
        self.reached.resize(forms.len().max(self.reached.len()), 0);
        for (form, reached) in forms.into_iter().zip(&mut self.reached) {
            match form.lead.get(*reached) {
                Some(Some(wanted)) => *reached += usize::from(is_word(wanted, word)),
                Some(None) => *reached += 1,
                None => out.add(form.style.find(word).unwrap_or_default()),
            }
        }
    }
}

impl PendingValue {
    fn find(self, word: &str) -> Option<Range<usize>> {
        let is_digest = ["sha256:", "sha512:"]
            .iter()
            .any(|kind| word.starts_with(kind));
        match self {
            _ if is_digest || names::names_a_secret(word) => None,
            _ if names::says_nothing(word) => None,
            Self::Secret(style) => style.find(word),
            Self::Reference => (!names::is_reference(word)).then_some(0..word.len()),
        }
    }
}

/// Returns true if `word` equals `wanted` without regard to case, or begins with it and a dot, as
/// in `http-basic.example.com`.
fn is_word(wanted: &str, word: &str) -> bool {
    let (start, rest) = word.split_at_checked(wanted.len()).unwrap_or_default();
    wanted.eq_ignore_ascii_case(start) && (rest.is_empty() || rest.starts_with('.'))
}

fn last_part(name: &str) -> String {
    let last = name.rsplit(['-', '_', '.']).next().unwrap_or(name);
    last.to_ascii_lowercase()
}

/// Returns true if a word that is no option announces that the next word is a secret: `config set
/// requirepass X`.
fn spells_out(word: &str) -> bool {
    let is_name =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'/' | b':');
    if word.len() > names::LONGEST_NAME || !word.bytes().all(is_name) {
        return false;
    }
    let letters = word.chars().filter(char::is_ascii_alphanumeric);
    let letters = letters.collect::<String>().to_ascii_lowercase();
    words(SPELT_OUT).any(|end| letters.ends_with(end)) && names::naming(word) == Naming::Secret
}

/// Returns true for the option `-c` of a shell, also as the last of several letters: `-lc`.
fn is_script_option(word: &str) -> bool {
    const LONGEST: usize = 4;
    let letters = word.strip_prefix('-').unwrap_or_default();
    letters.ends_with('c')
        && letters.len() <= LONGEST
        && letters.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// Returns true if a word is certainly an option, and not a secret that begins with `-`: a single
/// letter, `--`, or a long name in lower case.
fn is_option(word: &str) -> bool {
    let Some(name) = word.strip_prefix('-') else {
        return false;
    };
    let Some(long) = name.strip_prefix('-') else {
        return name.len() == 1 && name.bytes().all(|b| b.is_ascii_alphanumeric());
    };
    let name = long.split('=').next().unwrap_or(long);
    let is_name = name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    long.is_empty() || (name.len() > 1 && is_name)
}
