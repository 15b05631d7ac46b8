//! Tests that a message allocates nothing, because allocations would be part of what is measured,
//! and that an open connection takes little memory, because there may be 100,000.

use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use load_engine::{ConnectionFactory as _, ConnectionId, HeldConnection as _, Timestamps};
use test_support::CountingAllocator;
use tokio::runtime::Builder;
use tokio_tungstenite::tungstenite::accept;

use crate::connection::message_sizes::MessageSizes;
use crate::connection::ws_connection::{WsConnector, exchange_echo};
use crate::server::endpoint::WsEndpoint;
use crate::server::server_list::ServerList;
use crate::server::target_url::TargetUrl;

/// Starts an echo server on threads of its own; returns the connector to it.
fn connector(message_bytes: usize) -> WsConnector {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut socket = accept(stream).unwrap();
                while let Ok(message) = socket.read() {
                    if message.is_binary() && socket.send(message).is_err() {
                        return;
                    }
                }
            });
        }
    });
    let url = TargetUrl::parse(&format!("ws://{address}/")).unwrap();
    WsConnector {
        servers: ServerList::new([WsEndpoint::new(&url, address, &Arc::default()).unwrap()])
            .unwrap(),
        timeout: Duration::from_secs(20),
        sizes: MessageSizes::of(message_bytes),
    }
}

#[test]
fn a_message_and_its_echo_allocate_nothing() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    for message_bytes in [20, 5_000] {
        let connector = connector(message_bytes);
        runtime.block_on(async {
            let mut timestamps = Timestamps::default();
            let id = ConnectionId(0);
            let mut connection = connector.connect(id, &mut timestamps).await.unwrap();
            for _ in 0..200 {
                exchange_echo(&mut connection).await.unwrap();
            }
            let before = CountingAllocator::allocations();
            for _ in 0..200 {
                exchange_echo(&mut connection).await.unwrap();
            }
            let allocated = CountingAllocator::allocations() - before;
            assert_eq!(allocated, 0, "{message_bytes} bytes");
            assert_eq!(connection.traffic().received, 400);
        });
    }
}

#[test]
fn an_open_connection_takes_little_memory() {
    const CONNECTIONS: usize = 50;
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let connector = connector(20);
    runtime.block_on(async {
        let mut open = Vec::with_capacity(CONNECTIONS);
        let before = CountingAllocator::held_bytes();
        for id in 0..CONNECTIONS as u64 {
            let mut timestamps = Timestamps::default();
            let connected = connector.connect(ConnectionId(id), &mut timestamps).await;
            let mut connection = connected.unwrap();
            exchange_echo(&mut connection).await.unwrap();
            open.push(connection);
        }
        let each = (CountingAllocator::held_bytes() - before) / CONNECTIONS;
        assert!(each <= 2_048, "{each} bytes");
    });
}
