//! One open connection: a single task that reads for as long as it lives, because who stops
//! reading stops answering pings, and that talks, is checked and leaves when told to.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use futures_util::StreamExt as _;
use load_engine::Failure;
use tokio::time::{sleep, timeout};

use crate::exchange::{Exchange, Messages, exchange, heard};
use crate::flight::{Arrival, Flight};
use crate::level::{Level, Setup};
use crate::seat::{Errand, Inbox, Seat, Token, Turn};
use crate::socket::Socket;

/// Time that a server may take to answer our closing.
const LEAVE_BOUND: Duration = Duration::from_secs(1);

/// Reason why a connection's task ends. What it was doing then counts as done only once it is no
/// longer among the open ones: whoever waits for it may count them.
struct End {
    failure: Failure,
    token: Option<Token>,
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            token: None,
        }
    }
}

/// An open connection.
pub(crate) struct Connection {
    socket: Socket,
    messages: Messages,
    seat: Arc<Seat>,
    setup: Arc<Setup>,
}

impl Connection {
    /// Takes over a socket that has just been opened.
    pub(crate) fn new(socket: Socket, id: u64, seat: Arc<Seat>, setup: Arc<Setup>) -> Self {
        setup.open.fetch_add(1, Ordering::Relaxed);
        Self {
            socket,
            messages: Messages::new(id, setup.message_bytes),
            seat,
            setup,
        }
    }

    /// Lives until the server or its own worker ends it.
    pub(crate) async fn live(mut self) {
        let End { failure, token } = self.follow_errands().await;
        let untaken = self.seat.end(failure.clone());
        if let Some(Errand::Check { level, .. }) = &untaken {
            Flight::now(&level.checks).land(Err(failure));
        }
        drop(self);
        drop((token, untaken));
    }

    async fn follow_errands(&mut self) -> End {
        loop {
            let result = tokio::select! {
                biased;
                item = self.socket.next() => heard(item).map(drop).map_err(End::from),
                errand = self.seat.errand() => self.run(errand).await,
            };
            if let Err(end) = result {
                return end;
            }
        }
    }

    /// Does what it is told; the errand's token is dropped when that is over.
    async fn run(&mut self, errand: Errand) -> Result<(), End> {
        let (result, token) = match errand {
            Errand::Talk { level, turn, token } => {
                let result = match turn {
                    Turn::Thinking { think_time, offset } => {
                        self.talk(&level, think_time, offset).await
                    }
                    Turn::Called(inbox) => self.answer(&level, inbox).await,
                };
                (result, token)
            }
            Errand::Check { level, token } => (self.check(&level).await, token),
            Errand::Leave { token } => {
                self.leave().await;
                (Err(Failure::new("left", "closed by the bench")), token)
            }
        };
        let token = Some(token);
        result.map_err(|failure| End { failure, token })
    }

    /// Closed loop: message, echo, pause.
    async fn talk(
        &mut self,
        level: &Level,
        think_time: Duration,
        offset: Duration,
    ) -> Result<(), Failure> {
        let window = level.window();
        let wait_ns = window.start_ns.saturating_sub(monotonic_ns());
        self.listen(Duration::from_nanos(wait_ns) + offset).await?;
        while monotonic_ns() < window.measure_end_ns {
            self.fly(Flight::echo(level)).await?;
            if !think_time.is_zero() {
                self.listen(think_time).await?;
            }
        }
        Ok(())
    }

    /// Open loop: a message for each arrival, one at a time. After the level's end answers are
    /// waited for during one bound more.
    async fn answer(&mut self, level: &Level, mut inbox: Inbox) -> Result<(), Failure> {
        let give_up_ns = level.window().measure_end_ns + self.setup.bound.as_nanos() as u64;
        let mut free_since_ns = 0;
        while let Some(arrival) = self.await_arrival(&mut inbox).await? {
            if arrival.released_ns < free_since_ns {
                level.delayed.fetch_add(1, Ordering::Relaxed);
            }
            let flight = Flight::of_arrival(level, arrival);
            if monotonic_ns() > give_up_ns {
                break;
            }
            self.fly(flight).await?;
            free_since_ns = monotonic_ns();
        }
        Ok(())
    }

    async fn await_arrival(&mut self, inbox: &mut Inbox) -> Result<Option<Arrival>, Failure> {
        loop {
            tokio::select! {
                biased;
                arrival = inbox.next() => return Ok(arrival),
                item = self.socket.next() => drop(heard(item)?),
            }
        }
    }

    async fn fly(&mut self, flight: Flight<'_>) -> Result<(), Failure> {
        match exchange(&mut self.socket, &mut self.messages, self.setup.bound).await {
            Exchange::Answered => flight.land(Ok(())),
            Exchange::Unanswered(failure) => flight.land(Err(failure)),
            Exchange::Lost(failure) => {
                flight.land(Err(failure.clone()));
                return Err(failure);
            }
        }
        Ok(())
    }

    /// A connection that does not answer in its time counts as lost, and is.
    async fn check(&mut self, level: &Level) -> Result<(), Failure> {
        let flight = Flight::now(&level.checks);
        match exchange(&mut self.socket, &mut self.messages, self.setup.bound).await {
            Exchange::Answered => {
                flight.land(Ok(()));
                Ok(())
            }
            Exchange::Unanswered(failure) | Exchange::Lost(failure) => {
                flight.land(Err(failure.clone()));
                Err(failure)
            }
        }
    }

    /// Keeps reading for a while.
    async fn listen(&mut self, pause: Duration) -> Result<(), Failure> {
        let pause = sleep(pause);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                biased;
                item = self.socket.next() => drop(heard(item)?),
                () = &mut pause => return Ok(()),
            }
        }
    }

    /// Closes as RFC 6455 has it: the server ends the TCP connection, so that our port is free
    /// again at once. A server that does not is left after a while.
    async fn leave(&mut self) {
        let farewell = async {
            if self.socket.close(None).await.is_ok() {
                while let Some(Ok(_)) = self.socket.next().await {}
            }
        };
        // Either way it is over.
        let _ = timeout(LEAVE_BOUND, farewell).await;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.setup.open.fetch_sub(1, Ordering::Relaxed);
    }
}
