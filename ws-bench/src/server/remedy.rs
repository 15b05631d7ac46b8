//! Texts about a server that cannot be loaded: the cause, and a remedy.

use crate::server::probe_finding::Unreached;

/// Returns a sentence without a full stop about the fault of a server that could not be reached. It
/// shows the masked URL.
pub(crate) fn sentence(unreached: &Unreached) -> String {
    let failure = &unreached.failure;
    let kind = failure.kind.as_ref();
    let what = match family(kind) {
        ("timeout", "echo") | ("wrong_echo", _) => "the server does not echo",
        ("timeout", "send") => "the server does not read",
        ("http" | "handshake", _) | ("timeout", "upgrade") => {
            "the server does not take up a WebSocket"
        }
        ("closed", _) => "the server closes the connection",
        ("protocol", _) => "the server breaks the WebSocket protocol",
        ("tls", _) => "no TLS with the server",
        ("proxy", _) => "no way through the proxy to the server",
        ("emfile" | "enfile" | "memory" | "ports", _) => "this machine cannot connect",
        _ => "cannot connect",
    };
    let shown = unreached.url.masked();
    format!(
        "{what} at {shown} ({kind}: {message})",
        message = failure.message
    )
}

/// Returns the remedy for a server that could not be reached, to be shown after `Try: `.
pub(crate) fn advice(unreached: &Unreached) -> String {
    let failure = &unreached.failure;
    let (host, port) = unreached.url.host_and_port();
    let reach = format!("nc -vz {host} {port}");
    match family(&failure.kind) {
        ("resolve", _) => format!("is the host's name right? getent hosts {host}"),
        ("refused", _) => format!("is the server up, and is this its port? {reach}"),
        ("timeout", "tcp") | ("unreachable", _) => {
            format!("is there a way to the server, and does a firewall let it through? {reach}")
        }
        ("http", status) => match &unreached.redirect {
            Some(url) => format!(
                "--url {}, to which it redirects, or --follow-redirects 5",
                url.masked()
            ),
            None if says_https(&failure.message.to_string()) => TLS_ADVICE.to_owned(),
            None => of_status(status).to_owned(),
        },
        ("proxy", status) => of_proxy(status).to_owned(),
        ("tls", fault) => of_tls(fault).to_owned(),
        ("handshake", fault) => of_handshake(fault).to_owned(),
        ("closed", code) => of_close(code).to_owned(),
        (family, detail) => of_other(family, detail).to_owned(),
    }
}

/// Remedy for a server that takes nothing but TLS on its port.
const TLS_ADVICE: &str = "wss:// in place of ws:// in the URL: the port takes nothing but TLS";

/// Remedy for a server that wants a login.
const LOGIN: &str = "a login as the server takes it: WS_BEARER in the environment, --header, --cookie, a user and \
     password in the URL, or a parameter of it";

fn family(kind: &str) -> (&str, &str) {
    kind.split_once('.').unwrap_or((kind, ""))
}

/// Returns true if an answer without TLS says that the port is one of TLS, as those of nginx, Apache and
/// Go do.
fn says_https(message: &str) -> bool {
    let said = message.to_ascii_lowercase();
    said.contains("https port") || said.contains("https server") || said.contains("ssl-enabled")
}

/// Returns the remedy if the server answered the upgrade with this HTTP status, which is not 101.
fn of_status(status: &str) -> &'static str {
    match status {
        "401" | "407" => LOGIN,
        "403" => {
            "a login that may use this path (WS_BEARER, --header, --cookie), or in --origin the Origin \
             that the server allows"
        }
        "429" => {
            "wait as long as Retry-After says, or raise the server's limit of new connections; \
             --spawn-rate sets ours"
        }
        "400" => {
            "what the server wants of an upgrade, which its log says: --subprotocol, --header, a \
             parameter of the URL; a port that wants TLS (wss://) answers so, too"
        }
        "406" | "415" => {
            "what the server wants of an upgrade: its log says it (--subprotocol, --header, or a \
             parameter of the URL)"
        }
        "426" => {
            "what the server wants of an upgrade: it may not have got the headers of one, as behind a \
             proxy that drops them, or want another version or a --subprotocol"
        }
        "502" | "503" | "504" => {
            "the log of the server, or of the proxy before it: it is full, what is behind it is down, or \
             it passes no upgrade on"
        }
        status if status.starts_with('3') => {
            "the URL that it redirects to, which its log or curl -i shows"
        }
        status if status.starts_with('5') => "the server's log: it failed at the upgrade",
        _ => "the path of the WebSocket endpoint, as in ws://host:port/path",
    }
}

/// Returns the remedy if the proxy answered with this HTTP status.
fn of_proxy(status: &str) -> &'static str {
    match status {
        "407" => {
            "user and password of the proxy: WS_PROXY or --proxy with http://USER:PASSWORD@HOST:PORT"
        }
        "403" | "405" => {
            "a proxy that lets CONNECT through to the server's port; many allow 443 only"
        }
        "502" | "503" | "504" => {
            "the host and port in --url as the proxy can reach them; its log says more"
        }
        _ => "the address of an HTTP proxy in --proxy; its log says why it opened no tunnel",
    }
}

/// Returns the remedy for a failure of TLS.
fn of_tls(fault: &str) -> &'static str {
    match fault {
        "tls_server" => TLS_ADVICE,
        "plain_server" => "ws:// in place of wss:// in the URL, or the server's port for TLS",
        "unknown_ca" => {
            "--ca FILE with the certificate of the authority that issued the server's; --insecure for a \
             trial"
        }
        "wrong_name" => "the host in the URL, or --sni, as the server's certificate names it",
        "certificate" => {
            "a certificate of the server that holds today, of version 3, with its host as subject \
             alternative name; --insecure for a trial"
        }
        "client_certificate" | "client_refused" => {
            "a certificate that holds today, of an authority that the server trusts: --client-cert \
             CERT.pem --client-key KEY.pem"
        }
        "closed" => {
            "the server's log: it ended the TLS handshake; one that chooses its certificate by name may \
             want --sni, and a port without TLS wants ws://"
        }
        _ => "the server's log, which says more of the TLS handshake",
    }
}

/// Returns the remedy for an answer to the upgrade that no WebSocket may follow.
fn of_handshake(fault: &str) -> &'static str {
    match fault {
        "closed" => {
            "the server's log: it ended the connection at the upgrade; a port that wants TLS (wss://) does \
             that, and so does a proxy that passes no WebSockets on"
        }
        "subprotocol" => "--subprotocol with the one that the server chose, if it is the right one",
        "extension" => {
            "a server, or a proxy before it, that uses no extension which was not offered"
        }
        "size" => "an endpoint whose answer has less than 16 KiB of headers",
        _ => "the port and path of a WebSocket server: what answers there is none",
    }
}

/// Returns the remedy if the server closed the connection with this close code (RFC 6455, 7.4, and
/// the registry of IANA).
fn of_close(code: &str) -> &'static str {
    match code {
        "1002" | "1003" | "1007" => {
            "an endpoint that takes binary messages and sends them back, as ws-bench serve does"
        }
        "1006" => {
            "the server's log, or that of the proxy before it: the connection ended without a word"
        }
        "1008" | "4400" | "4401" | "4403" | "3000" | "3003" => LOGIN,
        "1009" => "a smaller --message-size, or a higher limit at the server",
        "1010" => "a server that demands no extension: none is supported here",
        "1011" => "the server's log: it met an error of its own",
        "1012" => "wait until the server has restarted",
        "1013" | "4429" => "wait, or give the server more room: it says that it is overloaded",
        "4406" => "--subprotocol with one that the server speaks, such as graphql-transport-ws",
        code if code.len() == 4 && code.starts_with('4') => {
            "the documentation of the application, whose own code it is: mostly it expects a login or \
             a first message of its own"
        }
        _ => {
            "an endpoint that keeps connections open; the server's log says why it closes this one"
        }
    }
}

fn of_other(family: &str, detail: &str) -> &'static str {
    match (family, detail) {
        ("wrong_echo", _) | ("timeout", "echo") => {
            "the address of an echo endpoint, such as that of: ws-bench serve"
        }
        ("timeout", "proxy") => {
            "a longer --timeout where the proxy is slow, or its address in --proxy"
        }
        ("timeout", "tls") => {
            "a longer --timeout where the server is slow, or ws://: a port without TLS may never answer"
        }
        ("timeout", "send") => {
            "an endpoint that reads what it is sent, such as that of: ws-bench serve"
        }
        ("timeout", _) => {
            "a longer --timeout where the server is slow; a port of another protocol, or of TLS, may \
             never answer"
        }
        ("reset", _) => of_handshake("closed"),
        ("redirect", _) => "--url with the addresses to which the servers redirect",
        ("vars", _) => "a name in braces that the first line of --vars has",
        ("emfile" | "enfile", _) => "more open files for this shell: ulimit -n 65536",
        ("memory", _) => "free memory on this machine: free -m",
        ("ports", _) => {
            "free local ports on this machine (ss -s), and in --source-ip an address that it has (ip addr)"
        }
        ("protocol", _) => "the server's log: what it sent is no WebSocket frame that may come",
        _ => "the server's log, and the network between",
    }
}

#[cfg(test)]
mod tests {
    use load_engine::Failure;

    use super::*;
    use crate::server::target_url::TargetUrl;

    fn unreached(kind: &str, said: &str) -> Unreached {
        let url = TargetUrl::parse("ws://shop.example:9001/live").unwrap();
        Unreached::new(&url, Failure::new(kind.to_owned(), said))
    }

    fn told(kind: &str) -> String {
        advice(&unreached(kind, "no"))
    }

    #[test]
    fn a_remedy_fits_its_cause() {
        for (kind, wanted) in [
            ("resolve", "getent hosts shop.example"),
            ("refused", "nc -vz shop.example 9001"),
            ("timeout.tcp", "firewall"),
            ("unreachable", "nc -vz"),
            ("reset", "TLS"),
            ("handshake.closed", "TLS"),
            ("handshake.protocol", "what answers there is none"),
            ("handshake.subprotocol", "--subprotocol"),
            ("handshake.extension", "not offered"),
            ("tls.tls_server", "wss://"),
            ("tls.plain_server", "ws:// in place"),
            ("tls.unknown_ca", "--ca"),
            ("tls.wrong_name", "--sni"),
            ("tls.certificate", "holds today"),
            ("tls.client_certificate", "--client-cert"),
            ("tls.closed", "--sni"),
            ("proxy.407", "USER:PASSWORD"),
            ("timeout.proxy", "--proxy"),
            ("handshake.accept_key", "what answers there is none"),
            ("timeout.upgrade", "--timeout"),
            ("timeout.echo", "ws-bench serve"),
            ("timeout.send", "reads what it is sent"),
            ("wrong_echo", "ws-bench serve"),
            ("http.200", "the path"),
            ("http.302", "redirects"),
            ("http.400", "TLS"),
            ("http.426", "subprotocol"),
            ("http.401", "login"),
            ("http.403", "Origin"),
            ("http.404", "the path"),
            ("http.429", "Retry-After"),
            ("http.500", "failed at the upgrade"),
            ("http.503", "it is full"),
            ("closed.1000", "keeps connections open"),
            ("closed.1005", "keeps connections open"),
            ("closed.1003", "binary messages"),
            ("closed.1006", "without a word"),
            ("closed.1008", "login"),
            ("closed.1009", "--message-size"),
            ("closed.1011", "error of its own"),
            ("closed.1013", "overloaded"),
            ("closed.4001", "documentation of the application"),
            ("closed.4401", "login"),
            ("closed.4406", "subprotocol"),
            ("protocol.opcode", "no WebSocket frame"),
            ("emfile", "ulimit -n"),
            ("ports", "ss -s"),
            ("io", "the server's log"),
        ] {
            assert!(told(kind).contains(wanted), "{kind}: {}", told(kind));
        }
    }

    #[test]
    fn a_redirection_is_told_with_its_address_and_a_port_of_tls_with_its_scheme() {
        let mut moved = unreached("http.301", "HTTP 301");
        moved.redirect = moved
            .url
            .redirected("https://new.example/?token=hunter2")
            .ok();
        let told = advice(&moved);
        assert!(
            told.contains("--url wss://new.example/?token=***"),
            "{told}"
        );
        let said = "HTTP 400, \"The plain HTTP request was sent to HTTPS port\"";
        assert!(advice(&unreached("http.400", said)).contains("wss://"));
    }

    #[test]
    fn no_remedy_looks_like_a_secret() {
        for kind in [
            "http.401",
            "http.403",
            "proxy.407",
            "tls.client_refused",
            "http.400",
        ] {
            let shown = format!("Try: {}", told(kind));
            assert_eq!(bench_report::redaction::text(&shown), shown);
        }
    }

    #[test]
    fn only_who_was_not_reached_is_told_to_look_for_an_open_port() {
        for kind in [
            "http.401",
            "http.503",
            "closed.4406",
            "closed.1008",
            "reset",
            "wrong_echo",
        ] {
            assert!(!told(kind).contains("nc -vz"), "{kind}: {}", told(kind));
        }
    }
}
