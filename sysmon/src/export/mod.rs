//! `sysmon export`: the machine for Prometheus, over HTTP.
//!
//! One sampler reads at its own pace and leaves each page on a [`shelf`]; the [`server`], on a
//! thread of its own, hands it out. A page is written at most once, when it is first asked for,
//! so that fifty scrapers cost no more reads and no more writing than one.

pub mod cgroups;
pub mod exporter;
pub mod exposition;
pub mod flags;
pub mod host;
pub mod listen;
pub mod negotiation;
pub mod processes;
pub mod server;
pub mod shelf;
pub mod steady;

use std::collections::{BTreeSet, HashSet};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};

use anyhow::Context as _;
use bench_cli::progress::Progress;
use bench_cli::{Exit, Remedy as _, UsageError, output};
use host_metrics::source::gpu::nvml::NvmlDriver;
use host_metrics::source::gpu::watch::GpuWatch;

use crate::recording::Settings;

use exporter::Exporter;
use flags::ExportFlags;
use server::{PATH, Server};
use shelf::Shelf;

/// Serves this machine's figures as the flags say, until a signal.
///
/// # Errors
/// When the address cannot be had, or the system refuses a thread.
pub fn export(flags: &ExportFlags) -> anyhow::Result<Exit> {
    let settings = settings(flags)?;
    let (signal, signalled) = channel();
    bench_cli::signals::on_interrupt(move || {
        // Nobody hears it only once the end has begun.
        let _ = signal.send(());
    })
    .context("cannot listen for signals")?;
    let listener = TcpListener::bind(flags.listen.0)
        .with_context(|| format!("cannot listen on {}", flags.listen.0))
        .remedy("--listen 127.0.0.1:0, which takes any port that is free")?;
    let gpus = GpuWatch::start(
        GpuWatch::period(flags.sampling.look.interval),
        NvmlDriver::open,
    )
    .context("cannot start the thread that reads GPUs")?;
    let tool = output::tool("sysmon", env!("CARGO_PKG_VERSION"));
    let mut exporter = Exporter::new(&settings, tool);
    exporter.watch_gpus(gpus);

    let shelf = Arc::new(Shelf::default());
    shelf.put(exporter.first_page(&shelf));
    let server = Server::start(listener, Arc::clone(&shelf)).context("cannot start the server")?;
    let mut news = News::new();
    news.begin(flags, &server);
    loop {
        news.absent(&exporter);
        match signalled.recv_timeout(exporter.due_in()) {
            Ok(()) => break,
            Err(RecvTimeoutError::Timeout) => shelf.put(exporter.page(&shelf)),
            Err(RecvTimeoutError::Disconnected) => anyhow::bail!("signals are not heard any more"),
        }
        anyhow::ensure!(server.serves(), "the server has ended by itself");
    }
    server.stop();
    Ok(Exit::Done)
}

/// # Errors
/// When two of those to be told apart would have one label.
fn settings(flags: &ExportFlags) -> Result<Settings, UsageError> {
    let sampling = &flags.sampling;
    let mut labels = HashSet::new();
    for target in &sampling.look.follow {
        if !labels.insert(&target.label) {
            let label = &target.label;
            let twice = format!("--follow has {label} twice, and labels tell processes apart");
            return Err(UsageError(twice));
        }
    }
    let cgroups: BTreeSet<_> = sampling.cgroups.iter().cloned().collect();
    Ok(Settings {
        interval_ns: sampling.look.interval.as_nanos() as u64,
        follow: sampling.following(false),
        cgroups: cgroups.into_iter().collect(),
        socket_states: sampling.sockets,
        ..Settings::host()
    })
}

/// What is said on stderr.
struct News {
    progress: Progress,
    told: HashSet<String>,
}

impl News {
    fn new() -> Self {
        Self {
            progress: Progress::new(false),
            told: HashSet::new(),
        }
    }

    fn begin(&mut self, flags: &ExportFlags, server: &Server) {
        let address = server.address();
        if flags.listen.is_exposed() {
            self.progress.line(&format!(
                "warning: whoever reaches {address} can read this machine's figures and the names \
                 of its processes; there is no authentication"
            ));
        }
        let line = format!("serving http://{address}{PATH} until Ctrl-C");
        self.progress.line(&line);
    }

    /// Names what is absent from the pages, once.
    fn absent(&mut self, exporter: &Exporter) {
        for (what, sentence) in exporter.gaps().sentences() {
            if !self.told.contains(what) {
                self.told.insert(what.to_owned());
                self.progress.line(&sentence);
            }
        }
    }
}
