//! Tests that execute every command of the README on real servers: the make targets exist, and each
//! line of its shell blocks succeeds.

use std::path::{Path, PathBuf};
use std::process::Command;

use test_support::TestDirectory;
use testbed::{Postgres, PostgresOptions, Redis, RedisOptions, WebSocketServer};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .unwrap()
}

/// Returns the commands in the README's `sh` blocks, in order, without comments and empty lines.
fn commands() -> Vec<String> {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let mut lines = Vec::new();
    let mut inside = false;
    for line in readme.lines() {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            _ if inside => lines.push(line.split(" #").next().unwrap().trim().to_owned()),
            _ => {}
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}

/// Returns additional flags for the program `tool` that make a command short enough for a test,
/// without changing what it does.
fn hurry(tool: &str) -> &'static [&'static str] {
    match tool {
        "db-pool-bench" | "redis-bench" => {
            &["--warmup", "0", "--duration", "300ms", "--repeats", "1"]
        }
        "ws-bench" => &["--duration", "300ms"],
        _ => &[],
    }
}

#[test]
fn every_make_target_of_the_readme_exists() {
    let targets: Vec<String> = commands()
        .iter()
        .filter_map(|c| c.strip_prefix("make ").map(str::to_owned))
        .collect();
    assert!(targets.contains(&"demo".to_owned()) && targets.contains(&"test".to_owned()));
    for target in targets {
        let make = Command::new("make")
            .arg("-n")
            .arg(&target)
            .current_dir(root())
            .output()
            .unwrap();
        assert!(make.status.success(), "make {target}: {make:?}");
    }
}

#[test]
fn every_command_of_the_readme_does_what_it_says() {
    let place = TestDirectory::new();
    let postgres = Postgres::start(&PostgresOptions::default()).unwrap();
    let redis = Redis::start(&RedisOptions::default()).unwrap();
    let websocket = WebSocketServer::start(&crate::common::binary("ws-bench"), &[]).unwrap();
    std::os::unix::fs::symlink(root().join("reports"), place.path().join("reports")).unwrap();
    let mut run = 0;
    for line in commands() {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        let tool = Path::new(words[0])
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        if ["make", "export", "git", "cd"].contains(&tool.as_str()) {
            continue;
        }
        words.remove(0);
        let measures = !words.first().is_some_and(|w| ["serve", "list"].contains(w));
        if measures {
            words.extend(hurry(&tool));
        }
        if tool == "plimsoll" && words[0] == "run" {
            words = words
                .iter()
                .map(|w| if *w == "quick" { "smoke" } else { w })
                .collect();
            words.extend(["--run-dir", "suite"]);
        }
        if measures && !hurry(&tool).is_empty() {
            words.extend(["--run-dir", "run"]);
        }
        let output = crate::common::tool(&place, &tool, &words)
            .env("DATABASE_URL", postgres.url())
            .env("REDIS_URL", redis.url())
            .env("WS_URL", websocket.url())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{line}: {:?}\n{said}",
            output.status
        );
        run += 1;
    }
    assert!(
        run >= 6,
        "the README shows a command of each binary, not only {run}"
    );
}
