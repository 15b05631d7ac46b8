//! Tasks in which the actors of a traced run act, beside the load.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::actor::{Actor, RunView};
use crate::load::step_state::StepState;
use crate::requests::worker::BesideLoad;

/// Time after the end of the run within which actors must return; then they are cut off.
const ENDING_BOUND: Duration = Duration::from_millis(500);
/// Longest time for the examinations of the target by all actors together, after a run.
const EXAMINING_BOUND: Duration = Duration::from_secs(10);

/// Actors of a run, each of which acts in a task of its own.
#[derive(Debug)]
pub(crate) struct ActorTasks<A> {
    waiting: Vec<A>,
    acting: JoinSet<A>,
    over: CancellationToken,
    state: Option<Arc<StepState>>,
}

impl<A> ActorTasks<A> {
    pub(crate) fn new(actors: Vec<A>) -> Self {
        Self {
            waiting: actors,
            acting: JoinSet::new(),
            over: CancellationToken::new(),
            state: None,
        }
    }
}

impl<T, A> BesideLoad<T> for ActorTasks<A>
where
    T: Send + Sync + 'static,
    A: Actor<T>,
{
    fn begin(&mut self, target: &Arc<T>, state: &Arc<StepState>) {
        self.state = Some(Arc::clone(state));
        self.over = state.halt_child();
        for mut actor in self.waiting.drain(..) {
            let (target, state) = (Arc::clone(target), Arc::clone(state));
            let over = self.over.clone();
            self.acting.spawn(async move {
                let begun = tokio::select! {
                    biased;
                    () = over.cancelled() => None,
                    run = RunView::of(state, over.clone()) => Some(run),
                };
                if let Some(run) = begun {
                    actor.act(&target, &run).await;
                }
                actor
            });
        }
    }

    async fn end(mut self, target: &Arc<T>) {
        self.over.cancel();
        let mut actors = Vec::with_capacity(self.acting.len());
        let ending = async {
            while let Some(ended) = self.acting.join_next().await {
                actors.extend(ended.ok());
            }
        };
        let _ = timeout(ENDING_BOUND, ending).await;
        self.acting.shutdown().await;
        if self.state.is_some_and(|state| state.step.is_halted()) {
            return;
        }
        let examining = async {
            for actor in actors {
                actor.examine(target).await;
            }
        };
        let _ = timeout(EXAMINING_BOUND, examining).await;
    }
}
