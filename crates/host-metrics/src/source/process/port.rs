//! Processes that listen on a TCP port.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Hexadecimal code of the state `listen` in the kernel's table of TCP sockets.
const LISTEN: &str = "0A";

/// Finds the ids of the processes that listen on each of the TCP `ports`, in the file tree `proc`,
/// by port. Leaves out ports without a visible listener; only root sees listeners of other users.
pub fn listeners(proc: &Path, ports: &BTreeSet<u16>) -> BTreeMap<u16, BTreeSet<u32>> {
    let sockets: BTreeMap<String, u16> = ["net/tcp", "net/tcp6"]
        .iter()
        .filter_map(|file| std::fs::read_to_string(proc.join(file)).ok())
        .flat_map(|text| listening(&text, ports))
        .collect();
    let mut found: BTreeMap<u16, BTreeSet<u32>> = BTreeMap::new();
    if sockets.is_empty() {
        return found;
    }
    for entry in std::fs::read_dir(proc).into_iter().flatten().flatten() {
        let pid = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        let Some(pid) = pid else { continue };
        for descriptor in std::fs::read_dir(entry.path().join("fd"))
            .into_iter()
            .flatten()
        {
            let link = descriptor.and_then(|descriptor| std::fs::read_link(descriptor.path()));
            let port = link
                .ok()
                .and_then(|link| sockets.get(link.to_str()?).copied());
            if let Some(port) = port {
                found.entry(port).or_default().insert(pid);
            }
        }
    }
    found
}

/// Parses `/proc/net/tcp` or `tcp6`, with lines `sl local remote st queues timer retransmits uid
/// timeout inode …`. Returns the name `socket:[inode]`, to which descriptors link, and the port of
/// each socket that listens on one of `ports`.
fn listening(text: &str, ports: &BTreeSet<u16>) -> Vec<(String, u16)> {
    let socket = |line: &str| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let port = words.get(1)?.rsplit_once(':')?.1;
        let port = u16::from_str_radix(port, 16).ok()?;
        let wanted = *words.get(3)? == LISTEN && ports.contains(&port);
        let inode: u64 = words.get(9)?.parse().ok()?;
        wanted.then(|| (format!("socket:[{inode}]"), port))
    };
    text.lines().filter_map(socket).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_found_by_the_port_it_listens_on() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let found = listeners(Path::new("/proc"), &BTreeSet::from([port]));
        let own = BTreeSet::from([std::process::id()]);
        assert_eq!(found, BTreeMap::from([(port, own)]));
        drop(listener);
        assert!(listeners(Path::new("/proc"), &BTreeSet::from([port])).is_empty());
    }

    #[test]
    fn odd_lines_listen_nowhere() {
        let ports = BTreeSet::from([5432]);
        let line = |rest: &str| format!("  0: 0100007F:1538 00000000:0000 {rest}\n");
        let good = line("0A 0:0 0:0 0 0 0 77 1");
        assert_eq!(listening(&good, &ports), [("socket:[77]".to_owned(), 5432)]);
        for odd in ["01 0:0 0:0 0 0 0 77 1", "0A 0:0 0:0 0 0 0 x", "0A", ""] {
            assert_eq!(listening(&line(odd), &ports), [], "{odd}");
        }
    }
}
