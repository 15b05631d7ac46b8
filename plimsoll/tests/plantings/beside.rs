//! Disturbances that run beside the load: other applications, other programs, stops and CPU quotas.
//! Each ends when its value is dropped.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use test_support::{TestDirectory, copy_program, eventually};
use testbed::Postgres;

use crate::planting::Beside;
use crate::stage::{client, psql};

/// Process group or control group of a disturbance. Dropping this value kills the processes, or
/// removes the control group.
pub(crate) enum Guest {
    Group(Child),
    Quota(PathBuf),
}

impl Drop for Guest {
    fn drop(&mut self) {
        match self {
            Self::Group(child) => {
                let group = Pid::from_raw(child.id().cast_signed());
                let _ = killpg(group, Signal::SIGCONT);
                let _ = killpg(group, Signal::SIGKILL);
                let _ = child.wait();
            }
            Self::Quota(group) => leave(group),
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
    server: &Postgres,
    place: &TestDirectory,
) -> Result<Vec<Guest>, String> {
    match *beside {
        Beside::Sessions {
            application,
            clients,
            script,
        } => Ok(vec![sessions(server, place, application, clients, script)]),
        Beside::Burners { name, count } => Ok(programs(place, name, count, |_| {
            "while :; do :; done".to_owned()
        })),
        Beside::Writers { name, count } => Ok(programs(place, name, count, |n| {
            let file = place.tmp().join(format!("{name}.{n}"));
            let file = file.display();
            format!(
                "while :; do dd if=/dev/zero of={file} bs=1M count=48 conv=fsync 2>/dev/null; done"
            )
        })),
        Beside::Quota { cores } => Ok(vec![quota(server, cores)?]),
        Beside::Standby { .. } => Ok(vec![receiver(server, place)]),
        Beside::Stops { .. } => Ok(Vec::new()),
    }
}

/// Stops and continues the server or the standby at the intervals of `beside`, until `over` is set.
/// Returns at once for other disturbances.
pub(crate) fn tend(beside: &Beside, server: &Postgres, guests: &[Guest], over: &AtomicBool) {
    let pause = |ms| std::thread::sleep(Duration::from_millis(ms));
    match *beside {
        Beside::Stops {
            every_ms,
            stopped_ms,
        } => {
            while !over.load(Ordering::Relaxed) {
                pause(every_ms - stopped_ms);
                server.pause();
                pause(stopped_ms);
                server.resume();
            }
        }
        Beside::Standby {
            every_ms,
            stopped_ms,
        } => {
            let send = |signal| {
                for guest in guests {
                    if let Guest::Group(child) = guest {
                        let _ = kill(Pid::from_raw(child.id().cast_signed()), signal);
                    }
                }
            };
            while !over.load(Ordering::Relaxed) {
                pause(every_ms - stopped_ms);
                send(Signal::SIGSTOP);
                pause(stopped_ms);
                send(Signal::SIGCONT);
            }
        }
        _ => {}
    }
}

fn spawn(command: &mut Command) -> Guest {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null());
    Guest::Group(
        quiet
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap(),
    )
}

fn sessions(
    server: &Postgres,
    place: &TestDirectory,
    application: &str,
    clients: u32,
    script: &str,
) -> Guest {
    let file = place.path().join(format!("{application}.sql"));
    fs::write(&file, script).unwrap();
    let mut command = client(server, place, "pgbench");
    command
        .args(["--no-vacuum", "--time", "3600", "--client"])
        .arg(clients.to_string())
        .arg("--file")
        .arg(&file)
        .env("PGAPPNAME", application);
    let guest = spawn(&mut command);
    let there = format!(
        "SELECT 1 / (count(*) >= {clients})::int FROM pg_stat_activity WHERE application_name = '{application}'"
    );
    eventually(application, || psql(server, place, &there).is_ok());
    guest
}

/// Starts `count` processes of the shell under the program name `name`, each with the script that
/// `script` returns for its number from 0 on.
fn programs(
    place: &TestDirectory,
    name: &str,
    count: u32,
    script: impl Fn(u32) -> String,
) -> Vec<Guest> {
    let program = place.path().join(name);
    copy_program(&fs::canonicalize("/bin/sh").unwrap(), &program);
    let start = |n| {
        spawn(
            place
                .command(&program, &["-c", &script(n)])
                .env("PATH", "/usr/bin:/bin"),
        )
    };
    (0..count).map(start).collect()
}

/// Starts `pg_receivewal` as a synchronous standby of `server`, and waits until the server counts
/// it as synchronous.
fn receiver(server: &Postgres, place: &TestDirectory) -> Guest {
    let directory = place.path().join("received");
    fs::create_dir(&directory).unwrap();
    let mut command = client(server, place, "pg_receivewal");
    command
        .args(["--synchronous", "--no-loop", "--directory"])
        .arg(&directory)
        .env("PGAPPNAME", "standby");
    let guest = spawn(&mut command);
    let there = "SELECT 1 / count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
    eventually("the standby", || psql(server, place, there).is_ok());
    guest
}

/// Creates a control group that limits its processes to `cores` CPU cores, and moves all of the
/// server's processes into it.
///
/// # Errors
/// Fails with a sentence if the machine does not permit control groups.
fn quota(server: &Postgres, cores: f64) -> Result<Guest, String> {
    let root = Path::new("/sys/fs/cgroup");
    let (version_1, period_us) = (root.join("cpu"), 100_000.0);
    let is_version_1 =
        version_1.join("cpu.cfs_quota_us").exists() || version_1.join("cgroup.procs").exists();
    let above = if is_version_1 { &version_1 } else { root };
    let group = above.join(format!("plimsoll-planting-{}", std::process::id()));
    let told = |error: std::io::Error| format!("this machine gives no control group: {error}");
    fs::create_dir(&group).map_err(told)?;
    let guest = Guest::Quota(group.clone());
    let quota_us = (cores * period_us) as u64;
    if is_version_1 {
        fs::write(group.join("cpu.cfs_period_us"), "100000").map_err(told)?;
        fs::write(group.join("cpu.cfs_quota_us"), quota_us.to_string()).map_err(told)?;
    } else {
        fs::write(group.join("cpu.max"), format!("{quota_us} 100000")).map_err(told)?;
    }
    for pid in server.processes() {
        // A process that has just ended cannot be moved.
        let _ = fs::write(group.join("cgroup.procs"), pid.to_string());
    }
    let members = fs::read_to_string(group.join("cgroup.procs")).map_err(told)?;
    let main = server.pid().to_string();
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
