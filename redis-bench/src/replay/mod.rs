//! Traces of caches, and the times at which a replay sends their requests. A trace is read piece by
//! piece, because published ones are larger than any memory.

mod kv_replay;
mod monitor;
mod oracle_general;
mod quoted_words;
mod schedule;
mod spread;
mod trace_error;
mod trace_event;
mod trace_input;
mod trace_reader;
mod twitter;
mod zstd_frames;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;
