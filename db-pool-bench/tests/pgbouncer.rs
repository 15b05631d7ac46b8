//! Through PgBouncer: in session mode always, in transaction mode from the version on that keeps
//! prepared statements; before, the reason is told.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

mod common;

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use common::{PASSWORD, Talk, postgres, report, sweep};
use nix::unistd::{Uid, User};
use test_support::{Place, eventually};
use testbed::Postgres;

const PROGRAMS: [&str; 2] = ["pgbouncer", "/usr/sbin/pgbouncer"];
/// The first version that keeps prepared statements in transaction mode.
const FIRST_WITH_PREPARED: (u32, u32) = (1, 21);

/// The program and its version; `None` where `make test` could not have it and said so.
fn installed() -> Option<(&'static str, (u32, u32))> {
    for program in PROGRAMS {
        if let Ok(output) = Command::new(program).arg("--version").output() {
            let said = String::from_utf8(output.stdout).unwrap();
            let number = said.split_whitespace().nth(1).unwrap();
            let mut parts = number.split('.').map(|part| part.parse().unwrap());
            return Some((program, (parts.next().unwrap(), parts.next().unwrap())));
        }
    }
    let allowed = std::env::var_os("PLIMSOLL_WITHOUT_PGBOUNCER").is_some();
    assert!(
        allowed,
        "install pgbouncer, or set PLIMSOLL_WITHOUT_PGBOUNCER to leave this out"
    );
    None
}

/// Does not outlive the test.
struct Bouncer {
    child: Child,
    url: String,
}

impl Bouncer {
    fn start(
        program: &str,
        version: (u32, u32),
        place: &Path,
        server: &Postgres,
        mode: &str,
    ) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let prepared = if version >= FIRST_WITH_PREPARED {
            "max_prepared_statements = 100\n"
        } else {
            ""
        };
        let config = place.join(format!("{mode}.ini"));
        let text = format!(
            "[databases]\nplimsoll = host=127.0.0.1 port={} dbname=plimsoll user=plimsoll password={PASSWORD}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\n\
             unix_socket_dir =\npool_mode = {mode}\ndefault_pool_size = 20\n\
             ignore_startup_parameters = extra_float_digits\n{prepared}",
            server.port()
        );
        fs::write(&config, text).unwrap();
        let mut command = Command::new(program);
        if Uid::effective().is_root() {
            // It refuses to run as root; whoever runs the server can run it too.
            let owner = fs::metadata(server.directory().join("data")).unwrap().uid();
            command.args([
                "-u",
                &User::from_uid(Uid::from_raw(owner)).unwrap().unwrap().name,
            ]);
        }
        let child = command
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let bouncer = Self {
            child,
            url: format!("postgres://plimsoll@127.0.0.1:{port}/plimsoll"),
        };
        eventually("PgBouncer answers", || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        bouncer
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A sweep of all drivers: exit code, all that was said, and errors and reasons in the report.
fn swept(url: &str) -> (i32, String) {
    let place = Place::new();
    let args = "--driver direct,deadpool,sqlx --pool-sizes 4 --users 4 --repeats 1 --warmup 0 --duration 500ms";
    let output = sweep(&place, args)
        .env("DATABASE_URL", url)
        .output()
        .unwrap();
    let report = report(&place);
    let mut told = String::from_utf8(output.stderr).unwrap();
    for step in &report.steps {
        told.push_str(&format!(
            "{}: {:?} {:?}\n",
            step.name, step.end, step.failures
        ));
        if output.status.code() == Some(0) {
            assert!(
                step.throughput_per_s() > 0.0 && step.failures.is_empty(),
                "{told}"
            );
        }
    }
    (output.status.code().unwrap(), told)
}

#[test]
fn it_works_or_says_why_not_by_the_version() {
    let Some((program, version)) = installed() else {
        println!("left out: PgBouncer is not installed");
        return;
    };
    let server = postgres(&[]);
    let place = Place::new();
    let session = Bouncer::start(program, version, place.path(), &server, "session");
    let (code, told) = swept(&session.url);
    assert_eq!(code, 0, "{told}");
    drop(session);

    let transaction = Bouncer::start(program, version, place.path(), &server, "transaction");
    let (code, told) = swept(&transaction.url);
    if version >= FIRST_WITH_PREPARED {
        assert_eq!(code, 0, "{version:?}: {told}");
    } else {
        assert_ne!(code, 0, "{version:?}: {told}");
        assert!(told.contains("from version 1.21 on"), "{version:?}: {told}");
    }
    drop(transaction);
    Talk::to(server.url()).execute("SELECT 1");
}
