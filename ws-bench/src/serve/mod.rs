//! Test server for trials, tests, and users without a server of their own. It echoes, broadcasts or
//! streams, with faults on request, and counts what happened. It needs little memory for each
//! connection, so that the bench meets the limits of the machine before those of this server.

mod admission;
mod answer_faults;
mod answer_queue;
mod broadcast_room;
mod client_messages;
mod client_stream;
mod conversation;
mod counters;
mod counts_text;
pub(crate) mod options;
mod server;
mod session;
mod session_end;
mod shared;
mod stream_answer;
mod tls;
mod upgrade;

pub(crate) use counts_text::text;
pub(crate) use server::{ServeError, run};
