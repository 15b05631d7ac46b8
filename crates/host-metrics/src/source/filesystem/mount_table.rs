//! Choice of the mounts whose space is read, from `/proc/self/mountinfo`.
//!
//! Left out are file systems that store nothing (`proc`), media that cannot be written, mounts that
//! others cover, and all but one mount of each device: a bind mount has the space of its origin.

use std::collections::{BTreeMap, HashMap, HashSet};

/// Largest number of file systems that are read; memory disks come last.
pub(super) const MOST: usize = 64;

/// Types without space of their own, and types of media that are never written. `autofs` mounts
/// something when it is looked at. An overlay is read only at `/`, for its space is that of the
/// device below it.
const LEFT_OUT: [&str; 46] = [
    "aufs",
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "cramfs",
    "debugfs",
    "devfs",
    "devpts",
    "devtmpfs",
    "ecryptfs",
    "efivarfs",
    "erofs",
    "fdescfs",
    "fuse.dumpfs",
    "fuse.gvfsd-fuse",
    "fuse.lxcfs",
    "fuse.portal",
    "fuse.snapfuse",
    "fuse.squashfuse",
    "fusectl",
    "hugetlbfs",
    "iso9660",
    "linprocfs",
    "mqueue",
    "nfsd",
    "nsfs",
    "overlay",
    "proc",
    "procfs",
    "pstore",
    "ramfs",
    "resctrl",
    "romfs",
    "rootfs",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "smackfs",
    "squashfs",
    "sunrpc",
    "sysfs",
    "tracefs",
    "udf",
];
/// Files that container runtimes mount from a disk of the host. Their mounts show its space only if
/// no other mount of that disk does.
const RUNTIME_FILES: [&str; 4] = [
    "/etc/hostname",
    "/etc/hosts",
    "/etc/resolv.conf",
    "/dev/termination-log",
];

/// Mount of one file system.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MountPoint {
    /// Directory at which the file system is mounted.
    pub path: String,
    /// Type of the file system, such as `ext4`.
    pub kind: String,
    /// Name of the block device, such as `vda1`; `None` if the file system is not on one. The
    /// source of other file systems may contain a password, and is not read.
    pub device: Option<String>,
}

/// Mounts whose space is to be read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ChosenMounts {
    /// Mounts in the order of reading, at most [`MOST`]: those on block devices, which rarely hang,
    /// come first.
    pub(super) mounts: Vec<MountPoint>,
    /// Number of further mounts, which are not read.
    pub(super) left: usize,
}

/// Line of mountinfo, as `proc_pid_mountinfo(5)` describes it.
struct MountLine<'a> {
    id: &'a str,
    parent: &'a str,
    /// Device numbers, `major:minor`, which all mounts of a file system share.
    numbers: &'a str,
    /// Directory of the file system that is mounted; `/` unless it is a bind mount or a subvolume.
    root: &'a str,
    path: &'a str,
    kind: &'a str,
    source: &'a str,
    writable: bool,
}

impl<'a> MountLine<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (left, right) = line.split_once(" - ")?;
        let mut left = left.split(' ');
        let (id, parent) = (left.next()?, left.next()?);
        let (numbers, root, path) = (left.next()?, left.next()?, left.next()?);
        let options = left.next()?;
        let mut right = right.split(' ');
        let (kind, source) = (right.next()?, right.next()?);
        let read_only = |options: &str| options.split(',').any(|option| option == "ro");
        let writable = !read_only(options) && !read_only(right.next().unwrap_or_default());
        Some(Self {
            id,
            parent,
            numbers,
            root,
            path,
            kind,
            source,
            writable,
        })
    }

    fn is_of_interest(&self) -> bool {
        let stores = !LEFT_OUT.contains(&self.kind) || (self.kind == "overlay" && self.path == "/");
        let of_kernel = ["/proc", "/sys", "/dev"].iter();
        let mut of_kernel = of_kernel.filter(|tree| is_below(self.path, tree));
        let is_of_kernel = self.path != "/dev/shm" && of_kernel.next().is_some();
        stores && !is_of_kernel && self.path.starts_with('/')
    }

    /// Returns how unsuitable the mount is to stand for its file system: read-only mounts of a file
    /// system that is written elsewhere come last, bind mounts after the origin, files of container
    /// runtimes after other bind mounts, and of equals the shortest path is first.
    fn rank(&self) -> (bool, bool, bool, usize) {
        let is_bind = self.root != "/";
        let is_runtime_file = RUNTIME_FILES.contains(&self.path);
        (!self.writable, is_bind, is_runtime_file, self.path.len())
    }

    fn mount_point(&self) -> MountPoint {
        let device = self.source.strip_prefix("/dev/").map(unescape);
        MountPoint {
            path: unescape(self.path),
            kind: self.kind.to_owned(),
            device: device.filter(|_| self.kind != "tmpfs"),
        }
    }
}

/// Chooses the mounts to read from the content of mountinfo.
pub(super) fn choose(text: &str) -> ChosenMounts {
    let lines: Vec<MountLine<'_>> = text.lines().filter_map(MountLine::parse).collect();
    let covered = covered(&lines);
    let mut by_device: BTreeMap<&str, &MountLine<'_>> = BTreeMap::new();
    // A file system that is mounted on itself read-only is still written through the covered mount.
    let written = lines.iter().filter(|line| line.writable);
    let written: HashSet<&str> = written.map(|line| line.numbers).collect();
    let seen = lines.iter().filter(|line| line.is_of_interest());
    let seen = seen.filter(|line| written.contains(line.numbers));
    for line in seen.filter(|line| !covered.contains(line.id)) {
        let best = by_device.entry(line.numbers).or_insert(line);
        if line.rank() < best.rank() {
            *best = line;
        }
    }
    let mut chosen: Vec<&MountLine<'_>> = by_device.into_values().collect();
    chosen.sort_by_key(|line| {
        (
            line.kind == "tmpfs",
            !line.source.starts_with("/dev/"),
            line.path,
        )
    });
    let left = chosen.len().saturating_sub(MOST);
    chosen.truncate(MOST);
    ChosenMounts {
        mounts: chosen.into_iter().map(MountLine::mount_point).collect(),
        left,
    }
}

/// Returns the ids of the mounts that others cover, so that their mount points lead elsewhere. A
/// mount is covered by one on top of it at the same place, by one that was mounted later on a
/// directory above it, and if its parent is covered.
fn covered<'a>(lines: &[MountLine<'a>]) -> HashSet<&'a str> {
    let mut children: HashMap<&str, Vec<&MountLine<'a>>> = HashMap::new();
    // The first mount of a namespace is its own parent.
    for line in lines.iter().filter(|line| line.id != line.parent) {
        children.entry(line.parent).or_default().push(line);
    }
    let on = |id: &str| children.get(id).map_or(&[][..], Vec::as_slice);
    let hidden = |line: &MountLine<'a>| {
        let stacked = on(line.id).iter().any(|top| top.path == line.path);
        let mut beside = on(line.parent).iter();
        stacked || beside.any(|other| is_below(line.path, other.path))
    };
    let mut covered: HashSet<&str> = HashSet::new();
    let mut left: Vec<&MountLine<'a>> = lines.iter().filter(|line| hidden(line)).collect();
    while let Some(line) = left.pop() {
        if covered.insert(line.id) {
            // What is mounted on the covered part is covered too, but not what covers it.
            left.extend(on(line.id).iter().filter(|child| child.path != line.path));
        }
    }
    covered
}

/// Returns true if `path` is inside the directory `above`.
fn is_below(path: &str, above: &str) -> bool {
    let rest = path.strip_prefix(above.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.len() > 1 && rest.starts_with('/'))
}

/// Decodes the kernel's escapes `\ooo` of spaces, tabs, line ends and backslashes.
fn unescape(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..3).filter(|_| *first == b'\\');
        let code = code.and_then(|octal| std::str::from_utf8(octal).ok());
        if let Some(byte) = code.and_then(|octal| u8::from_str_radix(octal, 8).ok()) {
            decoded.push(byte);
            rest = &after[3..];
        } else {
            decoded.push(*first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn paths(text: &str) -> Vec<String> {
        let chosen = choose(text).mounts.into_iter();
        chosen.map(|mount| mount.path).collect()
    }

    #[test]
    fn one_mount_of_each_disk_is_read_and_what_stores_nothing_is_left_out() {
        let text = "22 27 0:21 / /proc rw - proc proc rw\n\
            27 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,discard\n\
            28 27 254:2 / /var/lib rw master:2 - xfs /dev/mapper/vg-lib rw\n\
            29 27 254:1 /srv/data /srv rw - ext4 /dev/vda1 rw\n\
            30 27 7:1 / /snap/core/1 ro - squashfs /dev/loop1 ro\n\
            31 27 11:0 / /media/cd ro - iso9660 /dev/sr0 ro\n\
            32 27 0:40 / /mnt/nfs rw - nfs4 filer:/export rw,vers=4.2\n\
            33 27 0:41 / /home rw - autofs systemd-1 rw,fd=47\n\
            34 27 0:42 / /tmp rw - tmpfs tmpfs rw\n\
            38 27 0:43 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
            35 27 0:43 / /var/lib/docker/overlay2/1/merged rw - overlay overlay rw\n\
            36 27 8:17 / /backup ro - ext4 /dev/sdb1 rw\n\
            37 27 8:33 / /broken rw - ext4 /dev/sdc1 ro\n";
        assert_eq!(paths(text), ["/", "/var/lib", "/mnt/nfs", "/tmp"]);
        let chosen = choose(text).mounts;
        assert_eq!(chosen[0].device.as_deref(), Some("vda1"));
        assert_eq!(chosen[1].device.as_deref(), Some("mapper/vg-lib"));
        assert_eq!(chosen[2].device, None, "a source may hold a password");
        assert_eq!(chosen[2].kind, "nfs4");
    }

    #[test]
    fn in_a_container_the_volume_stands_for_its_disk_and_the_root_is_an_overlay() {
        let text = "50 40 0:60 / / rw - overlay overlay rw,lowerdir=/a,upperdir=/b\n\
            51 50 8:1 /docker/c/hosts /etc/hosts rw - ext4 /dev/sda1 rw\n\
            52 50 8:1 /docker/v/_data /var/lib/postgresql/data rw - ext4 /dev/sda1 rw\n\
            53 50 8:1 /docker/c/resolv.conf /etc/resolv.conf rw - ext4 /dev/sda1 rw\n";
        assert_eq!(paths(text), ["/var/lib/postgresql/data", "/"]);
    }

    #[test]
    fn a_mount_that_another_covers_is_left_out() {
        let stacked = "25 24 0:23 / /dev/shm rw - tmpfs tmpfs rw\n\
            30 25 0:27 / /dev/shm rw - tmpfs tmpfs rw\n";
        assert_eq!(paths(stacked), ["/dev/shm"]);
        let above = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
            2 1 8:2 / /mnt/data rw - ext4 /dev/sda2 rw\n\
            3 2 8:4 / /mnt/data/sub rw - ext4 /dev/sda4 rw\n\
            4 1 8:3 / /mnt rw - ext4 /dev/sda3 rw\n\
            5 4 8:5 / /mnt/new rw - ext4 /dev/sda5 rw\n";
        assert_eq!(paths(above), ["/", "/mnt", "/mnt/new"]);
        let first = "1 1 0:2 / / rw - ext2 /dev/ram0 rw\n\
            2 1 8:1 / / rw - ext4 /dev/sda1 rw\n";
        assert_eq!(choose(first).mounts[0].kind, "ext4");
        assert_eq!(paths("1 1 8:1 / / rw - ext4 /dev/sda1 rw\n"), ["/"]);
        let beside = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
            2 1 8:2 / /mnt rw - ext4 /dev/sda2 rw\n\
            3 1 8:3 / /mnt2 rw - ext4 /dev/sda3 rw\n";
        assert_eq!(paths(beside), ["/", "/mnt", "/mnt2"]);
    }

    #[test]
    fn a_file_system_that_is_mounted_on_itself_read_only_is_read_once() {
        let text = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
            2 1 8:2 / /nix/store rw - ext4 /dev/sdb1 rw\n\
            3 2 8:2 / /nix/store ro - ext4 /dev/sdb1 rw\n";
        assert_eq!(paths(text), ["/", "/nix/store"]);
    }

    #[test]
    fn what_one_cannot_type_is_decoded_and_what_makes_no_sense_is_left_out() {
        let text = "1 0 8:1 / /mnt/my\\040disk\\134a rw - ext4 /dev/sda1 rw\n";
        assert_eq!(paths(text), ["/mnt/my disk\\a"]);
        assert_eq!(unescape("\\0"), "\\0");
        assert_eq!(unescape("\\999\\377"), "\\999\u{fffd}");
        for odd in ["", "x", "1 0 8:1 / / rw", "1 0 8:1 / / - ext4 a", " - \n"] {
            assert_eq!(choose(odd), ChosenMounts::default(), "{odd:?}");
        }
    }

    #[test]
    fn of_very_many_mounts_those_of_disks_come_first_and_the_rest_is_counted() {
        let secrets = (0..500).map(|i| format!("{i} 1 0:{i} / /pod/{i} rw - tmpfs tmpfs rw\n"));
        let text: String = secrets
            .chain(["900 1 8:1 / /z rw - ext4 /dev/sda1 rw\n".to_owned()])
            .collect();
        let chosen = choose(&text);
        assert_eq!((chosen.mounts.len(), chosen.left), (MOST, 501 - MOST));
        assert_eq!(chosen.mounts[0].path, "/z");
    }

    proptest! {
        #[test]
        fn whatever_the_list_of_mounts_contains_each_is_a_path_and_they_are_not_too_many(
            lines in proptest::collection::vec(
                "[0-3]{0,1} [0-3]{0,1} [0-9]:[0-9] [/a\\\\0-9]{0,4} [/ab\\\\0-9]{0,6} (rw|ro) - (ext4|nfs|proc)? [^\n]{0,9}",
                0..9,
            ),
        ) {
            let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
            let chosen = choose(&text);
            prop_assert!(chosen.mounts.len() <= MOST);
            prop_assert!(chosen.mounts.iter().all(|mount| mount.path.starts_with('/')));
        }
    }

    #[test]
    fn the_mounts_of_this_host_are_read() {
        if let Ok(text) = std::fs::read_to_string("/proc/self/mountinfo") {
            assert!(paths(&text).iter().all(|path| path.starts_with('/')));
        }
    }
}
