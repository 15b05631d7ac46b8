//! The parameters of a connection that the driver's own parser does not know, out of the address
//! or the environment. Source: PostgreSQL manual, chapter *libpq*, *Parameter Key Words* and
//! *Environment Variables*.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// What is taken out of the address, and the variable that stands in for it.
const OURS: [(&str, &str); 7] = [
    ("sslmode", "PGSSLMODE"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
    ("target_session_attrs", "PGTARGETSESSIONATTRS"),
    ("passfile", "PGPASSFILE"),
    ("channel_binding", "PGCHANNELBINDING"),
];
/// What not all drivers can do, with what to do instead.
const REFUSED: [(&str, &str); 7] = [
    ("hostaddr", "name the address as the host"),
    ("service", "write out what the service file says"),
    ("sslpassword", "use a key without a passphrase"),
    ("sslcrl", "leave it out: revocation lists are not read"),
    (
        "sslnegotiation",
        "leave it out: not all drivers begin with TLS at once",
    ),
    ("load_balance_hosts", "leave it out: a run loads one server"),
    ("require_auth", "leave it out: not all drivers can insist"),
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
            let decode = |text: &str| {
                let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
                decoded
                    .map(std::borrow::Cow::into_owned)
                    .map_err(|error| error.to_string())
            };
            let name = decode(name)?;
            if let Some((_, instead)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
                return Err(format!("{name} is not supported; {instead}"));
            }
            match OURS.iter().find(|(ours, _)| *ours == name) {
                Some((ours, _)) => {
                    parameters.given.push(ours);
                    parameters.values.insert(ours, decode(value)?);
                }
                None if name == "gssencmode" => {}
                None => left.push(pair),
            }
        }
        for (name, variable) in OURS {
            if let Some(value) = environment.get(variable) {
                parameters.values.entry(name).or_insert(value);
            }
        }
        let mark = if left.is_empty() { "" } else { "?" };
        Ok((parameters, format!("{base}{mark}{}", left.join("&"))))
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
        let url = "postgres://a@b/c?sslmode=verify-full&connect_timeout=3&passfile=%2Fp%20w";
        let (parameters, left) = Parameters::take(url, &Environment(&variable)).unwrap();
        assert_eq!(left, "postgres://a@b/c?connect_timeout=3");
        assert_eq!(parameters.get("sslmode"), Some("verify-full"));
        assert_eq!(parameters.get("sslrootcert"), Some("/ca.pem"));
        assert_eq!(parameters.get("passfile"), Some("/p w"));
        assert_eq!(parameters.shown(), "sslmode=verify-full&passfile=/p w");
    }

    #[test]
    fn what_cannot_be_followed_is_refused_by_name() {
        let none = |_: &str| None;
        let refused = Parameters::take("postgres://a@b/c?sslcrl=x", &Environment(&none));
        assert!(refused.unwrap_err().starts_with("sslcrl"));
    }
}
