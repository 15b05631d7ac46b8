//! Shell completions and the manual page, from the same table as `--help`.

use std::str::FromStr as _;

use clap::Command;
use clap_complete::Shell;

use crate::UsageError;
use crate::output;

/// Prints completions for `bash`, `zsh`, `fish`, `elvish` or `powershell`, or the page for `man`.
///
/// # Errors
/// When `what` is none of these, or stdout cannot be written.
pub fn print(command: &mut Command, what: &str) -> anyhow::Result<()> {
    let mut bytes = Vec::new();
    if what == "man" {
        clap_mangen::Man::new(command.clone()).render(&mut bytes)?;
    } else {
        let shell = Shell::from_str(what).map_err(|_| {
            UsageError(format!("{what:?} cannot be generated; there are bash, zsh, fish, elvish, powershell and man"))
        })?;
        let name = command.get_name().to_owned();
        clap_complete::generate(shell, command, name, &mut bytes);
    }
    output::print(&String::from_utf8_lossy(&bytes))
}
