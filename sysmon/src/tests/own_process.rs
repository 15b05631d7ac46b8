//! Tests that need a process of their own: what they limit or measure holds for a whole process.

use std::process::Command;

use nix::sys::signal::{SigHandler, Signal, signal};

/// The variable that tells a process which test it was started for.
const OWN_PROCESS: &str = "SYSMON_OWN_PROCESS";

/// Runs `body` of the test of this name in a process of its own, whose output goes through a pipe: a
/// limit on the size of files would also cut off the test harness where it writes its results into a
/// file.
pub(super) fn in_own_process(test: &str, body: impl FnOnce()) {
    if std::env::var(OWN_PROCESS).is_ok_and(|own| own == test) {
        // SAFETY: ignoring a signal runs no code of ours in a handler.
        unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) }.unwrap();
        return body();
    }
    let run = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(OWN_PROCESS, test)
        .output()
        .unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr)
    );
    assert!(run.status.success(), "{}: {said}", run.status);
    assert!(said.contains("1 passed"), "the test was not run: {said}");
}
