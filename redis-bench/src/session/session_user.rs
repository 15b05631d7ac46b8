//! Users of the scenario: what each does next, how it is sent, and what their clients find out.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::join_all;
use load_engine::{OperationId, OperationTable, Timestamps, UserId};
use rand::RngExt as _;
use rand::rngs::SmallRng;
use redis::RedisResult;

use super::ledger::{Finding, KnownSession, must_exist, overwritten};
use super::page_request::{PageAction, PageRequest};
use super::population::{Leaving, PageView};
use super::session_image::SessionImage;
use super::session_setup::SessionSetup;
use super::session_store::SessionId;
use super::tallies::{Tally, UserTallies};
use crate::clients::{RedisConnection, RequestResult, Task, Work, user_random};

/// Names of the operations, in the order of their numbers.
const OPERATIONS: &[&str] = &[
    "login",
    "read",
    "update",
    "touch",
    "csrf-issue",
    "csrf-check",
    "logout",
    "expired",
];
const LOGIN: OperationId = OperationId::nth(0);
/// Operation of a page view none of whose requests changes the session.
const READ: OperationId = OperationId::nth(1);
/// Operation of a page view with one or more requests that change the session.
const UPDATE: OperationId = OperationId::nth(2);
const TOUCH: OperationId = OperationId::nth(3);
const CSRF_ISSUE: OperationId = OperationId::nth(4);
const CSRF_CHECK: OperationId = OperationId::nth(5);
const LOGOUT: OperationId = OperationId::nth(6);
/// Operation of a page view with a session that was abandoned and has expired.
pub(super) const EXPIRED: OperationId = OperationId::nth(7);

/// Number of users whose first session is measured by `MEMORY USAGE`.
const SAMPLED_USERS: u64 = 32;
/// Largest number of abandoned sessions that a client remembers.
const MOST_ABANDONED: usize = 16;

/// Requests of the scenario, from which the requests of each user are created.
#[derive(Debug)]
pub(crate) struct SessionWork(pub(super) Arc<SessionSetup>);

impl Work for SessionWork {
    type Task = SessionUser;

    fn operations(&self) -> OperationTable {
        OPERATIONS.into()
    }

    fn task(&self, user: UserId) -> SessionUser {
        SessionUser::new(Arc::clone(&self.0), user)
    }
}

/// User with a browser, who has at most one session at a time.
#[derive(Debug)]
pub(crate) struct SessionUser {
    setup: Arc<SessionSetup>,
    user: u64,
    random: SmallRng,
    tallies: Arc<UserTallies>,
    requests: Vec<PageRequest>,
    /// Index of the request that failed last.
    failed: usize,
    /// Session of the user; `None` before the log-in.
    session: Option<KnownSession>,
    /// Number of the session that the last log-out removed, until the next log-in.
    logged_out: Option<u64>,
    /// Sessions that were left without log-out, the oldest first.
    abandoned: VecDeque<KnownSession>,
    /// Instant before the token was sent for that the next page view checks.
    token_sent: Option<Instant>,
    view: PageView,
    /// True if the user leaves without log-out after the page view.
    leaves: bool,
    is_sampled: bool,
}

impl SessionUser {
    fn new(setup: Arc<SessionSetup>, user: UserId) -> Self {
        Self {
            user: user.0,
            random: user_random(setup.seed, user),
            tallies: setup.tallies.user(),
            requests: (0..setup.parallel.max(1)).map(PageRequest::new).collect(),
            failed: 0,
            session: None,
            logged_out: None,
            abandoned: VecDeque::new(),
            token_sent: None,
            view: PageView::LogIn,
            leaves: false,
            is_sampled: user.0 >= SAMPLED_USERS,
            setup,
        }
    }

    fn id(&self, number: u64) -> SessionId {
        let user = self.user;
        SessionId { number, user }
    }

    fn draw_view(&mut self) -> PageView {
        self.leaves = false;
        if self.session.is_none() {
            return PageView::LogIn;
        }
        let (setup, random) = (&self.setup, &mut self.random);
        let oldest = self.abandoned.front();
        if oldest.is_some_and(|oldest| oldest.is_over(setup.ttl, Instant::now())) {
            return PageView::AfterExpiry;
        }
        let end = setup.population.draw_end(random);
        setup.population.draw_actions(random, &mut self.requests);
        if end == Some(Leaving::LogOut) {
            // Any of the requests logs out, before or after those beside it write their changes.
            let slot = random.random_range(0..self.requests.len());
            self.requests[slot].action = PageAction::LogOut;
            return PageView::LogOut;
        }
        self.leaves = end.is_some();
        if self.token_sent.is_some() {
            return PageView::TokenCheck;
        }
        setup.population.draw_view(random)
    }

    fn operation(&self) -> OperationId {
        match self.view {
            PageView::LogIn => LOGIN,
            PageView::Page => {
                let mut actions = self.requests.iter().map(|request| request.action);
                if actions.any(|action| action == PageAction::Update) {
                    UPDATE
                } else {
                    READ
                }
            }
            PageView::Touch => TOUCH,
            PageView::TokenIssue => CSRF_ISSUE,
            PageView::TokenCheck => CSRF_CHECK,
            PageView::LogOut => LOGOUT,
            PageView::AfterExpiry => EXPIRED,
        }
    }

    /// Logs in, after a look with the cookie of the session before. That session must be gone; one
    /// that is there is removed, as frameworks do that give a new session to each log-in.
    async fn log_in<C: RedisConnection>(&mut self, connection: &mut C) -> RedisResult<()> {
        let before = self.logged_out.take().map(|number| self.id(number));
        let number = self.setup.next_number(self.user);
        let id = self.id(number);
        let store = &self.setup.store;
        let buffers = &mut self.requests[0].buffers;
        if let Some(before) = before
            && store.load(connection, buffers, before).await?.is_some()
        {
            self.tallies.add(Tally::Resurrected, 1);
            let orphans = store.destroy(connection, buffers, before).await?;
            self.tallies.add(Tally::Orphans, orphans);
        }
        let sent = Instant::now();
        store.create(connection, buffers, id).await?;
        self.session = Some(KnownSession::created(number, sent, Instant::now()));
        self.tallies.add(Tally::LogIns, 1);
        if !self.is_sampled {
            self.is_sampled = true;
            if let Some(bytes) = store.memory(connection, buffers, id).await? {
                self.tallies.add(Tally::Sampled, 1);
                self.tallies.add(Tally::SampledBytes, bytes);
            }
        }
        Ok(())
    }

    /// Makes the requests of a page at once. The first one loads the session before any of them
    /// writes, because commands are sent in the order of the requests. So do the others, unless the
    /// queue of the connection is full. Returns true if the session goes on.
    async fn view_page<C: RedisConnection>(
        &mut self,
        connection: &mut C,
        session: &mut KnownSession,
    ) -> RedisResult<bool> {
        let sent = Instant::now();
        let (id, store) = (self.id(session.number), &self.setup.store);
        if let [only] = self.requests.as_mut_slice() {
            let change = session.next_change(0);
            only.perform(store, connection, (id, change)).await?;
        } else {
            let known = &*session;
            let all = self.requests.iter_mut().map(|request| {
                let mut connection = connection.clone();
                let change = known.next_change(request.slot);
                async move { request.perform(store, &mut connection, (id, change)).await }
            });
            for (slot, done) in join_all(all).await.into_iter().enumerate() {
                self.failed = slot;
                done?;
            }
        }
        Ok(self.settle(session, sent))
    }

    /// Adds what the requests of a page found to the counts, and what they did to the knowledge of
    /// the session. The page view began at `sent`. Returns true if the session goes on.
    fn settle(&mut self, session: &mut KnownSession, sent: Instant) -> bool {
        let now = Instant::now();
        let results = || self.requests.iter().map(|request| &request.result);
        let is_removed = results().any(|result| result.removed);
        let updates = results().filter_map(|result| result.change).count();
        let tallies = &self.tallies;
        tallies.add(Tally::Updates, updates as u64);
        tallies.add(Tally::Overwritten, overwritten(results()));
        tallies.add(Tally::Orphans, results().map(|result| result.orphans).sum());
        let refused = results().map(|result| result.refused).sum();
        tallies.add(Tally::RefusedUpdates, refused);
        // The first request loaded the session before any of them wrote.
        let loaded = self.requests[0].result.loaded;
        let is_alive = self.judge(session, loaded.as_ref(), now);
        for request in &self.requests {
            if let Some(change) = request.result.change {
                session.acknowledge(request.slot, change.number);
                session.prolonged(sent, now);
            }
        }
        if is_removed {
            self.tallies.add(Tally::LogOuts, 1);
            self.logged_out = Some(session.number);
        }
        is_alive && !is_removed
    }

    /// Counts what `read`, which was read at or before `now`, says about the session. Returns true
    /// if it is there.
    fn judge(&self, session: &mut KnownSession, read: Option<&SessionImage>, now: Instant) -> bool {
        let found = session.judge(read, self.setup.ttl, now);
        match found {
            Finding::Present { lost_updates } => {
                self.tallies.add(Tally::LostUpdates, lost_updates);
            }
            Finding::Lost => self.tallies.add(Tally::LostSessions, 1),
            Finding::TimedOut => self.tallies.add(Tally::TimedOut, 1),
            Finding::Resurrected => self.tallies.add(Tally::Resurrected, 1),
        }
        matches!(found, Finding::Present { .. })
    }

    /// Prolongs the session. Returns false if it is gone.
    async fn touch<C: RedisConnection>(
        &mut self,
        connection: &mut C,
        session: &mut KnownSession,
    ) -> RedisResult<bool> {
        let id = self.id(session.number);
        let buffers = &mut self.requests[0].buffers;
        let sent = Instant::now();
        let is_there = self.setup.store.touch(connection, buffers, id).await?;
        let now = Instant::now();
        if is_there {
            session.prolonged(sent, now);
            return Ok(true);
        }
        Ok(self.judge(session, None, now))
    }

    async fn issue_token<C: RedisConnection>(
        &mut self,
        connection: &mut C,
        session: &KnownSession,
    ) -> RedisResult<()> {
        let id = self.id(session.number);
        let buffers = &mut self.requests[0].buffers;
        let sent = Instant::now();
        let store = &self.setup.store;
        store.issue_token(connection, buffers, id).await?;
        self.token_sent = Some(sent);
        Ok(())
    }

    /// Sends the form as often at once as a page view has requests, as an impatient user does. Only
    /// one of them may be accepted.
    async fn check_token<C: RedisConnection>(
        &mut self,
        connection: &mut C,
        session: &KnownSession,
    ) -> RedisResult<()> {
        let sent = self.token_sent.take();
        let checks = (self.id(session.number), self.requests.len());
        let store = &self.setup.store;
        let buffers = &mut self.requests[0].buffers;
        let accepted = store.check_token(connection, buffers, checks).await?;
        self.tallies.add(Tally::TokenChecks, 1);
        let ttl = self.setup.ttl;
        if accepted > 1 {
            self.tallies.add(Tally::TokensAcceptedTwice, 1);
        } else if accepted == 0 && sent.is_some_and(|sent| must_exist(sent, ttl, Instant::now())) {
            self.tallies.add(Tally::TokensLost, 1);
        }
        Ok(())
    }

    /// Looks for the oldest abandoned session, whose life is over.
    async fn look_after_expiry<C: RedisConnection>(
        &mut self,
        connection: &mut C,
    ) -> RedisResult<()> {
        let Some(abandoned) = self.abandoned.pop_front() else {
            return Ok(());
        };
        let id = self.id(abandoned.number);
        let buffers = &mut self.requests[0].buffers;
        let found = self.setup.store.load(connection, buffers, id).await?;
        self.tallies.add(Tally::Outlived, found.is_some().into());
        Ok(())
    }

    /// Performs the page view that was drawn. After a failure the client knows nothing for certain
    /// any more: it forgets the session, which expires.
    async fn perform_view<C: RedisConnection>(&mut self, connection: &mut C) -> RedisResult<()> {
        self.failed = 0;
        let Some(mut session) = self.session.take() else {
            return self.log_in(connection).await;
        };
        let is_alive = match self.view {
            PageView::LogIn => true,
            PageView::Page | PageView::LogOut => self.view_page(connection, &mut session).await?,
            PageView::Touch => self.touch(connection, &mut session).await?,
            PageView::TokenIssue => {
                self.issue_token(connection, &session).await?;
                true
            }
            PageView::TokenCheck => {
                self.check_token(connection, &session).await?;
                true
            }
            PageView::AfterExpiry => {
                self.look_after_expiry(connection).await?;
                true
            }
        };
        if is_alive && !self.leaves {
            self.session = Some(session);
            return Ok(());
        }
        self.token_sent = None;
        if is_alive {
            if self.abandoned.len() == MOST_ABANDONED {
                self.abandoned.pop_front();
            }
            self.abandoned.push_back(session);
        }
        Ok(())
    }
}

impl Task for SessionUser {
    fn draw(&mut self) -> OperationId {
        self.view = self.draw_view();
        self.operation()
    }

    async fn perform<C: RedisConnection>(
        &mut self,
        connection: &mut C,
        _timestamps: &mut Timestamps,
    ) -> RequestResult {
        let result = self.perform_view(connection).await;
        if result.is_err() {
            (self.logged_out, self.token_sent) = (None, None);
        }
        RequestResult {
            operation: self.operation(),
            command: self.requests[self.failed].buffers.sent,
            result: result.map_err(Into::into),
        }
    }
}
