//! Runs a command for at most a number of seconds: `bounded SECONDS COMMAND…`.

use std::error::Error;
use std::process::{Command, ExitCode};
use std::time::Duration;

use child_process::ChildProcess;
use nix::sys::signal::Signal;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let (Some(seconds), Some(program)) = (words.next(), words.next()) else {
        return Err("usage: bounded SECONDS COMMAND…".into());
    };
    let mut command = Command::new(program);
    command.args(words);
    let mut child = ChildProcess::start(command, Signal::SIGTERM)?;
    let status = child.wait(Duration::from_secs(seconds.parse()?));
    let code = status.and_then(|status| status.code());
    Ok(ExitCode::from(
        code.and_then(|code| u8::try_from(code).ok()).unwrap_or(124),
    ))
}
