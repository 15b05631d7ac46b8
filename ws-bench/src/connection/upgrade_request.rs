//! Request by which a connection asks for its upgrade to a WebSocket.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bench_report::redaction::MASK;

use crate::connection::request_headers::RequestHeader;
use crate::connection::row_template::{RowTemplate, UnknownColumn};
use crate::server::target_url::TargetUrl;

/// Name under which the bench is known to servers.
const USER_AGENT: &str = concat!("plimsoll ws-bench/", env!("CARGO_PKG_VERSION"));
/// Size of the shortest text that is masked as a secret, in bytes: shorter ones are in words, too.
const SHORTEST_SECRET: usize = 4;

/// Request for an upgrade, which differs between connections in its key, and in the values of their
/// rows.
#[derive(Clone)]
pub(crate) struct UpgradeRequest {
    /// Head up to the key, which comes last.
    head: RowTemplate,
    subprotocols: Vec<RowTemplate>,
    secrets: Vec<String>,
    has_row: bool,
}

impl std::fmt::Debug for UpgradeRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UpgradeRequest").finish_non_exhaustive()
    }
}

impl UpgradeRequest {
    /// Creates the request for `url` with the user's `headers`, which replace those of the same name,
    /// and with `subprotocols` to choose from. `columns` are those of the connections' rows. User and
    /// password of the URL are sent as basic authentication.
    ///
    /// # Errors
    /// If a place in the URL, in a header or a subprotocol is for none of the columns.
    pub(crate) fn new(
        url: &TargetUrl,
        headers: &[RequestHeader],
        subprotocols: &[String],
        columns: &[String],
    ) -> Result<Self, UnknownColumn> {
        let mut head = RowTemplate::default();
        head.push_text("GET ");
        head.push_url(url.path_and_query(), columns)?;
        head.push_text(" HTTP/1.1\r\n");
        let is_given = |name: &str| headers.iter().any(|header| header.is(name));
        let mut own = |name: &str, value: &str| {
            if !is_given(name) {
                head.push_text(&format!("{name}: {value}\r\n"));
            }
        };
        own("Host", url.authority());
        own("User-Agent", USER_AGENT);
        let mut secrets: Vec<String> = headers
            .iter()
            .flat_map(|header| header.secrets().map(str::to_owned))
            .collect();
        if let Some((user, password)) = url.login() {
            let login = STANDARD.encode(format!("{user}:{password}"));
            own("Authorization", &format!("Basic {login}"));
            secrets.extend([login, password]);
        }
        for header in headers {
            head.push_text(&format!("{}: ", header.name));
            head.push(&header.value, columns)?;
            head.push_text("\r\n");
        }
        if !subprotocols.is_empty() {
            head.push_text("Sec-WebSocket-Protocol: ");
            head.push(&subprotocols.join(", "), columns)?;
            head.push_text("\r\n");
        }
        head.push_text(
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: ",
        );
        let template = |text: &String| {
            let mut template = RowTemplate::default();
            template.push(text, columns).map(|()| template)
        };
        let subprotocols = subprotocols.iter().map(template);
        Ok(Self {
            head,
            subprotocols: subprotocols.collect::<Result<_, _>>()?,
            secrets,
            has_row: !columns.is_empty(),
        })
    }

    /// Returns the request of a connection with the values of `row` and this `key`.
    pub(crate) fn head(&self, row: &[String], key: &str) -> String {
        let mut text = String::with_capacity(512);
        self.head.fill(row, &mut text);
        text.push_str(key);
        text.push_str("\r\n\r\n");
        text
    }

    /// Returns the subprotocols that a connection with the values of `row` offers.
    pub(crate) fn offered(&self, row: &[String]) -> impl Iterator<Item = String> {
        self.subprotocols.iter().map(|template| {
            let mut text = String::new();
            template.fill(row, &mut text);
            text
        })
    }

    /// Returns true if connections tell the server something in confidence.
    pub(crate) fn has_secrets(&self) -> bool {
        self.has_row || !self.secrets.is_empty()
    }

    /// Masks in `text`, which a server sent, what the request of a connection with the values of
    /// `row` has told the server: values of headers, the login, and the row.
    pub(crate) fn conceal(&self, text: &str, row: &[String]) -> String {
        let mut secrets: Vec<&String> = self.secrets.iter().chain(row).collect();
        secrets.retain(|secret| secret.len() >= SHORTEST_SECRET);
        // A secret may be a part of another one, which must not be cut.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        let masked = |text: String, secret: &String| text.replace(secret.as_str(), MASK);
        secrets.into_iter().fold(text.to_owned(), masked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> TargetUrl {
        TargetUrl::parse(text).unwrap()
    }

    #[test]
    fn the_request_has_what_a_handshake_demands() {
        let request = UpgradeRequest::new(&url("ws://shop.example:80/live?x=1#f"), &[], &[], &[]);
        let text = request.unwrap().head(&[], "KEY");
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            text,
            format!(
                "GET /live?x=1 HTTP/1.1\r\nHost: shop.example\r\n\
                 User-Agent: plimsoll ws-bench/{version}\r\n\
                 Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: KEY\r\n\r\n"
            )
        );
    }

    #[test]
    fn headers_of_the_user_replace_others_and_rows_fill_their_places() {
        let headers = ["host: other", "X-Room: {room}"];
        let headers = headers.map(|text| RequestHeader::parse(text).unwrap());
        let columns = ["room".to_owned()];
        let offered = ["v2".to_owned(), "room.{room}".to_owned()];
        let url = url("ws://app:hunt%40er2@[::1]:9001/{room}");
        let request = UpgradeRequest::new(&url, &headers, &offered, &columns).unwrap();
        let row = ["lob/by".to_owned()];
        let text = request.head(&row, "KEY");
        for line in [
            "GET /lob%2Fby HTTP/1.1\r\n",
            "\r\nhost: other\r\n",
            "\r\nX-Room: lob/by\r\n",
            "\r\nAuthorization: Basic YXBwOmh1bnRAZXIy\r\n",
            "\r\nSec-WebSocket-Protocol: v2, room.lob/by\r\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
        assert!(!text.contains("Host:"), "{text}");
        assert_eq!(
            request.offered(&row).collect::<Vec<_>>(),
            ["v2", "room.lob/by"]
        );
    }

    #[test]
    fn what_a_server_repeats_of_a_request_is_masked() {
        let headers = [RequestHeader::parse("X-Api-Key: s3cr3t-key").unwrap()];
        let url = url("ws://app:hunter2@h/");
        let request = UpgradeRequest::new(&url, &headers, &[], &[]).unwrap();
        let row = ["row-value".to_owned(), "7".to_owned()];
        let text = request.conceal("no s3cr3t-key, no hunter2, no row-value, 7", &row);
        assert_eq!(text, "no ***, no ***, no ***, 7");
        assert!(!format!("{request:?}").contains("hunter2"));
    }
}
