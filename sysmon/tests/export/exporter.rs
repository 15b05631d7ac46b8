//! Exporter that a test runs, and its clients.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use nix::sys::signal::Signal;
use test_support::{Ended, RunningProgram, TIMEOUT};

use crate::common::Home;
use crate::page::Page;

pub struct Exporter {
    running: RunningProgram,
    pub address: SocketAddr,
    _home: Home,
}

/// Answer of the exporter to an HTTP request: status, head in lower case, and body.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Exporter {
    /// Starts `sysmon export` with `args` on a free port, and waits until it serves.
    pub fn start(args: &[&str]) -> Self {
        let home = Home::new();
        let args = [&["--listen", "127.0.0.1:0"], args].concat();
        let mut running = RunningProgram::start(&mut home.command_of("export", &args));
        let line = running.wait_for("serving ");
        let address = line.split("http://").nth(1).unwrap();
        let address = address.split('/').next().unwrap().parse().unwrap();
        Self {
            running,
            address,
            _home: home,
        }
    }

    pub fn id(&self) -> u32 {
        self.running.id()
    }

    pub fn connect(&self) -> TcpStream {
        connect(self.address)
    }

    /// Sends `bytes` on a new connection, closes the sending side if `half_close` is set, and
    /// returns everything that is received until the exporter closes.
    pub fn say(&self, bytes: &[u8], half_close: bool) -> Vec<u8> {
        let mut stream = self.connect();
        // The server may refuse the request before it was sent completely.
        let _ = stream.write_all(bytes);
        if half_close {
            let _ = stream.shutdown(Shutdown::Write);
        }
        hear(&mut stream)
    }

    pub fn ask(&self, request: &str) -> Answer {
        let answer = self.say(request.as_bytes(), false);
        Answer::read(&answer)
    }

    pub fn page(&self) -> Page {
        let answer = self.ask("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        assert_eq!(answer.status, 200, "{}", answer.head);
        Page::read(&answer.body, false)
    }

    /// Asks for pages until the exporter has taken at least `samples` samples, and returns the last
    /// one.
    pub fn page_after(&self, samples: f64) -> Page {
        loop {
            let page = self.page();
            if page.value("sysmon_samples_total") >= samples {
                return page;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn end(self, signal: Signal) -> Ended {
        self.running.signal(signal);
        self.running.end()
    }
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream.set_write_timeout(Some(TIMEOUT)).unwrap();
    stream
}

/// Returns everything that is received until the other side closes or resets the connection. Panics
/// if it stays open and silent until the time-out.
pub fn hear(stream: &mut TcpStream) -> Vec<u8> {
    let mut heard = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return heard,
            Ok(n) => heard.extend_from_slice(&buffer[..n]),
            Err(error) => {
                let reset = error.kind() == std::io::ErrorKind::ConnectionReset;
                assert!(reset, "it neither answers nor closes: {error}");
                return heard;
            }
        }
    }
}

impl Answer {
    pub fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").expect(&text);
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self {
            status,
            head: head.to_ascii_lowercase(),
            body: body.to_owned(),
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}
