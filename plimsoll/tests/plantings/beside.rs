//! Disturbances that run beside the load: other applications, other programs, stops, CPU quotas and
//! a second run. Each ends when its value is dropped, and when the harness is killed.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use test_support::{TestDirectory, copy_program, eventually};

use crate::child::Child;
use crate::planting::{Beside, Stopped};
use crate::redis_words::redis_commands;
use crate::stage::program;
use crate::target_server::TargetServer;

/// Begin of the names of the harness's control groups, before the pid of the harness.
const GROUP: &str = "plimsoll-planting-";

/// Text that ends the answers to the commands of a client of Redis.
const END: &str = "plimsoll-end-of-answers";
/// Longest wait for the answers to commands of a client of Redis.
const LONGEST_ANSWER: Duration = Duration::from_secs(30);

/// Process or control group of a disturbance. Dropping this value kills the processes, or removes
/// the control group.
pub(crate) enum Guest {
    Process(Child),
    Quota(PathBuf),
}

impl Drop for Guest {
    fn drop(&mut self) {
        if let Self::Quota(group) = self {
            leave(group);
        }
    }
}

/// Starts the disturbance `beside` on `server`, with its files in `place`. Stops, which start
/// nothing here, and interruptions of a standby are caused by [`tend`].
///
/// # Errors
/// Fails with a sentence if the machine does not permit the disturbance.
pub(crate) fn start(
    beside: &Beside,
    server: &TargetServer,
    place: &TestDirectory,
) -> Result<Vec<Guest>, String> {
    let guest = |command| Guest::Process(Child::start(command, None));
    match beside {
        Beside::Sessions {
            application,
            clients,
            script,
        } => Ok(vec![sessions(server, place, application, *clients, script)]),
        Beside::Programs {
            name,
            count,
            script,
        } => {
            let commands = programs(server, place, name, script);
            Ok((0..*count).map(commands).map(guest).collect())
        }
        Beside::Quota { cores } => Ok(vec![quota(server, *cores)?]),
        Beside::Standby { .. } => Ok(vec![receiver(server, place)]),
        Beside::SecondRun { arguments } => {
            let words: Vec<&str> = arguments.split_whitespace().collect();
            let mut command = place.command(program("db-pool-bench"), &words);
            command
                .args(["--quiet", "--run-dir", "other"])
                .envs(server.address());
            Ok(vec![guest(command)])
        }
        Beside::Redis { commands, .. } => {
            // A command with a mistake fails here; later errors, as of a save while one is under way, do not count.
            server.redis(commands)?;
            Ok(Vec::new())
        }
        Beside::Stops { .. } => Ok(Vec::new()),
    }
}

/// Stops and continues the server, the load (the process `load`) or the standby, or sends the commands of a
/// client of Redis, at the intervals of `beside`, until `over` is set. Returns at once for other disturbances.
pub(crate) fn tend(
    beside: &Beside,
    server: &TargetServer,
    guests: &[Guest],
    load: u32,
    over: &AtomicBool,
) {
    if let Beside::Redis { commands, every_ms } = beside {
        return repeat(server, commands, *every_ms, over);
    }
    let (every_ms, stopped_ms, stop): (u64, u64, Box<dyn Fn(bool)>) = match *beside {
        Beside::Stops {
            whose,
            every_ms,
            stopped_ms,
        } => match whose {
            Stopped::Server => (
                every_ms,
                stopped_ms,
                Box::new(|is_stopped| server.stop(is_stopped)),
            ),
            Stopped::Load => {
                let stop = move |is_stopped| {
                    let _ = kill(Pid::from_raw(load.cast_signed()), signal(is_stopped));
                };
                (every_ms, stopped_ms, Box::new(stop))
            }
        },
        Beside::Standby {
            every_ms,
            stopped_ms,
        } => {
            let stop = |is_stopped| {
                let processes = guests.iter().filter_map(|guest| match guest {
                    Guest::Process(child) => Some(child),
                    Guest::Quota(_) => None,
                });
                processes.for_each(|child| child.signal(signal(is_stopped)));
            };
            (every_ms, stopped_ms, Box::new(stop))
        }
        _ => return,
    };
    while !over.load(Ordering::Relaxed) {
        wait(every_ms - stopped_ms, over);
        if !over.load(Ordering::Relaxed) {
            stop(true);
            std::thread::sleep(Duration::from_millis(stopped_ms));
            stop(false);
        }
    }
}

/// Sends the lines of `commands` to Redis on one connection every `every_ms` milliseconds until `over` is set. The
/// answers are read and thrown away: to parse them would take the machine's CPU.
fn repeat(server: &TargetServer, commands: &str, every_ms: u64, over: &AtomicBool) {
    let Some(Ok(mut connection)) = server.redis_address().map(TcpStream::connect) else {
        return;
    };
    let _ = connection.set_read_timeout(Some(LONGEST_ANSWER));
    // The answer to this command comes after those to the others.
    let mut echo = redis::cmd("ECHO");
    echo.arg(END);
    let all = redis_commands(commands).into_iter().chain([echo]);
    let request: Vec<u8> = all
        .flat_map(|command| command.get_packed_command())
        .collect();
    while !over.load(Ordering::Relaxed) {
        let begun = std::time::Instant::now();
        if connection.write_all(&request).is_err() || !read_to_end(&mut connection) {
            return;
        }
        let took_ms = begun.elapsed().as_millis() as u64;
        wait(every_ms.saturating_sub(took_ms), over);
    }
}

/// Reads from `connection` until [`END`] has come. Returns false if it breaks or takes too long.
fn read_to_end(connection: &mut TcpStream) -> bool {
    let end = format!("{END}\r\n");
    let mut buffer = vec![0; 256 * 1024];
    let mut last = Vec::new();
    loop {
        let Ok(read @ 1..) = connection.read(&mut buffer) else {
            return false;
        };
        last.extend_from_slice(&buffer[read.saturating_sub(end.len())..read]);
        last.drain(..last.len().saturating_sub(end.len()));
        if last == end.as_bytes() {
            return true;
        }
    }
}

fn signal(is_stopped: bool) -> Signal {
    if is_stopped {
        Signal::SIGSTOP
    } else {
        Signal::SIGCONT
    }
}

/// Waits for a time, or until `over` is set.
fn wait(ms: u64, over: &AtomicBool) {
    let until = std::time::Instant::now() + Duration::from_millis(ms);
    while !over.load(Ordering::Relaxed) {
        let left = until.saturating_duration_since(std::time::Instant::now());
        if left.is_zero() {
            return;
        }
        std::thread::sleep(left.min(Duration::from_millis(20)));
    }
}

fn sessions(
    server: &TargetServer,
    place: &TestDirectory,
    application: &str,
    clients: u32,
    script: &str,
) -> Guest {
    let file = place.path().join(format!("{application}.sql"));
    fs::write(&file, script).unwrap();
    let mut command = server.client(place, "pgbench");
    command
        .args(["--no-vacuum", "--time", "3600", "--client"])
        .arg(clients.to_string())
        .arg("--file")
        .arg(&file)
        .env("PGAPPNAME", application);
    let guest = Guest::Process(Child::start(command, None));
    let there = format!(
        "SELECT 1 / (count(*) >= {clients})::int FROM pg_stat_activity WHERE application_name = '{application}'"
    );
    eventually(application, || server.psql(place, &there).is_ok());
    guest
}

/// Returns the commands of the shell under the program name `name` that execute `script`, by their
/// number from 0 on.
fn programs<'a>(
    server: &'a TargetServer,
    place: &'a TestDirectory,
    name: &str,
    script: &'a str,
) -> impl Fn(u32) -> Command + 'a {
    let shell = place.path().join(name);
    copy_program(&fs::canonicalize("/bin/sh").unwrap(), &shell);
    move |number| {
        let mut command = server.command(place, &shell);
        command
            .args(["-c", script])
            .env("TMP", place.tmp())
            .env("NUMBER", number.to_string());
        command
    }
}

/// Starts `pg_receivewal` as a synchronous standby of `server`, and waits until the server counts
/// it as synchronous.
fn receiver(server: &TargetServer, place: &TestDirectory) -> Guest {
    let directory = place.path().join("received");
    fs::create_dir(&directory).unwrap();
    let mut command = server.client(place, "pg_receivewal");
    command
        .args(["--synchronous", "--no-loop", "--directory"])
        .arg(&directory)
        .env("PGAPPNAME", "standby")
        .env_remove("PGDATABASE");
    let guest = Guest::Process(Child::start(command, None));
    let there = "SELECT 1 / count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
    eventually("the standby", || server.psql(place, there).is_ok());
    guest
}

/// Returns the directory of the control groups, and whether they are of version 1.
fn groups() -> (&'static Path, bool) {
    let version_1 = Path::new("/sys/fs/cgroup/cpu");
    let is_version_1 =
        version_1.join("cpu.cfs_quota_us").exists() || version_1.join("cgroup.procs").exists();
    let root = if is_version_1 {
        version_1
    } else {
        Path::new("/sys/fs/cgroup")
    };
    (root, is_version_1)
}

/// Creates a control group that limits its processes to `cores` CPU cores, and moves all of the
/// server's processes into it.
///
/// # Errors
/// Fails with a sentence if the machine does not permit control groups.
fn quota(server: &TargetServer, cores: f64) -> Result<Guest, String> {
    let (root, is_version_1) = groups();
    let group = root.join(format!("{GROUP}{}", std::process::id()));
    let told = |error: std::io::Error| format!("this machine gives no control group: {error}");
    fs::create_dir(&group).map_err(told)?;
    let guest = Guest::Quota(group.clone());
    let quota_us = (cores * 100_000.0) as u64;
    if is_version_1 {
        fs::write(group.join("cpu.cfs_period_us"), "100000").map_err(told)?;
        fs::write(group.join("cpu.cfs_quota_us"), quota_us.to_string()).map_err(told)?;
    } else {
        fs::write(group.join("cpu.max"), format!("{quota_us} 100000")).map_err(told)?;
    }
    let processes = server.processes();
    for pid in &processes {
        // A process that has just ended cannot be moved.
        let _ = fs::write(group.join("cgroup.procs"), pid.to_string());
    }
    let members = fs::read_to_string(group.join("cgroup.procs")).map_err(told)?;
    let main = processes
        .first()
        .map(ToString::to_string)
        .unwrap_or_default();
    let is_in = members.lines().any(|pid| pid == main);
    is_in
        .then_some(guest)
        .ok_or_else(|| "the server's processes stay out of the control group".to_owned())
}

/// Moves the remaining processes of the control group to its parent, and removes it. Gives up after
/// about 5 s.
fn leave(group: &Path) {
    let Some(above) = group.parent() else { return };
    for _ in 0..100 {
        let members = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
        for pid in members.lines() {
            let _ = fs::write(above.join("cgroup.procs"), pid);
        }
        if fs::remove_dir(group).is_ok() || !group.exists() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Removes the control groups of harnesses that do not run any more.
pub(crate) fn remove_left_groups() {
    let entries = fs::read_dir(groups().0).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name().into_string().unwrap_or_default();
        let pid = name
            .strip_prefix(GROUP)
            .and_then(|pid| pid.parse::<u32>().ok());
        if pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            leave(&entry.path());
        }
    }
}
