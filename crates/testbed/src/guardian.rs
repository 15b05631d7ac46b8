//! A separate process that ends the server and removes its files when this process is killed.
//!
//! A process that is killed runs no destructor. The guardian is a shell in a session of its own
//! that reads a pipe whose other end only we hold: when we die, by whatever means, it reads the
//! end of the file, ends every process of the server and removes the directory. It runs as the
//! user that owns the server, so it needs no privileges for either.
//!
//! It knows the server's processes by their working directory, which is ours alone: this finds
//! children whose parent is dead already, and can never find somebody else's process that has
//! been given an old number.

use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use nix::sys::signal::Signal;

use crate::server_user::ServerUser;
use child_process::spawn;

/// Arguments: the private directory, the server's working directory below it, the name of the
/// signal that asks it to end. We may die before the guardian says that it is ready, hence the
/// trap. Each process stands still while its shared memory is noted (as `shared_memory` does: it
/// may not give it back), and gets the signal when it is continued.
#[cfg(target_os = "linux")]
const SCRIPT: &str = r#"directory=$1 work=$2 signal=$3 files= segments=
trap '' PIPE
umask 077
mkdir "$directory" "$work" 2>&1 || exit 1
echo ready
while read -r word rest; do [ "$word" = done ] && exit 0; done
round=0
while [ $round -lt 100 ]; do
    [ $round -lt 20 ] || signal=KILL
    found=
    for process in /proc/[0-9]*; do
        [ "$process/cwd" -ef "$work" ] || continue
        found=yes
        kill -s STOP "${process#/proc/}"
        files="$files $(sed -n 's|.* \(/dev/shm/PostgreSQL\.[0-9]*\).*|\1|p' "$process/maps")"
        segments="$segments $(sed -n 's|.* \([0-9][0-9]*\) */SYSV.*|\1|p' "$process/maps")"
        kill -s $signal "${process#/proc/}"
        kill -s CONT "${process#/proc/}"
    done
    [ "$found" ] || break
    round=$((round + 1))
    sleep 0.05
done
rm -rf "$directory" $files
for segment in $segments; do ipcrm -m $segment; done
"#;

/// The same script for systems without `/proc`: the server is the process whose pid it was told.
#[cfg(not(target_os = "linux"))]
const SCRIPT: &str = r#"directory=$1 work=$2 signal=$3 server=
trap '' PIPE
umask 077
mkdir "$directory" "$work" 2>&1 || exit 1
echo ready
while read -r word rest; do
    [ "$word" = done ] && exit 0
    [ "$word" = server ] && server=$rest
done
if [ "$server" ]; then
    server_processes="$server $(pgrep -P "$server")"
    kill -s $signal $server
    kill -s CONT $server_processes
    round=0
    while [ $round -lt 20 ] && kill -s 0 $server; do
        round=$((round + 1))
        sleep 0.05
    done
    kill -s KILL $server_processes
fi
rm -rf "$directory"
"#;

/// The process that cleans up when this one dies.
#[derive(Debug)]
pub(crate) struct Guardian {
    shell: Child,
    pipe: Option<ChildStdin>,
}

impl Guardian {
    /// Makes `directory` and `work` within it, and guards them and all processes that will work
    /// there. As the guardian makes them, they are its user's, and there is no instant in which
    /// nobody would remove them.
    pub(crate) fn start(
        directory: &Path,
        work: &Path,
        signal: Signal,
        user: ServerUser,
    ) -> io::Result<Self> {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", r#"eval "$SCRIPT""#, "plimsoll-guardian"])
            .arg(directory)
            .arg(work);
        command.arg(signal.as_str().trim_start_matches("SIG"));
        // By environment, for a process list that people can read.
        command
            .env_clear()
            .env("SCRIPT", SCRIPT)
            .env("PATH", "/usr/bin:/bin")
            .current_dir("/");
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        user.apply_to(&mut command);
        let mut shell = spawn(command, None)?;
        let pipe = shell.stdin.take();
        let mut answer = String::new();
        if let Some(said) = shell.stdout.take() {
            BufReader::new(said).read_line(&mut answer)?;
        }
        if answer == "ready\n" {
            return Ok(Self { shell, pipe });
        }
        let _ = shell.wait();
        Err(io::Error::other(answer.trim_end().to_owned()))
    }

    /// Tells the guardian the server's pid.
    pub(crate) fn watch(&mut self, pid: u32) -> io::Result<()> {
        self.pipe
            .as_mut()
            .map_or(Ok(()), |pipe| writeln!(pipe, "server {pid}"))
    }

    /// Ends the guardian: everything has been cleaned up.
    pub(crate) fn dismiss(&mut self) {
        if let Some(mut pipe) = self.pipe.take() {
            // A guardian that somebody killed cannot be told, and need not be.
            let _ = pipe.write_all(b"done\n");
            drop(pipe);
            let _ = self.shell.wait();
        }
    }
}
