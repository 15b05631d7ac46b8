//! Writes the reports of a made-up run into a directory, to try the analyzer without servers:
//! `cargo run -p bottleneck-analyzer --example planted_run -- DIR [healthy|locks|crowded]`.

#[path = "../tests/common/mod.rs"]
#[allow(clippy::unwrap_used)]
mod common;

use common::Plant;

fn main() -> std::io::Result<()> {
    let mut args = std::env::args().skip(1);
    let directory = args.next().unwrap_or_else(|| "planted-run".to_owned());
    let plant = match args.next().as_deref() {
        Some("locks") => Plant {
            lock: 0.45,
            hit_ratio: 0.55,
            evicted: 6_000.0,
            ..Plant::default()
        },
        Some("crowded") => Plant {
            users: 64,
            cpu: (0.98, 0.58, 0.37),
            pool_sizes: vec![2, 4, 8, 16, 64],
            multiplexed_gain: 1.5,
            ..Plant::default()
        },
        _ => Plant::default(),
    };
    std::fs::create_dir_all(&directory)?;
    plant.write(directory.as_ref());
    Ok(())
}
