//! Counters of the kernel, read in other ways than those that are tested.

use std::fs;
use std::path::Path;

use nix::time::ClockId;
use nix::unistd::Pid;

use super::beside::Counter;
use super::load::Load;

/// CPU time of a process in seconds, exact to the nanosecond.
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

/// Value that `pick` reads from the text of a kernel file.
pub fn file(path: impl AsRef<Path>, pick: impl Fn(&str) -> f64 + 'static) -> Counter {
    let path = path.as_ref().to_owned();
    Box::new(move || pick(&fs::read_to_string(&path).unwrap()))
}

/// Number that follows `key` in a file.
pub fn number_after(path: impl AsRef<Path>, key: &'static str) -> Counter {
    file(path, move |text| {
        let rest = text.split_once(key).unwrap().1;
        rest.split_whitespace().next().unwrap().parse().unwrap()
    })
}

/// Ticks of all CPUs in those states that `is_counted` returns true for, numbered as in proc(5).
pub fn ticks(is_counted: fn(usize) -> bool) -> Counter {
    file("/proc/stat", move |text| {
        let words = text.lines().next().unwrap().split_whitespace().skip(1);
        let states = words.take(8).map(|n| n.parse::<f64>().unwrap());
        let counted = states.enumerate().filter(|(state, _)| is_counted(*state));
        counted.map(|(_, ticks)| ticks).sum()
    })
}

/// Bytes written to all whole disks.
pub fn bytes_written_to_disks() -> Counter {
    file("/proc/diskstats", of_diskstats)
}

/// Sums up whole disks, as `/sys/block` lists them; the kernel counts sectors of 512 bytes.
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

/// Time in which some task waited for the resource, in seconds.
pub fn stalled_s(resource: &str) -> Counter {
    let path = format!("/proc/pressure/{resource}");
    let total = number_after(path, "total=");
    Box::new(move || total() / 1e6)
}
