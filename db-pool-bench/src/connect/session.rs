//! What each new session is asked to begin with: its options, and settings that libpq knows by
//! variables of their own. Source: PostgreSQL manual, chapter *libpq*, *Parameter Key Words* and
//! *Environment Variables*.

use super::Environment;

/// The variables, and the server's setting that each is for.
const VARIABLES: [(&str, &str); 3] = [
    ("PGDATESTYLE", "datestyle"),
    ("PGTZ", "timezone"),
    ("PGGEQO", "geqo"),
];
/// What leaves the server's own setting, however it is written.
const DEFAULT: &str = "default";

/// Settings that sqlx asks for by itself when it logs in, which beats all options.
const OF_SQLX: [&str; 2] = ["timezone", "datestyle"];

/// What sessions begin with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SessionSettings {
    options: Option<String>,
    variables: Vec<(&'static str, String)>,
}

impl SessionSettings {
    /// Those of `options` and those that the variables ask for.
    pub(super) fn read(options: Option<String>, environment: &Environment<'_>) -> Self {
        let asked = VARIABLES.iter().filter_map(|(variable, setting)| {
            let value = environment.get(variable)?;
            (!value.eq_ignore_ascii_case(DEFAULT)).then_some((*setting, value))
        });
        Self {
            options,
            variables: asked.collect(),
        }
    }

    /// All of them as a session's options. What stands later wins: so do variables with libpq.
    pub(super) fn options(&self) -> Option<String> {
        let variables = self.variables.iter();
        let ours = variables.map(|(setting, value)| format!("-c {setting}={}", escaped(value)));
        let all: Vec<String> = self.options.iter().cloned().chain(ours).collect();
        (!all.is_empty()).then(|| all.join(" "))
    }

    /// Returns true if something is asked for `setting`.
    pub(super) fn ask_for(&self, setting: &str) -> bool {
        let options = self.options();
        settings(options.as_deref().unwrap_or_default()).any(|(name, _)| name == setting)
    }

    /// As statements what is asked for where sqlx asks for something of its own; `None` where
    /// nothing is.
    pub(crate) fn statements(&self) -> Option<String> {
        let options = self.options()?;
        let beaten = settings(&options).filter(|(name, _)| OF_SQLX.contains(&name.as_str()));
        let set = beaten.map(|(setting, value)| {
            let quoted = value.replace('\'', "''");
            format!("SELECT set_config('{setting}', '{quoted}', false);")
        });
        let all: String = set.collect();
        (!all.is_empty()).then_some(all)
    }
}

/// The settings that `options` ask for, as the server reads them: `-c name=value`,
/// `-cname=value` and `--name=value`, names in any case, with `-` for `_`. Source: PostgreSQL's
/// `process_postgres_switches` and `ParseLongOption`.
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

/// The words of `options`: a backslash takes its meaning from the character after it, white space
/// included. Source: PostgreSQL's `pg_split_opts`.
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

/// `value` as one word of a session's options.
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
        SessionSettings::read(options.map(str::to_owned), &Environment(&variable))
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
        assert!(settings.ask_for("work_mem") && !settings.ask_for("jit"));
        assert!(asked(Some("--extra-float-digits=0"), &[]).ask_for("extra_float_digits"));
    }

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
        assert_eq!((settings.options(), settings.statements()), (None, None));
    }
}
