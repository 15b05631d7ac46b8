//! Tests of races within a session, on a real Redis server. Each race is made certain: a request
//! waits for the others after it has loaded the session.

use std::sync::Arc;
use std::time::Instant;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, Pipeline, RedisResult, Value};
use testbed::Redis;
use tokio::sync::Barrier;

use super::ledger::{Finding, KnownSession};
use super::page_request::{PageAction, PageRequest};
use super::session_store::{SessionId, SessionStore};
use super::store_buffers::StoreBuffers;
use super::tests::{FORMS, LONG, ROUNDS, block_on, connect, start, store};
use crate::cli::StoreForm;
use crate::clients::RedisConnection;

/// Connection that waits at a barrier after its first answer.
#[derive(Clone)]
struct MeetingConnection {
    inner: MultiplexedConnection,
    barrier: Arc<Barrier>,
    /// Number of times that it waits.
    meetings: usize,
}

impl RedisConnection for MeetingConnection {
    async fn command(&mut self, command: &Cmd) -> RedisResult<Value> {
        let answer = RedisConnection::command(&mut self.inner, command).await;
        for _ in 0..std::mem::take(&mut self.meetings) {
            self.barrier.wait().await;
        }
        answer
    }

    async fn pipeline(&mut self, pipeline: &Pipeline) -> RedisResult<Vec<Value>> {
        RedisConnection::pipeline(&mut self.inner, pipeline).await
    }
}

/// Race of two requests on the session `id`, which both have loaded before either of them writes.
/// If the first one logs out, its removal is acknowledged before the second one writes.
async fn race(
    redis: &Redis,
    store: &SessionStore,
    id: SessionId,
    actions: [PageAction; 2],
) -> [PageRequest; 2] {
    let barrier = Arc::new(Barrier::new(2));
    let logs_out = actions[0] == PageAction::LogOut;
    let meeting = async |meetings| MeetingConnection {
        inner: connect(redis).await,
        barrier: Arc::clone(&barrier),
        meetings,
    };
    let (mut one, mut other) = (
        meeting(1).await,
        meeting(if logs_out { 2 } else { 1 }).await,
    );
    let [mut first, mut second] = [PageRequest::new(0), PageRequest::new(1)];
    [first.action, second.action] = actions;
    let earlier = async {
        first.perform(store, &mut one, (id, 1)).await.unwrap();
        if logs_out {
            barrier.wait().await;
        }
    };
    let later = async {
        second.perform(store, &mut other, (id, 1)).await.unwrap();
    };
    tokio::join!(earlier, later);
    [first, second]
}

/// Two changes of the same session: a form that writes the whole session loses one of them each
/// time, and a form that does not never loses any.
#[test]
fn a_race_loses_a_change_in_each_form_that_writes_the_whole_session_and_in_no_other() {
    for form in FORMS {
        let (redis, store) = (start(), store(form));
        for number in 0..ROUNDS {
            let id = SessionId { number, user: 3 };
            block_on(async {
                let mut buffers = StoreBuffers::default();
                let mut connection = connect(&redis).await;
                store
                    .create(&mut connection, &mut buffers, id)
                    .await
                    .unwrap();
                let now = Instant::now();
                let mut known = KnownSession::created(number, now, now);
                let requests = race(&redis, &store, id, [PageAction::Update; 2]).await;
                for request in &requests {
                    known.acknowledge(request.slot, request.result.change.unwrap().number);
                }
                let refused: u64 = requests.iter().map(|r| r.result.refused).sum();
                let read = store.load(&mut connection, &mut buffers, id).await.unwrap();
                let found = known.judge(read.as_ref(), LONG, now);
                let loses = matches!(form, StoreForm::String | StoreForm::Indexed);
                let lost_updates = u64::from(loses);
                let said = format!("{form:?}, round {number}: {requests:?}");
                assert_eq!(found, Finding::Present { lost_updates }, "{said}");
                assert_eq!(refused, u64::from(form == StoreForm::StringCas), "{said}");
            });
        }
    }
}

/// A log-out and a change: each form that writes without a look brings the session back.
#[test]
fn a_race_with_a_log_out_brings_the_session_back_in_each_form_but_compare_and_set() {
    for form in FORMS {
        let (redis, store) = (start(), store(form));
        for number in 0..ROUNDS {
            let id = SessionId { number, user: 3 };
            block_on(async {
                let mut buffers = StoreBuffers::default();
                let mut connection = connect(&redis).await;
                store
                    .create(&mut connection, &mut buffers, id)
                    .await
                    .unwrap();
                let actions = [PageAction::LogOut, PageAction::Update];
                let [log_out, change] = race(&redis, &store, id, actions).await;
                assert!(log_out.result.removed, "{log_out:?}");
                let read = store.load(&mut connection, &mut buffers, id).await.unwrap();
                let returns = form != StoreForm::StringCas;
                let said = format!("{form:?}, round {number}: {change:?}");
                assert_eq!(read.is_some(), returns, "{said}");
                assert_eq!(change.result.change.is_some(), returns, "{said}");
                let is_whole = read.is_some_and(|read| read.is_whole);
                assert_eq!(is_whole, returns && form != StoreForm::Hash, "{said}");
            });
        }
    }
}
