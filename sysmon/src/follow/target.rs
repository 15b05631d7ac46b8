//! Targets of `--follow`: processes that the user selected.

use host_metrics::Masking;
use regex::Regex;

/// Property by which the processes of a target are recognized.
#[derive(Debug, Clone)]
pub(super) enum TargetKind {
    Name(String),
    Pid(u32),
    Port(u16),
    Command(Regex),
}

/// Processes that the user selected to be followed, together with all their descendants.
#[derive(Debug, Clone)]
pub(crate) struct ProcessTarget {
    /// Text of the target as the user wrote it, with secrets masked; used as the label of its
    /// series.
    pub(crate) label: String,
    pub(super) kind: TargetKind,
}

impl ProcessTarget {
    /// Returns the target that consists of the process with this id and its descendants.
    pub(crate) fn of_pid(pid: u32) -> Self {
        Self {
            label: format!("pid:{pid}"),
            kind: TargetKind::Pid(pid),
        }
    }

    /// Parses `postgres`, `pid:4711`, `port:5432` or `command:REGEX`. `masking` masks secrets in
    /// the label.
    ///
    /// # Errors
    /// Fails with a message that lists the forms.
    pub(crate) fn parse(text: &str, masking: Masking) -> Result<Self, String> {
        let form = "write a name, pid:NUMBER, port:NUMBER or command:REGEX";
        let kind = match text.split_once(':') {
            _ if text.trim().is_empty() => return Err(format!("nothing to follow; {form}")),
            Some(("pid", number)) => number
                .parse()
                .map(TargetKind::Pid)
                .map_err(|_| format!("{number:?} is no process number; {form}"))?,
            Some(("port", number)) => number
                .parse()
                .ok()
                .filter(|port| *port > 0)
                .map(TargetKind::Port)
                .ok_or_else(|| format!("{number:?} is no port; {form}"))?,
            Some(("command", pattern)) => Regex::new(pattern)
                .map(TargetKind::Command)
                .map_err(|_| format!("{pattern:?} is no regular expression; {form}"))?,
            _ => TargetKind::Name(text.to_owned()),
        };
        let label = match text.strip_prefix("command:") {
            Some(pattern) => format!("command:{}", (masking.text)(pattern)),
            None => (masking.text)(text),
        };
        Ok(Self { label, kind })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_and_odd_ones_refused() {
        for good in [
            "postgres",
            "pid:7",
            "port:5432",
            "command:^java .*shop",
            "a:b",
        ] {
            assert_eq!(
                ProcessTarget::parse(good, Masking::NONE).unwrap().label,
                good
            );
        }
        for odd in [
            "",
            " ",
            "pid:",
            "pid:-1",
            "port:0",
            "port:99999",
            "command:(",
        ] {
            let error = ProcessTarget::parse(odd, Masking::NONE).unwrap_err();
            assert!(error.contains("write a name, pid:NUMBER"), "{odd}: {error}");
        }
    }
}
