//! Causes of delay in commits and vacuum outside the load's sessions: standbys, and abandoned
//! prepared transactions.

use bench_report::ServerEvidence;
use bench_report::names::postgres;

use crate::failure::message;
use crate::server::client::Client;

const REPLICATION: &str = "SELECT /* plimsoll evidence */
           count(*) FILTER (WHERE sync_state IN ('sync', 'quorum'))::float8,
           (max(extract(epoch FROM flush_lag)) * 1e9)::float8,
           (max(extract(epoch FROM replay_lag)) * 1e9)::float8,
           count(*) FILTER (WHERE state IS NULL)
      FROM pg_stat_replication";
const PREPARED: &str = "SELECT /* plimsoll evidence */ count(*)::float8,
           max(extract(epoch FROM clock_timestamp() - prepared))::float8 FROM pg_prepared_xacts";

/// Writes figures of standbys and of prepared transactions into `evidence`; those that cannot be
/// read are recorded as unavailable with the reason.
pub(crate) async fn report(client: &Client, evidence: &mut ServerEvidence) {
    if let Err(reason) = replication(client, evidence).await {
        evidence
            .unavailable
            .insert("replication".to_owned(), reason);
    }
    if let Err(reason) = prepared(client, evidence).await {
        let name = "transactions.prepared".to_owned();
        evidence.unavailable.insert(name, reason);
    }
}

async fn replication(client: &Client, evidence: &mut ServerEvidence) -> Result<(), String> {
    let row = client.query_one(REPLICATION, &[]).await.map_err(message)?;
    let hidden: i64 = row.try_get(3).map_err(message)?;
    if hidden > 0 {
        let reason = "this role may not see what the standbys do; grant it pg_read_all_stats";
        return Err(reason.to_owned());
    }
    let columns = [
        postgres::REPLICATION_SYNCHRONOUS_STANDBYS,
        postgres::REPLICATION_FLUSH_LAG_NS_MAX,
        postgres::REPLICATION_REPLAY_LAG_NS_MAX,
    ];
    for (at, name) in columns.into_iter().enumerate() {
        if let Some(value) = row.try_get::<_, Option<f64>>(at).map_err(message)? {
            evidence.figure(name, value);
        }
    }
    Ok(())
}

/// Writes number and largest age of prepared transactions, which have no session, into `evidence`.
/// The oldest transaction of the server may be one of them. Fails with a message if the query does.
async fn prepared(client: &Client, evidence: &mut ServerEvidence) -> Result<(), String> {
    let row = client.query_one(PREPARED, &[]).await.map_err(message)?;
    evidence.figure(
        postgres::TRANSACTIONS_PREPARED,
        row.try_get(0).map_err(message)?,
    );
    let oldest: Option<f64> = row.try_get(1).map_err(message)?;
    let seen = evidence.value(postgres::TRANSACTIONS_OLDEST_AGE_S);
    if let Some(oldest) = oldest {
        evidence.figure(
            postgres::TRANSACTIONS_OLDEST_AGE_S,
            oldest.max(seen.unwrap_or(0.0)),
        );
    }
    Ok(())
}
