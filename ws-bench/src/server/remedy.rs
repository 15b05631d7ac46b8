//! Texts about a server that cannot be loaded: the cause, and a remedy.

use load_engine::Failure;

use crate::server::endpoint::TargetUrl;

/// Returns a sentence without a full stop about the fault of the server `target`, whose first
/// connection ended in `failure`. It shows the masked URL.
pub(crate) fn sentence(target: &TargetUrl, failure: &Failure) -> String {
    let kind = failure.kind.as_ref();
    let what = match family(kind) {
        ("timeout", "echo") | ("wrong_echo", _) => "the server does not echo",
        ("timeout", "send") => "the server does not read",
        ("http" | "handshake", _) | ("timeout", "upgrade") => {
            "the server does not take up a WebSocket"
        }
        ("closed", _) => "the server closes the connection",
        ("protocol", _) => "the server breaks the WebSocket protocol",
        ("emfile" | "enfile" | "memory" | "ports", _) => "this machine cannot connect",
        _ => "cannot connect",
    };
    let shown = target.masked();
    format!(
        "{what} at {shown} ({kind}: {message})",
        message = failure.message
    )
}

/// Returns the remedy for a failure of `kind` at `target`, to be shown after `Try: `.
pub(crate) fn advice(target: &TargetUrl, kind: &str) -> String {
    let (host, port) = target.host_and_port();
    let reach = format!("nc -vz {host} {port}");
    match family(kind) {
        ("resolve", _) => format!("is the host's name right? getent hosts {host}"),
        ("refused", _) => format!("is the server up, and is this its port? {reach}"),
        ("timeout", "tcp") | ("unreachable", _) => {
            format!("is there a way to the server, and does a firewall let it through? {reach}")
        }
        ("http", status) => of_status(status).to_owned(),
        ("closed", code) => of_close(code).to_owned(),
        (family, detail) => of_other(family, detail).to_owned(),
    }
}

fn family(kind: &str) -> (&str, &str) {
    kind.split_once('.').unwrap_or((kind, ""))
}

/// Returns the remedy if the server answered the upgrade with this HTTP status, which is not 101.
fn of_status(status: &str) -> &'static str {
    match status {
        "401" | "407" => {
            "a login: what the server takes as one in the URL, as in ws://host/path?token=…"
        }
        "403" => {
            "a login that may use this path, in the URL; a server that checks the Origin header must \
             allow clients without one"
        }
        "429" => "wait, or raise the server's limit of new connections; --spawn-rate sets ours",
        "400" => {
            "what the server wants of an upgrade, which its log says; a port that wants TLS answers so, \
             too (a subprotocol and further headers cannot be given here, parameters of the URL can)"
        }
        "406" | "415" | "426" => {
            "what the server wants of an upgrade: its log says it (a subprotocol and further headers \
             cannot be given here, parameters of the URL can)"
        }
        "502" | "503" | "504" => {
            "the log of the server, or of the proxy before it: it is full, or what is behind it is down"
        }
        status if status.starts_with('3') => {
            "the URL that it redirects to, which its log or curl -i shows"
        }
        status if status.starts_with('5') => "the server's log: it failed at the upgrade",
        _ => "the path of the WebSocket endpoint, as in ws://host:port/path",
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
        "1008" | "4400" | "4401" | "4403" | "3000" | "3003" => {
            "a login: what the server takes as one in the URL, as in ws://host/path?token=…"
        }
        "1009" => "a smaller --message-size, or a higher limit at the server",
        "1011" => "the server's log: it met an error of its own",
        "1012" => "wait until the server has restarted",
        "1013" | "4429" => "wait, or give the server more room: it says that it is overloaded",
        "4406" => {
            "an endpoint that needs no subprotocol: ws-bench cannot offer one (Sec-WebSocket-Protocol)"
        }
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
        ("timeout", "send") => {
            "an endpoint that reads what it is sent, such as that of: ws-bench serve"
        }
        ("timeout", _) => {
            "a longer --timeout where the server is slow; a port of another protocol, or of TLS, may \
             never answer"
        }
        ("reset", _) | ("handshake", "closed") => {
            "the server's log: it ended the connection at the upgrade; a port that wants TLS does that, \
             and so does a proxy that passes no WebSockets on"
        }
        ("handshake", _) => {
            "the port and path of a WebSocket server without TLS: what answers there is none"
        }
        ("emfile" | "enfile", _) => "more open files for this shell: ulimit -n 65536",
        ("memory", _) => "free memory on this machine: free -m",
        ("ports", _) => "free local ports on this machine: ss -s",
        ("protocol", _) => "the server's log: what it sent is no WebSocket frame that may come",
        _ => "the server's log, and the network between",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(kind: &str) -> String {
        let target = TargetUrl::parse("ws://shop.example:9001/live").unwrap();
        advice(&target, kind)
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
            ("handshake.protocol", "without TLS"),
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
            ("http.429", "limit of new connections"),
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
