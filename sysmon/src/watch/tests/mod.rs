//! Tests of what `sysmon watch` shows of a made-up machine, on terminals of any size.

mod layout;
mod machine;
#[cfg(target_os = "linux")]
mod panicking;
mod processes;
mod resources;
mod screen;
mod untrusted;
