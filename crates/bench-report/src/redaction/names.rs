//! Names of options, variables, headers and parameters that announce a secret.

use super::token;
use super::word_list::{contains, words};

/// Kind of value that the name of an option, variable, header or parameter announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    /// The value is no secret.
    Harmless,
    /// The value is a secret, unless it is a path or a number, which only refer to one: `--key`,
    /// `--credentials`.
    Reference,
    /// The value is a secret.
    Secret,
}

/// Number of characters of a name that are examined; no name in use is longer.
pub(super) const LONGEST_NAME: usize = 80;

/// Words that mark a secret anywhere in a name after its parts are joined in lower case:
/// `X-Api-Key`, `dbPassword`, `PGPASSWORD`.
const STEMS: &str = "password passwd passphrase passcode passwort motdepasse contrasena secret token apikey \
    accesskey secretkey privatekey authkey masterkey signingkey encryptionkey encryptkey \
    storagekey accountkey sharedkey sharedaccesskey bearer jwt cookie mnemonic requirepass \
    masterauth authorization sessid sessionid connectsid signature";

/// Words that mark a secret if they are a whole part of a name: `db-pass`.
const PARTS: &str = "pass passin passout userpwd pword";

/// Words that mark a secret if they are the last part of a name: `user-pin`.
const LAST_PARTS: &str = "phrase pin pat sig hmac sas sid otp totp mfa";

/// Endings that mark a secret at the end of any part of a name: `rootpw`, `storepass`.
const ENDINGS: &str = "pass pwd pw psk";

/// Words that end like a secret or a key, such as `bypass` and `monkey`, but mark none.
const INNOCENT: &str = "bypass compass multipass singlepass onepass twopass surpass overpass newkey monkey turkey \
    donkey hotkey jockey whiskey hockey";

/// Words that make a name harmless if they are its last part, because the value only describes a
/// secret: `--password-file`, `--token-ttl`.
const ABOUT: &str = "file files path paths dir directory jar ttl timeout expiry expires expiration lifetime \
    duration age interval rotation length len size bits count limit budget bucket policy type \
    kind method methods mode format encoding name names prefix url uri endpoint host port user \
    username provider source backend algorithm algo encryption version env var cmd command \
    helper plugin program enabled required scheme realm service server through thru by over \
    stdin fd passfile keyfile certfile pubkey audience issuer scope scopes \
    attrs protocol generator parallelism schema";

/// Words that make a name harmless if they are its first part, because the value is a number or a
/// switch: `--max-tokens`, `--no-password`.
const SWITCHES: &str = "no not ask prompt without disable skip max min num";

/// Words that make a name harmless if they are any of its parts, because the value is a number:
/// `tokens_per_second`.
const MEASURES: &str = "per tokenizer tokenize";

/// Words that make a name ending in `key` harmless if they are the part before it: `--sort-key`,
/// `--primary-key`.
const OPEN_KEYS: &str = "public pub primary foreign partition routing sort shard hash range group row cache object \
    message unique natural index recv send list known hot big mem trusted join merge s3 config \
    dict lookup registry random number per num";

/// Returns true if the last part of a name says that the value only describes a secret:
/// `username`.
pub(super) fn is_about(name: &str) -> bool {
    parts(name).last().is_some_and(|last| contains(ABOUT, last))
}

/// Classifies, by the words of `name`, whether the value with this name is a secret.
pub(super) fn naming(name: &str) -> Naming {
    let parts = parts(name);
    let Some(last) = parts.last().map(String::as_str) else {
        return Naming::Harmless;
    };
    let joined = parts.concat();
    let credentials = |part: &String| part == "cred" || part == "creds";
    // A property such as `sonar.login` holds a token or a user.
    if last == "login" && name.to_ascii_lowercase().ends_with(".login") {
        return Naming::Secret;
    }
    if ["pwd", "oldpwd", "privatekey"].contains(&&*joined)
        || joined.contains("credential")
        || parts.iter().any(credentials)
    {
        return Naming::Reference;
    }
    let is_switch =
        contains(SWITCHES, &parts[0]) || parts.iter().any(|part| contains(MEASURES, part));
    if contains(ABOUT, last) || is_switch {
        return Naming::Harmless;
    }
    let innocent = |part: &String| contains(INNOCENT, part);
    let is_secret_part = |part: &String| {
        contains(PARTS, part) || (!innocent(part) && words(ENDINGS).any(|end| part.ends_with(end)))
    };
    let stem = words(STEMS).any(|stem| joined.contains(stem));
    let is_last = contains(LAST_PARTS, last) || last.ends_with("auth");
    if stem || is_last || parts.iter().any(is_secret_part) {
        return Naming::Secret;
    }
    if parts.iter().any(innocent) {
        Naming::Harmless
    } else {
        key(&parts)
    }
}

/// Classifies a name by the last of its `parts`, or by the last but one if the last is only a
/// notation such as `base64`. If it is `keys` or ends in `key`, the value is a
/// [`Naming::Reference`], unless the part before it is one of [`OPEN_KEYS`]. All other names are
/// harmless.
fn key(parts: &[String]) -> Naming {
    let written = ["id", "base64", "b64", "hex", "value", "data"];
    let mut back = parts.iter().rev().map(String::as_str).peekable();
    if parts.len() > 1 {
        back.next_if(|last| written.contains(last));
    }
    match back.next() {
        Some(part) if part == "keys" || part.ends_with("key") => {}
        _ => return Naming::Harmless,
    }
    match back.next() {
        Some(before) if contains(OPEN_KEYS, before) => Naming::Harmless,
        _ => Naming::Reference,
    }
}

/// Splits the first [`LONGEST_NAME`] characters of a name into its parts, in lower case:
/// `X-Api-Key` and `xApiKey` give `x`, `api`, `key`.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut was_small = false;
    for c in name.chars().take(LONGEST_NAME) {
        let starts = c.is_uppercase() && was_small;
        was_small = c.is_lowercase() || c.is_ascii_digit();
        if starts || !c.is_alphanumeric() {
            parts.push(String::new());
        }
        if let Some(part) = parts.last_mut().filter(|_| c.is_alphanumeric()) {
            part.extend(c.to_lowercase());
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// Returns true for values that are never a secret, whatever their name: empty texts, a single
/// character, words such as `true` and `off`, only dots or asterisks, names of variables, paths of
/// system files, and `file://` addresses.
pub(super) fn says_nothing(value: &str) -> bool {
    let switches = "true false yes no on off null nil none ro rw";
    let small = value.to_ascii_lowercase();
    small.len() <= 1
        || small.chars().all(|c| matches!(c, '.' | '…' | '*'))
        || contains(switches, &small)
        || is_variable(value)
        || is_system_path(value)
        || ["file://", "fileb://"]
            .iter()
            .any(|file| value.starts_with(file))
}

/// Returns true for references to variables with the name of a secret, as `$DB_PASSWORD` and
/// `${TOKEN}`, but not for `$ecret1`, which may be a password.
fn is_variable(value: &str) -> bool {
    let Some(name) = value.strip_prefix('$') else {
        return false;
    };
    let braced = name
        .strip_prefix('{')
        .and_then(|name| name.strip_suffix('}'));
    let name = braced.unwrap_or(name);
    let is_name = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    name.bytes().all(is_name) && naming(name) == Naming::Secret
}

/// Returns true if a value is a path below a system directory. Such a file may contain the secret,
/// but the path is hardly one.
fn is_system_path(value: &str) -> bool {
    const ROOTS: &[&str] = &[
        "/etc/", "/run/", "/var/", "/home/", "/root/", "/usr/", "/opt/", "/srv/", "/tmp/", "/dev/",
        "/proc/", "/mnt/", "~/",
    ];
    let is_path_byte =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'_' | b'-' | b'~');
    ROOTS.iter().any(|root| value.starts_with(root))
        && value.bytes().all(is_path_byte)
        && !value.split('/').any(token::is_opaque)
}

/// Returns true if a word consists of fields that identify a secret without containing it:
/// `id=npm,src=.npmrc`.
pub(super) fn names_a_secret(word: &str) -> bool {
    word.contains('=')
        && word.split(',').all(|field| {
            let key = field.split('=').next().unwrap_or_default();
            contains("id src source target type env uid gid mode required", key)
        })
}

/// Returns true for a path or a number, also an empty text. As the value of a
/// [`Naming::Reference`] it is no secret: the secret is elsewhere.
pub(super) fn is_reference(value: &str) -> bool {
    const FILES: &[&str] = &[
        ".pem", ".key", ".crt", ".cer", ".pub", ".p12", ".pfx", ".jks", ".der", ".json", ".yaml",
        ".yml", ".toml", ".ini", ".conf", ".txt", ".asc", ".gpg", ".keytab",
    ];
    const LONGEST: usize = 512;
    if value.len() > LONGEST || value.contains(['=', ':', '?', '&', '@', '+']) {
        return false;
    }
    let unit = ["k", "K", "M", "G"]
        .into_iter()
        .find_map(|unit| value.strip_suffix(unit));
    let number = unit
        .unwrap_or(value)
        .bytes()
        .all(|b| b.is_ascii_digit() || b == b',' || b == b'.');
    let path = ["/", "./", "../", "~", "alias/"]
        .iter()
        .any(|start| value.starts_with(start))
        || FILES.iter().any(|end| value.ends_with(end));
    number || (path && !value.split('/').any(token::is_opaque))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_told_by_its_words() {
        for name in [
            "password",
            "PGPASSWORD",
            "MYSQL_PWD",
            "dbPassword",
            "db-pass",
            "requirepass",
            "masterauth",
            "X-Api-Key",
            "x-goog-api-key",
            "AWS_SECRET_ACCESS_KEY",
            "Authorization",
            "access_token",
            "jwt",
            "ticket_token",
            "sig",
            "PHPSESSID",
            "spring.datasource.password",
            "Dspring.datasource.password",
            "rootpw",
            "storepass",
            "session_id",
            "AccountKey",
            "DB_PASS_PROD",
            "proxy-auth",
            "wifi-sec.psk",
            "_authToken",
            "SECRET_KEY_BASE",
        ] {
            assert_eq!(naming(name), Naming::Secret, "{name}");
        }
        for name in [
            "key",
            "ssl-key",
            "credentials",
            "GOOGLE_APPLICATION_CREDENTIALS",
            "license_key",
            "PWD",
        ] {
            assert_eq!(naming(name), Naming::Reference, "{name}");
        }
        for name in [
            "",
            "host",
            "password-file",
            "token-ttl",
            "max-tokens",
            "no-password",
            "ask-pass",
            "author",
            "passage",
            "bypass",
            "sort-key",
            "primary_key",
            "public-key",
            "auth-method",
            "monkey",
            "keyspace",
            "secret-name",
            "password_encryption",
            "ssh-user",
            "compass",
        ] {
            assert_eq!(naming(name), Naming::Harmless, "{name}");
        }
    }

    #[test]
    fn a_path_or_a_number_only_refers_to_a_secret() {
        for value in [
            "/etc/ssl/a.key",
            "server.pem",
            "./x",
            "~/.ssh/id",
            "2",
            "1,2",
            "20k",
            "1M",
        ] {
            assert!(is_reference(value), "{value}");
        }
        for value in ["hunter2", "/aB3xK9mQ7rT2wZ5vN8pL4sD6f", "a/b+c=", ""] {
            assert!(!is_reference(value) || value.is_empty(), "{value}");
        }
    }
}
