//! Search for control groups by a pattern, the name of a systemd unit or the id of a container.

use std::collections::BTreeSet;
use std::path::Path;

use super::directories::{mount, unified};
use crate::source::Roots;

/// Deepest directory that is searched, and largest number of directories: no more than a busy host
/// has, so that a search takes milliseconds.
const DEEPEST: usize = 12;
const MOST_DIRECTORIES: usize = 20_000;
/// Fewest characters of a container's id that are accepted, as Docker shows them.
const LEAST_ID: usize = 12;

/// Name of control groups as users write it, where it is not a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GroupPattern(String);

impl GroupPattern {
    /// Returns the pattern, unit or container that `name` means; `None` for the path of one group,
    /// which has a slash and neither `*` nor `?`.
    pub(super) fn of(name: &str) -> Option<Self> {
        let trimmed = name.trim_matches('/');
        let is_path = trimmed.contains('/') && !trimmed.contains(['*', '?']);
        (!is_path && !trimmed.is_empty()).then(|| Self(trimmed.to_owned()))
    }

    /// Returns the pattern as the user wrote it.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Finds the groups whose names match, as paths below the root of their hierarchy, in order. If
    /// a group at the top has exactly this name, it is the only one.
    pub(super) fn find(&self, roots: &Roots) -> BTreeSet<String> {
        let mount = mount(roots);
        let one = ["cpu", "cpuacct", "memory", "blkio", "pids"];
        let one = one.iter().map(|controller| mount.join(controller));
        let mut names = BTreeSet::new();
        let mut left = MOST_DIRECTORIES;
        for root in unified(&mount).into_iter().chain(one) {
            if root.join(&self.0).is_dir() && !self.0.contains(['*', '?']) {
                return BTreeSet::from([self.0.clone()]);
            }
            self.search(&root, "", DEEPEST, &mut left, &mut names);
        }
        names
    }

    fn search(
        &self,
        directory: &Path,
        name: &str,
        depth: usize,
        left: &mut usize,
        found: &mut BTreeSet<String>,
    ) {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let file_name = entry.file_name();
            let (true, Some(last)) = (is_directory && *left > 0, file_name.to_str()) else {
                continue;
            };
            *left -= 1;
            let path = if name.is_empty() {
                last.to_owned()
            } else {
                format!("{name}/{last}")
            };
            if self.matches(&path) {
                found.insert(path.clone());
            }
            if depth > 1 {
                self.search(&entry.path(), &path, depth - 1, left, found);
            }
        }
    }

    /// Returns true if the group at `path` is meant: a pattern with a slash stands for the whole path,
    /// and anything else for the last part of it.
    fn matches(&self, path: &str) -> bool {
        let pattern = self.0.as_str();
        if pattern.contains('/') {
            let parts = (pattern.split('/'), path.split('/'));
            return parts.0.clone().count() == parts.1.clone().count()
                && parts
                    .0
                    .zip(parts.1)
                    .all(|(pattern, part)| glob(pattern, part));
        }
        let last = path.rsplit('/').next().unwrap_or(path);
        glob(pattern, last) || is_container(last, pattern)
    }
}

/// Returns true if `id` begins the id of the container whose group is called `name`, such as
/// `docker-4f3a….scope`, `cri-containerd-4f3a….scope` or `4f3a…`.
fn is_container(name: &str, id: &str) -> bool {
    let is_id = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let whole = name.strip_suffix(".scope").unwrap_or(name);
    let whole = whole.rsplit('-').next().unwrap_or(whole);
    id.len() >= LEAST_ID && is_id(id) && is_id(whole) && whole.starts_with(id)
}

/// Returns true if `text` matches `pattern`, in which `*` stands for any text and `?` for any
/// character.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while read < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(sign) if *sign == '?' || *sign == text[read] => {
                at += 1;
                read += 1;
            }
            _ => {
                // The last star takes one more character.
                let Some((star_at, taken)) = star else {
                    return false;
                };
                star = Some((star_at, taken + 1));
                at = star_at + 1;
                read = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|sign| *sign == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4f3a9b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f9a";

    fn tree(directories: &[&str], version_two: bool) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let base = root.path().join("sys/fs/cgroup");
        std::fs::create_dir_all(&base).unwrap();
        if version_two {
            std::fs::write(base.join("cgroup.controllers"), "cpu\n").unwrap();
        }
        for directory in directories {
            std::fs::create_dir_all(base.join(directory)).unwrap();
        }
        root
    }

    fn found(root: &Path, name: &str) -> Vec<String> {
        let pattern = GroupPattern::of(name).unwrap();
        pattern.find(&Roots::under(root)).into_iter().collect()
    }

    #[test]
    fn groups_are_found_by_pattern_unit_and_container() {
        let docker = format!("system.slice/docker-{ID}.scope");
        let pod = format!("kubepods/burstable/pod1/{ID}");
        let root = tree(
            &[
                "system.slice/nginx.service",
                "system.slice/system-postgresql.slice/postgresql@16-main.service",
                "app-1",
                "app-2/worker",
                &docker,
                &pod,
            ],
            true,
        );
        let root = root.path();
        assert_eq!(found(root, "app-*"), ["app-1", "app-2"]);
        assert_eq!(found(root, "/app-*/work?r"), ["app-2/worker"]);
        assert_eq!(found(root, "nginx.service"), ["system.slice/nginx.service"]);
        let unit = "system.slice/system-postgresql.slice/postgresql@16-main.service";
        assert_eq!(found(root, "postgresql@*.service"), [unit]);
        assert_eq!(found(root, &ID[..12]), [pod, docker]);
        assert!(found(root, &ID[..11]).is_empty(), "too short to be sure");
        assert!(found(root, "nginx").is_empty());
        assert_eq!(GroupPattern::of("system.slice/nginx.service"), None);
        assert_eq!(GroupPattern::of("/"), None);
    }

    #[test]
    fn a_group_at_the_top_with_the_very_name_is_the_only_one() {
        let root = tree(&["web", "other/web"], true);
        assert_eq!(found(root.path(), "web"), ["web"]);
        assert_eq!(found(root.path(), "we*"), ["other/web", "web"]);
    }

    #[test]
    fn in_version_one_a_group_counts_once_though_each_controller_has_it() {
        let root = tree(
            &["cpu/docker/web", "memory/docker/web", "pids/docker/api"],
            false,
        );
        assert_eq!(found(root.path(), "web"), ["docker/web"]);
        assert_eq!(
            found(root.path(), "*"),
            ["docker", "docker/api", "docker/web"]
        );
    }

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, text, is_match) in [
            ("*", "", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b-d", false),
            ("?", "é", true),
            ("?", "", false),
            ("**a", "ba", true),
            ("a", "A", false),
        ] {
            assert_eq!(glob(pattern, text), is_match, "{pattern} {text}");
        }
    }
}
