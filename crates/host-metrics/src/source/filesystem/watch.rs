//! Threads that read the space of file systems, so that none of them delays a sample.
//!
//! One thread reads all file systems in turn, every five seconds. If one of them does not answer for
//! two seconds, its read is left alone with the thread that waits for it, and a new thread continues
//! with the others. The file system is read again once that thread returns.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::mount_table::{MOST, MountPoint, choose};
use super::watched_mount::{GAP, WatchState, WatchedMount};
use super::{FileSystemSample, FileSystemSpace};
use crate::clock::monotonic_ns;
use crate::source::{Gaps, KeptFile, SourceError};

/// Reader of the space of the file system at a path, which may block; an invented one in tests.
type ReadSpace = dyn Fn(&Path) -> io::Result<Option<FileSystemSpace>> + Send + Sync;

/// Stack of a thread that reads file systems, in bytes; there may be one for each that hangs.
const STACK_BYTES: usize = 256 * 1024;

/// Times of a [`FileSystemWatch`], in nanoseconds.
#[derive(Debug, Clone, Copy)]
struct WatchTimes {
    /// Time from the start of one round of reads to the next.
    round_ns: u64,
    /// Time without an answer after which a file system counts as silent.
    patience_ns: u64,
}

impl Default for WatchTimes {
    fn default() -> Self {
        Self {
            round_ns: 5_000_000_000,
            patience_ns: 2_000_000_000,
        }
    }
}

/// Handle of the threads that read file systems, with their latest results.
#[derive(Debug)]
pub(in crate::source) struct FileSystemWatch(Arc<Shared>);

struct Shared {
    mountinfo: PathBuf,
    times: WatchTimes,
    read: Box<ReadSpace>,
    state: Mutex<WatchState>,
    /// Signalled when the watch is dropped.
    ended: Condvar,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shared = &mut f.debug_struct("Shared");
        shared.field("mountinfo", &self.mountinfo);
        shared.finish_non_exhaustive()
    }
}

impl FileSystemWatch {
    /// Starts to read the file systems that `self/mountinfo` in the directory `proc` lists. If the
    /// operating system cannot create a thread, records that in `gaps`.
    pub(in crate::source) fn start(proc: &Path, gaps: &mut Gaps) -> Self {
        let times = WatchTimes::default();
        Self::with(proc, times, Box::new(FileSystemSpace::read), gaps)
    }

    fn with(proc: &Path, times: WatchTimes, read: Box<ReadSpace>, gaps: &mut Gaps) -> Self {
        let shared = Arc::new(Shared {
            mountinfo: proc.join("self/mountinfo"),
            times,
            read,
            state: Mutex::default(),
            ended: Condvar::new(),
        });
        gaps.keep(GAP, Shared::spawn(&shared, 0));
        Self(shared)
    }

    /// Returns the latest reading of each file system, without waiting for any. Records in `gaps`
    /// those that cannot be read, and those that do not answer.
    pub(in crate::source) fn newest(&self, gaps: &mut Gaps) -> Vec<FileSystemSample> {
        let now_ns = monotonic_ns();
        let patience_ns = self.0.times.patience_ns;
        let mut state = self.0.lock();
        if let Some(error) = &state.error {
            gaps.note(GAP, error);
        }
        if state.left > 0 {
            let left = state.left;
            gaps.note(GAP, &format!("{left} beyond the first {MOST} are not read"));
        }
        let mounts = state.mounts.iter();
        let samples = mounts.map(|mount| mount.sample(now_ns, patience_ns, gaps));
        let samples: Vec<FileSystemSample> = samples.collect();
        let is_stuck = |mount: &WatchedMount| {
            let (_, reader) = mount.pending?;
            Some(mount.silent_ns(now_ns, patience_ns) > 0 && reader == state.reader)
        };
        if state.mounts.iter().filter_map(is_stuck).any(|stuck| stuck) {
            // The thread stays with the read that it waits for, and another continues.
            state.reader += 1;
            gaps.keep(GAP, Shared::spawn(&self.0, state.reader));
        }
        samples
    }
}

impl Drop for FileSystemWatch {
    /// Tells the threads to end, without waiting for one that a file system holds.
    fn drop(&mut self) {
        self.0.lock().is_over = true;
        self.0.ended.notify_all();
    }
}

impl Shared {
    fn spawn(shared: &Arc<Self>, reader: u64) -> io::Result<()> {
        let of_thread = Arc::clone(shared);
        let thread = std::thread::Builder::new().name("filesystems".to_owned());
        let thread = thread.stack_size(STACK_BYTES);
        thread.spawn(move || of_thread.read_in_turn(reader))?;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, WatchState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads all file systems in each round, until the watch is dropped or another thread has taken
    /// over.
    fn read_in_turn(&self, reader: u64) {
        let mut mountinfo = KeptFile::new(self.mountinfo.clone());
        let mut known = String::new();
        loop {
            let began_ns = monotonic_ns();
            self.find_mounts(&mut mountinfo, &mut known);
            let mounts: Vec<Arc<MountPoint>> = {
                let state = self.lock();
                let free = state.mounts.iter().filter(|m| m.pending.is_none());
                free.map(|m| Arc::clone(&m.mount)).collect()
            };
            for mount in mounts {
                if !self.read_one(&mount, reader) {
                    return;
                }
            }
            if !self.wait_for_round(began_ns, reader) {
                return;
            }
        }
    }

    /// Reads the list of mounts, and keeps the results of those that were there before. `known` is
    /// the content at the last call.
    fn find_mounts(&self, mountinfo: &mut KeptFile, known: &mut String) {
        let chosen = mountinfo.read("mounts", |text| {
            if text == known {
                return Some(None);
            }
            text.clone_into(known);
            Some(Some(choose(text)))
        });
        let mut state = self.lock();
        match chosen.map(|read| read.value) {
            Ok(Some(chosen)) => state.replace(chosen),
            Ok(None) => {}
            Err(error) => {
                let error: SourceError = error;
                state.error = Some(error.to_string());
                known.clear();
            }
        }
    }

    /// Reads one file system; returns false if this thread has to end.
    fn read_one(&self, mount: &Arc<MountPoint>, reader: u64) -> bool {
        {
            let mut state = self.lock();
            if !state.is_read_by(reader) {
                return false;
            }
            if let Some(watched) = state.watched(mount) {
                watched.pending = Some((monotonic_ns(), reader));
            }
        }
        let result = (self.read)(Path::new(&mount.path));
        let mut state = self.lock();
        if let Some(watched) = state.watched(mount) {
            watched.pending = None;
            watched.result = result.map_err(|error| error.to_string()).transpose();
        }
        state.is_read_by(reader)
    }

    /// Waits until the next round; returns false if this thread has to end.
    fn wait_for_round(&self, began_ns: u64, reader: u64) -> bool {
        let mut state = self.lock();
        loop {
            let due_ns = began_ns.saturating_add(self.times.round_ns);
            let left_ns = due_ns.saturating_sub(monotonic_ns());
            if !state.is_read_by(reader) || left_ns == 0 {
                return state.is_read_by(reader);
            }
            let waited = self
                .ended
                .wait_timeout(state, Duration::from_nanos(left_ns));
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    const TIMES: WatchTimes = WatchTimes {
        round_ns: 1_000_000,
        patience_ns: 20_000_000,
    };

    fn proc_with(mounts: &[&str]) -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join("self")).unwrap();
        write_mounts(home.path(), mounts);
        home
    }

    fn write_mounts(proc: &Path, mounts: &[&str]) {
        let lines = mounts.iter().enumerate();
        let lines =
            lines.map(|(i, path)| format!("{} 1 8:{i} / {path} rw - ext4 /dev/sd{i} rw\n", i + 10));
        std::fs::write(proc.join("self/mountinfo"), lines.collect::<String>()).unwrap();
    }

    fn space(total_bytes: u64) -> FileSystemSpace {
        FileSystemSpace {
            total_bytes,
            ..FileSystemSpace::default()
        }
    }

    /// Samples until `done` is true of the samples, as a recording would.
    fn until(
        watch: &FileSystemWatch,
        gaps: &mut Gaps,
        done: impl Fn(&[FileSystemSample]) -> bool,
    ) -> Vec<FileSystemSample> {
        loop {
            let samples = watch.newest(gaps);
            if done(&samples) {
                return samples;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn of<'a>(samples: &'a [FileSystemSample], path: &str) -> Option<&'a FileSystemSample> {
        samples.iter().find(|sample| sample.mount.path == path)
    }

    /// Reader that answers for `/hung` only when something is sent, and for others at once.
    fn blocking() -> (Sender<()>, Box<ReadSpace>) {
        let (release, blocked): (Sender<()>, Receiver<()>) = channel();
        let blocked = Mutex::new(blocked);
        let read = move |path: &Path| {
            if path == Path::new("/hung") {
                let _ = blocked.lock().unwrap().recv();
            }
            Ok(Some(space(7)))
        };
        (release, Box::new(read))
    }

    #[test]
    fn a_file_system_that_hangs_is_told_and_the_others_are_read_on() {
        let home = proc_with(&["/a", "/hung", "/z"]);
        let (release, read) = blocking();
        let mut gaps = Gaps::default();
        let watch = FileSystemWatch::with(home.path(), TIMES, read, &mut gaps);
        let samples = until(&watch, &mut gaps, |samples| {
            let read = |path| of(samples, path).is_some_and(|s| s.space.is_some());
            let silent = of(samples, "/hung").is_some_and(|s| s.silent_ns > 0);
            silent && read("/a") && read("/z")
        });
        let hung = of(&samples, "/hung").unwrap();
        assert!(hung.silent_ns > TIMES.patience_ns && hung.space.is_none());
        let told: Vec<String> = gaps.sentences().map(|(_, sentence)| sentence).collect();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].starts_with("filesystem /hung is absent"),
            "{told:?}"
        );
        // It is read again as soon as it answers, and its thread is needed no more.
        drop(release);
        until(&watch, &mut gaps, |samples| {
            of(samples, "/hung").is_some_and(|s| s.space.is_some() && s.silent_ns == 0)
        });
    }

    #[test]
    fn a_hung_file_system_does_not_hold_up_the_end_of_a_recording() {
        let home = proc_with(&["/hung"]);
        let (release, read) = blocking();
        let mut gaps = Gaps::default();
        let watch = FileSystemWatch::with(home.path(), TIMES, read, &mut gaps);
        let silent = |samples: &[FileSystemSample]| samples.iter().any(|s| s.silent_ns > 0);
        until(&watch, &mut gaps, silent);
        drop(watch);
        drop(release);
    }

    #[test]
    fn mounts_come_and_go_and_one_that_fails_is_a_gap() {
        let home = proc_with(&["/a", "/stale"]);
        let read = |path: &Path| match path.to_str() {
            Some("/stale") => Err(io::Error::from_raw_os_error(116)),
            Some("/empty") => Ok(None),
            _ => Ok(Some(space(1))),
        };
        let mut gaps = Gaps::default();
        let watch = FileSystemWatch::with(home.path(), TIMES, Box::new(read), &mut gaps);
        until(&watch, &mut gaps, |samples| {
            of(samples, "/a").is_some_and(|s| s.space.is_some())
        });
        write_mounts(home.path(), &["/a", "/stale", "/empty", "/new"]);
        let samples = until(&watch, &mut gaps, |samples| {
            of(samples, "/new").is_some_and(|s| s.space.is_some())
        });
        assert_eq!(of(&samples, "/empty").unwrap().space, None);
        assert_eq!(of(&samples, "/stale").unwrap().silent_ns, 0);
        let told: Vec<&str> = gaps.iter().map(|(what, _)| what).collect();
        assert_eq!(told, ["filesystem /stale"]);
        write_mounts(home.path(), &["/a"]);
        until(&watch, &mut gaps, |samples| samples.len() == 1);
    }

    #[test]
    fn without_a_list_of_mounts_the_reason_is_told() {
        let home = tempfile::tempdir().unwrap();
        let mut gaps = Gaps::default();
        let watch = FileSystemWatch::start(home.path(), &mut gaps);
        while gaps.is_empty() {
            assert!(watch.newest(&mut gaps).is_empty());
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(
            gaps.iter()
                .any(|(what, why)| what == GAP && why.contains("mountinfo"))
        );
    }

    #[test]
    fn the_file_systems_of_this_host_are_read() {
        let proc = Path::new("/proc");
        if !proc.join("self/mountinfo").exists() {
            return;
        }
        let mut gaps = Gaps::default();
        let watch = FileSystemWatch::start(proc, &mut gaps);
        let samples = until(&watch, &mut gaps, |samples| {
            samples.iter().any(|s| s.space.is_some())
        });
        for space in samples.iter().filter_map(|s| s.space) {
            let ratio = space.used_ratio().unwrap_or(0.0);
            assert!((0.0..=1.0).contains(&ratio), "{space:?}");
        }
    }
}
