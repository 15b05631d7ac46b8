//! Search for the server programs that are installed on this machine.

use std::cmp::Reverse;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::TestbedError;

const POSTGRES_VARIABLE: &str = "PLIMSOLL_POSTGRES_BIN";
const POSTGRES_REMEDY: &str = "Install it (apt-get install postgresql · dnf install \
    postgresql-server postgresql-contrib · apk add postgresql postgresql-contrib · brew install \
    postgresql), or set PLIMSOLL_POSTGRES_BIN to the directory that holds `postgres` and `initdb`";
const REDIS_VARIABLE: &str = "PLIMSOLL_REDIS_BIN";
const REDIS_REMEDY: &str = "Install it (apt-get install redis-server · dnf install redis, or \
    valkey · apk add redis · brew install redis), or set PLIMSOLL_REDIS_BIN to the executable";
const HOMEBREW: [&str; 3] = ["/opt/homebrew", "/usr/local", "/home/linuxbrew/.linuxbrew"];

/// Finds PostgreSQL and returns the directory that contains `postgres` and `initdb`.
///
/// Searches the directory in the environment variable `PLIMSOLL_POSTGRES_BIN`; only if it is not
/// set, `PATH`, then `/usr/lib/postgresql/*/bin` and `/usr/pgsql-*/bin` (the highest version
/// first), then Homebrew.
///
/// # Errors
/// Fails with [`TestbedError::Missing`], which names the packages to install, if PostgreSQL is in
/// none of these places.
pub fn find_postgres() -> Result<PathBuf, TestbedError> {
    ProgramSearch::of_this_process(POSTGRES_VARIABLE).postgres()
}

/// Finds Redis or Valkey and returns the path of its server's executable.
///
/// Searches the environment variable `PLIMSOLL_REDIS_BIN` (the executable or its directory); only
/// if it is not set, `PATH`, then Homebrew.
///
/// # Errors
/// Fails with [`TestbedError::Missing`], which names the packages to install, if neither is in
/// these places.
pub fn find_redis() -> Result<PathBuf, TestbedError> {
    ProgramSearch::of_this_process(REDIS_VARIABLE).redis()
}

/// Places to search for a server: the location that the user chose, if any, `PATH`, and the root of
/// the file system. They are fields so that a test can replace the environment.
struct ProgramSearch {
    chosen: Option<PathBuf>,
    path: OsString,
    root: PathBuf,
}

impl ProgramSearch {
    fn of_this_process(variable: &str) -> Self {
        Self {
            chosen: env::var_os(variable)
                .filter(|v| !v.is_empty())
                .map(PathBuf::from),
            path: env::var_os("PATH").unwrap_or_default(),
            root: PathBuf::from("/"),
        }
    }

    fn postgres(&self) -> Result<PathBuf, TestbedError> {
        let found = match &self.chosen {
            Some(directory) => whole_postgres(directory),
            None => env::split_paths(&self.path)
                .chain(self.packaged())
                .find_map(|d| whole_postgres(&d)),
        };
        found.ok_or_else(|| TestbedError::Missing {
            server: "PostgreSQL",
            searched: self.places(POSTGRES_VARIABLE, "PATH, /usr/lib/postgresql and Homebrew"),
            remedy: POSTGRES_REMEDY,
        })
    }

    fn redis(&self) -> Result<PathBuf, TestbedError> {
        let found = match &self.chosen {
            Some(chosen) if is_program(chosen) => Some(chosen.clone()),
            Some(directory) => redis_in(directory),
            None => {
                let homebrew = HOMEBREW.iter().map(|place| self.below(place).join("bin"));
                env::split_paths(&self.path)
                    .chain(homebrew)
                    .find_map(|d| redis_in(&d))
            }
        };
        found.ok_or_else(|| TestbedError::Missing {
            server: "Redis",
            searched: self.places(REDIS_VARIABLE, "PATH and Homebrew"),
            remedy: REDIS_REMEDY,
        })
    }

    /// Iterates over the directories in which packages install PostgreSQL's programs: Debian's, Red
    /// Hat's and Homebrew's, in each place the highest version first.
    fn packaged(&self) -> impl Iterator<Item = PathBuf> {
        let debian = newest_first(&self.below("/usr/lib/postgresql"), "");
        let red_hat = newest_first(&self.below("/usr"), "pgsql-");
        let homebrew = HOMEBREW
            .iter()
            .flat_map(|place| newest_first(&self.below(place).join("opt"), "postgresql@"));
        let directories: Vec<_> = debian.into_iter().chain(red_hat).chain(homebrew).collect();
        directories
            .into_iter()
            .map(|directory| directory.join("bin"))
    }

    fn below(&self, place: &str) -> PathBuf {
        self.root.join(place.trim_start_matches('/'))
    }

    fn places(&self, variable: &str, usual: &str) -> String {
        match &self.chosen {
            Some(chosen) => format!("{} ({variable})", chosen.display()),
            None => usual.to_owned(),
        }
    }
}

/// Returns the subdirectories of `parent` whose names consist of `prefix` and a version such as
/// `15` or `9.6`, the highest version first. Empty if `parent` cannot be read.
fn newest_first(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    let mut versions: Vec<_> = entries
        .filter_map(|entry| {
            let name = entry.file_name();
            let version = name.to_str()?.strip_prefix(prefix)?;
            let numbers: Option<Vec<u32>> = version.split('.').map(|n| n.parse().ok()).collect();
            Some((numbers?, entry.path()))
        })
        .collect();
    versions.sort_by_key(|(version, _)| Reverse(version.clone()));
    versions.into_iter().map(|(_, path)| path).collect()
}

/// Returns a directory with both `postgres` and `initdb`: the one that contains the target of
/// `directory`'s link `postgres`, else `directory` itself; `None` if neither has both. `PATH` often
/// contains links to only some of a version's programs.
fn whole_postgres(directory: &Path) -> Option<PathBuf> {
    let linked = directory.join("postgres").canonicalize().ok()?;
    [linked.parent(), Some(directory)]
        .into_iter()
        .flatten()
        .find(|place| is_program(&place.join("postgres")) && is_program(&place.join("initdb")))
        .map(Path::to_path_buf)
}

fn redis_in(directory: &Path) -> Option<PathBuf> {
    ["redis-server", "valkey-server"]
        .iter()
        .map(|name| directory.join(name))
        .find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn install(path: &Path) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn machine(root: &Path) -> ProgramSearch {
        ProgramSearch {
            chosen: None,
            path: root.join("usr/bin").into(),
            root: root.to_path_buf(),
        }
    }

    #[test]
    fn a_machine_without_servers_is_told_which_package_to_install() {
        let root = tempfile::tempdir().unwrap();
        let postgres = machine(root.path()).postgres().unwrap_err().to_string();
        assert!(
            postgres.contains("apt-get install postgresql "),
            "{postgres}"
        );
        assert!(
            postgres.contains("dnf install postgresql-server"),
            "{postgres}"
        );
        let redis = machine(root.path()).redis().unwrap_err().to_string();
        assert!(redis.contains("apt-get install redis-server"), "{redis}");
        assert!(redis.contains("PLIMSOLL_REDIS_BIN"), "{redis}");
    }

    #[test]
    fn the_newest_packaged_version_is_taken_by_number_not_by_spelling() {
        let root = tempfile::tempdir().unwrap();
        for version in ["9.6", "15", "16"] {
            for program in ["postgres", "initdb"] {
                install(
                    &root
                        .path()
                        .join(format!("usr/lib/postgresql/{version}/bin/{program}")),
                );
            }
        }
        let found = machine(root.path()).postgres().unwrap();
        assert!(found.ends_with("usr/lib/postgresql/16/bin"), "{found:?}");
    }

    #[test]
    fn a_postgres_without_initdb_in_the_path_is_followed_to_its_home() {
        let root = tempfile::tempdir().unwrap();
        let home = root.path().join("opt/pg/bin");
        install(&home.join("postgres"));
        install(&home.join("initdb"));
        fs::create_dir_all(root.path().join("usr/bin")).unwrap();
        symlink(home.join("postgres"), root.path().join("usr/bin/postgres")).unwrap();
        assert_eq!(
            machine(root.path()).postgres().unwrap(),
            home.canonicalize().unwrap()
        );
    }

    #[test]
    fn a_chosen_place_that_holds_no_server_is_an_error_even_if_another_is_installed() {
        let root = tempfile::tempdir().unwrap();
        install(&root.path().join("usr/bin/redis-server"));
        let search = ProgramSearch {
            chosen: Some("/nowhere".into()),
            ..machine(root.path())
        };
        let error = search.redis().unwrap_err().to_string();
        assert!(error.contains("/nowhere (PLIMSOLL_REDIS_BIN)"), "{error}");
    }

    #[test]
    fn valkey_serves_where_redis_is_missing() {
        let root = tempfile::tempdir().unwrap();
        install(&root.path().join("usr/bin/valkey-server"));
        assert!(
            machine(root.path())
                .redis()
                .unwrap()
                .ends_with("usr/bin/valkey-server")
        );
    }
}
