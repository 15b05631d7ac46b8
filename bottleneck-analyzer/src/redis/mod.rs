//! Evidence about a Redis server.

mod evidence;
mod thread;

pub(crate) use evidence::RedisEvidence;
