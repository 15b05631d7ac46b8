//! Tests of the answers to messages, and of their faults.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::{Client, counting_server, counts, echo, open};

/// Reads a text message.
fn text(socket: &mut Client) -> String {
    socket.read().unwrap().into_text().unwrap().to_string()
}

#[test]
fn a_broadcast_message_goes_to_all_open_connections_and_its_sender() {
    let server = counting_server(&["--mode", "broadcast"]);
    let mut clients: Vec<_> = (0..3).map(|_| open(&server)).collect();
    clients[0].send(Message::text("first")).unwrap();
    for client in &mut clients {
        assert_eq!(client.read().unwrap(), Message::text("first"));
    }
    clients[2].send(Message::binary(vec![1, 2])).unwrap();
    let mut late = open(&server);
    late.send(Message::text("third")).unwrap();
    for client in &mut clients {
        assert_eq!(client.read().unwrap(), Message::binary(vec![1, 2]));
        assert_eq!(client.read().unwrap(), Message::text("third"));
    }
    let counts = counts(server);
    assert_eq!(
        (&counts["messages_in"], &counts["skipped"]),
        (&3.into(), &0.into())
    );
}

#[test]
fn whoever_reads_nothing_holds_up_no_other_client() {
    let server = counting_server(&["--mode", "broadcast"]);
    let _deaf = open(&server);
    let mut talker = open(&server);
    let message = Message::binary(vec![0; 64 * 1024]);
    // More than the kernel keeps for the client that does not read.
    for _ in 0..1_000 {
        talker.send(message.clone()).unwrap();
        assert_eq!(talker.read().unwrap(), message);
    }
    assert_eq!(counts(server)["messages_in"], 1_000);
}

#[test]
fn a_stream_has_its_chunks_in_order_at_its_interval_and_marks_the_last() {
    let interval = Duration::from_millis(20);
    let args = [
        "--mode",
        "stream",
        "--chunks",
        "5",
        "--chunk-interval",
        "20ms",
    ];
    let server = counting_server(&args);
    let mut client = open(&server);
    for (request, id, count) in [
        ("hello", Value::Null, 5),
        ("2", Value::Null, 2),
        (r#"{"id":"a","count":3}"#, json!("a"), 3),
    ] {
        let begin = Instant::now();
        client.send(Message::text(request)).unwrap();
        for sequence in 0..count {
            let chunk: Value = serde_json::from_str(&text(&mut client)).unwrap();
            assert!(begin.elapsed() >= interval * sequence, "{chunk}");
            assert_eq!(chunk["sequence"], sequence);
            assert_eq!(chunk["last"], sequence + 1 == count);
            assert_eq!(chunk["id"], id);
        }
    }
    let counts = counts(server);
    assert_eq!(
        (&counts["messages_in"], &counts["messages_out"]),
        (&3.into(), &10.into())
    );
}

#[test]
fn streams_of_one_connection_run_side_by_side() {
    let server = counting_server(&["--mode", "stream", "--chunk-interval", "100ms"]);
    let mut client = open(&server);
    for id in 0..3 {
        let request = json!({"id": id, "count": 4}).to_string();
        client.send(Message::text(request)).unwrap();
    }
    let mut chunks = [0; 3];
    let mut ended = Vec::new();
    for _ in 0..12 {
        let chunk: Value = serde_json::from_str(&text(&mut client)).unwrap();
        let id = chunk["id"].as_u64().unwrap();
        assert_eq!(chunk["sequence"], chunks[id as usize]);
        chunks[id as usize] += 1;
        if chunk["last"] == true {
            ended.push(id);
        }
    }
    assert_eq!((chunks, ended), ([4; 3], vec![0, 1, 2]));
}

#[test]
fn no_answer_comes_before_its_delay_and_messages_keep_their_order() {
    for (delay, least_ms) in [("60ms", 60), ("30ms..90ms", 30), ("exp:20ms", 0)] {
        let server = counting_server(&["--delay", delay]);
        let mut client = open(&server);
        let sent: Vec<_> = (0..20)
            .map(|n| {
                let at = Instant::now();
                client.send(Message::text(n.to_string())).unwrap();
                at
            })
            .collect();
        for (n, at) in sent.into_iter().enumerate() {
            assert_eq!(text(&mut client), n.to_string());
            assert!(at.elapsed() >= Duration::from_millis(least_ms), "{delay}");
        }
    }
}

#[test]
fn the_share_of_answers_is_left_out() {
    const SENT: usize = 400;
    let server = counting_server(&["--drop-rate", "25%"]);
    let mut client = open(&server);
    for n in 0..SENT {
        client.send(Message::text(n.to_string())).unwrap();
    }
    client.close(None).unwrap();
    let mut echoed: Vec<usize> = Vec::new();
    while let Message::Text(text) = client.read().unwrap() {
        echoed.push(text.parse().unwrap());
    }
    assert!(echoed.is_sorted(), "{echoed:?}");
    assert!(echoed.len().abs_diff(SENT * 3 / 4) <= 4, "{}", echoed.len());
    let counts = counts(server);
    assert_eq!(counts["messages_out"], echoed.len());
    assert_eq!(counts["dropped"], SENT - echoed.len());
}

#[test]
fn every_tenth_answer_is_sent_twice() {
    let server = counting_server(&["--duplicate-every", "10"]);
    let mut client = open(&server);
    for n in 1..=100 {
        echo(&mut client, &n.to_string());
        if n % 10 == 0 {
            assert_eq!(text(&mut client), n.to_string(), "once more");
        }
    }
    let counts = counts(server);
    assert_eq!(
        (&counts["duplicated"], &counts["messages_out"]),
        (&10.into(), &110.into())
    );
}

#[test]
fn a_slow_reader_takes_no_more_bytes_in_a_second_than_told() {
    let server = counting_server(&["--slow-read", "40KiB"]);
    let mut client = open(&server);
    let begin = Instant::now();
    let message = Message::binary(vec![7; 20 * 1024]);
    client.send(message.clone()).unwrap();
    assert_eq!(client.read().unwrap(), message);
    // The first read of a fiftieth of a second is not waited for.
    let took = begin.elapsed();
    assert!(took >= Duration::from_millis(470), "{took:?}");
    assert_eq!(counts(server)["bytes_in"], 20 * 1024);
}
