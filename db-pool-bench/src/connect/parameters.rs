//! The parameters of a connection, out of the address or the environment. Source: PostgreSQL manual, chapter *libpq*, *Parameter Key Words* and
//! *Environment Variables*.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::conninfo;
use super::refusals::{self, UNHEEDED};

/// What is taken from the address, and the variable that stands in for it.
const OURS: [(&str, &str); 15] = [
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

/// What an address shows in its own place, or not at all.
const NOT_SHOWN: [&str; 7] = [
    "host", "hostaddr", "port", "user", "password", "dbname", "options",
];

/// Place where variables come from; the process's own, unless a test says otherwise.
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

/// What the address and the environment say.
#[derive(Default)]
pub struct Parameters {
    values: BTreeMap<&'static str, String>,
    given: Vec<&'static str>,
}

/// One of them is the password.
impl std::fmt::Debug for Parameters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Parameters").field(&self.given).finish()
    }
}

impl Parameters {
    /// Reads `address`, a URL or a string of keywords; what it leaves out comes from variables.
    ///
    /// # Errors
    /// A sentence on what is wrong with it, or on a parameter that no driver, or not every driver,
    /// can follow.
    pub fn read(address: &str, environment: &Environment<'_>) -> Result<Self, String> {
        let mut parameters = Self::default();
        for (name, value) in conninfo::pairs(address)? {
            refusals::check_parameter(&name, &value)?;
            match OURS.iter().find(|(ours, _)| *ours == name) {
                // As with libpq: nothing is given by it.
                _ if value.is_empty() => {}
                Some((ours, _)) => parameters.give(ours, value),
                None if UNHEEDED.contains(&name.as_str()) => {}
                None => return Err(unknown(&name)),
            }
        }
        refusals::check_variables(environment)?;
        for (name, variable) in OURS {
            if let Some(value) = environment.get(variable) {
                parameters.values.entry(name).or_insert(value);
            }
        }
        Ok(parameters)
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
        let shown = self.given.iter().filter(|name| !NOT_SHOWN.contains(name));
        let pairs = shown.map(|name| format!("{name}={}", self.values[name]));
        pairs.collect::<Vec<_>>().join("&")
    }
}

/// Returns what is said of a parameter that there is none of. Its name is shown where it is a word;
/// what is left of a password that was not encoded seldom is.
fn unknown(name: &str) -> String {
    let is_word = |c: char| c.is_ascii_lowercase() || c == '_';
    if name == "pgbouncer" {
        "pgbouncer is a parameter of Prisma; leave it out and say --protocol simple or extended"
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
        let parameters = Parameters::read(url, &Environment(&variable)).unwrap();
        let get = |name| parameters.get(name);
        assert_eq!(get("sslmode"), Some("verify-full"));
        assert_eq!(get("sslrootcert"), Some("/ca.pem"));
        assert_eq!(get("passfile"), Some("/p w"));
        assert_eq!((get("user"), get("host")), (Some("a"), Some("c")));
        assert_eq!((get("dbname"), get("options")), (Some("d"), Some("-cx=1")));
        assert_eq!(parameters.shown(), "sslmode=verify-full&passfile=/p w");
        assert!(!format!("{parameters:?}").contains("Zq7"));
    }

    #[test]
    fn of_a_parameter_that_is_given_twice_the_last_one_holds() {
        let url = "postgres://a@b/c?sslmode=disable&ssl=true&host=d,e&port=1,2";
        let parameters = Parameters::read(url, &Environment(&|_| None)).unwrap();
        assert_eq!(parameters.shown(), "sslmode=require");
        assert_eq!(parameters.get("host"), Some("d,e"));
        assert_eq!(parameters.get("port"), Some("1,2"));
    }

    #[test]
    fn a_name_that_may_be_a_part_of_a_password_is_not_shown() {
        let said = |address| Parameters::read(address, &Environment(&|_| None)).unwrap_err();
        assert!(said("postgres://h/d?pasword=Zq7").contains("no parameter pasword"));
        let cut = said("postgres://app:hun/t?Zq7@db=x");
        assert!(!cut.contains("Zq7"), "{cut}");
    }
}
