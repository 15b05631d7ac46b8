//! Location of the target of a bench, read from its report.

use std::net::IpAddr;

use bench_report::Window;
use url::Url;

use crate::machine_recording::MachineRecording;
use crate::source_report::SourceReport;

/// Returns true if the target was on the machine of the bench: its address is a loopback address or
/// a Unix socket, or the bench started it. False if the report names no address.
pub(crate) fn is_local(source: &SourceReport) -> bool {
    let url = source.report.config.get("url").and_then(|url| url.as_str());
    let Some(address) = url else {
        return false;
    };
    // The address is `throwaway` if the bench started a server of its own.
    let Ok(url) = Url::parse(address) else {
        return address == "throwaway";
    };
    let Some(host) = url.host_str().filter(|host| !host.is_empty()) else {
        return true;
    };
    let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
    ip.map_or(host.eq_ignore_ascii_case("localhost"), |ip| {
        ip.is_loopback()
    })
}

/// Returns true if the report names an address of the target that is not on the machine of the
/// bench; false if it names none. A recording of the bench's machine then tells nothing about the
/// target.
pub(crate) fn is_elsewhere(source: &SourceReport) -> bool {
    let url = source.report.config.get("url").and_then(|url| url.as_str());
    url.is_some() && !is_local(source)
}

/// Returns the name of the server's process; `None` if the bench did not find it.
pub(crate) fn process_name(source: &SourceReport) -> Option<&str> {
    let process = source.report.config.get("server_process")?;
    process.get("name")?.as_str()
}

/// Returns true if the server is on this machine and its process is not known by name, so that it
/// cannot be distinguished from outside programs; false if its CPU time was counted.
pub(crate) fn may_look_like_an_outsider(
    source: &SourceReport,
    machine: MachineRecording<'_>,
    window: Window,
) -> bool {
    let known = source.component().is_some_and(|component| {
        let known = component.definition();
        // A server of the tool runs under the tool's name, so there are two processes of that name.
        known.tool_serves && machine.processes_called(known.tool, window) > 1
            || machine.cores_of_server(component, window).is_some()
    });
    is_local(source) && !known && !is_counted(source) && process_name(source).is_none()
}

/// Returns true if the bench counted the CPU time of the server's processes in some step.
fn is_counted(source: &SourceReport) -> bool {
    let mut evidence = source.report.steps.iter().filter_map(|s| s.server.as_ref());
    evidence.any(|server| server.figures.contains_key("server.cpu_ns"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bench_report::{Report, Tool};

    fn local(url: Option<&str>) -> bool {
        let tool = Tool {
            name: "ws-bench".into(),
            version: "0".into(),
            commit: None,
        };
        let mut report = Report::begin(tool, "r".into(), "limit");
        if let Some(url) = url {
            report.config.insert("url".into(), url.into());
        }
        is_local(&SourceReport {
            file: String::new(),
            path: "x".into(),
            raw: serde_json::Value::Null,
            report,
        })
    }

    #[test]
    fn loopback_sockets_and_throwaway_servers_are_local() {
        for url in [
            "ws://127.0.0.1:9001/",
            "postgres://app@127.0.0.2:5432/shop",
            "redis://[::1]:6379/",
            "redis://localhost",
            "postgres:///shop?host=/var/run/postgresql&port=5432",
            "unix:///run/redis.sock",
            "throwaway",
        ] {
            assert!(local(Some(url)), "{url}");
        }
        for url in ["wss://app.example/socket", "redis://10.0.0.7", "nonsense"] {
            assert!(!local(Some(url)), "{url}");
        }
        assert!(!local(None));
    }
}
