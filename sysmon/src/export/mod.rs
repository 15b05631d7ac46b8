//! `sysmon export`: metrics of the machine for Prometheus, over HTTP.
//!
//! One sampler reads the machine at an interval of its own and puts each page into the
//! [`page_store`]. The `server` serves it from a thread of its own. A page is encoded at most once
//! in each format, at its first request, so fifty scrapers cost no more sampling and encoding than
//! one.

pub(crate) mod cgroups;
pub(crate) mod exporter;
pub(crate) mod exposition;
pub(crate) mod flags;
pub(crate) mod host;
pub(crate) mod listen;
pub(crate) mod monotonic;
pub(crate) mod negotiation;
pub(crate) mod page_store;
pub(crate) mod processes;
pub(crate) mod server;

use std::collections::{BTreeSet, HashSet};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};

use anyhow::Context as _;
use bench_cli::progress::Progress;
use bench_cli::{Exit, Remedy as _, UsageError, output};
use exporter::Exporter;
use flags::ExportFlags;
use page_store::PageStore;
use server::{PATH, PageServer};

use crate::gpu::nvml::NvmlDriver;
use crate::gpu::watch::GpuWatch;
use crate::settings::SamplingSettings;

/// Serves this machine's metrics as `flags` describe, until a signal is received.
///
/// # Errors
/// Fails if the flags contradict each other, if the address cannot be bound, if the operating
/// system starts no thread, or if the server ends by itself.
pub(crate) fn export(flags: &ExportFlags) -> anyhow::Result<Exit> {
    let settings = settings(flags)?;
    let (signal, signalled) = channel();
    bench_cli::signals::on_interrupt(move || {
        // The receiver is dropped only after shutdown has begun.
        let _ = signal.send(());
    })
    .context("cannot listen for signals")?;
    let listener = TcpListener::bind(flags.listen.0)
        .with_context(|| format!("cannot listen on {}", flags.listen.0))
        .remedy("--listen 127.0.0.1:0, which takes any port that is free")?;
    let gpus = GpuWatch::start(
        GpuWatch::period(flags.sampling.basic.interval),
        NvmlDriver::open,
    )
    .context("cannot start the thread that reads GPUs")?;
    let tool = output::tool("sysmon", env!("CARGO_PKG_VERSION"));
    let mut exporter = Exporter::new(&settings, tool);
    exporter.watch_gpus(gpus);

    let pages = Arc::new(PageStore::default());
    pages.put(exporter.first_page(&pages));
    let server =
        PageServer::start(listener, Arc::clone(&pages)).context("cannot start the server")?;
    let mut status = StatusLines::new();
    status.begin(flags, &server);
    loop {
        status.absent(&exporter);
        match signalled.recv_timeout(exporter.due_in()) {
            Ok(()) => break,
            Err(RecvTimeoutError::Timeout) => pages.put(exporter.page(&pages)),
            Err(RecvTimeoutError::Disconnected) => anyhow::bail!("signals are not heard any more"),
        }
        anyhow::ensure!(server.serves(), "the server has ended by itself");
    }
    server.stop();
    Ok(Exit::Done)
}

/// Returns the settings of sampling that the flags describe.
///
/// # Errors
/// Fails if two followed processes would have the same label.
fn settings(flags: &ExportFlags) -> Result<SamplingSettings, UsageError> {
    let sampling = &flags.sampling;
    let mut labels = HashSet::new();
    for target in &sampling.basic.follow {
        if !labels.insert(&target.label) {
            let label = &target.label;
            let twice = format!("--follow has {label} twice, and labels tell processes apart");
            return Err(UsageError(twice));
        }
    }
    let cgroups: BTreeSet<_> = sampling.cgroups.iter().cloned().collect();
    Ok(SamplingSettings {
        interval_ns: sampling.basic.interval.as_nanos() as u64,
        follow: sampling.following(false),
        cgroups: cgroups.into_iter().collect(),
        file_systems: true,
        socket_states: sampling.sockets,
        ..SamplingSettings::host()
    })
}

/// Status lines on stderr, each of which is printed once.
struct StatusLines {
    progress: Progress,
    told: HashSet<String>,
}

impl StatusLines {
    fn new() -> Self {
        Self {
            progress: Progress::new(false),
            told: HashSet::new(),
        }
    }

    fn begin(&mut self, flags: &ExportFlags, server: &PageServer) {
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

    /// Prints a line for each metric that is missing in the pages, with the reason, unless an
    /// earlier call has printed it.
    fn absent(&mut self, exporter: &Exporter) {
        for (what, sentence) in exporter.gaps().sentences() {
            if !self.told.contains(what) {
                self.told.insert(what.to_owned());
                self.progress.line(&sentence);
            }
        }
    }
}
