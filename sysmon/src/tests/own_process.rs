//! Tests that need a process of their own, because they limit or measure a whole process.

use std::process::Command;

use nix::sys::signal::{SigHandler, Signal, signal};

/// Environment variable whose value is the name of the test for which this process was started.
const OWN_PROCESS: &str = "SYSMON_OWN_PROCESS";

/// Runs `body`, the body of the test with the full name `test`, in a process of its own whose
/// output goes through a pipe. Panics if it fails there. A limit on the size of files would
/// otherwise also apply to the test harness, if that writes its results into a file.
pub(super) fn in_own_process(test: &str, body: impl FnOnce()) {
    if std::env::var(OWN_PROCESS).is_ok_and(|own| own == test) {
        // SAFETY: ignoring a signal runs no code of this program in a handler.
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
