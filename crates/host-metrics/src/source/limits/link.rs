//! Speed of network links, from `/sys/class/net`.
//!
//! Virtual interfaces state speeds that limit nothing (`veth` 10 Gbit/s, `tun` 10 Mbit/s), or none. Only
//! interfaces of a device, and bonds of them, have a speed here. A virtual machine's interface has a
//! speed only if its host states one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::clock::monotonic_ns;

/// Bytes per second of one megabit per second, the unit of the kernel's file.
const BYTES_PER_MEGABIT: u64 = 125_000;
/// Time after which speeds are read again, in nanoseconds: each read asks the driver.
const MAX_AGE_NS: u64 = 10_000_000_000;

/// Speeds of the links of this host, read again every ten seconds.
#[derive(Debug)]
pub(in crate::source) struct LinkSpeeds {
    interfaces: PathBuf,
    speeds: BTreeMap<String, u64>,
    read_ns: Option<u64>,
}

impl LinkSpeeds {
    /// Creates a reader of the directory `class/net` below `sys`.
    pub(in crate::source) fn new(sys: &Path) -> Self {
        Self {
            interfaces: sys.join("class/net"),
            speeds: BTreeMap::new(),
            read_ns: None,
        }
    }

    /// Returns the speed of each link in one direction, in bytes per second, by interface. Interfaces
    /// whose speed is unknown are left out.
    pub(in crate::source) fn sample(&mut self) -> BTreeMap<String, u64> {
        let now_ns = monotonic_ns();
        let is_fresh = |read_ns: u64| now_ns.saturating_sub(read_ns) < MAX_AGE_NS;
        if !self.read_ns.is_some_and(is_fresh) {
            self.read_ns = Some(now_ns);
            let entries = std::fs::read_dir(&self.interfaces).into_iter().flatten();
            let entries = entries.flatten();
            let speeds = entries.filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                Some((name, speed(&entry.path())?))
            });
            self.speeds = speeds.collect();
        }
        self.speeds.clone()
    }
}

/// Reads the speed of one interface in bytes per second. `None` for virtual interfaces, links that
/// are down, half-duplex links, and drivers that do not know it: they fail, or report -1 or 0.
pub(super) fn speed(interface: &Path) -> Option<u64> {
    let has = |file: &str| interface.join(file).exists();
    if !has("device") && !has("bonding") {
        return None;
    }
    let read = |file: &str| std::fs::read_to_string(interface.join(file)).ok();
    if read("duplex").is_some_and(|duplex| duplex.trim() == "half") {
        return None;
    }
    let megabits: u64 = read("speed")?.trim().parse().ok()?;
    // Old kernels print -1 as a number without a sign.
    let known = megabits > 0 && megabits < u64::from(u32::MAX >> 1);
    known.then(|| megabits * BYTES_PER_MEGABIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_of_devices_have_a_speed() {
        let sys = tempfile::tempdir().unwrap();
        let interface = |name: &str, files: &[(&str, &str)]| {
            let directory = sys.path().join("class/net").join(name);
            std::fs::create_dir_all(&directory).unwrap();
            for (file, text) in files {
                std::fs::write(directory.join(file), text).unwrap();
            }
        };
        interface(
            "eth0",
            &[("device", ""), ("speed", "1000\n"), ("duplex", "full\n")],
        );
        interface("eth1", &[("device", ""), ("speed", "-1\n")]);
        interface("eth2", &[("device", ""), ("speed", "4294967295\n")]);
        interface("eth3", &[("device", ""), ("speed", "0\n")]);
        interface(
            "eth4",
            &[("device", ""), ("speed", "100\n"), ("duplex", "half\n")],
        );
        interface("eth5", &[("device", "")]);
        interface("veth1", &[("speed", "10000\n"), ("duplex", "full\n")]);
        interface(
            "bond0",
            &[("bonding", ""), ("speed", "20000\n"), ("duplex", "full\n")],
        );
        let speeds = LinkSpeeds::new(sys.path()).sample();
        let expected = [("bond0", 2_500_000_000), ("eth0", 125_000_000)];
        assert_eq!(
            speeds,
            expected
                .map(|(name, speed)| (name.to_owned(), speed))
                .into()
        );
        assert!(LinkSpeeds::new(Path::new("/nowhere")).sample().is_empty());
    }
}
