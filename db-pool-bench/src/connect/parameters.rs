//! The parameters of a connection that the driver's own parser does not know, out of the address
//! or the environment. Source: PostgreSQL manual, chapter *libpq*, *Parameter Key Words* and
//! *Environment Variables*.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;

use super::refusals::{self, UNHEEDED};

/// What is taken out of the address, and the variable that stands in for it.
const OURS: [(&str, &str); 8] = [
    ("sslmode", "PGSSLMODE"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
    ("target_session_attrs", "PGTARGETSESSIONATTRS"),
    ("passfile", "PGPASSFILE"),
    ("channel_binding", "PGCHANNELBINDING"),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
];

/// Where variables come from; the process's own, unless a test says otherwise.
pub struct Environment<'a>(pub &'a dyn Fn(&str) -> Option<String>);

impl std::fmt::Debug for Environment<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Environment")
    }
}

impl Environment<'_> {
    /// A variable that is set to something.
    pub fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    /// A file in the home directory.
    pub fn home(&self, file: &str) -> Option<PathBuf> {
        self.get("HOME").map(|home| PathBuf::from(home).join(file))
    }
}

/// What the address and the environment say beside login, hosts and database.
#[derive(Debug, Default)]
pub struct Parameters {
    values: BTreeMap<&'static str, String>,
    given: Vec<&'static str>,
}

impl Parameters {
    /// Takes our parameters out of `url`; returns what is left of it too.
    ///
    /// # Errors
    /// A sentence on a parameter that no driver, or not every driver, can follow.
    pub fn take(url: &str, environment: &Environment<'_>) -> Result<(Self, String), String> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let mut parameters = Self::default();
        let mut left = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decoded(name)?, decoded(value)?);
            refusals::check_parameter(&name, &value)?;
            match OURS.iter().find(|(ours, _)| *ours == name) {
                Some((ours, _)) => parameters.give(ours, value),
                // As JDBC has it, which libpq takes too.
                None if name == "ssl" && value == "true" => {
                    parameters.give("sslmode", "require".to_owned());
                }
                None if UNHEEDED.contains(&name.as_str()) => {}
                None => left.push(pair),
            }
        }
        refusals::check_variables(environment)?;
        for (name, variable) in OURS {
            if let Some(value) = environment.get(variable) {
                parameters.values.entry(name).or_insert(value);
            }
        }
        let mark = if left.is_empty() { "" } else { "?" };
        Ok((parameters, format!("{base}{mark}{}", left.join("&"))))
    }

    fn give(&mut self, name: &'static str, value: String) {
        if self.values.insert(name, value).is_none() {
            self.given.push(name);
        }
    }

    /// A parameter, from the address or its variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Those that the address itself gives, as it must be shown for a command to work again.
    pub fn shown(&self) -> String {
        let pairs = self
            .given
            .iter()
            .map(|name| format!("{name}={}", self.values[name]));
        pairs.collect::<Vec<_>>().join("&")
    }
}

fn decoded(text: &str) -> Result<String, String> {
    let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
    decoded
        .map(Cow::into_owned)
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_wins_over_the_environment_and_the_rest_is_left_as_it_was() {
        let variable = |name: &str| match name {
            "PGSSLMODE" => Some("require".to_owned()),
            "PGSSLROOTCERT" => Some("/ca.pem".to_owned()),
            _ => None,
        };
        let url = "postgres://a@b/c?sslmode=verify-full&options=-cx%3D1&application_name=x\
                   &gssencmode=prefer&passfile=%2Fp%20w";
        let (parameters, left) = Parameters::take(url, &Environment(&variable)).unwrap();
        assert_eq!(left, "postgres://a@b/c?options=-cx%3D1");
        assert_eq!(parameters.get("sslmode"), Some("verify-full"));
        assert_eq!(parameters.get("sslrootcert"), Some("/ca.pem"));
        assert_eq!(parameters.get("passfile"), Some("/p w"));
        assert_eq!(parameters.shown(), "sslmode=verify-full&passfile=/p w");
    }

    #[test]
    fn of_a_parameter_that_is_given_twice_the_last_one_holds() {
        let url = "postgres://a@b/c?sslmode=disable&ssl=true";
        let (parameters, left) = Parameters::take(url, &Environment(&|_| None)).unwrap();
        assert_eq!(parameters.shown(), "sslmode=require");
        assert_eq!(left, "postgres://a@b/c");
    }
}
