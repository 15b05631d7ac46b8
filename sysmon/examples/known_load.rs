//! Loads that count what they do themselves, so that tests can compare a recording with the truth.
//!
//! `known_load ACT …` prepares, prints `ready`, and waits for a line on its stdin. Then it creates
//! the load `ACT`, prints `done` with the numbers that it counted, and keeps running until its
//! stdin ends, so that its process can still be read.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::ffi::c_void;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::FileExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use bench_report::clock;
use nix::libc;
use nix::sys::resource::{UsageWho, getrusage};

const MB: usize = 1_000_000;
const PAGE: usize = 4096;

fn main() {
    // Ends this process with the test, even if the test is killed.
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL).unwrap();
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let number = |word: &str| word.parse::<usize>().unwrap();
    match words[..] {
        ["idle"] => act(|| vec![0]),
        ["burn", ms] => act(|| vec![burn(number(ms) as u64)]),
        ["burn-and-end", ms] => drop(burn(number(ms) as u64)),
        ["allocate", megabytes] => allocate(number(megabytes)),
        ["grow", megabytes_per_s] => grow(number(megabytes_per_s)),
        ["parent", children, ms] => act(|| parent(number(children), ms)),
        ["write", path, megabytes] => {
            let file = File::create(path).unwrap();
            act(|| write(&file, number(megabytes)));
        }
        ["loopback", megabytes] => {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            act(|| loopback(&listener, number(megabytes)));
        }
        ["thrash", path, megabytes] => thrash(path, number(megabytes) * MB / PAGE * PAGE),
        ["crowd", files, threads] => crowd(number(files), number(threads)),
        _ => panic!("{words:?} is no act"),
    }
}

/// Prints `ready`, waits for a line on stdin, calls `deed`, prints `done` with the numbers that it
/// returns, and waits for the end of stdin.
fn act(deed: impl FnOnce() -> Vec<u64>) {
    let mut lines = std::io::stdin().lock().lines();
    say("ready", &[]);
    if lines.next().is_none() {
        return;
    }
    say("done", &deed());
    while lines.next().is_some() {}
}

fn say(word: &str, numbers: &[u64]) {
    let mut out = std::io::stdout().lock();
    let numbers = numbers.iter().map(|number| format!(" {number}"));
    writeln!(out, "{word}{}", numbers.collect::<String>()).unwrap();
    out.flush().unwrap();
}

/// Uses `ms` milliseconds of CPU time, however long that takes on this machine. Returns the CPU
/// time that it used, in nanoseconds.
fn burn(ms: u64) -> u64 {
    let begin_ns = clock::process_cpu_ns();
    let mut used_ns = 0;
    while used_ns < ms * 1_000_000 {
        for _ in 0..100_000 {
            std::hint::spin_loop();
        }
        used_ns = clock::process_cpu_ns() - begin_ns;
    }
    used_ns
}

fn allocate(megabytes: usize) {
    let mut held = Vec::new();
    act(|| {
        held = vec![1_u8; megabytes * MB];
        vec![held.len() as u64]
    });
    assert!(std::hint::black_box(&held).iter().all(|byte| *byte == 1));
}

/// Allocates `megabytes_per_s` × 1,000,000 bytes per second, and keeps them, until stdin ends.
fn grow(megabytes_per_s: usize) {
    let mut held = Vec::new();
    act(|| {
        std::thread::spawn(move || {
            loop {
                held.push(vec![1_u8; megabytes_per_s * MB / 10]);
                std::hint::black_box(&held);
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        vec![megabytes_per_s as u64]
    });
}

/// Starts `children` short-lived processes one after another, each of which uses `ms` milliseconds
/// of CPU time. Returns the CPU time of all children and that of this process, in nanoseconds.
fn parent(children: usize, ms: &str) -> Vec<u64> {
    let me = std::env::current_exe().unwrap();
    for _ in 0..children {
        let child = Command::new(&me).args(["burn-and-end", ms]).status();
        assert!(child.unwrap().success());
    }
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let ns =
        |t: nix::sys::time::TimeVal| t.tv_sec() as u64 * 1_000_000_000 + t.tv_usec() as u64 * 1000;
    let of_children = ns(usage.user_time()) + ns(usage.system_time());
    vec![of_children, clock::process_cpu_ns()]
}

/// Writes `megabytes` MB, rounded up to pieces of 4 MiB, to `file` at 100 MB/s or as fast as the
/// disk accepts, and waits for the disk after each piece. Returns the written bytes, and the
/// nanoseconds of waiting.
fn write(file: &File, megabytes: usize) -> Vec<u64> {
    const PIECE: usize = 4 * 1024 * 1024;
    // The same part of the file is written again and again, so that the disk does not fill.
    const PLACES: usize = 4;
    let piece = vec![7_u8; PIECE];
    let pieces = (megabytes * MB).div_ceil(PIECE);
    let mut waited = Duration::ZERO;
    let pace = Pace::per_s(100 * MB);
    for i in 0..pieces {
        file.write_all_at(&piece, ((i % PLACES) * PIECE) as u64)
            .unwrap();
        let begin = Instant::now();
        file.sync_data().unwrap();
        waited += begin.elapsed();
        pace.wait((i + 1) * PIECE);
    }
    vec![(pieces * PIECE) as u64, waited.as_nanos() as u64]
}

/// Sends 100 MB/s over the loopback interface, `megabytes` MB in all. Returns the bytes that
/// arrived.
fn loopback(listener: &TcpListener, megabytes: usize) -> Vec<u64> {
    const PIECE: usize = 50_000;
    let mut sender = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut other_end, _) = listener.accept().unwrap();
    let received = std::thread::spawn(move || {
        let (mut buffer, mut all) = (vec![0; 4 * PIECE], 0);
        loop {
            match other_end.read(&mut buffer).unwrap() {
                0 => return all,
                more => all += more as u64,
            }
        }
    });
    let piece = vec![7; PIECE];
    let pace = Pace::per_s(100 * MB);
    for i in 0..megabytes * MB / PIECE {
        sender.write_all(&piece).unwrap();
        pace.wait((i + 1) * PIECE);
    }
    drop(sender);
    vec![received.join().unwrap()]
}

/// Reads a file of `bytes` bytes at `path` repeatedly for 1.5 s and removes it from memory in
/// between, as a machine with too little memory does. Reports the number of bytes that had to be
/// read again.
fn thrash(path: &str, bytes: usize) {
    std::fs::write(path, vec![7_u8; bytes]).unwrap();
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    file.sync_all().unwrap();
    let map = Map::of(&file, bytes);
    let mut buffer = vec![0; MB];
    act(|| {
        let mut again = 0;
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(1500) {
            // The kernel treats a page that was read several times as one that is needed.
            for _ in 0..6 {
                let mut at = 0;
                while let Ok(more @ 1..) = file.read_at(&mut buffer, at) {
                    at += more as u64;
                }
            }
            map.touch();
            map.page_out();
            again += bytes as u64;
        }
        vec![again]
    });
    std::fs::remove_file(path).unwrap();
}

/// Keeps one CPU busy, with `files` open files and `threads` threads in total, until stdin ends.
fn crowd(files: usize, threads: usize) {
    let open = || File::open("/dev/null").unwrap();
    let files: Vec<File> = (0..files).map(|_| open()).collect();
    for _ in 1..threads {
        std::thread::spawn(|| std::thread::sleep(Duration::MAX));
    }
    act(|| {
        std::thread::spawn(|| {
            loop {
                std::hint::spin_loop();
            }
        });
        vec![files.len() as u64]
    });
}

/// Pace of bytes per second, which is kept if the machine is fast enough.
struct Pace {
    begin: Instant,
    bytes_per_s: f64,
}

impl Pace {
    fn per_s(bytes: usize) -> Self {
        Self {
            begin: Instant::now(),
            bytes_per_s: bytes as f64,
        }
    }

    /// Waits until `bytes` bytes, counted from the start, are due; returns at once if they are
    /// late.
    fn wait(&self, bytes: usize) {
        let due = Duration::from_secs_f64(bytes as f64 / self.bytes_per_s);
        std::thread::sleep(due.saturating_sub(self.begin.elapsed()));
    }
}

/// Mapping of a file's pages into memory.
struct Map {
    begin: *mut c_void,
    bytes: usize,
}

impl Map {
    fn of(file: &File, bytes: usize) -> Self {
        let rights = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping at an address that the kernel chooses, of a file that is open and has that
        // length.
        let begin = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                bytes,
                rights,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        assert_ne!(begin, libc::MAP_FAILED);
        Self { begin, bytes }
    }

    fn touch(&self) {
        for page in (0..self.bytes).step_by(PAGE) {
            // SAFETY: the address is within the mapping, which nobody else writes to.
            let byte = unsafe { self.begin.cast::<u8>().add(page).read_volatile() };
            assert_eq!(byte, 7);
        }
    }

    /// Asks the kernel to remove the mapped pages from memory; only Linux supports this, from
    /// version 5.4 on.
    #[cfg_attr(not(target_os = "linux"), expect(clippy::unused_self))]
    fn page_out(&self) {
        #[cfg(target_os = "linux")]
        // SAFETY: the mapping is this value's own, and its content does not change.
        unsafe {
            libc::madvise(self.begin, self.bytes, libc::MADV_PAGEOUT)
        };
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: this value made the mapping with this length, and nobody uses it afterwards.
        unsafe { libc::munmap(self.begin, self.bytes) };
    }
}
