//! The server's side of a step: `INFO` before and after, on a thread and a connection of its own,
//! so that a server that stands still stops nobody here. Nothing is reset on the server.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use bench_cli::bench::Evidence;
use bench_report::ServerEvidence;
use redis::{Connection, RedisError};

use crate::info::{CommandUse, Info};
use crate::server::Remote;

/// Between looks at the number of clients.
const LOOKED_EVERY: Duration = Duration::from_millis(100);

/// Counters whose growth over a step is reported under their own names.
const COUNTERS: &[&str] = &[
    "keyspace_hits",
    "keyspace_misses",
    "expired_keys",
    "evicted_keys",
    "rejected_connections",
    "total_error_replies",
];

enum Order {
    Begin { serial: u64 },
    End,
}

/// Samples the server of a run, step by step.
#[derive(Debug)]
pub struct Sampler {
    orders: Sender<Order>,
    results: Receiver<(u64, ServerEvidence)>,
    /// Of the step that measures, or measured last.
    serial: u64,
    pending: bool,
}

impl Sampler {
    /// A sampler of the server at `remote`; it ends with this value.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(remote: Remote) -> std::io::Result<Self> {
        let (orders, received) = mpsc::channel();
        let (sent, results) = mpsc::channel();
        std::thread::Builder::new()
            .name("evidence".to_owned())
            .spawn(move || {
                let connect = || remote.connect();
                follow(&connect, &received, &sent);
            })?;
        Ok(Self {
            orders,
            results,
            serial: 0,
            pending: false,
        })
    }

    /// What was seen of the step that ended last; `None` where nothing was measured.
    pub fn collect(&mut self, bound: Duration) -> Option<ServerEvidence> {
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
                // An answer to an earlier step, which nobody waited for any more.
                Ok(_) => {}
                Err(_) => {
                    let reason = format!("the server did not answer INFO within {bound:?}");
                    return Some(ServerEvidence::unavailable("info", reason));
                }
            }
        }
    }
}

impl Evidence for Sampler {
    fn measure_begins(&mut self) {
        self.serial += 1;
        self.pending = true;
        let serial = self.serial;
        // The thread only ends with us.
        let _ = self.orders.send(Order::Begin { serial });
    }

    fn measure_ends(&mut self) -> Option<ServerEvidence> {
        let _ = self.orders.send(Order::End);
        // Collected after the drain, when there is time to wait for it.
        None
    }
}

/// What is known of the step that measures.
struct Watch {
    serial: u64,
    before: Result<(Instant, Info), RedisError>,
    clients_max: Option<f64>,
}

fn follow(
    connect: &dyn Fn() -> Result<Connection, RedisError>,
    orders: &Receiver<Order>,
    results: &Sender<(u64, ServerEvidence)>,
) {
    let mut connection: Option<Connection> = None;
    let mut watch: Option<Watch> = None;
    loop {
        match orders.recv_timeout(LOOKED_EVERY) {
            Ok(Order::Begin { serial }) => {
                let before = read(&mut connection, connect).map(|info| (Instant::now(), info));
                let clients_max = before.as_ref().ok().and_then(|(_, info)| clients(info));
                watch = Some(Watch {
                    serial,
                    before,
                    clients_max,
                });
            }
            Ok(Order::End) => {
                if let Some(watch) = watch.take() {
                    let after = read(&mut connection, connect).map(|info| (Instant::now(), info));
                    // Nobody listens when the run is over.
                    let _ = results.send((watch.serial, watch.evidence(&after)));
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                if let (Some(watch), Some(open)) = (&mut watch, &mut connection)
                    && let Ok(info) = Info::section(open, "clients")
                {
                    watch.clients_max = larger(watch.clients_max, clients(&info));
                }
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Reads everything; a connection that fails is replaced the next time.
fn read(
    connection: &mut Option<Connection>,
    connect: &dyn Fn() -> Result<Connection, RedisError>,
) -> Result<Info, RedisError> {
    let mut open = match connection.take() {
        Some(open) => open,
        None => connect()?,
    };
    let info = Info::read(&mut open)?;
    *connection = Some(open);
    Ok(info)
}

fn clients(info: &Info) -> Option<f64> {
    info.number("connected_clients")
}

fn larger(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.max(b)),
        (one, other) => one.or(other),
    }
}

impl Watch {
    fn evidence(self, after: &Result<(Instant, Info), RedisError>) -> ServerEvidence {
        let (began, before, ended, after) = match (&self.before, after) {
            (Ok((began, before)), Ok((ended, after))) => (began, before, ended, after),
            (Err(error), _) | (_, Err(error)) => {
                let reason = crate::failure::of_redis(error).message;
                return ServerEvidence::unavailable("info", reason);
            }
        };
        if before.text("run_id") != after.text("run_id") {
            return ServerEvidence::unavailable("info", "the server was restarted meanwhile");
        }
        let mut evidence = difference(before, after);
        evidence.figure(
            "interval_s",
            ended.saturating_duration_since(*began).as_secs_f64(),
        );
        if let Some(most) = larger(self.clients_max, clients(after)) {
            evidence.figure("connected_clients_max", most);
        }
        evidence
    }
}

/// The growth of counters from one reading to the next, and gauges as they stand at the end.
fn difference(before: &Info, after: &Info) -> ServerEvidence {
    let mut evidence = ServerEvidence::default();
    let grown = |name: &str| Some(after.number(name)? - before.number(name)?);
    for name in COUNTERS {
        if let Some(growth) = grown(name) {
            evidence.figure(*name, growth);
        }
    }
    // Since 6.2; the process's own time also holds that of its background threads.
    let user = grown("used_cpu_user_main_thread");
    if let (Some(user), Some(system)) = (user, grown("used_cpu_sys_main_thread")) {
        evidence.figure("cpu_main_thread_s", user + system);
    }
    // Since 7.2: time in the event loop outside the wait for something to do.
    if let Some(busy) = grown("eventloop_duration_sum") {
        evidence.figure("eventloop_busy_us", busy);
    }
    for (name, gauge) in [
        ("used_memory_bytes", "used_memory"),
        ("maxmemory_bytes", "maxmemory"),
    ] {
        if let Some(value) = after.number(gauge) {
            evidence.figure(name, value);
        }
    }
    let earlier = before.commands();
    for (name, now) in after.commands() {
        let was = earlier.get(name).copied().unwrap_or_default();
        add_command(&mut evidence, name, was, now);
    }
    evidence
}

fn add_command(evidence: &mut ServerEvidence, name: &str, was: CommandUse, now: CommandUse) {
    if now.calls > was.calls {
        evidence.figure(format!("commands.{name}.calls"), now.calls - was.calls);
        evidence.figure(format!("commands.{name}.usec"), now.usec - was.usec);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_reported_by_their_growth_and_gauges_as_they_stand() {
        let before = Info::parse(
            "keyspace_hits:10\nused_memory:5\nused_cpu_user_main_thread:1.0\n\
             used_cpu_sys_main_thread:0.5\ncmdstat_get:calls=10,usec=20\ncmdstat_ping:calls=1,usec=1\n",
        );
        let after = Info::parse(
            "keyspace_hits:25\nused_memory:7\nused_cpu_user_main_thread:1.5\n\
             used_cpu_sys_main_thread:0.75\ncmdstat_get:calls=30,usec=60\ncmdstat_ping:calls=1,usec=1\n\
             cmdstat_set:calls=2,usec=8\n",
        );
        let figures = difference(&before, &after).figures;
        assert!((figures["keyspace_hits"] - 15.0).abs() < 1e-9);
        assert!((figures["used_memory_bytes"] - 7.0).abs() < 1e-9);
        assert!((figures["cpu_main_thread_s"] - 0.75).abs() < 1e-9);
        assert!((figures["commands.get.usec"] - 40.0).abs() < 1e-9);
        assert!((figures["commands.set.calls"] - 2.0).abs() < 1e-9);
        assert!(!figures.contains_key("commands.ping.calls"), "unused");
        assert!(!figures.contains_key("evicted_keys"), "missing is not zero");
    }
}
