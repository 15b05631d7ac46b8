//! Headers that the user adds to the request of each connection, and the subprotocols to offer.

use std::fmt;

/// Headers that the handshake sets itself, each with what to give in place of `--header`.
const OWN_HEADERS: [(&str, &str); 8] = [
    ("Connection", "it belongs to the handshake"),
    ("Upgrade", "it belongs to the handshake"),
    ("Sec-WebSocket-Key", "each connection draws its own"),
    ("Sec-WebSocket-Version", "it is always 13"),
    ("Sec-WebSocket-Extensions", "no extension is supported"),
    ("Sec-WebSocket-Protocol", "give --subprotocol"),
    ("Content-Length", "the request has no body"),
    ("Transfer-Encoding", "the request has no body"),
];

/// One header of the request.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RequestHeader {
    /// Name, as it is sent.
    pub(crate) name: String,
    /// Value, which may be secret and may have places for the values of a row.
    pub(crate) value: String,
}

impl fmt::Debug for RequestHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RequestHeader").field(&self.name).finish()
    }
}

/// Reason why a header cannot be sent. It shows no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeaderError {
    /// There is no name before a colon, or it has other characters than a name may have.
    #[error("write a header as 'Name: value'")]
    Malformed,
    /// The value has a control character, such as a line break.
    #[error("the value of {0} has a control character, which no header can hold")]
    Control(String),
    /// The handshake sets this header itself.
    #[error("{name} cannot be set with --header: {instead}")]
    Own {
        /// Name of the header.
        name: &'static str,
        /// Reason, or what to give instead.
        instead: &'static str,
    },
    /// A name of a subprotocol has other characters than it may have.
    #[error("a subprotocol is one word, as in graphql-transport-ws; give the flag once for each")]
    Subprotocol,
}

impl RequestHeader {
    /// Creates a header.
    ///
    /// # Errors
    /// If name or value have characters that cannot be sent.
    pub(crate) fn new(name: &str, value: &str) -> Result<Self, HeaderError> {
        if !is_token(name) {
            return Err(HeaderError::Malformed);
        }
        let value = value.trim();
        if value.contains(|c: char| c.is_control() && c != '\t') {
            return Err(HeaderError::Control(name.to_owned()));
        }
        Ok(Self {
            name: name.to_owned(),
            value: value.to_owned(),
        })
    }

    /// Parses a header that the user gives, as in `X-Room: 7`.
    ///
    /// # Errors
    /// If it is malformed, or one that the handshake sets itself.
    pub(crate) fn parse(text: &str) -> Result<Self, HeaderError> {
        let (name, value) = text.split_once(':').ok_or(HeaderError::Malformed)?;
        let own = OWN_HEADERS.iter();
        let mut own = own.filter(|(own, _)| own.eq_ignore_ascii_case(name.trim_end()));
        if let Some((name, instead)) = own.next() {
            return Err(HeaderError::Own { name, instead });
        }
        Self::new(name, value)
    }

    /// Returns true if the header is called `name`, in any case.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Returns the parts of the value that may be secret: all of it, and within a login or cookies
    /// each word.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        let has_parts = ["Authorization", "Cookie", "Proxy-Authorization"];
        let has_parts = has_parts.iter().any(|name| self.is(name));
        let separators = |c: char| c.is_whitespace() || matches!(c, ';' | ',');
        let words = self.value.split(separators);
        let parts = words.map(|word| word.split_once('=').map_or(word, |(_, value)| value));
        let parts = parts.filter(move |_| has_parts);
        std::iter::once(self.value.as_str()).chain(parts)
    }
}

/// Checks the name of a subprotocol, which may have places for the values of a row.
///
/// # Errors
/// If it has characters that cannot be sent, or none.
pub(crate) fn checked_subprotocol(text: &str) -> Result<String, HeaderError> {
    let bare: String = text.chars().filter(|c| !matches!(c, '{' | '}')).collect();
    if is_token(&bare) {
        Ok(text.to_owned())
    } else {
        Err(HeaderError::Subprotocol)
    }
}

/// Returns true for a token of RFC 9110, 5.6.2.
fn is_token(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !text.is_empty() && text.chars().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_cannot_be_sent_is_told_without_its_value() {
        for (text, said) in [
            ("hunter2", "'Name: value'"),
            (": hunter2", "'Name: value'"),
            ("X Y: hunter2", "'Name: value'"),
            ("X: hunter2\r\nY: z", "control character"),
            ("connection: hunter2", "belongs to the handshake"),
            ("Sec-WebSocket-Protocol: hunter2", "--subprotocol"),
        ] {
            let error = RequestHeader::parse(text).unwrap_err().to_string();
            assert!(
                error.contains(said) && !error.contains("hunter2"),
                "{error}"
            );
        }
        let header = RequestHeader::parse("X-Url: http://h:1/").unwrap();
        assert_eq!((&*header.name, &*header.value), ("X-Url", "http://h:1/"));
        assert!(!format!("{header:?}").contains("http"));
    }

    #[test]
    fn the_words_of_a_login_and_of_cookies_are_secret() {
        let secrets = |text| {
            let header = RequestHeader::parse(text).unwrap();
            header.secrets().map(str::to_owned).collect::<Vec<_>>()
        };
        assert!(secrets("Authorization: Bearer hunter2").contains(&"hunter2".to_owned()));
        assert!(secrets("Cookie: a=1; sid=hunter2").contains(&"hunter2".to_owned()));
        assert_eq!(secrets("X-Name: Ann Lee"), ["Ann Lee"]);
    }

    #[test]
    fn a_subprotocol_is_one_word() {
        assert!(checked_subprotocol("v12.stomp").is_ok());
        assert!(checked_subprotocol("jwt.{token}").is_ok());
        for text in ["a, b", "", "a b", "{}"] {
            assert!(checked_subprotocol(text).is_err(), "{text}");
        }
    }
}
