//! Password of a Redis server from the environment, where `redis-cli` reads it too. It then stands
//! in no command line and in no URL.

use std::ffi::OsString;

use bench_cli::UsageError;

/// Name of the environment variable with the password.
pub(crate) const PASSWORD: &str = "REDISCLI_AUTH";

/// Returns the password in `REDISCLI_AUTH`; `None` if the variable is missing or empty.
///
/// # Errors
/// Fails if the password is no valid UTF-8, which the driver cannot send.
pub(super) fn password() -> Result<Option<String>, UsageError> {
    text(std::env::var_os(PASSWORD))
}

fn text(value: Option<OsString>) -> Result<Option<String>, UsageError> {
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    value.into_string().map(Some).map_err(|_| {
        UsageError(format!(
            "the password in {PASSWORD} is no valid UTF-8; choose one that is"
        ))
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    #[test]
    fn an_empty_variable_is_no_password() {
        assert_eq!(text(None).unwrap(), None);
        assert_eq!(text(Some(OsString::new())).unwrap(), None);
        let password = text(Some("hunter2".into())).unwrap();
        assert_eq!(password.as_deref(), Some("hunter2"));
        let odd = text(Some(OsString::from_vec(vec![b'h', 0xff])));
        let UsageError(said) = odd.unwrap_err();
        assert!(said.contains("REDISCLI_AUTH"), "{said}");
    }
}
