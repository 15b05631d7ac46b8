//! Connection of a worker process to its parent, through which orders arrive and answers are sent.

use std::io::{BufRead, BufReader, Read, Write};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use serde_json::Value;

use super::protocol::{Answer, Order, PROTOCOL, write_line};
use super::worker_step::{Orders, WorkerStep};
use crate::plan::worker_share::WorkerShare;

/// Scenario of a run, as a worker process executes its steps.
pub trait WorkerScenario {
    /// Makes the worker's share of a step with one of the methods of `step`. `target` is the
    /// parent's description of the target.
    ///
    /// # Errors
    /// Returns the reason for which the step could not begin.
    fn run_step(&mut self, target: Value, step: WorkerStep<'_>) -> Result<(), String>;

    /// Closes connections between two steps until this worker holds at most `most`. Returns the
    /// number that are open then; 0 for a scenario without connections that stay open.
    ///
    /// # Errors
    /// Returns the reason for which the worker can no longer hold connections.
    fn close_beyond(&mut self, most: u64) -> Result<u64, String> {
        let _ = most;
        Ok(0)
    }
}

/// Reason for which a process cannot work as a worker.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// Standard input had no valid first order, as if a user had started the command.
    #[error("this command is for worker processes of --workers, which take orders on stdin")]
    NoOrders,
    /// The worker refused its parent, for the reason in the text: another version, or a setup that
    /// it cannot use.
    #[error("{0}")]
    Refused(String),
    /// A thread for the orders could not be started, or the pipe to the parent failed.
    #[error("the parent of this worker cannot be reached: {0}")]
    Io(#[from] std::io::Error),
}

/// Connection of a worker process to its parent.
pub(super) struct ParentConnection<'a> {
    orders: Receiver<Order>,
    output: &'a mut dyn Write,
    is_closed: bool,
}

/// Runs a worker process: receives orders from `input` and writes answers to `output` until the
/// parent closes the pipe. `version` is that of this program. `begin` creates the scenario from the
/// setup that the parent sends, for the worker at the given position.
///
/// # Errors
/// Fails if the first order is not valid, if the parent has another version, or if `begin` fails.
pub fn serve_worker<S: WorkerScenario>(
    input: impl Read + Send + 'static,
    output: &mut dyn Write,
    version: &str,
    begin: impl FnOnce(Value, WorkerShare) -> Result<S, String>,
) -> Result<(), WorkerError> {
    let mut connection = ParentConnection {
        orders: read_orders(input)?,
        output,
        is_closed: false,
    };
    let Ok(Order::Begin {
        protocol,
        version: parents,
        worker,
        setup,
    }) = connection.orders.recv()
    else {
        return Err(WorkerError::NoOrders);
    };
    if (protocol, parents.as_str()) != (PROTOCOL, version) {
        return connection.refuse(format!(
            "worker {worker} is version {version} (protocol {PROTOCOL}), its parent {parents} \
             (protocol {protocol}): start both from one program"
        ));
    }
    let mut scenario = match begin(setup, worker) {
        Ok(scenario) => scenario,
        Err(reason) => return connection.refuse(reason),
    };
    connection.send(&Answer::Hello {
        protocol: PROTOCOL,
        version: version.to_owned(),
        pid: std::process::id(),
    });
    connection.serve(&mut scenario);
    Ok(())
}

/// Starts a thread that reads orders until the parent closes the pipe or sends an invalid line, and
/// returns the receiver of the orders. Fails if no thread can be created.
fn read_orders(input: impl Read + Send + 'static) -> std::io::Result<Receiver<Order>> {
    let (sender, orders) = mpsc::channel();
    std::thread::Builder::new()
        .name("orders".to_owned())
        .spawn(move || {
            for line in BufReader::new(input).lines().map_while(Result::ok) {
                let Ok(order) = serde_json::from_str(&line) else {
                    return;
                };
                if sender.send(order).is_err() {
                    return;
                }
            }
        })?;
    Ok(orders)
}

impl ParentConnection<'_> {
    fn refuse(&mut self, reason: String) -> Result<(), WorkerError> {
        self.send(&Answer::Refused {
            reason: reason.clone(),
        });
        Err(WorkerError::Refused(reason))
    }

    /// Sends an answer to the parent. If the pipe is closed, the next wait for an order fails.
    pub(super) fn send(&mut self, answer: &Answer) {
        self.is_closed |= write_line(self.output, answer).is_err();
    }

    /// Waits for the next order of the parent, for at most `bound`, and returns it.
    ///
    /// # Errors
    /// Fails if no order arrives in time, or if the pipe is closed.
    pub(super) fn next_within(&self, bound: Duration) -> Result<Order, RecvTimeoutError> {
        if self.is_closed {
            return Err(RecvTimeoutError::Disconnected);
        }
        self.orders.recv_timeout(bound)
    }

    fn serve<S: WorkerScenario>(&mut self, scenario: &mut S) {
        while let Ok(order) = self.orders.recv() {
            match order {
                Order::Ping => self.send(&Answer::Pong {
                    at_ns: monotonic_ns(),
                }),
                Order::Prepare {
                    plan,
                    level,
                    target,
                } => {
                    let step = WorkerStep::new(self, *plan, level);
                    if let Err(reason) = scenario.run_step(target, step) {
                        self.send(&Answer::CannotBegin { reason });
                    }
                }
                Order::CloseBeyond { most } => {
                    let open = scenario.close_beyond(most);
                    self.send(&Answer::Closed { open });
                }
                // Ignores orders that arrived after the step to which they belong.
                _ => {}
            }
            if self.is_closed {
                return;
            }
        }
    }
}

impl Orders for ParentConnection<'_> {
    fn answer(&mut self, answer: &Answer) {
        self.send(answer);
    }

    fn next_within(&self, bound: Duration) -> Result<Order, RecvTimeoutError> {
        ParentConnection::next_within(self, bound)
    }
}
