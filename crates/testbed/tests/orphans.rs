//! Tests that the servers of a process that is killed, and therefore runs no destructors, end and
//! leave no files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::{eventually, example, is_kept, lives, shared_memory};

/// Starts the example program `servers` with this argument and its stdout captured. `place` is its
/// directory for temporary files, which contains everything that it creates.
fn start(argument: &str, place: &Path) -> Child {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(place, fs::Permissions::from_mode(0o1777)).unwrap();
    Command::new(example("servers"))
        .arg(argument)
        .env("TMPDIR", place)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn processes_within(place: &Path) -> Vec<u32> {
    let numbers = fs::read_dir("/proc").unwrap().flatten();
    let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers
        .filter(|pid| {
            let cwd = fs::read_link(format!("/proc/{pid}/cwd"));
            cwd.is_ok_and(|cwd| cwd.starts_with(place)) && lives(*pid)
        })
        .collect()
}

fn is_empty(place: &Path) -> bool {
    fs::read_dir(place).unwrap().next().is_none()
}

/// Starts the example program with this argument, kills it when its `servers` servers run, and
/// asserts that they end and leave nothing. Returns the number of pieces of shared memory that they
/// had.
fn servers_go_with_their_parent(argument: &str, servers: usize) -> usize {
    let place = tempfile::tempdir().unwrap();
    let mut parent = start(argument, place.path());
    let (mut processes, mut directories) = (Vec::<u32>::new(), Vec::<PathBuf>::new());
    for line in BufReader::new(parent.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap)
    {
        match line.split_once(' ') {
            Some(("process", pid)) => processes.push(pid.parse().unwrap()),
            Some(("directory", path)) => directories.push(path.into()),
            _ => break,
        }
    }
    assert!(
        processes.len() > 4 && processes.iter().all(|&pid| lives(pid)),
        "{processes:?}"
    );
    assert_eq!(directories.len(), servers);
    assert!(
        directories
            .iter()
            .all(|directory| directory.starts_with(place.path()))
    );
    let memory: Vec<_> = processes
        .iter()
        .flat_map(|&pid| shared_memory(pid))
        .collect();

    parent.kill().unwrap();
    parent.wait().unwrap();

    eventually("the end of all processes", || {
        !processes.iter().any(|&pid| lives(pid))
    });
    eventually("the removal of the directories", || is_empty(place.path()));
    eventually("the return of the memory", || {
        !memory.iter().any(|memory| is_kept(memory))
    });
    memory.len()
}

#[test]
fn a_killed_parent_takes_its_servers_along() {
    assert!(servers_go_with_their_parent("running", 2) > 1);
}

#[test]
fn a_killed_parent_takes_its_paused_servers_along() {
    assert!(servers_go_with_their_parent("paused", 2) > 1);
}

#[test]
fn a_killed_parent_takes_its_cluster_and_its_sentinel_along() {
    servers_go_with_their_parent("groups", 6);
}

/// Kills the example program with this argument after each of these times, and asserts that nothing
/// is left.
fn nothing_is_left_of_a_start(argument: &str, instants_ms: &[u64]) {
    for &instant_ms in instants_ms {
        let place = tempfile::tempdir().unwrap();
        let mut parent = start(argument, place.path());
        std::thread::sleep(Duration::from_millis(instant_ms));
        parent.kill().unwrap();
        parent.wait().unwrap();
        eventually("the end of all processes", || {
            processes_within(place.path()).is_empty()
        });
        eventually("the removal of the directories", || is_empty(place.path()));
    }
}

/// The instants are from the first moment to well after the start: while the directory is created,
/// the database is prepared, the server starts.
#[test]
fn a_parent_killed_while_its_servers_start_leaves_nothing_either() {
    nothing_is_left_of_a_start("running", &[5, 20, 50, 100, 200, 400, 800, 1200]);
}

/// The instants are while the nodes start, while they become a cluster, and while the Sentinel looks
/// for the replica.
#[test]
fn a_parent_killed_while_its_cluster_forms_leaves_nothing_either() {
    nothing_is_left_of_a_start("groups", &[50, 200, 500, 1500, 3000, 4000]);
}

#[test]
fn without_a_server_the_error_names_the_package() {
    let output = Command::new(example("servers"))
        .env("PLIMSOLL_REDIS_BIN", "/nowhere")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(
        said.contains("redis-server") && said.contains("/nowhere"),
        "{said}"
    );
}
