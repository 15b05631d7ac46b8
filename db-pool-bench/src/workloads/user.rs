//! One user: chooses scripts and executes them on the connection that it holds.

use std::sync::Arc;

use bench_report::clock::monotonic_ns;
use load_engine::{Failure, OperationId, Outcome, Part, UserId};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::workload::{CompiledScript, Prepared, SqlWorkload};
use crate::protocol::Protocol;
use pgbench_script::{
    Action, BoundValue, Diagnostic, StatementResult, TransactionEffect, Variables,
};

/// What is retried: serialization failures and deadlocks.
/// Source: PostgreSQL manual, *Serialization Failure Handling*.
const RETRIED: [&str; 2] = ["sqlstate.40001", "sqlstate.40P01"];
/// What a script's own fault counts as.
const SCRIPT: &str = "script";

/// A connection that is held, on which what [`SqlWorkload::prepared`] names is prepared.
pub trait WorkloadConnection: Send {
    /// Executes the statement at `statement` among [`SqlWorkload::statements`] to its end, with
    /// `values` bound; rows that it gives are dropped.
    fn execute(
        &mut self,
        statement: usize,
        values: &[BoundValue],
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Sends `sql` as it is, one statement or several. What each gave is added to `answers` where
    /// somebody wants it, and dropped elsewhere.
    fn send(
        &mut self,
        sql: &str,
        answers: Option<&mut Vec<StatementResult>>,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Told when a transaction begins and ends: a connection that is dropped within one is not
    /// fit for others.
    fn in_transaction(&mut self, open: bool);
}

/// One user's state: what it drew, what its variables hold.
#[derive(Debug)]
pub struct User {
    workload: Arc<SqlWorkload>,
    script: usize,
    random: SmallRng,
    variables: Variables,
    /// Of the last statement; kept for its room.
    values: Vec<BoundValue>,
    /// The same as text.
    sql: String,
    parts: Vec<Part>,
    before: RetryState,
}

/// What a script began with, for trying it again.
#[derive(Debug)]
struct RetryState {
    random: SmallRng,
    variables: Variables,
}

impl User {
    /// The user `user`; the same `seed` gives the same requests again.
    pub fn new(workload: &Arc<SqlWorkload>, seed: u64, user: UserId) -> Self {
        let seed = seed ^ (user.0 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let random = SmallRng::seed_from_u64(seed);
        let variables = workload.variables.client(user.0.cast_signed());
        Self {
            workload: Arc::clone(workload),
            script: 0,
            before: RetryState {
                random: random.clone(),
                variables: variables.clone(),
            },
            random,
            variables,
            values: Vec::new(),
            sql: String::new(),
            parts: Vec::new(),
        }
    }

    /// Chooses the next script; gives its operation.
    pub fn choose(&mut self) -> OperationId {
        self.parts.clear();
        let SqlWorkload {
            scripts,
            total_weight,
            ..
        } = &*self.workload;
        if scripts.len() > 1 {
            let mut left = self.random.random_range(0..*total_weight);
            self.script = 0;
            while left >= scripts[self.script].weight {
                left -= scripts[self.script].weight;
                self.script += 1;
            }
        }
        scripts[self.script].operation
    }

    /// The statements of the last execution, each time it was tried.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Executes the chosen script, again where others were in its way. A further try draws and
    /// sets what the first one did, as far as nothing else has changed.
    pub async fn perform(&mut self, connection: &mut impl WorkloadConnection) -> Outcome {
        if self.workload.max_tries > 1 {
            self.before.random.clone_from(&self.random);
            self.before.variables.copy_from(&self.variables);
        }
        let operation = self.workload.scripts[self.script].operation;
        let mut retries = 0;
        loop {
            let Err(failure) = self.attempt(connection).await else {
                return Outcome {
                    operation,
                    retries,
                    failure: None,
                };
            };
            let again =
                retries + 1 < self.workload.max_tries && RETRIED.contains(&failure.kind.as_ref());
            if !again {
                return Outcome {
                    operation,
                    retries,
                    failure: Some(Box::new(failure)),
                };
            }
            retries += 1;
            self.random.clone_from(&self.before.random);
            self.variables.copy_from(&self.before.variables);
        }
    }

    /// Once through the script; whatever comes of it, no transaction is left open.
    async fn attempt(&mut self, connection: &mut impl WorkloadConnection) -> Result<(), Failure> {
        let mut open = false;
        let mut result = self.follow(connection, &mut open).await;
        if open {
            if result.is_ok() {
                let file = &self.workload.scripts[self.script].file;
                let message = format!("{file}: the script ends inside a transaction; END it");
                result = Err(Failure::new(SCRIPT, &message));
            }
            // Where this fails the connection is lost, and has said so before.
            let rollback = &self.workload.statements[self.workload.rollback];
            let rolled_back = match self.workload.protocol {
                Protocol::Simple => connection.send(&rollback.sql, None).await,
                _ => connection.execute(self.workload.rollback, &[]).await,
            };
            if rolled_back.is_ok() {
                connection.in_transaction(false);
            }
        }
        result
    }

    async fn follow(
        &mut self,
        connection: &mut impl WorkloadConnection,
        open: &mut bool,
    ) -> Result<(), Failure> {
        let mut next = 0;
        loop {
            let Self {
                workload,
                script,
                random,
                variables,
                ..
            } = &mut *self;
            let script = &workload.scripts[*script];
            let action = script.program.advance(&mut next, variables, random);
            match action.map_err(|error| script_failure(script, error))? {
                Some(Action::Statement(index)) => {
                    let index = script.first_statement + index;
                    self.ask(connection, index, open).await?;
                }
                Some(Action::Sleep(length)) => tokio::time::sleep(length).await,
                None => return Ok(()),
            }
        }
    }

    /// Executes the statement at `index`; `open` tells whether a transaction is.
    async fn ask(
        &mut self,
        connection: &mut impl WorkloadConnection,
        index: usize,
        open: &mut bool,
    ) -> Result<(), Failure> {
        let statement = &self.workload.statements[index];
        let script = &self.workload.scripts[self.script];
        let of_it = |failure: Failure| failure.with_statement(&*statement.fingerprint);
        let textual = self.workload.protocol.is_textual();
        if textual {
            let Prepared {
                sql, substitutions, ..
            } = statement;
            self.variables.substitute(sql, substitutions, &mut self.sql);
        } else {
            let bound = bind(script, statement, &self.variables, &mut self.values);
            bound.map_err(of_it)?;
        }
        if [TransactionEffect::Begins, TransactionEffect::BeginsAndEnds].contains(&statement.effect)
        {
            // Before the answer: it may come after we have stopped waiting.
            *open = true;
            connection.in_transaction(true);
        }
        let began_ns = statement.part.map(|_| monotonic_ns());
        let result = match &statement.capture {
            Some(capture) => {
                let mut answers = Vec::new();
                let asked = connection.send(&self.sql, Some(&mut answers)).await;
                asked.and_then(|()| {
                    let stored = capture.store(&answers, &mut self.variables);
                    stored.map_err(|error| script_failure(script, error))
                })
            }
            None if textual => connection.send(&self.sql, None).await,
            None => connection.execute(index, &self.values).await,
        };
        if let (Some(part), Some(began_ns)) = (statement.part, began_ns) {
            self.parts.push(Part {
                part,
                began_ns,
                ended_ns: monotonic_ns(),
                failure: result.as_ref().err().map(|failure| failure.kind.clone()),
            });
        }
        // A COMMIT that fails has ended it too, unless what was sent with it failed.
        let reached = result.is_ok() || !statement.joined;
        if reached
            && [TransactionEffect::Ends, TransactionEffect::BeginsAndEnds]
                .contains(&statement.effect)
        {
            *open = false;
            connection.in_transaction(false);
        }
        result.map_err(of_it)
    }
}

/// Gathers the values of `statement`.
fn bind(
    script: &CompiledScript,
    statement: &Prepared,
    variables: &Variables,
    values: &mut Vec<BoundValue>,
) -> Result<(), Failure> {
    values.clear();
    for (slot, kind, position) in &statement.parameters {
        let value = variables
            .require(*slot, *position)
            .map_err(|error| script_failure(script, error))?;
        let bound = BoundValue::new(value, *kind).map_err(|error| {
            script_failure(script, Diagnostic::new(*position, error.to_string()))
        })?;
        values.push(bound);
    }
    Ok(())
}

fn script_failure(script: &CompiledScript, error: Diagnostic) -> Failure {
    Failure::new(SCRIPT, &error.in_file(&script.file).to_string())
}
