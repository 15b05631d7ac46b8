//! Echo server with a planted fault, which counts the messages of all its connections together.

use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tokio_tungstenite::tungstenite::{Error, Message, WebSocket, accept};

/// Fault of the server, with the distance between two messages that it meets.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// Answers each n-th message twice.
    Twice(u64),
    /// Never answers each n-th message.
    Never(u64),
    /// Answers each n-th message after this time.
    After(u64, Duration),
    /// Sends a message of its own beside each n-th answer.
    Pushes(u64),
    /// Works on one message at a time, over all connections, for this time.
    Slow(Duration),
}

/// What the server works on: one message at a time, if it is slow.
static WORK: Mutex<()> = Mutex::new(());

/// Starts the server, which lives as long as the test. The first message, that of the probe, is
/// always echoed and does not count. Returns its URL.
pub(crate) fn faulty_echo(fault: Fault) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let seen = Arc::new(AtomicU64::new(0));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let seen = Arc::clone(&seen);
            thread::spawn(move || {
                if let Ok(socket) = accept(stream) {
                    let _ = serve(socket, fault, &seen);
                }
            });
        }
    });
    url
}

fn serve(mut socket: WebSocket<TcpStream>, fault: Fault, seen: &AtomicU64) -> Result<(), Error> {
    socket
        .get_ref()
        .set_read_timeout(Some(Duration::from_millis(5)))?;
    let mut delayed: Vec<(Instant, Message)> = Vec::new();
    loop {
        while delayed
            .first()
            .is_some_and(|(due, _)| *due <= Instant::now())
        {
            let (_, message) = delayed.remove(0);
            socket.send(message)?;
        }
        let message = match socket.read() {
            Ok(message) if message.is_binary() => message,
            Ok(_) => continue,
            Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        };
        let number = seen.fetch_add(1, Ordering::Relaxed);
        let met = |distance: u64| number > 0 && number.is_multiple_of(distance);
        match fault {
            Fault::Never(distance) if met(distance) => {}
            Fault::After(distance, delay) if met(distance) => {
                delayed.push((Instant::now() + delay, message));
            }
            Fault::Twice(distance) if met(distance) => {
                socket.send(message.clone())?;
                socket.send(message)?;
            }
            Fault::Pushes(distance) if met(distance) => {
                socket.send(Message::text("{\"type\":\"news\"}"))?;
                socket.send(message)?;
            }
            Fault::Slow(time) => {
                let working = WORK.lock().unwrap();
                thread::sleep(time);
                drop(working);
                socket.send(message)?;
            }
            _ => socket.send(message)?,
        }
    }
}
