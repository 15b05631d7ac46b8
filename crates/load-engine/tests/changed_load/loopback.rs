//! Test of a changed load against a real server on the loopback address.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bench_report::StepEnd;
use load_engine::{
    Failure, LoadCurve, OperationId, OperationTable, Outcome, Session, Target, TargetFactory,
    ThinkTime, Timestamps, UserId, WorkerShare,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::known::closed;
use crate::{MS, names, run_and_change, wait_for};

/// Server on the loopback address that sends back each byte, and counts connections and bytes.
#[derive(Debug, Default)]
struct Echo {
    connections: AtomicU64,
    bytes: AtomicU64,
}

impl Echo {
    /// Starts the server, which runs until the process ends, and returns its address. Fails if it
    /// cannot listen on a port.
    fn serve(self: Arc<Self>) -> io::Result<std::net::SocketAddr> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = { runtime }.enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                while let Ok((connection, _)) = listener.accept().await {
                    self.connections.fetch_add(1, Ordering::Relaxed);
                    let echo = Arc::clone(&self);
                    tokio::spawn(async move { echo.answer(connection).await });
                }
            });
        });
        Ok(address)
    }

    async fn answer(&self, mut connection: TcpStream) {
        while let Ok(byte) = connection.read_u8().await {
            self.bytes.fetch_add(1, Ordering::Relaxed);
            if connection.write_u8(byte).await.is_err() {
                return;
            }
        }
    }
}

struct EchoClient(std::net::SocketAddr);

struct EchoSession(TcpStream);

impl TargetFactory for EchoClient {
    type Target = Self;

    fn operations(&self) -> OperationTable {
        OperationTable::from(&["echo"])
    }

    async fn build(&self, _: WorkerShare) -> Result<Self, Failure> {
        Ok(Self(self.0))
    }
}

impl Target for EchoClient {
    type Session = EchoSession;

    async fn open(&self, _: UserId) -> Result<EchoSession, Failure> {
        let connected = TcpStream::connect(self.0).await;
        connected
            .map(EchoSession)
            .map_err(|error| Failure::new("connect", &error.to_string()))
    }
}

impl Session for EchoSession {
    async fn request(&mut self, _: &mut Timestamps) -> Outcome {
        let asked = async {
            self.0.write_u8(1).await?;
            self.0.read_u8().await
        };
        match asked.await {
            Ok(_) => Outcome::success(OperationId::FIRST),
            Err(error) => {
                Outcome::failed(OperationId::FIRST, Failure::new("io", &error.to_string()))
            }
        }
    }
}

#[test]
fn a_server_on_the_loopback_address_sees_the_changed_load() {
    let server = Arc::new(Echo::default());
    let address = Arc::clone(&server).serve().unwrap();
    let mut plan = closed(2, MS(2_500)).taking_changes();
    plan.load = load_engine::LoadPlan::Closed {
        users: 2,
        think_time: ThinkTime::Constant(MS(10)),
    };
    let seen = Arc::clone(&server);
    let (result, _) = run_and_change(&plan, &Arc::new(EchoClient(address)), move |control| {
        let applied = control.change("stairs:5,3/300ms".parse::<LoadCurve>().unwrap());
        wait_for(&seen.connections, 5);
        applied.unwrap()
    });
    assert_eq!(result.step.end, StepEnd::Completed);
    assert_eq!(server.connections.load(Ordering::Relaxed), 5);
    let echo = &result.step.operations["echo"];
    assert_eq!((echo.failures(), echo.censored), (0, 0));
    assert_eq!(echo.attempted, server.bytes.load(Ordering::Relaxed));
    assert_eq!(names(&result), ["planned", "change_1"]);
    assert_eq!(
        result.step.curve.as_ref().unwrap().changes[0].curve,
        "stairs:5,3/300ms"
    );
}
