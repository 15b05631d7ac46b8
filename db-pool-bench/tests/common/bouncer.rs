//! PgBouncer in front of a throwaway server, with the user `plimsoll` and its password.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::unistd::{Uid, User};
use test_support::eventually;
use testbed::Postgres;

use crate::common::PASSWORD;

/// Environment variable with the path of the PgBouncer to use instead of the installed one.
const PROGRAM: &str = "PLIMSOLL_PGBOUNCER";
const PROGRAMS: [&str; 2] = ["pgbouncer", "/usr/sbin/pgbouncer"];
/// First version, major and minor number, that supports prepared statements in transaction mode.
const FIRST_WITH_PREPARED: (u32, u32) = (1, 21);

/// Installed PgBouncer with its version; not yet running.
pub(crate) struct PgBouncer {
    program: String,
    version: (u32, u32),
}

impl PgBouncer {
    /// Returns the installed PgBouncer; `None` if there is none and `PLIMSOLL_WITHOUT_PGBOUNCER` is
    /// set. Panics if there is none and that variable is not set.
    pub(crate) fn installed() -> Option<Self> {
        let named = std::env::var(PROGRAM).ok();
        let usual = PROGRAMS.map(str::to_owned);
        for program in named.map_or(usual.to_vec(), |named| vec![named]) {
            if let Ok(output) = Command::new(&program).arg("--version").output() {
                let said = String::from_utf8(output.stdout).unwrap();
                let number = said.split_whitespace().nth(1).unwrap();
                let mut parts = number.split('.').map(|part| part.parse().unwrap());
                let version = (parts.next().unwrap(), parts.next().unwrap());
                return Some(Self { program, version });
            }
        }
        let allowed = std::env::var_os("PLIMSOLL_WITHOUT_PGBOUNCER").is_some();
        assert!(
            allowed,
            "install pgbouncer, or set PLIMSOLL_WITHOUT_PGBOUNCER to leave this out"
        );
        println!("left out: PgBouncer is not installed");
        None
    }

    /// Returns true if this version of PgBouncer supports prepared statements in transaction mode.
    pub(crate) fn keeps_statements(&self) -> bool {
        self.version >= FIRST_WITH_PREPARED
    }

    /// Starts PgBouncer before `server`, with its files in `place`. `settings` are lines that are
    /// added to its configuration.
    pub(crate) fn start(&self, place: &Path, server: &Postgres, settings: &str) -> Bouncer {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let owner = fs::metadata(server.directory().join("data")).unwrap();
        let write = |name: &str, text: &str| -> PathBuf {
            let file = place.join(format!("{port}.{name}"));
            fs::write(&file, text).unwrap();
            chown(&file, Some(owner.uid()), Some(owner.gid())).unwrap();
            file
        };
        let users = write("users", &format!("\"plimsoll\" \"{PASSWORD}\"\n"));
        let prepared = if self.keeps_statements() {
            "max_prepared_statements = 100"
        } else {
            ""
        };
        let config = format!(
            "[databases]\nplimsoll = host=127.0.0.1 port={} dbname=plimsoll\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = scram-sha-256\nauth_file = {}\n\
             ignore_startup_parameters = extra_float_digits\n{prepared}\n{settings}\n",
            server.port(),
            users.display(),
        );
        let mut command = Command::new(&self.program);
        if Uid::effective().is_root() {
            // PgBouncer refuses to run as root; the user who runs the server can run it as well.
            let user = User::from_uid(Uid::from_raw(owner.uid())).unwrap();
            command.args(["-u", &user.unwrap().name]);
        }
        let child = command
            .arg(write("ini", &config))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let bouncer = Bouncer {
            child,
            url: format!("postgres://plimsoll:{PASSWORD}@127.0.0.1:{port}/plimsoll"),
        };
        eventually("PgBouncer answers", || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        bouncer
    }
}

/// Running PgBouncer, which is killed when this value is dropped.
pub(crate) struct Bouncer {
    child: Child,
    pub(crate) url: String,
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
