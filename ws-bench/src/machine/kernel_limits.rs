//! Limits that the kernel sets for the whole host.

use std::path::Path;

/// Returns the highest limit of open files that can be set for a process; `None` if the kernel does
/// not report it. `proc` is the directory `/proc`.
pub(crate) fn open_files_most(proc: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(proc.join("sys/fs/nr_open")).ok()?;
    text.trim().parse().ok()
}

/// Returns the first and the last local port for outgoing connections; `None` if the kernel does
/// not report them as a range. `proc` is the directory `/proc`.
pub(crate) fn local_ports(proc: &Path) -> Option<(u64, u64)> {
    let text = std::fs::read_to_string(proc.join("sys/net/ipv4/ip_local_port_range"));
    parse_ports(&text.ok()?)
}

fn parse_ports(text: &str) -> Option<(u64, u64)> {
    let mut ends = text.split_ascii_whitespace().map(str::parse);
    let (Some(Ok(first)), Some(Ok(last))) = (ends.next(), ends.next()) else {
        return None;
    };
    (first <= last).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_a_range() {
        assert_eq!(parse_ports("32768\t60999\n"), Some((32_768, 60_999)));
        assert_eq!(parse_ports("9 1"), None);
        assert_eq!(parse_ports("9"), None);
    }

    #[test]
    fn what_is_not_there_is_not_told() {
        let nowhere = Path::new("/nowhere");
        assert_eq!(
            (open_files_most(nowhere), local_ports(nowhere)),
            (None, None)
        );
    }
}
