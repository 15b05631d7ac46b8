//! Session of one client, from the acceptance of its connection to its end.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::client_messages::echo;
use super::conversation::Conversation;
use super::counters::SessionTally;
use super::shared::SharedState;
use super::upgrade::{UpgradedClient, upgrade};

/// Serves one client at `address`: answers its messages until its connection ends, or refuses it.
/// Ends silently if the upgrade fails.
pub(crate) async fn serve_client(shared: Arc<SharedState>, stream: TcpStream, address: IpAddr) {
    // If this fails, answers are only delayed.
    let _ = stream.set_nodelay(true);
    // What is needed for a while only is kept apart, so that an open connection takes less memory.
    let upgraded = Box::pin(upgrade(&shared, stream, address)).await;
    let Some(UpgradedClient {
        mut socket,
        place,
        deliveries,
    }) = upgraded
    else {
        return;
    };
    let options = &shared.options.session;
    let is_controlled = options.slow_read.is_some() || options.closing.idle_timeout.is_some();
    let activity = is_controlled.then(|| socket.get_mut().control_reads(options.slow_read));
    let tally = SessionTally::new(&shared.counters);
    let end = if options.is_plain_echo() {
        echo(&mut socket, tally).await
    } else {
        let conversation = Conversation::new(&shared, &mut socket, tally, deliveries);
        Box::pin(conversation.run(activity.as_deref())).await
    };
    shared.counters.closed(end.closed_by(&options.closing));
    Box::pin(end.close(&mut socket, &options.closing)).await;
    // Frees the place before the client can notice that the connection is closed.
    drop(place);
    if socket.get_ref().is_tls() {
        // Without it the client takes the end for an attack (`close_notify`).
        let _ = socket.get_mut().shutdown().await;
    }
}
