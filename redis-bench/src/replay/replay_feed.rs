//! Requests of a trace on their way from the file to the users of a step. A thread reads the file
//! ahead, so that no request waits for the disk.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::vec;

use crossbeam_queue::ArrayQueue;
use load_engine::ArrivalInstants;

use super::spread::TimedEvent;
use super::trace_event::{TraceEvent, TraceOperation};
use super::trace_keys::{TraceKey, TraceKeys};
use super::trace_survey::TracePart;

/// Number of requests that the thread hands over at once.
const BATCH: usize = 2_048;
/// Number of batches that the thread reads ahead.
const AHEAD: usize = 32;
/// Largest number of requests that are due and that no user took up yet. The engine gives up before so
/// many wait.
const MOST_DUE: usize = (1 << 18) + BATCH;

/// Request of a trace as it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ReplayRequest {
    /// Number of the key.
    pub(super) key: u32,
    /// Size of the value that a write or a miss writes, in bytes.
    pub(super) value_bytes: u32,
    /// Time to live of that value, in milliseconds; 0 if it does not expire.
    pub(super) ttl_ms: u64,
    /// Kind of the request.
    pub(super) operation: TraceOperation,
}

/// Request of a trace, and the instant at which it is due, in nanoseconds since the start.
type DueRequest = (u64, ReplayRequest);

/// Rules by which a replay makes a request of an event.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestRules {
    /// Size of all values in bytes, in place of those of the trace.
    pub(super) value_bytes: Option<u32>,
    /// Size of a value whose size the trace does not tell, in bytes.
    pub(super) unknown_bytes: u32,
    /// Number of seconds of the trace that pass in one second of the replay.
    pub(super) speed: f64,
    /// Longest life of any key in milliseconds, also of one without expiry; `None` if keys may stay.
    pub(super) longest_life_ms: Option<u64>,
}

impl RequestRules {
    /// Returns the length of the longest value that is written for `key`, in bytes.
    pub(super) fn length(&self, key: TraceKey) -> u32 {
        self.length_of(None, key)
    }

    fn length_of(&self, own: Option<u32>, key: TraceKey) -> u32 {
        let known = own.into_iter().chain([key.value_bytes]);
        let known = known.into_iter().find(|bytes| *bytes > 0);
        self.value_bytes.or(known).unwrap_or(self.unknown_bytes)
    }

    fn request(&self, event: &TraceEvent, key: TraceKey) -> ReplayRequest {
        // A write of an empty value is one; a read of unknown size is not.
        let own = match event.operation {
            TraceOperation::Write if self.value_bytes.is_none() => event.value_bytes,
            _ => None,
        };
        let length = own.unwrap_or_else(|| self.length_of(event.value_bytes, key));
        let ttl_ms = match (event.operation, event.ttl_ms) {
            (TraceOperation::Read, None) => key.ttl_ms,
            (_, ttl_ms) => ttl_ms.unwrap_or(0),
        };
        let scaled = (ttl_ms as f64 / self.speed).ceil() as u64;
        let ttl_ms = match (ttl_ms, self.longest_life_ms) {
            (0, longest) => longest.unwrap_or(0),
            (_, longest) => scaled.min(longest.unwrap_or(u64::MAX)),
        };
        ReplayRequest {
            key: key.index,
            value_bytes: length,
            ttl_ms,
            operation: event.operation,
        }
    }
}

/// Requests of one step: those that are read ahead, and those that are due.
#[derive(Debug)]
pub(super) struct ReplayFeed {
    due: ArrayQueue<ReplayRequest>,
    /// Requests that the thread reads; `None` once they were asked for.
    ahead: Mutex<Option<Receiver<Vec<DueRequest>>>>,
}

impl ReplayFeed {
    /// Starts to read the first `count` requests of `part`. If the file can no longer be read, there
    /// are fewer.
    pub(super) fn start(
        part: TracePart,
        count: u64,
        keys: Arc<TraceKeys>,
        rules: RequestRules,
    ) -> Self {
        let (sender, receiver) = sync_channel(AHEAD);
        let name = "trace".to_owned();
        // Without a thread there are no requests, which the figures of the step show.
        let _ = thread::Builder::new()
            .name(name)
            .spawn(move || read(&part, count, (&keys, rules), &sender));
        Self {
            due: ArrayQueue::new(MOST_DUE),
            ahead: Mutex::new(Some(receiver)),
        }
    }

    /// Takes the request that is due next; `None` if there is none.
    pub(super) fn take(&self) -> Option<ReplayRequest> {
        self.due.pop()
    }

    /// Returns the instants at which the requests are due. A request can be taken once its instant
    /// was. `None` if they were returned before.
    pub(super) fn instants(feed: &Arc<Self>) -> Option<ArrivalInstants>
    where
        Self: Send + Sync,
    {
        let mut ahead = feed.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let batches = ahead.take()?;
        let feed = Arc::clone(feed);
        Some(Box::new(DueInstants {
            batches,
            batch: Vec::new().into_iter(),
            feed,
        }))
    }
}

/// Instants of the requests, each of which becomes due as its instant is taken.
struct DueInstants {
    batches: Receiver<Vec<DueRequest>>,
    batch: vec::IntoIter<DueRequest>,
    feed: Arc<ReplayFeed>,
}

impl Iterator for DueInstants {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let next = self.batch.next().or_else(|| {
            // Waits if the file is read more slowly than the trace passes: requests are then due
            // before they are known, and the wait is part of their lag.
            self.batch = self.batches.recv().ok()?.into_iter();
            self.batch.next()
        });
        let (at_ns, request) = next?;
        // It is full only after the engine gave up, when nobody takes requests any more.
        let _ = self.feed.due.push(request);
        Some(at_ns)
    }
}

/// Reads the first `count` requests of `part`, until all are read or nobody wants more.
fn read(
    part: &TracePart,
    count: u64,
    (keys, rules): (&TraceKeys, RequestRules),
    sender: &SyncSender<Vec<DueRequest>>,
) {
    let Ok(schedule) = part.open() else {
        return;
    };
    let events = schedule.map_while(Result::ok).take(count as usize);
    let mut requests = events.filter_map(|TimedEvent { at_ns, event }| {
        let key = keys.of(&event)?;
        Some((at_ns, rules.request(&event, key)))
    });
    loop {
        let batch: Vec<DueRequest> = requests.by_ref().take(BATCH).collect();
        if batch.is_empty() || sender.send(batch).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use test_support::TestDirectory;

    use super::super::trace_reader::TraceFormat;
    use super::super::trace_survey::TraceSurvey;
    use super::*;

    const RULES: RequestRules = RequestRules {
        value_bytes: None,
        unknown_bytes: 256,
        speed: 10.0,
        longest_life_ms: None,
    };

    fn feed(lines: &str, rules: RequestRules) -> Vec<DueRequest> {
        let place = TestDirectory::new();
        let file = place.path().join("trace");
        fs::write(&file, lines).unwrap();
        let part = TracePart {
            file,
            format: TraceFormat::Twitter,
            speed: rules.speed,
            rate_per_s: None,
            loops: 1,
            requests: None,
            longest: None,
        };
        let survey = TraceSurvey::read(&part).unwrap();
        let count = survey.count();
        let feed = ReplayFeed::start(part, count, Arc::new(survey.keys), rules);
        let feed = Arc::new(feed);
        assert_eq!(feed.take(), None, "none is due before its instant");
        let instants = ReplayFeed::instants(&feed).unwrap();
        assert!(ReplayFeed::instants(&feed).is_none());
        instants
            .map(|at_ns| (at_ns, feed.take().unwrap()))
            .collect()
    }

    #[test]
    fn a_request_has_the_size_and_the_life_that_the_trace_tells_of_its_key() {
        let lines = "0,a,1,0,1,get,0\n0,a,1,70,1,set,60\n1,b,1,0,1,get,0\n1,c,1,5,1,get,0\n\
                     1,a,1,0,1,set,0\n1,a,1,0,1,delete,0\n";
        let requests: Vec<ReplayRequest> = feed(lines, RULES).iter().map(|due| due.1).collect();
        let told: Vec<(u32, u32, u64)> = requests
            .iter()
            .map(|request| (request.key, request.value_bytes, request.ttl_ms))
            .collect();
        let wanted = [
            (0, 70, 6_000),
            (0, 70, 6_000),
            (1, 256, 0),
            (2, 5, 0),
            (0, 0, 0),
            (0, 70, 0),
        ];
        assert_eq!(told, wanted);
        assert_eq!(requests[5].operation, TraceOperation::Delete);
        let rules = RequestRules {
            value_bytes: Some(9),
            longest_life_ms: Some(5_000),
            ..RULES
        };
        let requests = feed(lines, rules);
        assert!(requests.iter().all(|(_, request)| request.value_bytes == 9));
        assert!(requests.iter().all(|(_, request)| request.ttl_ms == 5_000));
    }

    #[test]
    fn all_requests_come_in_order_at_their_instants() {
        let lines = (0..5_000).map(|n| format!("{},k{n},3,1,1,get,0\n", n / 1_000));
        let requests = feed(&lines.collect::<Vec<_>>().concat(), RULES);
        assert_eq!(requests.len(), 5_000);
        for (n, (at_ns, request)) in (0_u32..).zip(&requests) {
            assert_eq!(request.key, n);
            // A thousand in a second of the trace, which takes a tenth of a second.
            assert_eq!(*at_ns, u64::from(n) * 100_000 + 50_000);
        }
    }
}
