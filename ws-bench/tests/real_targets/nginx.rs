//! Tests with nginx in front of a server: as end of TLS, as proxy that drops the upgrade, and with a
//! server behind it that is down.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

use test_support::{Certificates, RunningProgram, TestDirectory, eventually};

use crate::common::{report, server};
use crate::peer_server::left_out;
use crate::run_in;

const PROGRAMS: [&str; 2] = ["nginx", "/usr/sbin/nginx"];

/// Returns the installed nginx; `None` if there is none, and may be.
fn nginx() -> Option<&'static str> {
    let runs = |program: &&str| Command::new(program).arg("-v").output().is_ok();
    let found = PROGRAMS.into_iter().find(runs);
    found.or_else(|| left_out("nginx", "PLIMSOLL_WITHOUT_NGINX"))
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Starts nginx in `place` with these blocks `server`, the first of which listens on `port`.
fn start(program: &str, place: &Path, port: u16, servers: &str) -> RunningProgram {
    let config = format!(
        "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log error.log;\nevents {{}}\n\
         http {{\naccess_log off;\nclient_body_temp_path tmp;\nproxy_temp_path tmp;\n\
         fastcgi_temp_path tmp;\nuwsgi_temp_path tmp;\nscgi_temp_path tmp;\n{servers}\n}}\n"
    );
    fs::write(place.join("nginx.conf"), config).unwrap();
    let prefix = place.display().to_string();
    let mut command = Command::new(program);
    command.args(["-p", &prefix, "-c", "nginx.conf", "-e", "error.log"]);
    let running = RunningProgram::start(&mut command);
    eventually("nginx listens", || {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    running
}

#[test]
fn nginx_ends_tls_before_a_server() {
    let Some(program) = nginx() else { return };
    let place = TestDirectory::new();
    let made = Certificates::made_in(place.path());
    let behind = server(&[]);
    let up = behind
        .url()
        .trim_start_matches("ws://")
        .trim_end_matches('/')
        .to_owned();
    let [tls, plain] = [free_port(), free_port()];
    let (certificate, key) = (made.server.0.display(), made.server.1.display());
    let upgrade = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; \
                   proxy_set_header Connection upgrade;";
    let servers = format!(
        "server {{ listen 127.0.0.1:{tls} ssl; server_name localhost;\n\
         ssl_certificate {certificate}; ssl_certificate_key {key};\n\
         location /live {{ proxy_pass http://{up}; {upgrade} }}\n\
         location /dropped {{ proxy_pass http://{up}; }}\n\
         location /down {{ proxy_pass http://127.0.0.1:1; {upgrade} }} }}\n\
         server {{ listen 127.0.0.1:{plain}; return 301 https://localhost:{tls}$request_uri; }}"
    );
    let _running = start(program, place.path(), tls, &servers);
    let ca = made.authority.display().to_string();
    let at = |path: &str| format!("wss://localhost:{tls}/{path}");
    let moved = format!("ws://localhost:{plain}/live");
    let on_tls = format!("ws://localhost:{tls}/live");
    let cases: [(&str, &[&str], i32, &[&str]); 6] = [
        (&at("live"), &["--ca", &ca], 0, &["2 connections held"]),
        (
            &at("dropped"),
            &["--ca", &ca],
            1,
            &["http.502", "proxy before it"],
        ),
        (
            &at("down"),
            &["--ca", &ca],
            1,
            &["http.502", "what is behind it is down"],
        ),
        (&on_tls, &[], 1, &["http.400", "Try: wss://"]),
        (
            &moved,
            &[],
            1,
            &["http.301", &format!("Try: --url {}", at("live"))],
        ),
        (
            &moved,
            &["--ca", &ca, "--follow-redirects", "1"],
            0,
            &["redirects", "2 connections held"],
        ),
    ];
    for (url, args, code, wanted) in cases {
        let (ended, said) = run_in(&place, &[&["--url", url], args].concat());
        assert_eq!(ended, Some(code), "{url}: {said}");
        for text in wanted {
            assert!(said.contains(text), "{url}: no {text:?} in {said}");
        }
    }
    let phases = &report(&place).steps[0].operations["connect"].phases;
    assert!(phases.contains_key("tls"), "{phases:?}");
}
