//! Simulated user of a workload: chooses scripts by their weights, and executes them on a
//! connection.

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

/// Kinds of failures after which a script is retried: serialization failures and deadlocks.
const RETRIED: [&str; 2] = ["sqlstate.40001", "sqlstate.40P01"];
/// Kind of failure that stands for an error in a script, found while it is executed.
const SCRIPT: &str = "script";

/// Connection to the server, on which the statements of [`SqlWorkload::prepared`] were prepared
/// before.
pub(crate) trait WorkloadConnection: Send {
    /// Executes the statement with index `statement` in [`SqlWorkload::statements`], with `values`
    /// bound to its parameters in order, and discards its rows.
    fn execute(
        &mut self,
        statement: usize,
        values: &[BoundValue],
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Sends `sql`, which is one statement or several, as a simple query. Appends the result of
    /// each statement to `answers`, if given; discards the results otherwise.
    fn send(
        &mut self,
        sql: &str,
        answers: Option<&mut Vec<StatementResult>>,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Records that a transaction begins (`open` is true) or has ended (false). A connection that
    /// is dropped inside a transaction must not be given to another user.
    fn in_transaction(&mut self, open: bool);
}

/// State of one simulated user: random numbers, script variables, and the chosen script.
#[derive(Debug)]
pub(crate) struct User {
    workload: Arc<SqlWorkload>,
    script: usize,
    random: SmallRng,
    variables: Variables,
    /// Bound values of the last executed statement; kept only to reuse the allocation.
    values: Vec<BoundValue>,
    /// Text of the last executed statement; kept only to reuse the allocation.
    sql: String,
    parts: Vec<Part>,
    before: RetryState,
}

/// State of a user before the first try of a script, which a retry restores.
#[derive(Debug)]
struct RetryState {
    random: SmallRng,
    variables: Variables,
}

impl User {
    /// Creates the user with the number `user`, counted from 0. Equal arguments give an equal
    /// sequence of scripts and values.
    pub(crate) fn new(workload: &Arc<SqlWorkload>, seed: u64, user: UserId) -> Self {
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

    /// Chooses the next script at random by weight, and returns the operation that its execution
    /// counts for. Clears the recorded statements of the last execution.
    pub(crate) fn choose(&mut self) -> OperationId {
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

    /// Returns the recorded statements since the last [`User::choose`], in order; those of all
    /// tries are included. Scripts of a single statement record none.
    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Executes the chosen script. Repeats it after a serialization failure or deadlock, with the
    /// same random numbers and variables as in the first try, up to `max_tries` tries in all. A
    /// failure is in the outcome.
    pub(crate) async fn execute_script(
        &mut self,
        connection: &mut impl WorkloadConnection,
    ) -> Outcome {
        if self.workload.max_tries > 1 {
            self.before.random.clone_from(&self.random);
            self.before.variables.copy_from(&self.variables);
        }
        let operation = self.workload.scripts[self.script].operation;
        let mut retries = 0;
        loop {
            let Err(failure) = self.execute_once(connection).await else {
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

    /// Executes the script once, without retries. Rolls back a transaction that is still open at
    /// the end.
    ///
    /// # Errors
    /// Fails with the first failure of a statement or of the script, also if the script ends inside
    /// a transaction.
    async fn execute_once(
        &mut self,
        connection: &mut impl WorkloadConnection,
    ) -> Result<(), Failure> {
        let mut open = false;
        let mut result = self.run_commands(connection, &mut open).await;
        if open {
            if result.is_ok() {
                let file = &self.workload.scripts[self.script].file;
                let message = format!("{file}: the script ends inside a transaction; END it");
                result = Err(Failure::new(SCRIPT, &message));
            }
            // If the rollback fails, the connection is lost; the failure before it is the one to report.
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

    async fn run_commands(
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
                    self.execute_statement(connection, index, open).await?;
                }
                Some(Action::Sleep(length)) => tokio::time::sleep(length).await,
                None => return Ok(()),
            }
        }
    }

    /// Executes the statement with `index` in [`SqlWorkload::statements`]. Sets `open` to true if
    /// the statement begins a transaction, and to false if it ends one.
    ///
    /// # Errors
    /// Fails with the server's or connection's failure, or if a variable is missing or has no valid
    /// value.
    async fn execute_statement(
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
            // Set before the answer arrives, because the drain may end in between.
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
        // A failed COMMIT ends the transaction, too. If it was sent together with other statements, one of
        // them may have failed before the COMMIT was reached.
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

/// Replaces `values` by the values of the variables that `statement` uses, in the order of its
/// parameters.
///
/// # Errors
/// Fails if a variable is not set, or if its value does not fit the parameter's type.
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
