//! Processes that `/proc` hides from this program.
//!
//! Mounted with `hidepid=1` (`noaccess`), `/proc` shows only the process ids of other users'
//! processes. With `hidepid=2` (`invisible`) it does not show them at all, and with `hidepid=4`
//! (`ptraceable`) it shows only processes that this program may trace. In the latter two cases, the
//! number of hidden processes is unknown.

use std::fs::File;
use std::path::Path;

/// Bit number of the Linux capability to trace any process. Nothing is hidden from a process that
/// has it.
const CAP_SYS_PTRACE: u32 = 19;

/// Returns a sentence on why processes of other users are hidden from this program and how to see
/// them; `None` if they are visible, or if the mount options of `proc` cannot be read.
pub(super) fn reason(proc: &Path) -> Option<String> {
    let mounts = std::fs::read_to_string(proc.join("self/mounts")).ok()?;
    let options = options(&mounts)?;
    let option = |key: &str| {
        let mut options = options.split(',');
        options.find_map(|option| option.strip_prefix(key)?.strip_prefix('='))
    };
    let level = option("hidepid").filter(|level| !matches!(*level, "0" | "off"))?;
    let group: Option<u32> = option("gid").and_then(|gid| gid.parse().ok());
    let only_traced = matches!(level, "4" | "ptraceable");
    let status = std::fs::read_to_string(proc.join("self/status")).unwrap_or_default();
    let admitted = !only_traced && group.is_some_and(|group| is_member(&status, group));
    // In a user namespace the capability may not suffice.
    let may_trace = may_trace(&status) && File::open(proc.join("1/stat")).is_ok();
    if admitted || may_trace {
        return None;
    }
    let join = match group {
        Some(group) if !only_traced => format!(", or in the group {group} that it admits"),
        _ => String::new(),
    };
    Some(format!(
        "/proc is mounted with hidepid={level}, which hides them from this user; how many there are \
         cannot be known. Try: run sysmon as root{join}"
    ))
}

/// Returns the mount options of the last file system of type `proc` mounted at `/proc`, from the
/// content of a `mounts` file; `None` if there is none.
fn options(mounts: &str) -> Option<&str> {
    mounts.lines().rev().find_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (place, kind, options) = (words.next()?, words.next()?, words.next()?);
        (place == "/proc" && kind == "proc").then_some(options)
    })
}

fn may_trace(status: &str) -> bool {
    let capabilities = line(status, "CapEff:");
    let capabilities = capabilities.and_then(|all| u64::from_str_radix(all.trim(), 16).ok());
    capabilities.is_some_and(|all| all >> CAP_SYS_PTRACE & 1 == 1)
}

fn is_member(status: &str, group: u32) -> bool {
    // The kernel checks the last of the four group ids.
    let own = line(status, "Gid:").and_then(|all| all.split_whitespace().last());
    let others = line(status, "Groups:").unwrap_or_default();
    let mut all = own.into_iter().chain(others.split_whitespace());
    all.any(|member| member.parse() == Ok(group))
}

fn line<'a>(status: &'a str, key: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(mounted: &str, status: &str) -> Option<String> {
        let root = tempfile::tempdir().unwrap();
        let own = root.path().join("self");
        std::fs::create_dir_all(root.path().join("1")).unwrap();
        std::fs::write(root.path().join("1/stat"), "").unwrap();
        std::fs::create_dir(&own).unwrap();
        let mounts = format!("none / ext4 rw 0 0\nproc /proc proc {mounted} 0 0\n");
        std::fs::write(own.join("mounts"), mounts).unwrap();
        std::fs::write(own.join("status"), status).unwrap();
        reason(root.path())
    }

    const USER: &str = "Gid:\t7\t7\t7\t7\nGroups:\t7 30\nCapEff:\t0000000000000000\n";
    const ROOT: &str = "Gid:\t0\t0\t0\t0\nGroups:\t0\nCapEff:\t000001ffffffffff\n";

    #[test]
    fn the_option_is_named_with_what_to_do_where_it_concerns_us() {
        for level in ["1", "2", "4", "noaccess", "invisible", "ptraceable"] {
            let option = format!("hidepid={level}");
            let told_user = told(&format!("rw,relatime,{option}"), USER).unwrap();
            let both = told_user.contains(&option) && told_user.contains("Try: run sysmon as root");
            assert!(both, "{told_user}");
            assert_eq!(told(&format!("rw,{option}"), ROOT), None);
        }
        for option in ["rw,relatime", "rw,hidepid=0", "rw,hidepid=off"] {
            assert_eq!(told(option, USER), None, "{option}");
        }
    }

    #[test]
    fn the_group_that_is_admitted_sees_them_unless_only_what_may_be_traced_shows() {
        assert_eq!(told("rw,gid=30,hidepid=2", USER), None);
        assert_eq!(told("rw,gid=7,hidepid=invisible", USER), None);
        let other = told("rw,gid=31,hidepid=invisible", USER).unwrap();
        assert!(other.contains("the group 31"), "{other}");
        let traced = told("rw,gid=30,hidepid=ptraceable", USER).unwrap();
        assert!(!traced.contains("group"), "{traced}");
    }

    #[test]
    fn the_mount_on_top_is_the_one_that_counts() {
        let mounts = "proc /proc proc rw 0 0\nproc /x/proc proc hidepid=2 0 0\n";
        assert_eq!(options(mounts), Some("rw"));
        let twice = format!("{mounts}proc /proc proc rw,hidepid=2 0 0\n");
        assert_eq!(options(&twice), Some("rw,hidepid=2"));
        assert_eq!(options("proc /proc proc"), None);
    }
}
