//! What libpq does and not all drivers can do. Where leaving it out could meet another server, or
//! trust one that libpq would not, it is refused by name.

use super::Environment;

/// What changes nothing here: connections have a name of their own, speak UTF-8, and end with the
/// step that they serve.
pub(super) const UNHEEDED: [&str; 15] = [
    "application_name",
    "client_encoding",
    "fallback_application_name",
    "gssdelegation",
    "gssencmode",
    "gsslib",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "load_balance_hosts",
    "sslcompression",
    "sslsni",
    "tcp_user_timeout",
];

/// A parameter, as the address and as the environment name it.
struct Refusal {
    parameter: &'static str,
    variable: &'static str,
    /// Values that ask for nothing beyond what is done.
    harmless: &'static [&'static str],
    instead: &'static str,
}

const REFUSED: [Refusal; 14] = [
    Refusal {
        parameter: "service",
        variable: "PGSERVICE",
        harmless: &[],
        instead: "write out what the service file says",
    },
    Refusal {
        parameter: "sslpassword",
        variable: "",
        harmless: &[],
        instead: "use a key without a passphrase",
    },
    Refusal {
        parameter: "sslcrl",
        variable: "PGSSLCRL",
        harmless: &[],
        instead: NO_REVOCATION,
    },
    Refusal {
        parameter: "sslcrldir",
        variable: "PGSSLCRLDIR",
        harmless: &[],
        instead: NO_REVOCATION,
    },
    Refusal {
        parameter: "sslnegotiation",
        variable: "PGSSLNEGOTIATION",
        harmless: &["postgres"],
        instead: "leave it out: not all drivers begin with TLS at once",
    },
    Refusal {
        parameter: "sslcertmode",
        variable: "PGSSLCERTMODE",
        harmless: &["allow"],
        instead: "leave it out: a certificate is shown where one is named and the server asks",
    },
    Refusal {
        parameter: "ssl_min_protocol_version",
        variable: "PGSSLMINPROTOCOLVERSION",
        harmless: &["TLSv1", "TLSv1.1", "TLSv1.2"],
        instead: "leave it out: not all drivers can insist; TLS 1.2 is the least",
    },
    Refusal {
        parameter: "ssl_max_protocol_version",
        variable: "PGSSLMAXPROTOCOLVERSION",
        harmless: &["TLSv1.3"],
        instead: "leave it out: not all drivers can insist",
    },
    Refusal {
        parameter: "load_balance_hosts",
        variable: "PGLOADBALANCEHOSTS",
        harmless: &["disable"],
        instead: "leave it out: a run loads one server",
    },
    Refusal {
        parameter: "require_auth",
        variable: "PGREQUIREAUTH",
        harmless: &[],
        instead: CANNOT_INSIST,
    },
    Refusal {
        parameter: "requirepeer",
        variable: "PGREQUIREPEER",
        harmless: &[],
        instead: CANNOT_INSIST,
    },
    Refusal {
        parameter: "gssencmode",
        variable: "PGGSSENCMODE",
        harmless: &["disable", "prefer"],
        instead: "encrypt with TLS",
    },
    Refusal {
        parameter: "replication",
        variable: "",
        harmless: &["false", "off", "no", "0"],
        instead: "leave it out: a run asks for rows",
    },
    Refusal {
        parameter: "min_protocol_version",
        variable: "PGMINPROTOCOLVERSION",
        harmless: &["3.0"],
        instead: "leave it out: all drivers speak 3.0",
    },
];
const NO_REVOCATION: &str = "leave it out: revocation lists are not read";
const CANNOT_INSIST: &str = "leave it out: not all drivers can insist";

impl Refusal {
    /// A sentence where `value` cannot be followed, under the name by which it was given.
    fn of(&self, name: &str, value: &str) -> Result<(), String> {
        if self.harmless.contains(&value) {
            return Ok(());
        }
        // A value that may be a secret is not shown.
        let shown = match self.harmless {
            [] => name.to_owned(),
            _ => format!("{name}={value}"),
        };
        Err(format!("{shown} is not supported; {}", self.instead))
    }
}

/// Refuses a parameter of the address that cannot be followed.
///
/// # Errors
/// A sentence with what to do instead.
pub(super) fn check_parameter(name: &str, value: &str) -> Result<(), String> {
    let refused = REFUSED.iter().find(|refusal| refusal.parameter == name);
    refused.map_or(Ok(()), |refusal| refusal.of(name, value))
}

/// Returns the same of the variables that are set.
///
/// # Errors
/// A sentence with what to do instead.
pub(super) fn check_variables(environment: &Environment<'_>) -> Result<(), String> {
    for refusal in REFUSED
        .iter()
        .filter(|refusal| !refusal.variable.is_empty())
    {
        if let Some(value) = environment.get(refusal.variable) {
            refusal.of(refusal.variable, &value)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_followed_is_refused_by_name_wherever_it_is_said() {
        for (name, value, said) in [
            ("service", "shop", "service is not supported; write out"),
            ("sslcrl", "x", "sslcrl is not supported; leave it out"),
            ("gssencmode", "require", "gssencmode=require is not"),
            ("require_auth", "scram-sha-256", "require_auth is not"),
        ] {
            let refused = check_parameter(name, value).unwrap_err();
            assert!(refused.starts_with(said), "{refused}");
        }
        for (name, value) in [
            ("PGSERVICE", "shop"),
            ("PGREQUIREAUTH", "none"),
            ("PGREQUIREPEER", "postgres"),
            ("PGSSLCRLDIR", "/crl"),
            ("PGSSLMINPROTOCOLVERSION", "TLSv1.3"),
            ("PGLOADBALANCEHOSTS", "random"),
        ] {
            let set = |asked: &str| (asked == name).then(|| value.to_owned());
            let refused = check_variables(&Environment(&set)).unwrap_err();
            assert!(refused.starts_with(name), "{refused}");
        }
    }

    #[test]
    fn what_is_done_anyway_may_be_asked_for() {
        for refusal in &REFUSED {
            for value in refusal.harmless {
                assert_eq!(check_parameter(refusal.parameter, value), Ok(()));
            }
        }
        assert_eq!(check_parameter("sslmode", "require"), Ok(()));
    }

    #[test]
    fn a_secret_is_not_repeated() {
        let refused = check_parameter("sslpassword", "hunter2").unwrap_err();
        assert!(!refused.contains("hunter2"), "{refused}");
    }
}
