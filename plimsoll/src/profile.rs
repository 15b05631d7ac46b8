//! Profiles: named selections of benches that `plimsoll run` executes one after the other.

use std::time::Duration;

use serde::Deserialize;

/// TOML text of the built-in profiles.
const BUILT_IN: &str = include_str!("../profiles.toml");

/// One execution of a bench in a profile.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct SuiteComponent {
    /// Name of the bench's program, for example `db-pool-bench`.
    pub(crate) tool: String,
    /// Subcommand of the program, for example `sweep`.
    pub(crate) scenario: String,
    /// Expected duration in seconds, on which the displayed remaining time is based.
    pub(crate) about_s: u64,
    /// Flags of the execution, without the flags that every component gets.
    pub(crate) args: Vec<String>,
}

impl SuiteComponent {
    /// Returns the expected duration of the execution, which need not be met.
    pub(crate) fn about(&self) -> Duration {
        Duration::from_secs(self.about_s)
    }

    /// Returns the file name of the component's report without the extension, as in
    /// `db-pool-bench.sweep`.
    pub(crate) fn stem(&self) -> String {
        format!("{}.{}", self.tool, self.scenario)
    }
}

/// Named selection of benches.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Profile {
    /// Name of the profile.
    pub(crate) name: String,
    /// Purpose of the profile, as shown by `plimsoll list`.
    pub(crate) about: String,
    /// Executions of benches, in the order in which they run.
    #[serde(rename = "component")]
    pub(crate) components: Vec<SuiteComponent>,
}

/// Reasons why a profile cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProfileError {
    /// The built-in profiles cannot be parsed.
    #[error("the built-in profiles cannot be read: {0}")]
    BuiltIn(#[from] toml::de::Error),
    /// No built-in profile has the name that the user gave.
    #[error("there is no profile {asked:?}; there are: {known}")]
    Unknown {
        /// Name of the profile that the user gave.
        asked: String,
        /// Names of the existing profiles, separated by commas.
        known: String,
    },
    /// The profile has no component of the name that the user gave.
    #[error("profile {profile:?} has no component {asked:?}; it has: {known}")]
    NoComponent {
        /// Name of the profile that lacks the component.
        profile: String,
        /// Name of the component that the user gave.
        asked: String,
        /// Names of the components in the profile, separated by commas.
        known: String,
    },
}

#[derive(Deserialize)]
struct ProfileFile {
    profile: Vec<Profile>,
}

/// Returns all built-in profiles, in the order in which they are listed.
///
/// # Errors
/// Fails only if the built-in profiles cannot be parsed, which a test rules out.
pub(crate) fn all() -> Result<Vec<Profile>, ProfileError> {
    Ok(toml::from_str::<ProfileFile>(BUILT_IN)?.profile)
}

/// Returns the profile called `name`, reduced to the components whose program is in `only`; all of
/// them if `only` is empty.
///
/// # Errors
/// Fails if there is no such profile, or if it has no component of a program in `only`.
pub(crate) fn find(name: &str, only: &[String]) -> Result<Profile, ProfileError> {
    let profiles = all()?;
    let names: Vec<&str> = profiles.iter().map(|p| p.name.as_str()).collect();
    let known = names.join(", ");
    let unknown = || ProfileError::Unknown {
        asked: name.to_owned(),
        known,
    };
    let mut profile = profiles
        .iter()
        .find(|p| p.name == name)
        .cloned()
        .ok_or_else(unknown)?;
    let tools: Vec<&str> = profile.components.iter().map(|c| c.tool.as_str()).collect();
    if let Some(asked) = only.iter().find(|asked| !tools.contains(&asked.as_str())) {
        return Err(ProfileError::NoComponent {
            profile: name.to_owned(),
            asked: asked.clone(),
            known: tools.join(", "),
        });
    }
    if !only.is_empty() {
        profile
            .components
            .retain(|component| only.contains(&component.tool));
    }
    Ok(profile)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_runs_every_component_once() {
        for profile in all().unwrap() {
            let stems: Vec<String> = profile
                .components
                .iter()
                .map(SuiteComponent::stem)
                .collect();
            let wanted = ["db-pool-bench.sweep", "redis-bench.cache", "ws-bench.limit"];
            assert_eq!(stems, wanted, "{}", profile.name);
        }
    }

    #[test]
    fn the_quick_profile_fits_into_its_three_minutes() {
        let total: u64 = find("quick", &[])
            .unwrap()
            .components
            .iter()
            .map(|c| c.about_s)
            .sum();
        assert!(
            total <= 150,
            "{total} s leave no room for servers and analysis"
        );
    }

    /// The analyzer promises nothing from less than 10 s of load at one setting, so each setting
    /// must be measured for that long.
    #[test]
    fn settings_are_held_long_enough_for_promises() {
        for name in ["quick", "normal"] {
            for component in find(name, &[]).unwrap().components {
                let value = |flag: &str| {
                    let place = component.args.iter().position(|arg| arg == flag)?;
                    component.args.get(place + 1)
                };
                let repeats: u32 = value("--repeats").map_or(1, |n| n.parse().unwrap());
                let duration = value("--duration").unwrap();
                let held = bench_cli::flags::duration(duration).unwrap() * repeats;
                assert!(held >= Duration::from_secs(10), "{name}: {component:?}");
            }
        }
    }

    #[test]
    fn only_keeps_what_was_asked_for_and_names_what_there_is() {
        let only = ["redis-bench".to_owned()];
        let profile = find("quick", &only).unwrap();
        assert_eq!(profile.components.len(), 1);
        let error = find("quick", &["mysql-bench".to_owned()])
            .unwrap_err()
            .to_string();
        assert!(error.contains("redis-bench"), "{error}");
        let error = find("fast", &[]).unwrap_err().to_string();
        assert!(error.contains("quick"), "{error}");
    }
}
