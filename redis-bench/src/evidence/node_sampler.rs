//! Reader of one server on a thread and a connection of its own, so that a server that stops answering
//! blocks neither the run nor the reading of other nodes.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use bench_report::ServerEvidence;
use bench_report::clock::monotonic_ns;
use redis::{Connection, RedisError, RedisResult};

use super::command_scope::CommandScope;
use super::interval::{FAILED_OVER, RESTARTED, StepInterval};
use super::key_scope::KeyScope;
use super::link_speed::{self, LinkSpeed};
use super::polls::{self, StepPolls};
use super::reading::{ServerReading, between};
use crate::server::address::RedisAddress;
use crate::server::cluster_nodes::ClusterNode;
use crate::server::failure;
use crate::server::info::Info;

/// Interval between two polls of the server within a step.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

enum SamplerCommand {
    Begin { serial: u64 },
    Recent(Sender<ServerEvidence>),
    End,
}

/// Part of what a server does that its evidence is about.
#[derive(Debug, Clone)]
pub(crate) struct SamplerScope {
    /// Commands of the load.
    pub(crate) commands: CommandScope,
    /// Keys of which large, much used and slow ones are named; `None` for none.
    pub(crate) keys: Option<KeyScope>,
}

/// Evidence about one server.
#[derive(Debug, Default)]
pub(super) struct NodeEvidence {
    pub(super) evidence: ServerEvidence,
    /// Nodes of the cluster at the end of the step, as this one knows them; empty if the server is no
    /// node of a cluster, or if they were not read.
    pub(super) nodes: Vec<ClusterNode>,
}

impl From<ServerEvidence> for NodeEvidence {
    fn from(evidence: ServerEvidence) -> Self {
        Self {
            evidence,
            nodes: Vec::new(),
        }
    }
}

/// Reader of evidence about one server, one step after another, on a thread of its own.
#[derive(Debug)]
pub(super) struct NodeSampler {
    orders: Sender<SamplerCommand>,
    results: Receiver<(u64, NodeEvidence)>,
    /// Serial number of the step that is being measured, or was measured last; 0 before the first
    /// step.
    serial: u64,
    pending: bool,
    /// Answer about the recent activity that did not come in time.
    late: Option<Receiver<ServerEvidence>>,
}

impl NodeSampler {
    /// Starts the thread that reads the server at `remote`. It connects at once, before the load
    /// can take the last of the connections that the server allows. `asked` tells what is read. The
    /// thread ends after this value is dropped.
    ///
    /// # Errors
    /// Fails if the operating system starts no thread.
    pub(super) fn start(remote: RedisAddress, asked: SamplerScope) -> std::io::Result<Self> {
        let (orders, received) = mpsc::channel();
        let (sent, results) = mpsc::channel();
        std::thread::Builder::new()
            .name("evidence".to_owned())
            .spawn(move || {
                let link = link_speed::read(remote.info().addr());
                follow(&remote, (&asked, &link), &received, &sent);
            })?;
        Ok(Self {
            orders,
            results,
            serial: 0,
            pending: false,
            late: None,
        })
    }

    /// Asks for what the counters, gauges and polls tell about the time since the last question in the
    /// same step, or since it began. [`Self::recent_answer`] waits for the answer; if it did not come
    /// in time, this question is not sent.
    pub(super) fn ask_recent(&mut self) {
        if self.late.is_none() {
            let (sent, answer) = mpsc::channel();
            // Sending cannot fail, because the thread ends only after this value was dropped.
            let _ = self.orders.send(SamplerCommand::Recent(sent));
            self.late = Some(answer);
        }
    }

    /// Waits until `deadline` for the answer to the last question. If the server does not answer in
    /// time, the evidence states that instead, and the next call returns the late answer.
    pub(super) fn recent_answer(&mut self, deadline: Instant) -> ServerEvidence {
        let bound = deadline.saturating_duration_since(Instant::now());
        let answer = self.late.take();
        let received = answer.as_ref().map(|answer| answer.recv_timeout(bound));
        if let Some(Ok(evidence)) = received {
            return evidence;
        }
        self.late = answer;
        ServerEvidence::unavailable("info", "no answer to INFO in time")
    }

    /// Begins a step.
    pub(super) fn begin(&mut self) {
        self.serial += 1;
        self.pending = true;
        let serial = self.serial;
        // Sending cannot fail, because the thread ends only after this value was dropped.
        let _ = self.orders.send(SamplerCommand::Begin { serial });
    }

    /// Ends the step; [`Self::collect`] waits for its evidence.
    pub(super) fn end(&mut self) {
        let _ = self.orders.send(SamplerCommand::End);
    }

    /// Waits until `deadline` for the evidence of the last step. `None` if no step was measured since
    /// the last call. If the server does not answer in time, the evidence states that instead.
    pub(super) fn collect(&mut self, deadline: Instant) -> Option<NodeEvidence> {
        if !std::mem::take(&mut self.pending) {
            return None;
        }
        loop {
            match self
                .results
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok((serial, evidence)) if serial == self.serial => return Some(evidence),
                // Evidence of an earlier step that was not collected in time.
                Ok(_) => {}
                Err(_) => {
                    let reason = "the server did not answer INFO in time";
                    return Some(ServerEvidence::unavailable("info", reason).into());
                }
            }
        }
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
    /// answer at its beginning, or refused `INFO`.
    interval: Option<StepInterval>,
}

fn follow(
    remote: &RedisAddress,
    (scope, link): (&SamplerScope, &LinkSpeed),
    orders: &Receiver<SamplerCommand>,
    results: &Sender<(u64, NodeEvidence)>,
) {
    let connect: &dyn Fn() -> RedisResult<Connection> = &|| remote.connect();
    // If this fails, the next reading connects again and tells why it could not.
    let mut connection: Option<Connection> = connect().ok();
    let mut watch: Option<StepSampling> = None;
    loop {
        match orders.recv_timeout(POLL_INTERVAL) {
            Ok(SamplerCommand::Begin { serial }) => {
                if remote.has_sentinels() {
                    // An old primary may still answer on a connection of an earlier step.
                    connection = None;
                }
                let before = with(&mut connection, connect, ServerReading::before_step);
                let server = remote.current().masked_url().to_owned();
                watch = Some(StepSampling::begin((serial, server), before));
            }
            Ok(SamplerCommand::Recent(reply)) => {
                let seen = watch.as_mut().map_or_else(
                    || ServerEvidence::unavailable("info", "nothing is measured"),
                    |watch| watch.recent(&mut connection, connect, scope.commands),
                );
                // Fails if the run has ended, and nobody needs the evidence.
                let _ = reply.send(seen);
            }
            Ok(SamplerCommand::End) => {
                if let Some(watch) = watch.take() {
                    let serial = watch.serial;
                    let mut evidence = watch.end(&mut connection, remote, scope);
                    link_speed::add(&mut evidence.evidence, link);
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
        let info = before
            .as_ref()
            .ok()
            .and_then(|before| before.info.as_ref().ok());
        let interval = info.map(|info| {
            polls.add(info, info, monotonic_ns());
            StepInterval::begin(info.clone())
        });
        Self {
            serial,
            server,
            before,
            polls,
            interval,
        }
    }

    /// Polls the server for the step and for the interval, unless it refuses `INFO`.
    ///
    /// # Errors
    /// Fails if the server does not answer.
    fn poll(&mut self, connection: &mut Connection) -> RedisResult<()> {
        match &mut self.interval {
            Some(interval) => polls::poll(&mut [&mut self.polls, &mut interval.polls], connection),
            None => Ok(()),
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
        scope: &SamplerScope,
    ) -> NodeEvidence {
        let unavailable = |error: &RedisError| {
            ServerEvidence::unavailable("info", failure::from_redis(error).to_string()).into()
        };
        let before = match &self.before {
            Ok(before) => before,
            Err(error) => return unavailable(error),
        };
        let after = match with(connection, &|| remote.connect(), |open| {
            ServerReading::after_step(open, before, scope.keys.as_ref())
        }) {
            Ok(after) => after,
            Err(error) => return unavailable(&error),
        };
        let now = remote.current();
        if remote.has_sentinels() && self.server != now.masked_url() {
            let why = format!("{FAILED_OVER} ({} → {})", self.server, now.masked_url());
            return ServerEvidence::unavailable("info", why).into();
        }
        // Adds the `INFO` call at the beginning of the step; the call at its end does not count itself.
        let asked = self.polls.asked() + 1;
        if let (Ok(began), Ok(ended)) = (&before.info, &after.info) {
            if began.text("run_id") != ended.text("run_id") {
                return ServerEvidence::unavailable("info", RESTARTED).into();
            }
            self.polls.add(ended, ended, monotonic_ns());
        }
        let mut evidence = between(before, &after, scope.commands, asked);
        self.polls.add_to(&mut evidence);
        NodeEvidence {
            evidence,
            nodes: after.nodes.unwrap_or_default(),
        }
    }
}
