//! Exit codes of the programs, and their error messages: what was attempted, why it failed, and
//! what to do.

use std::panic::PanicHookInfo;
use std::process::ExitCode;

use crate::screen;

/// Exit status of a program whose body returned no error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The program has done its work: exit code 0.
    Done,
    /// A limit that the user set as a condition of success, or a stop rule, was broken: exit code
    /// 3.
    GateFailed,
    /// The program was interrupted, and has saved the measurements so far: exit code 130.
    Interrupted,
    /// Exit code of another program that this program ran, passed on unchanged.
    Code(u8),
}

impl Exit {
    /// Returns the exit code of the process, from 0 to 255.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::GateFailed => 3,
            Self::Interrupted => 130,
            Self::Code(code) => code,
        }
    }
}

const COULD_NOT_RUN: u8 = 1;
pub(crate) const WRONG_USAGE: u8 = 2;

/// Error for wrong usage that clap cannot detect, with its message: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// Error for a signal that ended the program before there was a result: exit code 130.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

/// Advice to the user, attached to an error chain as a context. It is shown last, on a separate
/// line.
#[derive(Debug)]
struct RemedyText(String);

impl std::fmt::Display for RemedyText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Extension of results that attaches to an error advice on what the user can do.
pub trait Remedy<T> {
    /// Attaches to an error the advice `what_to_do`, which is shown after `Try:`, such as a
    /// command. An error that already has advice is left unchanged, because the code closest to
    /// the fault knows best.
    ///
    /// # Errors
    ///
    /// Returns the error of `self`, with the advice.
    fn remedy(self, what_to_do: impl Into<String>) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> Remedy<T> for Result<T, E> {
    fn remedy(self, what_to_do: impl Into<String>) -> anyhow::Result<T> {
        self.map_err(|error| {
            let error: anyhow::Error = error.into();
            if error.downcast_ref::<RemedyText>().is_some() {
                error
            } else {
                error.context(RemedyText(what_to_do.into()))
            }
        })
    }
}

/// Runs the body of a program and converts its result into an exit code. An error is shown on
/// stderr without secrets and without a backtrace, as one sentence, and on a second line what to
/// do, if that is known. Also replaces the process's panic hook, so that a panic is shown in the
/// same way. `tool` is the name of the program.
///
/// | Result of the body                          | Code           |
/// |---------------------------------------------|----------------|
/// | `Ok(exit)`                                  | [`Exit::code`] |
/// | an error                                    | 1              |
/// | an error with a [`UsageError`] in its chain | 2              |
/// | an error with [`Interrupted`] in its chain  | 130            |
/// | a panic                                     | 101            |
pub fn run(tool: &'static str, body: impl FnOnce() -> anyhow::Result<Exit>) -> ExitCode {
    std::panic::set_hook(Box::new(move |panic| {
        screen::show(&internal_error(tool, panic));
    }));
    match body() {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(error) => ExitCode::from(show_error(tool, &error)),
    }
}

/// Shows an error on stderr, after the name of the program, and returns its exit code: 130 for
/// [`Interrupted`], 2 for [`UsageError`], else 1.
pub(crate) fn show_error(tool: &str, error: &anyhow::Error) -> u8 {
    screen::show(&sentence(tool, error));
    code(error)
}

fn code(error: &anyhow::Error) -> u8 {
    if holds::<Interrupted>(error) {
        Exit::Interrupted.code()
    } else if holds::<UsageError>(error) {
        WRONG_USAGE
    } else {
        COULD_NOT_RUN
    }
}

/// Returns true if the error itself, one of its causes or one of its contexts is an `E`.
fn holds<E: std::error::Error + Send + Sync + 'static>(error: &anyhow::Error) -> bool {
    error.chain().any(<dyn std::error::Error>::is::<E>) || error.downcast_ref::<E>().is_some()
}

fn sentence(tool: &str, error: &anyhow::Error) -> String {
    format!("{tool}: {}", explain(error))
}

/// Returns the error chain on one line, its parts separated by colons, without causes that only
/// repeat their parent. If [`Remedy::remedy`] attached advice, a second line `Try: …` follows.
/// There is no line break at the end.
pub fn explain(error: &anyhow::Error) -> String {
    let advice = error
        .downcast_ref::<RemedyText>()
        .map(|advice| advice.0.clone());
    let mut parts: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string().replace('\n', " ");
        let told = parts.last().is_some_and(|parent| parent.contains(&text));
        if !told && Some(&text) != advice.as_ref() {
            parts.push(text);
        }
    }
    let mut sentence = parts.join(": ");
    if let Some(advice) = advice {
        if !sentence.ends_with(['.', '?', '!']) {
            sentence.push('.');
        }
        sentence.push_str("\nTry: ");
        sentence.push_str(&advice);
    }
    sentence
}

fn internal_error(tool: &str, panic: &PanicHookInfo<'_>) -> String {
    let place = panic
        .location()
        .map_or_else(String::new, |at| format!(" at {at}"));
    let what = panic
        .payload_as_str()
        .unwrap_or("unknown")
        .replace('\n', " ");
    format!("{tool}: internal error{place}: {what}. This is a fault of {tool}; please report it.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn an_error_says_what_was_tried_why_it_failed_and_what_to_do() {
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let error = Err::<(), _>(refused)
            .context("cannot connect to postgres://app@db:5432/shop")
            .remedy("pg_isready -h db -p 5432")
            .unwrap_err();
        assert_eq!(
            sentence("db-pool-bench", &error),
            "db-pool-bench: cannot connect to postgres://app@db:5432/shop: connection refused.\nTry: pg_isready -h db -p 5432"
        );
    }

    #[test]
    fn what_ended_it_is_found_wherever_it_stands() {
        let usage = || UsageError("pool size 0".to_owned());
        let plain = || anyhow::anyhow!("refused");
        for (error, expected) in [
            (plain(), 1),
            (anyhow::Error::from(usage()), 2),
            (anyhow::Error::from(usage()).context("outer"), 2),
            (plain().context(usage()).context("outer"), 2),
            (Err::<(), _>(usage()).remedy("1").unwrap_err(), 2),
            (anyhow::Error::from(Interrupted).context("outer"), 130),
            (anyhow::Error::from(usage()).context(Interrupted), 130),
        ] {
            assert_eq!(code(&error), expected, "{error:#}");
        }
        let error = anyhow::Error::from(usage()).context("outer");
        assert_eq!(sentence("t", &error), "t: outer: pool size 0");
    }

    #[test]
    fn the_remedy_nearest_to_the_fault_wins_and_stands_last() {
        let error = Err::<(), _>(UsageError("pool size 0".to_owned()))
            .remedy("--pool-sizes 2,4,8")
            .context("cannot plan the sweep")
            .remedy("something vague")
            .unwrap_err();
        assert_eq!(
            sentence("t", &error),
            "t: cannot plan the sweep: pool size 0.\nTry: --pool-sizes 2,4,8"
        );
    }

    #[test]
    fn a_cause_that_its_parent_has_told_is_not_told_again() {
        let error = anyhow::anyhow!("no such\ndatabase")
            .context("cannot connect: no such database")
            .context("cannot begin");
        assert_eq!(
            sentence("t", &error),
            "t: cannot begin: cannot connect: no such database"
        );
    }
}
