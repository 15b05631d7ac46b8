//! Tests of the runner with programs that work, fail, hang, or run while a signal requests the end.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{ProgramError, ProgramRunner, command};

const LONG: Duration = Duration::from_mins(1);

fn shell(script: &str) -> Command {
    let mut shell = command(Path::new("/bin/sh"));
    shell.args(["-c", script]);
    shell
}

fn runner() -> (ProgramRunner, Arc<AtomicBool>) {
    let interrupted = Arc::new(AtomicBool::new(false));
    (
        ProgramRunner::new(Arc::clone(&interrupted)).unwrap(),
        interrupted,
    )
}

/// Waits until the program has written its process id and a line break to `file`, and returns the
/// id. Panics after a minute.
fn number_in(file: &Path) -> u32 {
    let begun = Instant::now();
    loop {
        let text = fs::read_to_string(file).unwrap_or_default();
        if let Some(number) = text.strip_suffix('\n') {
            return number.parse().unwrap();
        }
        assert!(begun.elapsed() < LONG, "nothing was written");
        thread::sleep(Duration::from_millis(5));
    }
}

fn lives(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

#[test]
fn a_program_that_works_has_its_output_and_its_cpu_time() {
    let (runner, _) = runner();
    let idle = runner.run(shell("echo done"), LONG).unwrap();
    assert_eq!(idle.stdout, "done\n");
    let script = "i=0; while [ $i -lt 300000 ]; do i=$((i + 1)); done";
    let busy = runner.run(shell(script), LONG).unwrap();
    assert!(busy.cpu_ns > 5 * idle.cpu_ns, "{busy:?} beside {idle:?}");
}

#[test]
fn a_program_sees_nothing_of_our_environment_that_could_change_it() {
    let (runner, _) = runner();
    let seen = runner.run(shell("env"), LONG).unwrap().stdout;
    assert!(seen.contains("LC_ALL=C"), "{seen}");
    assert!(!seen.contains("CARGO"), "{seen}");
}

#[test]
fn a_program_that_fails_is_quoted() {
    let (runner, _) = runner();
    let script = "echo one >&2; echo two >&2; echo three >&2; echo four >&2; exit 7";
    let error = runner.run(shell(script), LONG).unwrap_err().to_string();
    assert!(
        error.starts_with("/bin/sh failed (exit status: 7)"),
        "{error}"
    );
    assert!(error.ends_with("two; three; four"), "{error}");
}

#[test]
fn a_program_that_hangs_is_killed() {
    let (runner, _) = runner();
    let file = runner.file("number");
    let script = format!(
        "trap '' INT; echo $$ > '{}'; while :; do sleep 1; done",
        file.display()
    );
    let error = runner
        .run(shell(&script), Duration::from_millis(300))
        .unwrap_err();
    assert!(matches!(error, ProgramError::TooLong { .. }), "{error}");
    assert!(!lives(number_in(&file)));
}

#[test]
fn an_interrupt_ends_the_program_and_no_other_starts() {
    let (runner, interrupted) = runner();
    let file = runner.file("number");
    let script = format!("echo $$ > '{}'; exec sleep 60", file.display());
    let begun = Instant::now();
    let pid = thread::scope(|scope| {
        let number = scope.spawn(|| {
            let pid = number_in(&file);
            interrupted.store(true, Ordering::Relaxed);
            pid
        });
        let error = runner.run(shell(&script), LONG).unwrap_err();
        assert!(matches!(error, ProgramError::Interrupted), "{error}");
        number.join().unwrap()
    });
    assert!(!lives(pid));
    assert!(begun.elapsed() < LONG, "it was waited for");
    let again = runner.run(shell("exit 0"), LONG).unwrap_err();
    assert!(matches!(again, ProgramError::Interrupted), "{again}");
}

#[test]
fn the_private_directory_goes_with_the_runner() {
    let (runner, _) = runner();
    let file = runner.file("report.json");
    fs::write(&file, "{}").unwrap();
    drop(runner);
    assert!(!file.parent().unwrap().exists());
}
