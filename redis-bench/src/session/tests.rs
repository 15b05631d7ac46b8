//! Tests of the users and their store on a real Redis server.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Parser as _;
use load_engine::{Timestamps, UserId};
use redis::aio::MultiplexedConnection;
use testbed::{Redis, RedisOptions};

use super::page_request::{PageAction, PageRequest};
use super::session_setup::SessionSetup;
use super::session_store::{SessionId, SessionStore};
use super::session_user::{EXPIRED, SessionUser};
use super::store_buffers::StoreBuffers;
use super::tallies::Tally;
use super::{KEY_KINDS, Sessions};
use crate::cli::{RedisBenchCli, RedisBenchCommand, SessionFlags, StoreForm};
use crate::clients::{Task as _, Work as _};
use crate::keys::key_removal;
use crate::keys::run_keys::RunKeys;
use crate::run::workload::RedisWorkload as _;
use crate::server::address::RedisAddress;

/// Every form of storage.
pub(super) const FORMS: [StoreForm; 4] = [
    StoreForm::String,
    StoreForm::Hash,
    StoreForm::Indexed,
    StoreForm::StringCas,
];
/// Number of times that a race is repeated with each form.
pub(super) const ROUNDS: u64 = 20;
/// Life of sessions that must not end during a test.
pub(super) const LONG: Duration = Duration::from_mins(10);

pub(super) fn start() -> Redis {
    Redis::start(&RedisOptions::default()).unwrap()
}

pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}

pub(super) async fn connect(redis: &Redis) -> MultiplexedConnection {
    let client = redis::Client::open(redis.url()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

fn run_keys(numbers: u64) -> RunKeys {
    RunKeys {
        keys: numbers * KEY_KINDS,
        value_bytes: 100,
        ..RunKeys::new("plimsoll:test:", 1)
    }
}

pub(super) fn store(form: StoreForm) -> SessionStore {
    SessionStore::new(form, run_keys(ROUNDS), LONG.as_millis() as u64)
}

/// Parses the flags of `redis-bench session` in `args`, as on the command line.
fn flags(args: &str) -> SessionFlags {
    let words = ["redis-bench", "session"].into_iter();
    match RedisBenchCli::parse_from(words.chain(args.split_whitespace())).command {
        RedisBenchCommand::Session(flags) => flags.settled().unwrap(),
        other => panic!("{other:?}"),
    }
}

/// User of the first form in the flags, with the parts shared by all users.
fn user(flags: &SessionFlags) -> (SessionUser, Arc<SessionSetup>) {
    let sessions = Sessions::new(flags);
    let work = sessions.work(sessions.keyspace("plimsoll:test:", 7), 0);
    (work.task(UserId(0)), Arc::clone(&work.0))
}

/// Makes `count` page views of `user`, each of which must succeed.
async fn view(user: &mut SessionUser, connection: &mut MultiplexedConnection, count: usize) {
    for _ in 0..count {
        let drawn = user.draw();
        let done = user.perform(connection, &mut Timestamps::default()).await;
        assert_eq!(done.operation, drawn);
        done.result.unwrap();
    }
}

fn every_key(redis: &Redis) -> (redis::Connection, Vec<String>) {
    let mut connection = RedisAddress::parse(redis.url()).unwrap().connect().unwrap();
    let names = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
    (connection, names)
}

/// 400 page views of two changes at once, with log-outs in between. The clients find nearly all of
/// the changes that were written over; those of a page view that logs out are not looked for.
#[test]
fn the_clients_find_what_each_form_loses_in_a_run_and_accuse_no_other() {
    for form in FORMS {
        let redis = start();
        let args = format!(
            "--store {} --updates 100% --session-length 5 --abandoned 0 --csrf 0.2 --ttl 10m",
            form.name()
        );
        let (mut user, setup) = user(&flags(&args));
        block_on(async { view(&mut user, &mut connect(&redis).await, 400).await });
        let total = |tally| setup.tallies.total(tally);
        let said = format!("{form:?}: {:?}", setup.tallies);
        assert!(total(Tally::Updates) > 200, "{said}");
        assert!(total(Tally::LogOuts) > 20, "{said}");
        let (lost, overwritten) = (total(Tally::LostUpdates), total(Tally::Overwritten));
        let writes_whole = matches!(form, StoreForm::String | StoreForm::Indexed);
        assert_eq!(lost > 0, writes_whole, "{said}");
        assert!(lost <= overwritten && overwritten <= lost + 1, "{said}");
        let resurrected = total(Tally::Resurrected);
        let is_safe = form == StoreForm::StringCas;
        assert_eq!(resurrected > 0, !is_safe, "{said}");
        assert_eq!(total(Tally::RefusedUpdates) > 0, is_safe, "{said}");
        assert!(total(Tally::TokenChecks) > 10, "{said}");
        for none in [
            Tally::LostSessions,
            Tally::TimedOut,
            Tally::Outlived,
            Tally::Orphans,
            Tally::TokensAcceptedTwice,
            Tally::TokensLost,
        ] {
            assert_eq!(total(none), 0, "{none:?} of {said}");
        }
        let bytes = setup.tallies.session_bytes().unwrap();
        assert!((512.0..4_096.0).contains(&bytes), "{bytes} of {said}");
    }
}

/// Keys of all kinds are there: sessions, some of them brought back, tokens and an index.
#[test]
fn every_key_expires_has_a_name_that_the_removal_knows_and_is_removed() {
    for form in FORMS {
        let redis = start();
        let args = format!(
            "--store {} --updates 50% --session-length 4 --csrf 0.5 --abandoned 0.5 --ttl 10m",
            form.name()
        );
        let flags = flags(&args);
        let (mut user, setup) = user(&flags);
        block_on(async { view(&mut user, &mut connect(&redis).await, 200).await });
        let numbers = setup.numbers.load(Ordering::Relaxed);
        let keys = run_keys(numbers);
        let known: HashSet<String> = (0..keys.keys)
            .map(|index| {
                let mut name = Vec::new();
                keys.name_into(index, &mut name);
                String::from_utf8(name).unwrap()
            })
            .collect();
        let (mut connection, names) = every_key(&redis);
        assert!(names.len() > 10, "{form:?}: {names:?}");
        for name in names {
            assert!(known.contains(&name), "{form:?}: {name}");
            let life_ms: i64 = redis::cmd("PTTL")
                .arg(&name)
                .query(&mut connection)
                .unwrap();
            assert!(
                (1..=600_000).contains(&life_ms),
                "{form:?}: {name} {life_ms}"
            );
        }
        assert!(key_removal::clear(&mut connection, &keys, || true).unwrap());
        assert!(every_key(&redis).1.is_empty(), "{form:?}");
    }
}

/// Another client removes everything while the user is logged in.
#[test]
fn a_session_that_is_gone_before_its_time_is_lost_and_one_after_its_time_is_not() {
    let redis = start();
    for (ttl, lost, timed_out) in [("10m", 1, 0), ("150ms", 0, 1)] {
        let args = format!("--store string --touches 0 --csrf 0 --session-length 1M --ttl {ttl}");
        let (mut user, setup) = user(&flags(&args));
        block_on(async {
            let mut connection = connect(&redis).await;
            view(&mut user, &mut connection, 1).await;
            if ttl == "10m" {
                let () = redis::cmd("FLUSHALL")
                    .query_async(&mut connection)
                    .await
                    .unwrap();
            } else {
                tokio::time::sleep(Duration::from_millis(400)).await;
            }
            view(&mut user, &mut connection, 2).await;
        });
        let total = |tally| setup.tallies.total(tally);
        assert_eq!(total(Tally::LostSessions), lost, "{ttl}");
        assert_eq!(total(Tally::TimedOut), timed_out, "{ttl}");
        assert_eq!(total(Tally::LogIns), 2, "{ttl}: logs in again");
    }
}

/// Sessions are two page views long and none of them ends with a log-out.
#[test]
fn abandoned_sessions_are_looked_for_after_their_expiry_and_are_gone() {
    let redis = start();
    let (mut user, setup) = user(&flags(
        "--store hash --session-length 2 --abandoned 100% --ttl 1s",
    ));
    block_on(async {
        let mut connection = connect(&redis).await;
        view(&mut user, &mut connection, 6).await;
        tokio::time::sleep(Duration::from_millis(1_300)).await;
        // The log-in, and then a look for the oldest.
        view(&mut user, &mut connection, 1).await;
        assert_eq!(user.draw(), EXPIRED);
        let mut timestamps = Timestamps::default();
        let done = user.perform(&mut connection, &mut timestamps).await;
        done.result.unwrap();
    });
    assert_eq!(setup.tallies.total(Tally::LogOuts), 0);
    assert_eq!(setup.tallies.total(Tally::Outlived), 0);
    assert_eq!(setup.tallies.total(Tally::LostSessions), 0);
}

/// Three sessions of a user, two of which expired. The log-out of the third finds both in the
/// index.
#[test]
fn members_of_an_index_without_a_session_are_counted_and_removed() {
    let redis = start();
    let store = store(StoreForm::Indexed);
    block_on(async {
        let mut buffers = StoreBuffers::default();
        let mut connection = connect(&redis).await;
        let id = |number| SessionId { number, user: 0 };
        for number in 0..3 {
            let created = store.create(&mut connection, &mut buffers, id(number));
            created.await.unwrap();
        }
        for number in 0..2 {
            let name = format!("plimsoll:test:k:{}", number * KEY_KINDS);
            let () = redis::cmd("DEL")
                .arg(name)
                .query_async(&mut connection)
                .await
                .unwrap();
        }
        let orphans = store.destroy(&mut connection, &mut buffers, id(2)).await;
        assert_eq!(orphans.unwrap(), 2);
    });
    assert!(every_key(&redis).1.is_empty(), "an empty set is no key");
}

#[test]
fn the_script_is_sent_again_after_the_server_forgot_it() {
    let redis = start();
    let store = store(StoreForm::StringCas);
    block_on(async {
        let mut buffers = StoreBuffers::default();
        let mut connection = connect(&redis).await;
        let id = SessionId { number: 0, user: 0 };
        let created = store.create(&mut connection, &mut buffers, id);
        created.await.unwrap();
        for number in 1..=3 {
            let mut flush = redis::cmd("SCRIPT");
            let () = flush
                .arg("FLUSH")
                .query_async(&mut connection)
                .await
                .unwrap();
            let mut request = PageRequest::new(0);
            request.action = PageAction::Update;
            let done = request.perform(&store, &mut connection, (id, number));
            done.await.unwrap();
            assert_eq!(request.result.change.unwrap().number, number);
        }
    });
}

/// Numbers of sessions are counted anew in each step, and the removal knows the most of all steps.
#[test]
fn the_keys_of_a_run_are_those_of_its_longest_step() {
    let redis = start();
    let flags = flags("--store string --session-length 2 --abandoned 0");
    let sessions = Sessions::new(&flags);
    let mut most = 0;
    for views in [40, 10] {
        let work = sessions.work(sessions.keyspace("plimsoll:test:", 7), 0);
        let mut user = work.task(UserId(0));
        block_on(async { view(&mut user, &mut connect(&redis).await, views).await });
        most = most.max(work.0.tallies.total(Tally::LogIns));
        assert_eq!(sessions.keyspace("", 0).keys, most * KEY_KINDS);
    }
    let numbers: &AtomicU64 = &sessions.numbers;
    assert_eq!(numbers.load(Ordering::Relaxed), most);
}
