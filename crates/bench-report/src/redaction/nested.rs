//! Search for secrets in command lines within a text: in `sh -c "…"`, in the title of a process,
//! or quoted in a message.

use super::arguments::{CommandReader, ReadMode};
use super::programs;
use super::shell::{self, ShellPiece};
use super::spans::Spans;
use super::word_list::contains;

/// Depth to which command lines within command lines are read; a text at this depth is masked as a
/// whole.
const DEEPEST: usize = 5;

/// Words which show that a command line has one command that prints a secret and another one that
/// reads it.
const READERS: &str = "--password-stdin --passphrase-fd --stdin --with-token --pass-stdin -S \
    --stdin-password --token-stdin --password-fd stdin chpasswd cryptsetup smbpasswd passwd pdbedit";

/// Properties of a text that follow from the command line around it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Context {
    /// True if the text is one argument of a command line.
    pub(super) argument: bool,
    /// True if a command line in the text is meant to be run.
    pub(super) commands: bool,
    /// True if the text may be a digest, so that random digits and letters of one case are not
    /// masked.
    pub(super) digest: bool,
    /// Number of command lines that enclose the text.
    pub(super) depth: usize,
}

/// Function that marks the secrets of a text, given its properties.
pub(super) type Mark = fn(&str, Context, &mut Spans);

/// Adds to `out` the ranges of the secrets of command lines in a text. Reads it twice: as a shell
/// does, and as words between blanks, because its quotes may be no quotes of a shell. `mark_text`
/// reads each quoted word as a text in turn.
pub(super) fn mark(text: &str, context: Context, out: &mut Spans, mark_text: Mark) {
    if context.depth == DEEPEST {
        return out.add(0..text.len());
    }
    // In `--command="…"` the command line follows the equals sign.
    let option = text.split_once('=').filter(|(name, _)| {
        context.argument && name.starts_with('-') && !name.contains(char::is_whitespace)
    });
    let start = option.map_or(0, |(name, _)| name.len() + 1);
    let text = &text[start..];
    let pieces = shell::split(text);
    let mode = mode(&pieces, context.commands);
    let mut found = Spans::default();
    as_a_shell(
        text,
        &pieces,
        CommandReader::new(mode),
        (context.depth, mark_text),
        &mut found,
    );
    as_words(text, CommandReader::new(mode), &mut found);
    for part in found.iter() {
        out.add(start + part.start..start + part.end);
    }
}

/// Returns how to read a text: as a command line if it is meant to be run or begins with a known
/// program, else as a text that may quote one.
fn mode(pieces: &[ShellPiece], meant_to_run: bool) -> ReadMode {
    let words = || {
        pieces.iter().filter_map(|piece| match piece {
            ShellPiece::Word(word) => Some(word.text.as_str()),
            ShellPiece::Break => None,
        })
    };
    let first = words().find(|word| !word.contains('='));
    if !meant_to_run && first.and_then(programs::find).is_none() {
        ReadMode::Text
    } else if words().any(|word| contains(READERS, word)) {
        ReadMode::Piped
    } else {
        ReadMode::Command
    }
}

fn as_a_shell(
    text: &str,
    pieces: &[ShellPiece],
    mut reader: CommandReader,
    (depth, mark_text): (usize, Mark),
    out: &mut Spans,
) {
    for piece in pieces {
        let ShellPiece::Word(word) = piece else {
            reader.end_command();
            continue;
        };
        let mut found = Spans::default();
        let inner = Context {
            argument: !reader.script_next(),
            commands: reader.runs_commands(),
            digest: reader.digest_next(),
            depth: depth + 1,
        };
        // A word that is written without quotes was already examined as part of the text.
        if word.is_quoted(text) {
            mark_text(&word.text, inner, &mut found);
        }
        reader.read(&word.text, &mut found);
        for part in found.iter() {
            out.add(word.place(part));
        }
    }
}

fn as_words(text: &str, mut reader: CommandReader, out: &mut Spans) {
    for (at, word) in shell::blank_separated(text) {
        // Drops quotes, and characters with which a pattern may begin, as in `mysql .*-pX`.
        let opened = word.trim_start_matches(['"', '\'', '`', '(', '\\', '.', '*', '^']);
        let at = at + word.len() - opened.len();
        let bare = opened.trim_end_matches(['"', '\'', '`', ')']);
        let mut found = Spans::default();
        reader.read(bare, &mut found);
        for part in found.iter() {
            out.add(at + part.start..at + part.end);
        }
    }
}
