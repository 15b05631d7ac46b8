//! Command `generate`, which every program with subcommands has. It writes shell completions and
//! manual pages from the same definitions as `--help`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Command, value_parser};
use clap_complete::Shell;

use crate::{Remedy as _, output};

/// Name of the subcommand that writes shell completions and manual pages.
pub(crate) const NAME: &str = "generate";
const MAN: &str = "man";
const KINDS: [(&str, Option<Shell>); 6] = [
    ("bash", Some(Shell::Bash)),
    ("zsh", Some(Shell::Zsh)),
    ("fish", Some(Shell::Fish)),
    ("elvish", Some(Shell::Elvish)),
    ("powershell", Some(Shell::PowerShell)),
    (MAN, None),
];

/// Creates the subcommand `generate`, to be added to those of a program.
pub(crate) fn command() -> Command {
    Command::new(NAME)
        .about("Print shell completions or the manual page, or write them into a directory")
        .arg(
            Arg::new("what")
                .value_name("WHAT")
                .required(true)
                .value_parser(PossibleValuesParser::new(KINDS.map(|(name, _)| name)))
                .help("Shell to complete for, or man"),
        )
        .arg(
            Arg::new("to")
                .long("to")
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf))
                .help("Write a file named as the shell looks it up, or a page for each command"),
        )
}

/// Prints on stdout the shell completions or manual page that `matches`, the matches of
/// [`command`], select, for the program `whole`. With `--to DIR` writes them as files into that
/// directory instead, which is created if need be.
///
/// # Errors
///
/// Fails if the output cannot be written.
pub(crate) fn run(mut whole: Command, matches: &ArgMatches) -> anyhow::Result<()> {
    let what = matches
        .get_one::<String>("what")
        .map_or(MAN, String::as_str);
    let shell = KINDS
        .iter()
        .find_map(|(name, shell)| (*name == what).then_some(*shell));
    let name = whole.get_name().to_owned();
    let directory = matches.get_one::<PathBuf>("to");
    let mut bytes = Vec::new();
    match (shell.flatten(), directory) {
        (shell, Some(directory)) => return write(whole, shell, directory),
        (Some(shell), None) => clap_complete::generate(shell, &mut whole, name, &mut bytes),
        (None, None) => clap_mangen::Man::new(whole).render(&mut bytes)?,
    }
    output::print(&String::from_utf8_lossy(&bytes))
}

fn write(mut whole: Command, shell: Option<Shell>, directory: &Path) -> anyhow::Result<()> {
    let name = whole.get_name().to_owned();
    std::fs::create_dir_all(directory)
        .and_then(|()| match shell {
            Some(shell) => clap_complete::generate_to(shell, &mut whole, name, directory).map(drop),
            None => clap_mangen::generate_to(whole, directory),
        })
        .with_context(|| format!("cannot write into {}", directory.display()))
        .remedy("name a directory that can be written with --to DIR")
}
