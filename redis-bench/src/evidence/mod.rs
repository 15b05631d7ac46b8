//! Evidence about the Redis server in a step: answers to `INFO` and other commands, read before,
//! during and after the step. The reader has a thread and a connection of its own, so that a server
//! that stops answering does not block the run. Nothing on the server is reset or set.

mod client_list;
mod command_scope;
mod commands;
mod counter_resets;
mod counters;
mod disturbance;
mod histogram;
mod interval;
mod own_account;
mod polls;
mod process;
mod reading;
mod round_trips;
mod settings;
mod slow_log;
mod thread_time;

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use bench_cli::bench::EvidenceSource;
use bench_report::ServerEvidence;
use bench_report::clock::monotonic_ns;
use redis::{Connection, RedisError, RedisResult};

pub(crate) use self::command_scope::CommandScope;
pub(crate) use self::disturbance::{MEMORY_LIMIT, disturbances};
use self::interval::StepInterval;
pub(crate) use self::interval::{FAILED_OVER, RESTARTED};
pub(crate) use self::own_account::{LoadShape, surplus_doubt};
use self::polls::StepPolls;
use self::reading::{ServerReading, between};
pub(crate) use self::round_trips::checks_per_request;
pub(crate) use self::thread_time::ThreadTime;
use crate::server::address::RedisAddress;
use crate::server::failure;
use crate::server::info::Info;

/// Interval between two polls of the server within a step.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

enum SamplerCommand {
    Begin { serial: u64 },
    Recent(Sender<ServerEvidence>),
    End,
}

/// Reader of evidence about the server, one step after another, on a thread of its own.
#[derive(Debug)]
pub(crate) struct ServerSampler {
    orders: Sender<SamplerCommand>,
    results: Receiver<(u64, ServerEvidence)>,
    /// Serial number of the step that is being measured, or was measured last; 0 before the first
    /// step.
    serial: u64,
    pending: bool,
    /// Answer about the recent activity that did not come in time.
    late: Option<Receiver<ServerEvidence>>,
}

impl ServerSampler {
    /// Starts the thread that reads the server at `remote`, which connects when a step begins.
    /// `scope` tells the commands of the load from others. The thread ends after this value is
    /// dropped.
    ///
    /// # Errors
    /// Fails if the operating system starts no thread.
    pub(crate) fn start(remote: RedisAddress, scope: CommandScope) -> std::io::Result<Self> {
        let (orders, received) = mpsc::channel();
        let (sent, results) = mpsc::channel();
        std::thread::Builder::new()
            .name("evidence".to_owned())
            .spawn(move || {
                follow(&remote, scope, &received, &sent);
            })?;
        Ok(Self {
            orders,
            results,
            serial: 0,
            pending: false,
            late: None,
        })
    }

    /// Returns what the counters, gauges and polls tell about the time since the last call in the
    /// same step, or since it began. Waits for at most `bound`; if the server does not answer in
    /// time, the evidence states that instead, and the next call returns the late answer.
    pub(crate) fn recent_activity(&mut self, bound: Duration) -> ServerEvidence {
        let answer = self.late.take().unwrap_or_else(|| {
            let (sent, answer) = mpsc::channel();
            // Sending cannot fail, because the thread ends only after this value was dropped.
            let _ = self.orders.send(SamplerCommand::Recent(sent));
            answer
        });
        answer.recv_timeout(bound).unwrap_or_else(|_| {
            self.late = Some(answer);
            ServerEvidence::unavailable("info", format!("no answer to INFO within {bound:?}"))
        })
    }

    /// Waits for the evidence of the last step, for at most `bound`. `None` if no step was measured
    /// since the last call. If the server does not answer in time, the evidence states that
    /// instead.
    pub(crate) fn collect(&mut self, bound: Duration) -> Option<ServerEvidence> {
        if !std::mem::take(&mut self.pending) {
            return None;
        }
        let deadline = Instant::now() + bound;
        loop {
            match self
                .results
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok((serial, evidence)) if serial == self.serial => return Some(evidence),
                // Evidence of an earlier step that was not collected in time.
                Ok(_) => {}
                Err(_) => {
                    let reason = format!("the server did not answer INFO within {bound:?}");
                    return Some(ServerEvidence::unavailable("info", reason));
                }
            }
        }
    }
}

impl EvidenceSource for ServerSampler {
    fn measure_begins(&mut self) {
        self.serial += 1;
        self.pending = true;
        let serial = self.serial;
        // Sending cannot fail, because the thread ends only after this value was dropped.
        let _ = self.orders.send(SamplerCommand::Begin { serial });
    }

    fn measure_ends(&mut self) -> Option<ServerEvidence> {
        let _ = self.orders.send(SamplerCommand::End);
        // The evidence is collected after the drain, when there is time to wait for it.
        None
    }
}

/// Readings of the step that is being measured, up to now.
struct StepSampling {
    serial: u64,
    /// Server that was read at the beginning.
    server: String,
    before: Result<ServerReading, RedisError>,
    polls: StepPolls,
    /// Part of the step since the last question for recent activity; `None` if the server did not
    /// answer at its beginning.
    interval: Option<StepInterval>,
}

fn follow(
    remote: &RedisAddress,
    scope: CommandScope,
    orders: &Receiver<SamplerCommand>,
    results: &Sender<(u64, ServerEvidence)>,
) {
    let connect: &dyn Fn() -> RedisResult<Connection> = &|| remote.connect();
    let mut connection: Option<Connection> = None;
    let mut watch: Option<StepSampling> = None;
    loop {
        match orders.recv_timeout(POLL_INTERVAL) {
            Ok(SamplerCommand::Begin { serial }) => {
                let before = with(&mut connection, connect, ServerReading::before_step);
                let server = remote.current().masked_url().to_owned();
                watch = Some(StepSampling::begin((serial, server), before));
            }
            Ok(SamplerCommand::Recent(reply)) => {
                let seen = watch.as_mut().map_or_else(
                    || ServerEvidence::unavailable("info", "nothing is measured"),
                    |watch| watch.recent(&mut connection, connect, scope),
                );
                // Fails if the run has ended, and nobody needs the evidence.
                let _ = reply.send(seen);
            }
            Ok(SamplerCommand::End) => {
                if let Some(watch) = watch.take() {
                    let serial = watch.serial;
                    let evidence = watch.end(&mut connection, remote, scope);
                    // Fails if the run has ended, and nobody needs the evidence.
                    let _ = results.send((serial, evidence));
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                if let (Some(watch), Some(open)) = (&mut watch, &mut connection) {
                    // A failed poll is ignored, because the next one may succeed.
                    let _ = watch.poll(open);
                }
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Calls `read` with the connection, or with a new one from `connect` if there is none. If the server
/// closed the connection since it was last used, as in a restart, calls `read` again with a new one.
/// A connection on which `read` fails is dropped.
///
/// # Errors
/// Fails with the error of `connect` or of `read`.
fn with<T>(
    connection: &mut Option<Connection>,
    connect: &dyn Fn() -> RedisResult<Connection>,
    read: impl Fn(&mut Connection) -> RedisResult<T>,
) -> RedisResult<T> {
    if let Some(mut open) = connection.take() {
        match read(&mut open) {
            Err(error) if failure::is_closed(&error) => {}
            result => {
                *connection = result.is_ok().then_some(open);
                return result;
            }
        }
    }
    let mut open = connect()?;
    let read = read(&mut open)?;
    *connection = Some(open);
    Ok(read)
}

impl StepSampling {
    fn begin((serial, server): (u64, String), before: Result<ServerReading, RedisError>) -> Self {
        let mut polls = StepPolls::default();
        let interval = before.as_ref().ok().map(|before| {
            polls.add(&before.info, &before.info, monotonic_ns());
            StepInterval::begin(before.info.clone())
        });
        Self {
            serial,
            server,
            before,
            polls,
            interval,
        }
    }

    /// Polls the server for the step and for the interval.
    ///
    /// # Errors
    /// Fails if the server does not answer.
    fn poll(&mut self, connection: &mut Connection) -> RedisResult<()> {
        match &mut self.interval {
            Some(interval) => polls::poll(&mut [&mut self.polls, &mut interval.polls], connection),
            None => polls::poll(&mut [&mut self.polls], connection),
        }
    }

    /// Reads the server, and returns the evidence of the interval that ends now. The next one begins.
    fn recent(
        &mut self,
        connection: &mut Option<Connection>,
        connect: &dyn Fn() -> RedisResult<Connection>,
        scope: CommandScope,
    ) -> ServerEvidence {
        self.polls.note_asked(1);
        let info = match with(connection, connect, Info::read) {
            Ok(info) => info,
            Err(error) => {
                // The failed question may have reached the server.
                if let Some(interval) = &mut self.interval {
                    interval.polls.note_asked(1);
                }
                let why = failure::from_redis(&error).to_string();
                return ServerEvidence::unavailable("info", why);
            }
        };
        self.polls.add(&info, &info, monotonic_ns());
        let ended = self.interval.replace(StepInterval::begin(info.clone()));
        ended.map_or_else(ServerEvidence::default, |ended| ended.end(&info, scope))
    }

    fn end(
        mut self,
        connection: &mut Option<Connection>,
        remote: &RedisAddress,
        scope: CommandScope,
    ) -> ServerEvidence {
        let unavailable = |error: &RedisError| {
            ServerEvidence::unavailable("info", failure::from_redis(error).to_string())
        };
        let before = match &self.before {
            Ok(before) => before,
            Err(error) => return unavailable(error),
        };
        let after = match with(connection, &|| remote.connect(), |open| {
            ServerReading::after_step(open, before)
        }) {
            Ok(after) => after,
            Err(error) => return unavailable(&error),
        };
        let now = remote.current();
        if remote.has_sentinels() && self.server != now.masked_url() {
            let why = format!("{FAILED_OVER} ({} → {})", self.server, now.masked_url());
            return ServerEvidence::unavailable("info", why);
        }
        if before.info.text("run_id") != after.info.text("run_id") {
            return ServerEvidence::unavailable("info", RESTARTED);
        }
        // Adds the `INFO` call at the beginning of the step; the call at its end does not count itself.
        let asked = self.polls.asked() + 1;
        self.polls.add(&after.info, &after.info, monotonic_ns());
        let mut evidence = between(before, &after, scope, asked);
        self.polls.add_to(&mut evidence);
        evidence
    }
}
