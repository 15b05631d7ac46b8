//! Log messages of this program and its libraries, as plain lines on stderr. By default these are
//! warnings and errors; `-v` adds more, `--quiet` leaves only errors. `RUST_LOG`, if it is set,
//! decides instead.
//!
//! Every line goes through the module `screen`, which masks secrets and keeps a progress bar
//! intact. Log messages never go to stdout.

use std::fmt;
use std::sync::OnceLock;

use clap::{Arg, ArgAction, ArgMatches, Command};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use crate::screen;

const VERBOSE: &str = "verbose";
const VARIABLE: &str = "RUST_LOG";

/// Crates of this project. Messages of all other crates are shown only if they are one level more
/// severe.
const OWN_CRATES: [&str; 20] = [
    "bench_cli",
    "bench_report",
    "bottleneck_analyzer",
    "child_process",
    "client_tls",
    "db_pool_bench",
    "host_metrics",
    "load_engine",
    "peers",
    "pg_connect",
    "pg_evidence",
    "pgbench_script",
    "plimsoll",
    "redis_bench",
    "statistics",
    "sysmon",
    "test_support",
    "testbed",
    "ws_bench",
    // Example program of this crate, which its tests run.
    "a_bench",
];

/// Log levels in the order of verbosity, from the fewest messages to the most.
const LEVELS: [LevelFilter; 5] = [
    LevelFilter::ERROR,
    LevelFilter::WARN,
    LevelFilter::INFO,
    LevelFilter::DEBUG,
    LevelFilter::TRACE,
];

/// Adds the flag `-v` to a command and all its subcommands.
pub(crate) fn with_flag(command: Command) -> Command {
    command.arg(
        Arg::new(VERBOSE)
            .short('v')
            .long(VERBOSE)
            .action(ArgAction::Count)
            .global(true)
            .display_order(900)
            .help(
                "Show more log messages on stderr: -v information, -vv details (see also RUST_LOG)",
            ),
    )
}

/// Verbosity of the log that the command line demands with `-v` and `--quiet`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verbosity {
    verbose: u8,
    quiet: bool,
}

impl Verbosity {
    /// Reads `-v` and `--quiet` from the matches of a command, wherever they stand among its
    /// subcommands.
    pub(crate) fn from_matches(matches: &ArgMatches) -> Self {
        let mut quiet = false;
        let mut innermost = matches;
        loop {
            quiet |= matches!(innermost.try_get_one::<bool>("quiet"), Ok(Some(true)));
            match innermost.subcommand() {
                Some((_, inner)) => innermost = inner,
                None => break,
            }
        }
        Self {
            verbose: innermost.get_count(VERBOSE),
            quiet,
        }
    }

    /// Returns the flag that demands the same verbosity of another program of this project, such
    /// as `-vv`; `None` if `-v` was not given.
    fn flag(self) -> Option<String> {
        (self.verbose > 0).then(|| format!("-{}", "v".repeat(usize::from(self.verbose))))
    }

    fn targets(self) -> Targets {
        let own = match (self.verbose, self.quiet) {
            (0, true) => 0,
            (count, _) => usize::from(count) + 1,
        };
        let own = own.min(LEVELS.len() - 1);
        Targets::new()
            .with_default(LEVELS[own.saturating_sub(1)])
            .with_targets(OWN_CRATES.map(|name| (name, LEVELS[own])))
    }
}

static STARTED: OnceLock<Verbosity> = OnceLock::new();

/// Returns the flag `-v` as often as it was given to this program, such as `-vv`, for programs
/// that it starts. `None` if it was not given, or before logging was started.
pub fn verbose_flag() -> Option<String> {
    STARTED.get().and_then(|verbosity| verbosity.flag())
}

/// Starts logging to stderr with this verbosity, or as `RUST_LOG` demands; an invalid `RUST_LOG`
/// is ignored with a warning. A second call changes nothing.
pub(crate) fn start(verbosity: Verbosity) {
    STARTED.get_or_init(|| verbosity);
    let named = std::env::var(VARIABLE).unwrap_or_default();
    let parsed = (!named.trim().is_empty()).then(|| named.parse::<Targets>());
    let (targets, refusal) = match parsed {
        Some(Ok(targets)) => (targets, None),
        Some(Err(error)) => (verbosity.targets(), Some(error)),
        None => (verbosity.targets(), None),
    };
    let subscriber = tracing_subscriber::registry().with(StderrLines.with_filter(targets));
    if tracing::subscriber::set_global_default(subscriber).is_ok()
        && let Some(error) = refusal
    {
        tracing::warn!(%error, "{VARIABLE} is not understood and left out; write debug, or sysmon=debug,sqlx=info");
    }
}

/// Log layer that writes each event as one line on stderr.
struct StderrLines;

impl<S: Subscriber> Layer<S> for StderrLines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = LineFields::default();
        event.record(&mut line);
        let metadata = event.metadata();
        let text = line.text(*metadata.level(), metadata.target());
        screen::show(&screen::one_line(&text));
    }
}

/// Fields of a log event: its message, its cause (the field `error`), and all others as
/// `NAME=VALUE`.
#[derive(Debug, Default)]
struct LineFields {
    message: String,
    cause: String,
    others: Vec<String>,
}

impl LineFields {
    /// Returns the line `LEVEL: MESSAGE (FIELD=VALUE, …): CAUSE`, without the parts that are empty
    /// and without a line break. In messages of the debug and trace levels, the module `target`
    /// stands before the message.
    fn text(&self, level: Level, target: &str) -> String {
        let (name, module) = match level {
            Level::ERROR => ("error", ""),
            Level::WARN => ("warning", ""),
            Level::INFO => ("info", ""),
            Level::DEBUG => ("debug", target),
            Level::TRACE => ("trace", target),
        };
        let mut text = format!("{name}: ");
        for part in [module, &self.message] {
            if !part.is_empty() {
                text.push_str(part);
                text.push_str(if part == module { ": " } else { "" });
            }
        }
        if !self.others.is_empty() {
            text.push_str(&format!(" ({})", self.others.join(", ")));
        }
        if !self.cause.is_empty() {
            text.push_str(": ");
            text.push_str(&self.cause);
        }
        text
    }
}

impl Visit for LineFields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            "error" => value.clone_into(&mut self.cause),
            name => self.others.push(format!("{name}={value}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verbosity(words: &[&str]) -> Verbosity {
        let quiet = Arg::new("quiet").short('q').action(ArgAction::SetTrue);
        let command = with_flag(Command::new("t").subcommand(Command::new("go").arg(quiet)));
        let matches = command.get_matches_from(["t"].iter().chain(words));
        Verbosity::from_matches(&matches)
    }

    #[test]
    fn each_flag_shows_one_level_more_of_ours_and_one_less_of_others() {
        for (words, own, others) in [
            (&["go"][..], Level::WARN, Level::ERROR),
            (&["-v", "go"], Level::INFO, Level::WARN),
            (&["go", "-v"], Level::INFO, Level::WARN),
            (&["go", "-vv"], Level::DEBUG, Level::INFO),
            (&["go", "-vvvvv"], Level::TRACE, Level::DEBUG),
            (&["go", "-q"], Level::ERROR, Level::ERROR),
            (&["go", "-q", "-v"], Level::INFO, Level::WARN),
        ] {
            let targets = verbosity(words).targets();
            for (target, most) in [("testbed::server", own), ("sqlx::query", others)] {
                for level in [
                    Level::ERROR,
                    Level::WARN,
                    Level::INFO,
                    Level::DEBUG,
                    Level::TRACE,
                ] {
                    assert_eq!(
                        targets.would_enable(target, &level),
                        level <= most,
                        "{words:?} {target} {level}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_program_is_told_of_as_many_messages_as_its_parent_shows() {
        for (words, flag) in [
            (&["go"][..], None),
            (&["-v", "go"], Some("-v")),
            (&["go", "-vv"], Some("-vv")),
        ] {
            let passed_on = verbosity(words).flag();
            assert_eq!(passed_on.as_deref(), flag, "{words:?}");
            let again: Vec<&str> = ["go"].into_iter().chain(passed_on.as_deref()).collect();
            assert_eq!(verbosity(&again), verbosity(words));
        }
    }

    #[test]
    fn every_crate_of_the_workspace_counts_as_ours() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for directory in [root.clone(), root.join("crates")] {
            for entry in std::fs::read_dir(directory).unwrap().flatten() {
                let name = entry.file_name().to_string_lossy().replace('-', "_");
                if entry.path().join("Cargo.toml").is_file() {
                    assert!(
                        OWN_CRATES.contains(&name.as_str()),
                        "{name} is not in OWN_CRATES"
                    );
                }
            }
        }
    }

    #[test]
    fn a_line_has_its_level_its_fields_and_its_cause() {
        let line = LineFields {
            message: "cannot signal a process".to_owned(),
            cause: "EPERM".to_owned(),
            others: vec!["pid=7".to_owned(), "signal=SIGTERM".to_owned()],
        };
        assert_eq!(
            line.text(Level::WARN, "testbed::process"),
            "warning: cannot signal a process (pid=7, signal=SIGTERM): EPERM"
        );
        let bare = LineFields {
            message: "accepted".to_owned(),
            ..LineFields::default()
        };
        assert_eq!(
            bare.text(Level::DEBUG, "ws_bench::serve"),
            "debug: ws_bench::serve: accepted"
        );
    }
}
