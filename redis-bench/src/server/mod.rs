//! Redis server under load: its address, its identity and limits, its errors and their remedies.

pub(crate) mod address;
pub(crate) mod cluster_client;
pub(crate) mod cluster_nodes;
pub(crate) mod environment;
pub(crate) mod failure;
pub(crate) mod guard;
mod host_list;
pub(crate) mod identity;
pub(crate) mod info;
mod port_answer;
pub(crate) mod redis_server;
pub(crate) mod remedy;
pub(crate) mod replica;
mod sentinel;
pub(crate) mod tls;
mod tls_check;
mod tls_failure;
mod url_options;
