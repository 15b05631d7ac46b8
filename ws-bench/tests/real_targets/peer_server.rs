//! Server of another project, which a test starts and ends.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use test_support::{RunningProgram, TestDirectory};

/// Running server of another project.
pub(crate) struct PeerServer {
    pub(crate) url: String,
    _process: RunningProgram,
    _place: TestDirectory,
}

impl PeerServer {
    /// Starts the echo server on Python's `websockets` in one of its modes; `None` if the package is
    /// missing, and may be.
    pub(crate) fn python(mode: &str) -> Option<Self> {
        let has_package = |program: &&str| {
            let mut command = Command::new(program);
            let found = command
                .args(["-c", "import websockets"])
                .stderr(Stdio::null());
            found.status().is_ok_and(|status| status.success())
        };
        let program = ["/usr/bin/python3", "python3"]
            .into_iter()
            .find(has_package);
        let Some(program) = program else {
            return left_out("Python's websockets", "PLIMSOLL_WITHOUT_PYTHON_WEBSOCKETS");
        };
        Some(Self::start(
            Command::new(program).args([&peer("echo.py"), mode]),
        ))
    }

    /// Starts the echo server on npm's `ws` in one of its modes; `None` if the package is missing, and
    /// may be.
    pub(crate) fn node(mode: &str) -> Option<Self> {
        let modules = node_modules().filter(|modules| modules.join("ws").is_dir());
        let Some(modules) = modules else {
            return left_out("npm's ws", "PLIMSOLL_WITHOUT_NODE_WS");
        };
        let mut command = Command::new("node");
        command
            .env("NODE_PATH", modules)
            .args([&peer("echo.js"), mode]);
        Some(Self::start(&mut command))
    }

    /// Starts a server that prints its port.
    fn start(command: &mut Command) -> Self {
        let place = TestDirectory::new();
        // Its only line on stdout has the port; a running program is read by its stderr.
        let mut shell = Command::new("sh");
        shell
            .args(["-c", "exec \"$@\" >&2", "sh"])
            .arg(command.get_program())
            .args(command.get_args())
            .current_dir(place.path());
        for (name, value) in command.get_envs() {
            shell.env(name, value.unwrap_or_default());
        }
        let mut process = RunningProgram::start(&mut shell);
        let said = process.wait_for("listens on ");
        let (_, port) = said.rsplit_once("listens on ").unwrap();
        let port: u16 = port.trim().parse().unwrap();
        Self {
            url: format!("ws://127.0.0.1:{port}/"),
            _process: process,
            _place: place,
        }
    }
}

/// Returns the directory with the packages of npm that `scripts/install-servers` installs.
fn node_modules() -> Option<PathBuf> {
    let named = std::env::var_os("PLIMSOLL_NODE_PEERS").map(PathBuf::from);
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cache")));
    let usual = cache.map(|cache| cache.join("plimsoll/node"));
    Some(named.or(usual)?.join("node_modules"))
}

fn peer(name: &str) -> String {
    format!(
        "{}/tests/real_targets/peers/{name}",
        env!("CARGO_MANIFEST_DIR")
    )
}

/// Says that a test is left out because `what` is missing. Panics unless the environment has
/// `variable`, which allows it.
pub(crate) fn left_out<T>(what: &str, variable: &str) -> Option<T> {
    let allowed = std::env::var_os(variable).is_some();
    assert!(
        allowed,
        "install {what}, or set {variable} to leave this out"
    );
    eprintln!("left out: {what} is not installed");
    None
}
