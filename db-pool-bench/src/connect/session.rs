//! Settings that libpq asks of each new session by variables of their own. Source: PostgreSQL
//! manual, chapter *libpq*, *Environment Variables*.

use super::Environment;

/// The variables, and the server's setting that each is for.
const VARIABLES: [(&str, &str); 3] = [
    ("PGDATESTYLE", "datestyle"),
    ("PGTZ", "timezone"),
    ("PGGEQO", "geqo"),
];
/// What leaves the server's own setting, however it is written.
const DEFAULT: &str = "default";

/// What sessions begin with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SessionSettings(Vec<(&'static str, String)>);

impl SessionSettings {
    /// Those that the variables ask for.
    pub(super) fn of(environment: &Environment<'_>) -> Self {
        let asked = VARIABLES.iter().filter_map(|(variable, setting)| {
            let value = environment.get(variable)?;
            (!value.eq_ignore_ascii_case(DEFAULT)).then_some((*setting, value))
        });
        Self(asked.collect())
    }

    /// Adds them to a session's `options`. What stands later wins: so do variables with libpq.
    pub(super) fn join(&self, options: Option<String>) -> Option<String> {
        let ours = self
            .0
            .iter()
            .map(|(setting, value)| format!("-c {setting}={}", escaped(value)));
        let all: Vec<String> = options.into_iter().chain(ours).collect();
        (!all.is_empty()).then(|| all.join(" "))
    }

    /// The same as statements, for a driver that asks for a time zone and a date style of its own;
    /// `None` where nothing was asked.
    pub(crate) fn statements(&self) -> Option<String> {
        let set = self.0.iter().map(|(setting, value)| {
            let quoted = value.replace('\'', "''");
            format!("SELECT set_config('{setting}', '{quoted}', false);")
        });
        let all: String = set.collect();
        (!all.is_empty()).then_some(all)
    }
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

    fn settings(set: &[(&str, &str)]) -> SessionSettings {
        let variable = |asked: &str| {
            let mut set = set.iter();
            let found = set.find(|(name, _)| *name == asked)?;
            Some(found.1.to_owned())
        };
        SessionSettings::of(&Environment(&variable))
    }

    #[test]
    fn variables_come_after_the_options_and_survive_their_spaces() {
        let settings = settings(&[("PGTZ", "Asia/Tokyo"), ("PGDATESTYLE", "SQL, DMY")]);
        let options = settings.join(Some("-c timezone=UTC".to_owned()));
        assert_eq!(
            options.as_deref(),
            Some(r"-c timezone=UTC -c datestyle=SQL,\ DMY -c timezone=Asia/Tokyo")
        );
    }

    #[test]
    fn a_quote_ends_no_statement() {
        let asked = settings(&[("PGTZ", "O'Higgins")]).statements();
        assert_eq!(
            asked.as_deref(),
            Some("SELECT set_config('timezone', 'O''Higgins', false);")
        );
    }

    #[test]
    fn default_asks_for_nothing() {
        let settings = settings(&[("PGTZ", "Default"), ("PGGEQO", "")]);
        assert_eq!((settings.join(None), settings.statements()), (None, None));
    }
}
