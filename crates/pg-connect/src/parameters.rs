//! Parameters of a connection, from the address or the environment. Source: PostgreSQL manual,
//! chapter *libpq*, *Parameter Key Words* and *Environment Variables*.

use std::collections::BTreeMap;

use crate::conninfo;
use crate::environment::EnvironmentVariables;
use crate::unsupported::{self, IGNORED};

/// Supported parameters, each with the environment variable that gives its value if the address
/// does not.
const SUPPORTED: [(&str, &str); 15] = [
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("port", "PGPORT"),
    ("user", "PGUSER"),
    ("password", "PGPASSWORD"),
    ("dbname", "PGDATABASE"),
    ("options", "PGOPTIONS"),
    ("sslmode", "PGSSLMODE"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
    ("target_session_attrs", "PGTARGETSESSIONATTRS"),
    ("passfile", "PGPASSFILE"),
    ("channel_binding", "PGCHANNELBINDING"),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
];

/// Parameters that a redacted address shows in another place than its query string, or not at all.
const NOT_SHOWN: [&str; 7] = [
    "host", "hostaddr", "port", "user", "password", "dbname", "options",
];

/// Parameters of a connection by name, from the address and the environment.
#[derive(Default)]
pub(crate) struct ConnectionParameters {
    values: BTreeMap<&'static str, String>,
    /// Names of the parameters that the address itself gives, in their order there.
    given: Vec<&'static str>,
}

/// Formats only the names of the address's parameters, because one of the values is the password.
impl std::fmt::Debug for ConnectionParameters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ConnectionParameters")
            .field(&self.given)
            .finish()
    }
}

impl ConnectionParameters {
    /// Parses `address`, a URL or a keyword string. Environment variables give the values of
    /// missing parameters; of a parameter that is given twice, the last value holds.
    ///
    /// # Errors
    /// Returns a message about the mistake, or about a parameter or variable that not every driver
    /// supports.
    pub(crate) fn parse(
        address: &str,
        environment: &EnvironmentVariables<'_>,
    ) -> Result<Self, String> {
        let mut parameters = Self::default();
        for (name, value) in conninfo::pairs(address)? {
            unsupported::check_parameter(&name, &value)?;
            match SUPPORTED.iter().find(|(supported, _)| *supported == name) {
                // As in libpq, an empty value sets nothing.
                _ if value.is_empty() => {}
                Some((supported, _)) => parameters.set(supported, value),
                None if IGNORED.contains(&name.as_str()) => {}
                None => return Err(unknown(&name)),
            }
        }
        unsupported::check_variables(environment)?;
        for (name, variable) in SUPPORTED {
            if let Some(value) = environment.get(variable) {
                parameters.values.entry(name).or_insert(value);
            }
        }
        Ok(parameters)
    }

    fn set(&mut self, name: &'static str, value: String) {
        if self.values.insert(name, value).is_none() {
            self.given.push(name);
        }
    }

    /// Returns the value of the parameter `name` from the address or its environment variable;
    /// `None` if neither gives one.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Returns those parameters of the address that are not shown elsewhere as
    /// `name=value&name=value`, for a redacted address that works once the password is added; empty
    /// if there are none.
    pub(crate) fn query(&self) -> String {
        let shown = self.given.iter().filter(|name| !NOT_SHOWN.contains(name));
        let pairs = shown.map(|name| format!("{name}={}", self.values[name]));
        pairs.collect::<Vec<_>>().join("&")
    }
}

/// Returns a message about an unknown parameter. It contains the name only if that is a word,
/// because other text may be part of a password that was not encoded.
fn unknown(name: &str) -> String {
    let is_word = |c: char| c.is_ascii_lowercase() || c == '_';
    if name == "pgbouncer" {
        "pgbouncer is a parameter of Prisma; leave it out, and prepare no statements (as with --protocol simple or extended)"
            .to_owned()
    } else if name.chars().all(is_word) {
        format!("there is no parameter {name}")
    } else {
        "a parameter has a name that none has; in a URL ? & and = in a password are written %3F %26 %3D".to_owned()
    }
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
        let url = "postgres://a:Zq7@c/d?sslmode=verify-full&options=-cx%3D1&application_name=x\
                   &gssencmode=prefer&passfile=%2Fp%20w";
        let parameters =
            ConnectionParameters::parse(url, &EnvironmentVariables::new(&variable)).unwrap();
        let get = |name| parameters.get(name);
        assert_eq!(get("sslmode"), Some("verify-full"));
        assert_eq!(get("sslrootcert"), Some("/ca.pem"));
        assert_eq!(get("passfile"), Some("/p w"));
        assert_eq!((get("user"), get("host")), (Some("a"), Some("c")));
        assert_eq!((get("dbname"), get("options")), (Some("d"), Some("-cx=1")));
        assert_eq!(parameters.query(), "sslmode=verify-full&passfile=/p w");
        assert!(!format!("{parameters:?}").contains("Zq7"));
    }

    #[test]
    fn of_a_parameter_that_is_given_twice_the_last_one_holds() {
        let url = "postgres://a@b/c?sslmode=disable&ssl=true&host=d,e&port=1,2";
        let parameters =
            ConnectionParameters::parse(url, &EnvironmentVariables::new(&|_| None)).unwrap();
        assert_eq!(parameters.query(), "sslmode=require");
        assert_eq!(parameters.get("host"), Some("d,e"));
        assert_eq!(parameters.get("port"), Some("1,2"));
    }

    #[test]
    fn a_name_that_may_be_a_part_of_a_password_is_not_shown() {
        let said = |address| {
            ConnectionParameters::parse(address, &EnvironmentVariables::new(&|_| None)).unwrap_err()
        };
        assert!(said("postgres://h/d?pasword=Zq7").contains("no parameter pasword"));
        let cut = said("postgres://app:hun/t?Zq7@db=x");
        assert!(!cut.contains("Zq7"), "{cut}");
    }
}
