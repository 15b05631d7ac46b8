//! Counters of the kernel that tests compare with, read in other ways than by the recorder.

use std::fs;
use std::path::Path;

use nix::time::ClockId;
use nix::unistd::Pid;

use super::beside::Counter;
use super::load::Load;

/// Returns a counter of the CPU time of the load's process in seconds, exact to the nanosecond.
pub fn cpu_clock_s(load: &Load) -> Counter {
    let pid = Pid::from_raw(load.pid().cast_signed());
    let clock = ClockId::pid_cpu_clock_id(pid).unwrap();
    Box::new(move || {
        let now = clock.now().unwrap();
        now.tv_sec() as f64 + now.tv_nsec() as f64 / 1e9
    })
}

pub fn wall_s() -> Counter {
    Box::new(|| bench_report::clock::monotonic_ns() as f64 / 1e9)
}

/// Returns a counter whose value `pick` reads from the text of the kernel file `path`.
pub fn file(path: impl AsRef<Path>, pick: impl Fn(&str) -> f64 + 'static) -> Counter {
    let path = path.as_ref().to_owned();
    Box::new(move || pick(&fs::read_to_string(&path).unwrap()))
}

/// Returns a counter whose value is the number after the first `key` in the file `path`.
pub fn number_after(path: impl AsRef<Path>, key: &'static str) -> Counter {
    file(path, move |text| {
        let rest = text.split_once(key).unwrap().1;
        rest.split_whitespace().next().unwrap().parse().unwrap()
    })
}

/// Returns a counter of the ticks of all CPUs in those states for which `is_counted` returns true.
/// States have the indices 0 to 7 of the columns in `/proc/stat`.
pub fn ticks(is_counted: fn(usize) -> bool) -> Counter {
    file("/proc/stat", move |text| {
        let words = text.lines().next().unwrap().split_whitespace().skip(1);
        let states = words.take(8).map(|n| n.parse::<f64>().unwrap());
        let counted = states.enumerate().filter(|(state, _)| is_counted(*state));
        counted.map(|(_, ticks)| ticks).sum()
    })
}

/// Returns a counter of the bytes written to all whole disks, partitions and virtual disks
/// excluded.
pub fn bytes_written_to_disks() -> Counter {
    file("/proc/diskstats", of_diskstats)
}

/// Returns the sum of bytes written to whole disks, as `/sys/block` lists them, from the text of
/// `/proc/diskstats`; the kernel counts sectors of 512 bytes.
fn of_diskstats(diskstats: &str) -> f64 {
    let of_line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let is_virtual = ["loop", "ram", "zram", "nbd", "fd"]
            .iter()
            .any(|kind| words[2].starts_with(kind));
        let is_whole = Path::new("/sys/block").join(words[2]).exists();
        let sectors: f64 = words[9].parse().unwrap();
        if is_whole && !is_virtual {
            512.0 * sectors
        } else {
            0.0
        }
    };
    diskstats.lines().map(of_line).sum()
}

/// Returns a counter of the time in which some task waited for the resource, in seconds; `resource`
/// is a file in `/proc/pressure`.
pub fn stalled_s(resource: &str) -> Counter {
    let path = format!("/proc/pressure/{resource}");
    let total = number_after(path, "total=");
    Box::new(move || total() / 1e6)
}
