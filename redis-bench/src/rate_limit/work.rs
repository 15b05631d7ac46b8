//! Requests of the users of a limiter: each asks whether it is admitted.

use std::sync::Arc;
use std::time::Duration;

use load_engine::{OperationId, OperationTable, Timestamps, UserId};
use rand::RngExt as _;
use rand::rngs::SmallRng;
use redis::RedisResult;

use super::accuracy::DecisionTime;
use super::algorithm::LimiterKeys;
use super::call::{CallBuffer, LimiterRequest};
use super::client_clock::ClientClock;
use super::decision_log::{LoggedDecision, StepLog, UserLog, Verdict};
use super::edge_bursts::EdgeBursts;
use super::limiter::Limiter;
use super::scripts::LimiterAnswer;
use super::stall::StallPolicy;
use super::variant::LimiterVariant;
use crate::clients::{RedisConnection, RequestError, RequestResult, Task, Work, user_random};

const OPERATIONS: &[&str] = &["undecided", "admitted", "refused"];
/// Operation of a request without a decision, because it failed or was cut off.
const UNDECIDED: OperationId = OperationId::nth(0);
/// Operation of an admitted request.
const ADMITTED: OperationId = OperationId::nth(1);
/// Operation of a refused request.
const REFUSED: OperationId = OperationId::nth(2);

/// Way in which the users of a step ask and wait.
#[derive(Debug)]
pub(crate) struct LimiterUse {
    pub(crate) variant: LimiterVariant,
    pub(crate) limiter: Limiter,
    /// Share of the first requests of a window whose client ends before it sets the expiry.
    pub(crate) crash_ratio: f64,
    /// Beginning of the names of the step's keys.
    pub(crate) prefix: String,
    /// Number of limiters.
    pub(crate) keys: u32,
    /// Seed of the random draw of limiters.
    pub(crate) seed: u64,
    /// Times by which the clocks of users are ahead, in turn; not empty.
    pub(crate) skews: Vec<Duration>,
    /// Times at which users send requests; `None` for any time.
    pub(crate) bursts: Option<EdgeBursts>,
    /// True if a refused user waits as long as the limiter says.
    pub(crate) obeys: bool,
    /// What a user does without an answer; `None` to wait for it and do nothing else.
    pub(crate) on_stall: Option<StallPolicy>,
}

/// Requests of one step, from which those of each user are created.
#[derive(Debug)]
pub(crate) struct LimiterWork {
    used: Arc<LimiterUse>,
    log: Arc<StepLog>,
}

impl LimiterWork {
    /// Creates the requests of a step, whose decisions go to `log`.
    pub(crate) fn new(used: LimiterUse, log: Arc<StepLog>) -> Self {
        Self {
            used: Arc::new(used),
            log,
        }
    }
}

impl Work for LimiterWork {
    type Task = LimiterTask;

    fn operations(&self) -> OperationTable {
        OPERATIONS.into()
    }

    fn task(&self, user: UserId) -> LimiterTask {
        let skews = &self.used.skews;
        LimiterTask {
            random: user_random(self.used.seed, user),
            clock: ClientClock::new(skews[user.0 as usize % skews.len()]),
            log: self.log.begin(),
            step: Arc::clone(&self.log),
            used: Arc::clone(&self.used),
            key: 0,
            keys: LimiterKeys::default(),
            call: CallBuffer::default(),
            retry_after: Duration::ZERO,
        }
    }
}

/// Requests of one user of a limiter.
#[derive(Debug)]
pub(crate) struct LimiterTask {
    used: Arc<LimiterUse>,
    step: Arc<StepLog>,
    log: UserLog,
    random: SmallRng,
    clock: ClientClock,
    /// Index of the limiter that was drawn last.
    key: u32,
    keys: LimiterKeys,
    call: CallBuffer,
    /// Time that the last answer told to wait; zero if the request was admitted.
    retry_after: Duration,
}

impl LimiterTask {
    /// Asks the limiter that was drawn, at `now_us` on the host's clock.
    async fn ask<C: RedisConnection>(
        &mut self,
        connection: &mut C,
        now_us: u64,
    ) -> RedisResult<LimiterAnswer> {
        let crash_ratio = self.used.crash_ratio;
        let request = LimiterRequest {
            now_us: self.clock.shown_us(now_us),
            random: self.random.random(),
            crashes: crash_ratio > 0.0 && self.random.random::<f64>() < crash_ratio,
        };
        let limiter = &self.used.limiter;
        limiter
            .decide(connection, &mut self.call, &mut self.keys, request)
            .await
    }

    /// Asks the limiter as [`LimiterTask::ask`] does, but not longer than the policy for stalls
    /// says.
    async fn ask_in_time<C: RedisConnection>(
        &mut self,
        connection: &mut C,
        now_us: u64,
    ) -> Result<LimiterAnswer, RequestError> {
        let Some(policy) = self.used.on_stall else {
            return Ok(self.ask(connection, now_us).await?);
        };
        let asked = tokio::time::timeout(policy.patience, self.ask(connection, now_us)).await;
        Ok(asked.map_err(|_| RequestError::NoAnswerInTime)??)
    }

    /// Logs what the user does with a request without an answer, which was sent at `sent_us`.
    fn note_blind(&mut self, sent_us: u64) {
        let Some(policy) = self.used.on_stall else {
            return;
        };
        let took_us = ClientClock::host_us().saturating_sub(sent_us);
        self.log.push(LoggedDecision {
            at_us: 0,
            sent_us,
            took_us: u32::try_from(took_us).unwrap_or(u32::MAX),
            key: self.key,
            sequence: 0,
            verdict: if policy.is_open {
                Verdict::AdmittedBlindly
            } else {
                Verdict::RefusedBlindly
            },
        });
    }

    /// Logs an answer to a request that was sent at `sent_us`, and returns its operation.
    fn note(&mut self, answer: &LimiterAnswer, sent_us: u64) -> OperationId {
        let took_us = ClientClock::host_us().saturating_sub(sent_us);
        if self.used.variant.decision_time() == DecisionTime::Told {
            self.clock.learn(answer.server_us, sent_us, took_us);
        }
        self.retry_after = Duration::from_millis(answer.retry_after_ms);
        self.log.push(LoggedDecision {
            at_us: answer.server_us,
            sent_us,
            took_us: u32::try_from(took_us).unwrap_or(u32::MAX),
            key: self.key,
            sequence: answer.sequence.map_or(0, |number| number as u32),
            verdict: match (answer.admitted, answer.never_expires) {
                (true, _) => Verdict::Admitted,
                (false, true) => Verdict::RefusedForEver,
                (false, false) => Verdict::Refused,
            },
        });
        if answer.admitted { ADMITTED } else { REFUSED }
    }
}

impl Task for LimiterTask {
    fn draw(&mut self) -> OperationId {
        self.key = self.random.random_range(0..self.used.keys);
        self.keys.set(&self.used.prefix, self.key);
        UNDECIDED
    }

    async fn perform<C: RedisConnection>(
        &mut self,
        connection: &mut C,
        timestamps: &mut Timestamps,
    ) -> RequestResult {
        let sent_us = ClientClock::host_us();
        self.retry_after = Duration::ZERO;
        let (operation, result) = match self.ask_in_time(connection, sent_us).await {
            Ok(answer) => (self.note(&answer, sent_us), Ok(())),
            Err(error) => {
                self.note_blind(sent_us);
                (UNDECIDED, Err(error))
            }
        };
        timestamps.operation(operation);
        RequestResult {
            operation,
            command: self.call.name,
            result,
        }
    }

    fn between_requests(&mut self) -> Option<Duration> {
        let mut pause = self.log.make_room(&self.step).then_some(Duration::ZERO);
        if self.used.obeys && !self.retry_after.is_zero() {
            pause = Some(self.retry_after);
        }
        if let Some(bursts) = &self.used.bursts {
            let now_us = self.clock.server_us(ClientClock::host_us());
            pause = pause.max(bursts.pause(now_us));
        }
        pause
    }
}

impl Drop for LimiterTask {
    /// Hands the user's decisions over, also where the user was cut off at the end of the step.
    fn drop(&mut self) {
        self.step.end(std::mem::take(&mut self.log));
    }
}
