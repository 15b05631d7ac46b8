//! Admission control: limits on the number of open connections and on the rate of upgrades.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_tungstenite::tungstenite::handshake::server::ErrorResponse;
use tokio_tungstenite::tungstenite::http::header::{CONTENT_LENGTH, RETRY_AFTER};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};

use super::counters::Refusal;
use super::options::AdmissionLimits;

/// Time in which `--rate-limit` counts upgrades. A client that waits for it is admitted again, so
/// that it is also the value of `Retry-After`.
const RATE_WINDOW: Duration = Duration::from_secs(1);
const RETRY_AFTER_S: HeaderValue = HeaderValue::from_static("1");

/// Places for open connections. A client takes one when it asks for the upgrade, and not before: a
/// connection without a request takes none.
#[derive(Debug)]
pub(crate) struct Admission {
    limits: AdmissionLimits,
    places: Mutex<Places>,
}

#[derive(Debug, Default)]
struct Places {
    open: u64,
    most_open: u64,
    /// Number of open connections by address; empty without a limit of it.
    by_address: HashMap<IpAddr, u64>,
    /// Instants of the upgrades that were admitted last, at most as many as the limit of the rate.
    recent: VecDeque<Instant>,
}

/// Place of an open connection, which is free again once this value is dropped.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    admission: &'a Admission,
    address: IpAddr,
}

impl Admission {
    pub(crate) fn new(limits: AdmissionLimits) -> Self {
        Self {
            limits,
            places: Mutex::default(),
        }
    }

    /// Takes a place for a client at `address` that asks for the upgrade at `now`. Fails with the
    /// limit that forbids it; what was refused does not count against any limit.
    pub(crate) fn admit(&self, address: IpAddr, now: Instant) -> Result<Place<'_>, Refusal> {
        let mut places = self.places();
        let reaches = |limit: Option<u64>, count: u64| limit.is_some_and(|limit| count >= limit);
        if reaches(self.limits.refuse_after, places.open) {
            return Err(Refusal::Full);
        }
        if let Some(limit) = self.limits.per_address {
            let open = places.by_address.get(&address).copied().unwrap_or(0);
            if open >= limit {
                return Err(Refusal::PerAddress);
            }
        }
        if let Some(limit) = self.limits.rate_limit {
            let is_recent = |at: &Instant| now.saturating_duration_since(*at) < RATE_WINDOW;
            while places.recent.front().is_some_and(|at| !is_recent(at)) {
                places.recent.pop_front();
            }
            if places.recent.len() as u64 >= limit {
                return Err(Refusal::RateLimit);
            }
            places.recent.push_back(now);
        }
        if self.limits.per_address.is_some() {
            *places.by_address.entry(address).or_default() += 1;
        }
        places.open += 1;
        places.most_open = places.most_open.max(places.open);
        drop(places);
        Ok(Place {
            admission: self,
            address,
        })
    }

    /// Returns the largest number of places that were taken at the same time.
    pub(crate) fn most_open(&self) -> u64 {
        self.places().most_open
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut places = self.admission.places();
        places.open = places.open.saturating_sub(1);
        if let Some(open) = places.by_address.get_mut(&self.address) {
            *open -= 1;
            if *open == 0 {
                places.by_address.remove(&self.address);
            }
        }
    }
}

/// Returns the HTTP response to an upgrade that is refused.
pub(crate) fn response(refusal: Refusal) -> ErrorResponse {
    let (status, text) = match refusal {
        Refusal::Full => (
            StatusCode::SERVICE_UNAVAILABLE,
            "no place for another connection\n",
        ),
        Refusal::PerAddress => (
            StatusCode::FORBIDDEN,
            "no place for another connection from this address\n",
        ),
        Refusal::RateLimit => (
            StatusCode::TOO_MANY_REQUESTS,
            "too many upgrades in a second\n",
        ),
    };
    let mut response = ErrorResponse::new(Some(text.to_owned()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(text.len()));
    if refusal == Refusal::RateLimit {
        headers.insert(RETRY_AFTER, RETRY_AFTER_S);
    }
    response
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

    #[test]
    fn a_place_is_free_again_once_it_is_dropped() {
        let admission = Admission::new(AdmissionLimits {
            refuse_after: Some(3),
            per_address: Some(2),
            rate_limit: None,
        });
        let now = Instant::now();
        let mut taken = Vec::new();
        for (address, wanted) in [
            (HERE, None),
            (HERE, None),
            (HERE, Some(Refusal::PerAddress)),
            (THERE, None),
            (THERE, Some(Refusal::Full)),
        ] {
            let place = admission.admit(address, now);
            assert_eq!(place.as_ref().err().copied(), wanted);
            taken.extend(place);
        }
        taken.remove(0);
        assert!(admission.admit(HERE, now).is_ok());
        drop(taken);
        assert_eq!(admission.most_open(), 3);
        assert!(admission.places().by_address.is_empty());
    }

    #[test]
    fn no_second_has_more_upgrades_than_the_limit_and_a_refused_one_does_not_count() {
        let admission = Admission::new(AdmissionLimits {
            rate_limit: Some(5),
            ..AdmissionLimits::default()
        });
        let begin = Instant::now();
        let at = |ms: u64| begin + Duration::from_millis(ms);
        let times: Vec<u64> = (0..400).map(|n| n * 10).collect();
        let is_admitted = |ms: &&u64| admission.admit(HERE, at(**ms)).is_ok();
        let admitted: Vec<u64> = times.iter().filter(is_admitted).copied().collect();
        let wanted: Vec<u64> = (0..4)
            .flat_map(|second| (0..5).map(move |n| second * 1_000 + n * 10))
            .collect();
        assert_eq!(admitted, wanted);
    }
}
