//! Parser of a program's command line. It configures clap so that no secret is printed: errors of
//! clap quote arguments, and its help shows the values of environment variables.

use std::any::TypeId;
use std::ffi::OsString;
use std::sync::OnceLock;
use std::time::Duration;

use clap::{Arg, ArgMatches, Command, Parser};
#[cfg(feature = "load")]
use load_engine::{LoadCurve, ThinkTime, WallTime, WorkerShare};

use crate::exit::{self, WRONG_USAGE};
use crate::flags::Counts;
use crate::logging::{self, Verbosity};
use crate::{generate, screen};

/// Words that this process parsed as its command line, with the program's name first.
static WORDS: OnceLock<Vec<OsString>> = OnceLock::new();

/// Action that a parsed command line demands.
#[derive(Debug)]
enum Request<C> {
    /// Run the program, and log with this verbosity.
    Run(C, Verbosity),
    /// Print or write shell completions or manual pages of this command; the matches are those of
    /// the subcommand `generate`.
    Generate(Box<Command>, ArgMatches),
}

/// Parses the command line of this process, in place of [`Parser::parse`], and starts logging.
///
/// Every program gets the flag `-v`, and every program with subcommands also the command
/// `generate`. After help, version or a successful `generate` the process exits with code 0, after
/// a failed `generate` with the code of its error. On wrong usage it exits with code 2, after an
/// error message without secrets.
pub fn parse<C: Parser>() -> C {
    parse_words(std::env::args_os().skip(1))
}

/// Parses `words`, the command line of this process without the program's name, as [`parse`] does.
/// For a program that replaces words of the user by others. Worker processes are told `words`.
pub fn parse_words<C: Parser>(words: impl IntoIterator<Item = OsString>) -> C {
    let program = std::env::args_os().take(1);
    let all = || program.chain(words).collect();
    match read(WORDS.get_or_init(all)) {
        Ok(Request::Run(cli, verbosity)) => {
            logging::start(verbosity);
            cli
        }
        Ok(Request::Generate(command, matches)) => {
            let name = command.get_name().to_owned();
            let code = generate::run(*command, &matches).map_or_else(
                |error| exit::show_error(&name, &error),
                |()| exit::Exit::Done.code(),
            );
            std::process::exit(i32::from(code));
        }
        Err(error) => leave(&error),
    }
}

/// Parses `words`, the command line of another process of the same program, with the program's
/// name first. Does not start logging.
///
/// # Errors
///
/// Fails on wrong usage, and if the command line demands help, the version, completions or manual
/// pages.
#[cfg(feature = "load")]
pub(crate) fn read_words<C: Parser>(
    words: impl IntoIterator<Item = OsString>,
) -> Result<C, clap::Error> {
    match read(words)? {
        Request::Run(cli, _) => Ok(cli),
        Request::Generate(mut command, _) => Err(command.error(
            clap::error::ErrorKind::InvalidSubcommand,
            "this command makes no load",
        )),
    }
}

/// Returns the words that this process parsed as its command line, with the program's name first;
/// those of the user, if it parsed none.
#[cfg(feature = "load")]
pub(crate) fn words() -> Vec<OsString> {
    let parsed = WORDS.get().cloned();
    parsed.unwrap_or_else(|| std::env::args_os().collect())
}

fn read<C: Parser>(
    words: impl IntoIterator<Item = impl Into<OsString> + Clone>,
) -> Result<Request<C>, clap::Error> {
    let mut command = careful(with_shared(C::command()));
    let mut matches = command.try_get_matches_from_mut(words)?;
    if let Some((generate::NAME, wanted)) = matches.subcommand() {
        let wanted = wanted.clone();
        // The parsed command cannot be built again with its manual pages, so a new one is made.
        let command = Box::new(careful(with_shared(C::command())));
        return Ok(Request::Generate(command, wanted));
    }
    let verbosity = Verbosity::from_matches(&matches);
    let cli = C::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))?;
    Ok(Request::Run(cli, verbosity))
}

/// Adds the flag `-v`, which every program has, and the command `generate`, if the program has
/// subcommands.
fn with_shared(command: Command) -> Command {
    let command = logging::with_flag(command);
    if command.has_subcommands() {
        command.subcommand(generate::command())
    } else {
        command
    }
}

fn careful(command: Command) -> Command {
    command.mut_args(careful_arg).mut_subcommands(careful)
}

/// Hides the value of the argument's environment variable in the help. Lets a numeric flag take a
/// negative value, so that the flag's own parser refuses the value instead of clap treating it as
/// an unknown flag.
fn careful_arg(arg: Arg) -> Arg {
    let kind = arg.get_value_parser().type_id();
    let numeric = [
        TypeId::of::<Duration>(),
        TypeId::of::<Counts>(),
        TypeId::of::<f64>(),
        TypeId::of::<u64>(),
        TypeId::of::<usize>(),
    ];
    #[cfg(feature = "load")]
    let of_load = [
        TypeId::of::<LoadCurve>(),
        TypeId::of::<ThinkTime>(),
        TypeId::of::<WallTime>(),
        TypeId::of::<WorkerShare>(),
    ];
    #[cfg(not(feature = "load"))]
    let of_load: [TypeId; 0] = [];
    let takes_number = !arg.is_positional()
        && arg.get_action().takes_values()
        && numeric.iter().chain(&of_load).any(|known| kind == *known);
    let arg = arg.hide_env_values(true);
    if takes_number {
        arg.allow_hyphen_values(true)
    } else {
        arg
    }
}

fn leave(error: &clap::Error) -> ! {
    if error.use_stderr() {
        screen::show(error.render().to_string().trim_end());
        std::process::exit(i32::from(WRONG_USAGE));
    }
    // Help or version. The reader of the output may have closed the pipe.
    let _ = error.print();
    std::process::exit(0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags;

    #[derive(Debug, Parser)]
    #[command(name = "t")]
    struct TestCli {
        #[arg(long, env = "CARGO_MANIFEST_DIR")]
        place: Option<String>,
        #[command(subcommand)]
        action: TestAction,
    }

    #[derive(Debug, clap::Subcommand)]
    enum TestAction {
        Go {
            #[arg(long, value_parser = flags::duration)]
            duration: Option<Duration>,
            #[arg(long, value_parser = flags::count)]
            users: Option<u64>,
            #[arg(long, value_parser = flags::list_of_counts)]
            sizes: Option<Counts>,
            #[arg(long)]
            quiet: bool,
            #[arg(last = true)]
            command: Vec<OsString>,
        },
    }

    fn read_words(words: &[&str]) -> Result<TestCli, clap::Error> {
        match read(["t", "go"].iter().chain(words).map(OsString::from))? {
            Request::Run(cli, _) => Ok(cli),
            Request::Generate(..) => panic!("{words:?}"),
        }
    }

    #[test]
    fn a_negative_number_meets_the_sentence_of_its_parser() {
        for (words, said) in [
            (["--duration", "-5s"], "cannot be negative, as -5s is"),
            (["--users", "-1"], "1 or more"),
            (["--sizes", "-2,4"], "1 or more"),
        ] {
            let error = read_words(&words).unwrap_err().to_string();
            assert!(error.contains(said), "{words:?}: {error}");
        }
    }

    #[test]
    fn flags_and_a_command_to_run_still_read_as_before() {
        let words = ["--quiet", "--duration", "5s", "--", "make", "-j2"];
        let TestAction::Go {
            quiet,
            duration,
            users,
            sizes,
            command,
        } = read_words(&words).unwrap().action;
        assert!(quiet && users.is_none() && sizes.is_none());
        assert_eq!(duration, Some(Duration::from_secs(5)));
        assert_eq!(command, ["make", "-j2"]);
        assert!(read_words(&["--bogus"]).is_err());
    }

    #[test]
    fn help_names_a_variable_and_hides_what_it_holds() {
        let error = read::<TestCli>(["t", "--help"].map(OsString::from)).unwrap_err();
        let help = error.to_string();
        let value = std::env::var("CARGO_MANIFEST_DIR").unwrap();
        assert!(
            help.contains("CARGO_MANIFEST_DIR") && !help.contains(&value),
            "{help}"
        );
    }
}
