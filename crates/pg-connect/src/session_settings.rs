//! Settings of new sessions: their options, and settings that libpq reads from separate variables.
//! Source: PostgreSQL manual, chapter *libpq*, *Parameter Key Words* and *Environment Variables*.

use crate::environment::EnvironmentVariables;

/// Environment variables, each with the server setting whose value it gives.
const VARIABLES: [(&str, &str); 3] = [
    ("PGDATESTYLE", "datestyle"),
    ("PGTZ", "timezone"),
    ("PGGEQO", "geqo"),
];
/// Value of a variable in [`VARIABLES`], in any case, that leaves the server's own setting
/// unchanged.
const DEFAULT: &str = "default";

/// Settings that sqlx itself sets at login, which overrides the session's options.
#[cfg(feature = "sqlx")]
const SET_BY_SQLX: [&str; 2] = ["timezone", "datestyle"];

/// Settings of new sessions: the options of the address, and settings from environment variables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SessionSettings {
    options: Option<String>,
    variables: Vec<(&'static str, String)>,
}

impl SessionSettings {
    /// Combines the session's `options` with the settings that environment variables give.
    pub(crate) fn new(options: Option<String>, environment: &EnvironmentVariables<'_>) -> Self {
        let asked = VARIABLES.iter().filter_map(|(variable, setting)| {
            let value = environment.get(variable)?;
            (!value.eq_ignore_ascii_case(DEFAULT)).then_some((*setting, value))
        });
        Self {
            options,
            variables: asked.collect(),
        }
    }

    /// Returns all settings as the text of a session's `options`, such as `-c geqo=off`; `None` if
    /// there are none. Those of variables come last and prevail, as in libpq.
    pub(crate) fn options(&self) -> Option<String> {
        let variables = self.variables.iter();
        let ours = variables.map(|(setting, value)| format!("-c {setting}={}", escaped(value)));
        let all: Vec<String> = self.options.iter().cloned().chain(ours).collect();
        (!all.is_empty()).then(|| all.join(" "))
    }

    /// Returns true if the options or variables set `setting`, named in lower case.
    #[cfg(feature = "sqlx")]
    pub(crate) fn has(&self, setting: &str) -> bool {
        let options = self.options();
        settings(options.as_deref().unwrap_or_default()).any(|(name, _)| name == setting)
    }

    /// Returns SQL statements for the settings which sqlx overrides at login; `None` if none of
    /// these is set.
    #[cfg(feature = "sqlx")]
    pub(crate) fn statements(&self) -> Option<String> {
        let options = self.options()?;
        let beaten = settings(&options).filter(|(name, _)| SET_BY_SQLX.contains(&name.as_str()));
        let set = beaten.map(|(setting, value)| {
            let quoted = value.replace('\'', "''");
            format!("SELECT set_config('{setting}', '{quoted}', false);")
        });
        let all: String = set.collect();
        (!all.is_empty()).then_some(all)
    }
}

/// Parses the names and values of the settings in `options`, in their order, as the server does:
/// `-c name=value`, `-cname=value` and `--name=value`, with names in any case and `-` for `_`.
/// Other words are skipped. Source: PostgreSQL's `process_postgres_switches` and `ParseLongOption`.
#[cfg(feature = "sqlx")]
fn settings(options: &str) -> impl Iterator<Item = (String, String)> {
    let mut words = words(options).into_iter();
    std::iter::from_fn(move || {
        loop {
            let word = words.next()?;
            let asked = match word.strip_prefix("--").or_else(|| word.strip_prefix("-c")) {
                Some("") => words.next()?,
                Some(asked) => asked.to_owned(),
                None => continue,
            };
            if let Some((name, value)) = asked.split_once('=') {
                let name = name.to_ascii_lowercase().replace('-', "_");
                return Some((name, value.to_owned()));
            }
        }
    })
}

/// Splits `options` into words at white space. A backslash makes the next character an ordinary
/// one, even white space. Source: PostgreSQL's `pg_split_opts`.
#[cfg(feature = "sqlx")]
fn words(options: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut characters = options.chars();
    while let Some(character) = characters.next() {
        if character.is_ascii_whitespace() {
            words.extend(word.take());
            continue;
        }
        let word = word.get_or_insert_default();
        if character == '\\' {
            word.extend(characters.next());
        } else {
            word.push(character);
        }
    }
    words.extend(word);
    words
}

/// Escapes `value` with backslashes so that it is one word in a session's options.
fn escaped(value: &str) -> String {
    let mut word = String::with_capacity(value.len());
    for character in value.chars() {
        if character == '\\' || character.is_ascii_whitespace() {
            word.push('\\');
        }
        word.push(character);
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(options: Option<&str>, set: &[(&str, &str)]) -> SessionSettings {
        let variable = |asked: &str| {
            let mut set = set.iter();
            let found = set.find(|(name, _)| *name == asked)?;
            Some(found.1.to_owned())
        };
        SessionSettings::new(
            options.map(str::to_owned),
            &EnvironmentVariables::new(&variable),
        )
    }

    #[test]
    fn variables_come_after_the_options_and_survive_their_spaces() {
        let variables = [("PGTZ", "Asia/Tokyo"), ("PGDATESTYLE", "SQL, DMY")];
        let settings = asked(Some("-c timezone=UTC"), &variables);
        assert_eq!(
            settings.options().as_deref(),
            Some(r"-c timezone=UTC -c datestyle=SQL,\ DMY -c timezone=Asia/Tokyo")
        );
    }

    #[cfg(feature = "sqlx")]
    #[test]
    fn sqlx_is_told_what_it_would_overrule_and_nothing_else() {
        let options =
            r"-c work_mem=1MB -cTimeZone=Asia/Tokyo --datestyle=SQL,\ DMY -B 9 -c geqo=off";
        let settings = asked(Some(options), &[("PGTZ", "Europe/Rome")]);
        assert_eq!(
            settings.statements().as_deref(),
            Some(
                "SELECT set_config('timezone', 'Asia/Tokyo', false);\
                 SELECT set_config('datestyle', 'SQL, DMY', false);\
                 SELECT set_config('timezone', 'Europe/Rome', false);"
            ),
            "what stands later wins"
        );
        assert!(settings.has("work_mem") && !settings.has("jit"));
        assert!(asked(Some("--extra-float-digits=0"), &[]).has("extra_float_digits"));
    }

    #[cfg(feature = "sqlx")]
    #[test]
    fn a_quote_ends_no_statement() {
        let asked = asked(None, &[("PGTZ", "O'Higgins")]).statements();
        assert_eq!(
            asked.as_deref(),
            Some("SELECT set_config('timezone', 'O''Higgins', false);")
        );
    }

    #[test]
    fn default_asks_for_nothing() {
        let settings = asked(None, &[("PGTZ", "Default"), ("PGGEQO", "")]);
        assert_eq!(settings.options(), None);
        #[cfg(feature = "sqlx")]
        assert_eq!(settings.statements(), None);
    }
}
