//! Substitute for `ws-bench serve` in tests. It announces its address in the same way, and sends
//! back all bytes that it receives.

use std::error::Error;
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [command, flag, address, rest @ ..] = arguments.as_slice() else {
        return Err("usage: echo serve --listen ADDRESS".into());
    };
    if (command.as_str(), flag.as_str()) != ("serve", "--listen") {
        return Err("usage: echo serve --listen ADDRESS".into());
    }
    if let [unknown, ..] = rest {
        return Err(format!("unknown argument {unknown}").into());
    }
    let listener = TcpListener::bind(address.as_str())?;
    writeln!(
        io::stdout(),
        "listening on ws://{}/",
        listener.local_addr()?
    )?;
    for stream in listener.incoming() {
        let stream = stream?;
        thread::spawn(move || echo(&stream));
    }
    Ok(())
}

fn echo(mut stream: &TcpStream) -> io::Result<u64> {
    io::copy(&mut &*stream, &mut stream)
}
