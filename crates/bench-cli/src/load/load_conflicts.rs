//! Refusal of flags that define different loads and therefore exclude each other.

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, FromArgMatches};

/// Check of the load flags that exclude each other: `--rate` and `--users`, and `--find-rate` and
/// each flag that sets a load. Flattened into a command, it makes clap's parsing fail with the
/// reason if such flags are given together. It adds no flag.
#[derive(Debug, Clone, Copy)]
pub struct LoadConflicts;

/// Flags that cannot be combined with `--find-rate`: each as its clap id, its name and the reason,
/// which continues a sentence after the name.
const LOADS: [(&str, &str, &str); 5] = [
    ("rate", "--rate", "sets one"),
    (
        "users",
        "--users",
        "makes another load: users who wait for their answers",
    ),
    (
        "spawn_rate",
        "--spawn-rate",
        "starts users, of whom there are none",
    ),
    (
        "think_time",
        "--think-time",
        "makes users pause, of whom there are none",
    ),
    (
        "objective",
        "--objective",
        "bounds settings under a load that is set; write it as a further --find-rate",
    ),
];

impl Args for LoadConflicts {
    fn augment_args(command: clap::Command) -> clap::Command {
        command
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        command
    }
}

impl FromArgMatches for LoadConflicts {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |name| {
            let known = matches.try_contains_id(name).unwrap_or(false);
            known && matches.value_source(name) == Some(ValueSource::CommandLine)
        };
        if given("rate") && given("users") {
            let text = "--rate (arrivals that wait for nobody) and --users (users who wait for \
                        their answers) exclude each other; give one of them\n";
            return Err(clap::Error::raw(ErrorKind::ArgumentConflict, text));
        }
        let set = LOADS.iter().find(|(name, ..)| given(name));
        if let (Some((_, flag, why)), true) = (set, given("find_rate")) {
            let text =
                format!("--find-rate looks for a rate, and {flag} {why}; leave one of them out\n");
            return Err(clap::Error::raw(ErrorKind::ArgumentConflict, text));
        }
        Ok(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        Self::from_arg_matches(matches).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::load::LoadFlags;

    #[derive(Debug, Parser)]
    struct LoadFlagsCli {
        #[command(flatten)]
        load: LoadFlags,
    }

    #[test]
    fn a_rate_and_users_exclude_each_other_and_the_reason_is_told() {
        let read = |args: &str| LoadFlagsCli::try_parse_from(args.split(' '));
        assert_eq!(read("t --rate 5").unwrap().load.rate, Some(5.0));
        assert_eq!(read("t --users 3").unwrap().load.users, Some(3));
        let error = read("t --users 3 --rate 5").unwrap_err().to_string();
        for wanted in ["--rate", "--users", "exclude each other", "wait for nobody"] {
            assert!(error.contains(wanted), "{error}");
        }
    }

    #[test]
    fn a_rate_that_is_looked_for_excludes_loads_that_are_set_and_the_reason_is_told() {
        let read = |args: &str| LoadFlagsCli::try_parse_from(args.split(' '));
        let two = read("t --find-rate p99<50ms --find-rate errors<1%").unwrap();
        assert_eq!(two.load.search.find_rate.len(), 2);
        for (args, part) in [
            ("t --find-rate p99<50ms --rate 5", "--rate sets one"),
            (
                "t --find-rate p99<50ms --users 5",
                "users who wait for their answers",
            ),
            (
                "t --find-rate p99<50ms --think-time 1s",
                "--think-time makes users pause",
            ),
            ("t --find-rate p99>50ms", "write p99<20ms"),
            (
                "t --find-rate p98<50ms",
                "p99.9 and p99.99 can be asked for",
            ),
            ("t --find-rate fast", "errors<1%"),
        ] {
            let error = read(args).unwrap_err().to_string();
            assert!(error.contains(part), "{args}: {error}");
        }
    }
}
