//! Parameters of libpq that not all drivers support. They are refused by name, because ignoring
//! them might select another server, or trust one that libpq would not trust.

use crate::environment::EnvironmentVariables;

/// Parameters that are accepted without effect: the caller sets the application name, the encoding
/// is UTF-8, and none of them affects which server is reached or trusted.
pub(crate) const IGNORED: [&str; 15] = [
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

/// Parameter that is refused, unless its value demands only what holds for all drivers.
struct UnsupportedParameter {
    parameter: &'static str,
    variable: &'static str,
    /// Values that demand only what holds for all drivers, so that they are accepted.
    harmless: &'static [&'static str],
    /// Advice on what to do instead.
    instead: &'static str,
}

const UNSUPPORTED: [UnsupportedParameter; 14] = [
    UnsupportedParameter {
        parameter: "service",
        variable: "PGSERVICE",
        harmless: &[],
        instead: "write out what the service file says",
    },
    UnsupportedParameter {
        parameter: "sslpassword",
        variable: "",
        harmless: &[],
        instead: "use a key without a passphrase",
    },
    UnsupportedParameter {
        parameter: "sslcrl",
        variable: "PGSSLCRL",
        harmless: &[],
        instead: NO_REVOCATION,
    },
    UnsupportedParameter {
        parameter: "sslcrldir",
        variable: "PGSSLCRLDIR",
        harmless: &[],
        instead: NO_REVOCATION,
    },
    UnsupportedParameter {
        parameter: "sslnegotiation",
        variable: "PGSSLNEGOTIATION",
        harmless: &["postgres"],
        instead: "leave it out: not all drivers begin with TLS at once",
    },
    UnsupportedParameter {
        parameter: "sslcertmode",
        variable: "PGSSLCERTMODE",
        harmless: &["allow"],
        instead: "leave it out: a certificate is shown where one is named and the server asks",
    },
    UnsupportedParameter {
        parameter: "ssl_min_protocol_version",
        variable: "PGSSLMINPROTOCOLVERSION",
        harmless: &["TLSv1", "TLSv1.1", "TLSv1.2"],
        instead: "leave it out: not all drivers can insist; TLS 1.2 is the least",
    },
    UnsupportedParameter {
        parameter: "ssl_max_protocol_version",
        variable: "PGSSLMAXPROTOCOLVERSION",
        harmless: &["TLSv1.3"],
        instead: "leave it out: not all drivers can insist",
    },
    UnsupportedParameter {
        parameter: "load_balance_hosts",
        variable: "PGLOADBALANCEHOSTS",
        harmless: &["disable"],
        instead: "leave it out: all connections go to one server",
    },
    UnsupportedParameter {
        parameter: "require_auth",
        variable: "PGREQUIREAUTH",
        harmless: &[],
        instead: CANNOT_INSIST,
    },
    UnsupportedParameter {
        parameter: "requirepeer",
        variable: "PGREQUIREPEER",
        harmless: &[],
        instead: CANNOT_INSIST,
    },
    UnsupportedParameter {
        parameter: "gssencmode",
        variable: "PGGSSENCMODE",
        harmless: &["disable", "prefer"],
        instead: "encrypt with TLS",
    },
    UnsupportedParameter {
        parameter: "replication",
        variable: "",
        harmless: &["false", "off", "no", "0"],
        instead: "leave it out: connections ask for rows",
    },
    UnsupportedParameter {
        parameter: "min_protocol_version",
        variable: "PGMINPROTOCOLVERSION",
        harmless: &["3.0"],
        instead: "leave it out: all drivers speak 3.0",
    },
];
const NO_REVOCATION: &str = "leave it out: revocation lists are not read";
const CANNOT_INSIST: &str = "leave it out: not all drivers can insist";

impl UnsupportedParameter {
    /// Refuses `value` with a message unless it is harmless; `name` is the parameter or variable
    /// that gives it.
    fn check(&self, name: &str, value: &str) -> Result<(), String> {
        if self.harmless.contains(&value) {
            return Ok(());
        }
        // A value that may be secret is not shown.
        let shown = match self.harmless {
            [] => name.to_owned(),
            _ => format!("{name}={value}"),
        };
        Err(format!("{shown} is not supported; {}", self.instead))
    }
}

/// Refuses the parameter `name` of an address if drivers do not support its `value`. Unknown
/// parameters are accepted here.
///
/// # Errors
/// Returns a message that says what to do instead.
pub(crate) fn check_parameter(name: &str, value: &str) -> Result<(), String> {
    let refused = UNSUPPORTED
        .iter()
        .find(|unsupported| unsupported.parameter == name);
    refused.map_or(Ok(()), |unsupported| unsupported.check(name, value))
}

/// Refuses environment variables that set unsupported parameters.
///
/// # Errors
/// Returns a message about the first such variable, which says what to do instead.
pub(crate) fn check_variables(environment: &EnvironmentVariables<'_>) -> Result<(), String> {
    for unsupported in UNSUPPORTED
        .iter()
        .filter(|unsupported| !unsupported.variable.is_empty())
    {
        if let Some(value) = environment.get(unsupported.variable) {
            unsupported.check(unsupported.variable, &value)?;
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
            let refused = check_variables(&EnvironmentVariables::new(&set)).unwrap_err();
            assert!(refused.starts_with(name), "{refused}");
        }
    }

    #[test]
    fn what_is_done_anyway_may_be_asked_for() {
        for unsupported in &UNSUPPORTED {
            for value in unsupported.harmless {
                assert_eq!(check_parameter(unsupported.parameter, value), Ok(()));
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
