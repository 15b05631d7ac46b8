//! Attempt to open a connection, which is recorded as a request.

use std::sync::Arc;

use bench_report::clock::monotonic_ns;

use super::connection_factory::{ConnectionFactory, ConnectionId};
use super::held_step::HeldStep;
use crate::record::in_flight_request::InFlightRequest;
use crate::record::operation_table::OperationId;
use crate::record::outcome::Outcome;

/// Opens connection `id` and records success or failure of the attempt in `step`; `None` if it
/// failed.
pub(super) async fn attempt<F: ConnectionFactory>(
    id: ConnectionId,
    factory: Arc<F>,
    step: Arc<HeldStep>,
) -> Option<F::Connection> {
    let mut request = InFlightRequest::for_user(&step.connects, monotonic_ns());
    let connected = factory.connect(id, &mut request.timestamps).await;
    let operation = OperationId::FIRST;
    match connected {
        Ok(connection) => {
            request.finish(&Outcome::success(operation), &[]);
            Some(connection)
        }
        Err(failure) => {
            request.finish(&Outcome::failed(operation, failure), &[]);
            None
        }
    }
}
