//! Tests that a throwaway PostgreSQL server works, that its value controls it, and that it leaves
//! nothing behind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use testbed::{Postgres, PostgresOptions, TestbedError};
use tokio_postgres::NoTls;

use common::{assert_nothing_is_left, assert_pause_holds_the_answer_back};
use common::{is_kept, session, shared_memory};

fn quick() -> PostgresOptions {
    PostgresOptions {
        fsync: false,
        ..PostgresOptions::default()
    }
}

/// Sends one query on a new connection and returns the first column, a text, of its only row.
fn ask(url: &str, query: &str) -> Result<String, tokio_postgres::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        Ok(client.query_one(query, &[]).await?.get(0))
    })
}

#[test]
fn it_answers_as_the_superuser_who_owns_the_database() {
    let postgres = Postgres::start(&quick()).unwrap();
    let who = "SELECT format('%s %s %s', current_database(), current_user, pg_get_userbyid(datdba))
               FROM pg_database WHERE datname = current_database()";
    assert_eq!(
        ask(postgres.url(), who).unwrap(),
        "plimsoll plimsoll plimsoll"
    );
    let superuser = "SELECT current_setting('is_superuser')";
    assert_eq!(ask(postgres.url(), superuser).unwrap(), "on");
    assert!(postgres.bin_dir().join("initdb").exists());
    assert_eq!(postgres.processes()[0], postgres.pid());
    assert!(
        postgres.processes().len() > 3,
        "the main process and its helpers"
    );
}

#[test]
fn a_restart_ends_its_sessions_and_keeps_what_was_committed() {
    let mut postgres = Postgres::start(&quick()).unwrap();
    let (url, before) = (postgres.url().to_owned(), postgres.processes());
    let kept = "SELECT format('%s', count(*)) FROM pg_tables WHERE tablename = 'kept'";
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        let session = tokio::spawn(connection);
        client.batch_execute("CREATE TABLE kept ()").await.unwrap();
        postgres.restart().unwrap();
        assert!(session.await.unwrap().is_err(), "the server ended it");
    });
    assert_eq!(ask(postgres.url(), kept).unwrap(), "1");
    assert!(before.iter().all(|pid| !common::lives(*pid)));
    let (after, directory) = (postgres.processes(), postgres.directory().to_owned());
    postgres.stop().unwrap();
    assert_nothing_is_left(&after, &directory);
}

#[test]
fn options_reach_the_server_and_win_over_ours() {
    let options = PostgresOptions {
        max_connections: 17,
        settings: vec![
            ("work_mem".into(), "7MB".into()),
            ("shared_buffers".into(), "16MB".into()),
        ],
        fsync: false,
        ..PostgresOptions::default()
    };
    let postgres = Postgres::start(&options).unwrap();
    let settings = "SELECT string_agg(current_setting(name), ' ') FROM
        unnest('{max_connections,work_mem,shared_buffers,fsync,track_io_timing}'::text[]) name";
    assert_eq!(ask(postgres.url(), settings).unwrap(), "17 7MB 16MB off on");
}

#[test]
fn it_counts_statements_where_the_library_is_installed() {
    let postgres = Postgres::start(&quick()).unwrap();
    let library = "SELECT current_setting('shared_preload_libraries')";
    if ask(postgres.url(), library).unwrap() == "pg_stat_statements" {
        let counted = "SELECT (count(*) > 0)::text FROM pg_stat_statements";
        assert_eq!(ask(postgres.url(), counted).unwrap(), "true");
    } else {
        let available = "SELECT count(*)::text FROM pg_available_extensions
                         WHERE name = 'pg_stat_statements'";
        assert_eq!(ask(postgres.url(), available).unwrap(), "0");
    }
}

#[test]
fn a_wrong_password_is_refused() {
    let postgres = Postgres::start(&quick()).unwrap();
    let wrong = format!(
        "postgres://plimsoll:wrong@127.0.0.1:{}/plimsoll",
        postgres.port()
    );
    let error = ask(&wrong, "SELECT 1::text").unwrap_err();
    assert_eq!(
        error.code(),
        Some(&tokio_postgres::error::SqlState::INVALID_PASSWORD)
    );
}

#[test]
fn a_setting_that_it_refuses_is_named_with_the_log() {
    let options = PostgresOptions {
        settings: vec![("no_such_setting_of_postgres".into(), "1".into())],
        ..quick()
    };
    let error = Postgres::start(&options).unwrap_err();
    assert!(matches!(error, TestbedError::Start { .. }), "{error}");
    assert!(
        error.to_string().contains("no_such_setting_of_postgres"),
        "{error}"
    );
}

#[test]
fn a_pause_holds_answers_back_even_of_a_backend_that_runs_already() {
    let postgres = Postgres::start(&quick()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let client = runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(postgres.url(), NoTls)
            .await
            .unwrap();
        tokio::spawn(connection);
        client
    });
    let answer: String = assert_pause_holds_the_answer_back(
        || postgres.pause(),
        move || {
            runtime
                .block_on(client.query_one("SELECT 'late'", &[]))
                .unwrap()
                .get(0)
        },
        || postgres.resume(),
    );
    assert_eq!(answer, "late");
}

#[test]
fn kill_ends_every_process_and_its_shared_memory() {
    let mut postgres = Postgres::start(&quick()).unwrap();
    let processes = postgres.processes();
    let memory = shared_memory(postgres.pid());
    assert!(
        memory.len() > 1 && memory.iter().all(|memory| is_kept(memory)),
        "{memory:?}"
    );
    postgres.kill();
    for pid in processes {
        assert!(!common::lives(pid), "process {pid} is still there");
    }
    assert!(!memory.iter().any(|memory| is_kept(memory)), "{memory:?}");
    assert_eq!(postgres.processes(), []);
    assert!(ask(postgres.url(), "SELECT 1::text").is_err());
    postgres.pause();
    postgres.resume();
    postgres.kill();
    let directory = postgres.directory().to_owned();
    postgres.stop().unwrap();
    assert!(!directory.exists());
}

/// Verifies that shared memory of parallel sessions is part of the main process's memory. A file
/// that one session creates and others use could not be found once all sessions that mapped it have
/// ended.
#[test]
fn what_sessions_share_lies_where_the_main_process_has_it_too() {
    let postgres = Postgres::start(&quick()).unwrap();
    let version: u32 = ask(postgres.url(), "SHOW server_version_num")
        .unwrap()
        .parse()
        .unwrap();
    if version < 140_000 {
        return;
    }
    let tables = "DO $$ BEGIN FOR n IN 1..500 LOOP
        EXECUTE format('CREATE TABLE t%s AS SELECT 1 AS a', n); END LOOP; END $$";
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let of_all = runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(postgres.url(), NoTls)
            .await
            .unwrap();
        tokio::spawn(connection);
        client.batch_execute(tables).await.unwrap();
        let processes = postgres.processes();
        let of_all: BTreeSet<String> = processes
            .iter()
            .flat_map(|&pid| shared_memory(pid))
            .collect();
        client.batch_execute("").await.unwrap();
        of_all
    });
    let of_main = BTreeSet::from_iter(shared_memory(postgres.pid()));
    assert_eq!(of_all, of_main);
}

#[test]
fn backends_whose_postmaster_was_killed_by_somebody_else_go_too() {
    let postgres = Postgres::start(&quick()).unwrap();
    let (processes, directory) = (postgres.processes(), postgres.directory().to_owned());
    let children: Vec<_> = processes[1..].to_vec();
    let memory = shared_memory(postgres.pid());
    postgres.pause();
    let main = nix::unistd::Pid::from_raw(postgres.pid().cast_signed());
    nix::sys::signal::kill(main, nix::sys::signal::Signal::SIGKILL).unwrap();
    common::eventually("the postmaster's end", || !common::lives(processes[0]));
    assert!(
        children.iter().all(|&pid| common::lives(pid)),
        "stopped children linger"
    );
    drop(postgres);
    assert_nothing_is_left(&processes, &directory);
    assert!(!memory.iter().any(|memory| is_kept(memory)), "{memory:?}");
}

#[test]
fn dropping_it_leaves_neither_process_nor_directory_even_when_paused() {
    for paused in [false, true] {
        let postgres = Postgres::start(&quick()).unwrap();
        let (processes, directory) = (postgres.processes(), postgres.directory().to_owned());
        let mode = fs::metadata(&directory).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "the directory is private");
        assert!(
            directory
                .file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with("plimsoll-")
        );
        if paused {
            postgres.pause();
        }
        drop(postgres);
        assert_nothing_is_left(&processes, &directory);
    }
}

#[test]
fn two_at_once_have_ports_and_passwords_of_their_own() {
    let (one, other) = (
        Postgres::start(&quick()).unwrap(),
        Postgres::start(&quick()).unwrap(),
    );
    assert_ne!(one.port(), other.port());
    let crossed = one
        .url()
        .replace(&one.port().to_string(), &other.port().to_string());
    assert!(
        ask(&crossed, "SELECT 1::text").is_err(),
        "one server's password opens the other"
    );
    assert_eq!(ask(other.url(), "SELECT 'both'").unwrap(), "both");
}

#[test]
fn a_terminals_interrupt_does_not_reach_it() {
    let postgres = Postgres::start(&quick()).unwrap();
    assert_ne!(session(postgres.pid()), session(std::process::id()));
}

/// Verifies that no process shows the password in its command line while a server starts. Reads all
/// command lines repeatedly meanwhile.
#[test]
fn no_command_line_ever_shows_the_password() {
    let password = format!("hush-{}", std::process::id());
    let options = PostgresOptions {
        password: Some(password.clone()),
        ..quick()
    };
    let started = AtomicBool::new(false);
    let (seen, postgres) = thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut seen = String::new();
            while !started.load(Ordering::Relaxed) {
                for entry in fs::read_dir("/proc").unwrap().flatten() {
                    let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
                    seen.push_str(&String::from_utf8_lossy(&line).replace('\0', " "));
                    seen.push('\n');
                }
            }
            seen
        });
        let postgres = Postgres::start(&options);
        started.store(true, Ordering::Relaxed);
        (watch.join().unwrap(), postgres.unwrap())
    });
    assert!(
        seen.contains("initdb --no-sync"),
        "the watch has seen the server being prepared"
    );
    assert!(!seen.contains(&password));
    assert_eq!(
        ask(postgres.url(), "SELECT 'in'").unwrap(),
        "in",
        "it was the password"
    );
    let kept = fs::read_dir(postgres.directory()).unwrap().flatten();
    for file in kept.filter(|entry| entry.path().is_file()) {
        let text = fs::read(file.path()).unwrap();
        assert!(
            !String::from_utf8_lossy(&text).contains(&password),
            "{:?}",
            file.path()
        );
    }
}
