//! Tests that a throwaway Redis server works, that its value controls it, and that it leaves
//! nothing behind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

use testbed::{Redis, RedisOptions, RedisUser, TestbedError};

use common::redis::{ask, on_port, value};
use common::{assert_nothing_is_left, assert_pause_holds_the_answer_back, lives, session};

fn redis() -> Redis {
    Redis::start(&RedisOptions::default()).unwrap()
}

#[test]
fn it_answers_at_its_address() {
    let redis = redis();
    assert_eq!(redis.url(), format!("redis://127.0.0.1:{}/", redis.port()));
    assert_eq!(ask(&mut on_port(&redis), "PING"), "+PONG");
    assert_eq!(redis.processes(), [redis.pid()]);
    assert_ne!(
        session(redis.pid()),
        session(std::process::id()),
        "out of Ctrl-C's reach"
    );
}

#[test]
fn settings_reach_the_server_and_win_over_ours() {
    let settings = vec![
        ("maxmemory".into(), "16mb".into()),
        ("appendonly".into(), "yes".into()),
    ];
    let redis = Redis::start(&RedisOptions {
        settings,
        ..RedisOptions::default()
    })
    .unwrap();
    let mut stream = on_port(&redis);
    write!(
        stream,
        "CONFIG GET maxmemory\r\nCONFIG GET appendonly\r\nPING\r\n"
    )
    .unwrap();
    let lines = BufReader::new(stream).lines().map(Result::unwrap);
    let answer: Vec<_> = lines.take_while(|line| line != "+PONG").collect();
    assert!(
        answer.contains(&(16 * 1024 * 1024).to_string()),
        "{answer:?}"
    );
    assert!(answer.contains(&"yes".to_owned()), "{answer:?}");
}

#[test]
fn a_setting_that_it_refuses_is_named_with_the_log() {
    let settings = vec![("no-such-setting".into(), "1".into())];
    let error = Redis::start(&RedisOptions {
        settings,
        ..RedisOptions::default()
    })
    .unwrap_err();
    assert!(matches!(error, TestbedError::Start { .. }), "{error}");
    assert!(error.to_string().contains("no-such-setting"), "{error}");
}

#[test]
fn the_password_is_needed_and_stands_on_no_command_line() {
    let password = format!("hush@{}", std::process::id());
    let options = RedisOptions {
        password: Some(password.clone()),
        ..RedisOptions::default()
    };
    let redis = Redis::start(&options).unwrap();
    assert!(
        redis.url().starts_with("redis://:hush%40"),
        "{}",
        redis.url()
    );
    let mut stream = on_port(&redis);
    assert!(ask(&mut stream, "PING").starts_with("-NOAUTH"));
    assert_eq!(ask(&mut stream, &format!("AUTH {password}")), "+OK");
    assert_eq!(ask(&mut stream, "PING"), "+PONG");
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        assert!(
            !String::from_utf8_lossy(&line).contains(&password),
            "{:?}",
            entry.path()
        );
    }
}

#[test]
fn a_pause_holds_answers_back() {
    let redis = redis();
    let mut stream = on_port(&redis);
    let answer = assert_pause_holds_the_answer_back(
        || redis.pause(),
        move || ask(&mut stream, "PING"),
        || redis.resume(),
    );
    assert_eq!(answer, "+PONG");
}

#[test]
fn kill_ends_it_and_stop_still_clears_up() {
    let mut redis = redis();
    let (processes, directory) = (redis.processes(), redis.directory().to_owned());
    redis.kill();
    assert!(TcpStream::connect(("127.0.0.1", redis.port())).is_err());
    assert!(
        directory.exists(),
        "the log stays for whoever wants to know"
    );
    redis.stop().unwrap();
    assert_nothing_is_left(&processes, &directory);
}

#[test]
fn dropping_it_leaves_neither_process_nor_directory_even_when_paused() {
    for paused in [false, true] {
        let redis = redis();
        let (processes, directory) = (redis.processes(), redis.directory().to_owned());
        if paused {
            redis.pause();
        }
        drop(redis);
        assert_nothing_is_left(&processes, &directory);
    }
}

#[test]
fn its_socket_takes_connections_too() {
    let redis = redis();
    let url = redis.socket_url();
    let path = url.strip_prefix("redis+unix://").unwrap();
    let mut stream = UnixStream::connect(path).unwrap();
    assert_eq!(ask(&mut stream, "PING"), "+PONG");
}

#[test]
fn a_user_may_do_what_the_rules_say() {
    let user = RedisUser {
        name: "app".into(),
        password: "hush".into(),
        rules: "~app:* +get".into(),
    };
    let redis = Redis::start(&RedisOptions {
        users: vec![user.clone()],
        ..RedisOptions::default()
    })
    .unwrap();
    let url = format!("redis://app:hush@127.0.0.1:{}/", redis.port());
    assert_eq!(redis.user_url(&user), url);
    let mut stream = on_port(&redis);
    assert_eq!(ask(&mut stream, "AUTH app hush"), "+OK");
    assert_eq!(ask(&mut stream, "GET app:1"), "$-1");
    for refused in ["GET other:1", "SET app:1 x"] {
        let answer = ask(&mut stream, refused);
        assert!(answer.starts_with("-NOPERM"), "{refused}: {answer}");
    }
}

#[test]
fn a_restart_keeps_port_and_data_also_of_a_paused_server() {
    let mut redis = redis();
    for paused in [false, true] {
        let (port, pid) = (redis.port(), redis.pid());
        let key = format!("kept:{paused}");
        assert_eq!(ask(&mut on_port(&redis), &format!("SET {key} x")), "+OK");
        if paused {
            redis.pause();
        }
        redis.restart().unwrap();
        assert_eq!(redis.port(), port);
        assert!(!lives(pid) && redis.pid() != pid);
        assert_eq!(value(&mut on_port(&redis), &key).as_deref(), Some("x"));
    }
    let (processes, directory) = (redis.processes(), redis.directory().to_owned());
    redis.stop().unwrap();
    assert_nothing_is_left(&processes, &directory);
}

#[test]
fn a_killed_server_comes_back_with_what_it_had_saved() {
    let mut redis = redis();
    ask(&mut on_port(&redis), "SET saved x");
    assert_eq!(ask(&mut on_port(&redis), "SAVE"), "+OK");
    ask(&mut on_port(&redis), "SET lost x");
    redis.kill();
    redis.restart().unwrap();
    let mut stream = on_port(&redis);
    assert_eq!(value(&mut stream, "saved").as_deref(), Some("x"));
    assert_eq!(value(&mut stream, "lost"), None);
}

#[test]
fn many_at_once_have_ports_of_their_own() {
    let servers: Vec<_> = (0..8).map(|_| std::thread::spawn(redis)).collect();
    let servers: Vec<_> = servers
        .into_iter()
        .map(|server| server.join().unwrap())
        .collect();
    let ports: std::collections::BTreeSet<_> = servers.iter().map(Redis::port).collect();
    assert_eq!(ports.len(), servers.len());
    for server in &servers {
        assert_eq!(ask(&mut on_port(server), "PING"), "+PONG");
    }
}
