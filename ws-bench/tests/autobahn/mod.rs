//! Cases 1 to 7 of the Autobahn test suite, by its numbers, played by a raw-socket server of ours:
//! what the server sends, what the client must do, and the failure that it must record.
//!
//! The suite's client echoes each message, and so does the one here. Cases 9 (times), 12 and 13
//! (compression) are left out. Two cases, 6.4.3 and 6.4.4, are handled as the suite calls
//! *non-strict*: the WebSocket library looks at the text of a frame only when the frame is whole, so
//! that text which cannot be UTF-8 any more fails the connection at the end of its frame and not
//! before. Where the suite allows either, the client ends the TCP connection of a server that breaks
//! the protocol without a close frame of its own.

mod closes;
mod frames;
mod peer;
mod utf8;

use std::future::poll_fn;
use std::time::Duration;

use load_engine::Failure;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::connection::client_session::ClientSession;
use crate::connection::{failure, socket};
use peer::{End, Step};

/// Time after which a client counts as hung: longer than any case takes that ends by itself.
const HANG: Duration = Duration::from_secs(30);

/// Case of the suite.
pub(crate) struct Case {
    /// Number in the suite.
    number: String,
    /// Steps of the server, in order.
    steps: Vec<Step>,
    /// End of the connection after the last step, which is the client's.
    end: End,
    /// Kind of the failure that the client must record.
    kind: String,
}

impl Case {
    /// Creates a case that ends with an orderly close by the server, with code 1000.
    fn orderly(number: &str, steps: Vec<Step>) -> Self {
        let mut steps = steps;
        steps.push(Step::Send(peer::close(&1_000_u16.to_be_bytes())));
        Self {
            number: number.to_owned(),
            steps,
            end: End::Closes(Some(1_000)),
            kind: "closed.1000".to_owned(),
        }
    }

    /// Creates a case in which the server breaks the protocol, so that the client must end the
    /// connection without another frame.
    fn failing(number: &str, steps: Vec<Step>, kind: &str) -> Self {
        Self {
            number: number.to_owned(),
            steps,
            end: End::Fails,
            kind: kind.to_owned(),
        }
    }
}

/// Echoes each message until the connection ends, and returns its failure.
async fn echo(mut session: ClientSession<TcpStream>) -> Failure {
    loop {
        let message = match poll_fn(|context| session.poll_next(context)).await {
            Ok(message) => message,
            Err(failure) => return failure,
        };
        if !message.is_text() && !message.is_binary() {
            continue;
        }
        if let Err(failure) = session.queue(message) {
            return failure;
        }
        if let Err(failure) = poll_fn(|context| session.poll_flush(context)).await {
            return failure;
        }
    }
}

/// Plays a case. Returns a text about the first thing that was not as it must be; `None` if all was.
async fn play(listener: &TcpListener, case: &Case) -> Option<String> {
    let address = listener.local_addr().unwrap();
    let (server, client) = tokio::join!(listener.accept(), TcpStream::connect(address));
    let (server, client) = (server.unwrap().0, client.unwrap());
    server.set_nodelay(true).unwrap();
    let session = ClientSession::new(client, Vec::new(), socket::load_config(20));
    let both = async { tokio::join!(peer::serve(server, &case.steps, &case.end), echo(session)) };
    let Ok((played, failure)) = timeout(HANG, both).await else {
        return Some("it hung".to_owned());
    };
    if let Err(wrong) = played {
        return Some(format!("{wrong}; the client recorded {failure:?}"));
    }
    let owner = failure::owner(&failure.kind);
    let is_right = failure.kind == case.kind && owner == bench_report::LimitOwner::Target;
    (!is_right).then(|| format!("{}, {owner:?}, instead of {}", failure.kind, case.kind))
}

/// Plays the cases one after the other, and panics if one of them fails or their number is not
/// `count`.
fn play_all(cases: &[Case], count: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let wrong: Vec<String> = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut wrong = Vec::new();
        for case in cases {
            if let Some(what) = play(&listener, case).await {
                wrong.push(format!("{}: {what}", case.number));
            }
        }
        wrong
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(cases.len(), count, "cases played");
}
