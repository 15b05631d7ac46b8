//! What `sysmon watch` shows of a made-up machine, on terminals of any size.
#![allow(clippy::unwrap_used)]

mod layout;
mod machine;
mod processes;
mod resources;
mod screen;
mod untrusted;
