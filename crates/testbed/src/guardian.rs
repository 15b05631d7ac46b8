//! Guardian: a separate process that ends a throwaway server and removes its files if this process
//! is killed.
//!
//! A killed process runs no destructors. The guardian is a shell in its own session. It reads a
//! pipe whose other end only this process has. When this process dies, in whatever way, the
//! guardian reads the end of the file, ends all processes of the server and removes the directory.
//! It runs as the user that owns the server, so it needs no privileges.
//!
//! It recognizes the server's processes by their working directory, which no other process uses.
//! This also finds children whose parent is already dead, and never another process that has a
//! reused process id.

use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use nix::sys::signal::Signal;

use crate::server_user::ServerUser;
use child_process::spawn;

/// Script of the guardian, a shell. Its arguments are the private directory, the server's working
/// directory within it, and the name of the signal that ends the server, without `SIG`.
///
/// The script ignores SIGPIPE, because this process may die before the guardian reports that it is
/// ready. Each process is stopped before its shared memory is recorded (as `shared_memory` does),
/// because a process that dies by the signal may not release that memory. The process receives the
/// signal once it is continued.
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

/// Script of the guardian for systems without `/proc`. The server is the process whose pid was
/// sent, with its children.
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

/// Process that ends the server and removes its files if this process dies.
#[derive(Debug)]
pub(crate) struct Guardian {
    shell: Child,
    pipe: Option<ChildStdin>,
}

impl Guardian {
    /// Starts a guardian as `user`, which creates `directory` and `work` within it, and guards both
    /// and all processes that work there. `signal` is the one that ends the server. The guardian
    /// itself creates the directories, so that they belong to its user and are never without a
    /// guard. Fails if it cannot be started or a directory exists.
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
        // The script is passed in the environment, to keep process lists readable.
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

    /// Sends the pid of the server's main process to the guardian; needed on systems without
    /// `/proc`. Fails if the guardian has died.
    pub(crate) fn watch(&mut self, pid: u32) -> io::Result<()> {
        self.pipe
            .as_mut()
            .map_or(Ok(()), |pipe| writeln!(pipe, "server {pid}"))
    }

    /// Ends the guardian without any further cleaning, and waits for its exit. Called once the
    /// server's files are removed.
    pub(crate) fn dismiss(&mut self) {
        if let Some(mut pipe) = self.pipe.take() {
            // If the guardian was killed, it need not be notified.
            let _ = pipe.write_all(b"done\n");
            drop(pipe);
            let _ = self.shell.wait();
        }
    }
}
