//! Evidence about a Redis server.

mod evidence;
mod sampled_key;
mod thread;

pub(crate) use evidence::RedisEvidence;
pub(crate) use sampled_key::SampledKey;
