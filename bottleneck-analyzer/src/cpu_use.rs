//! Who used the machine's CPU during a step: the server, the generator, or somebody else.

use bench_report::Step;

use crate::assessment::{Component, Evidence};
use crate::machine::{Machine, Reading};
use crate::source::Source;

/// CPU of one step; shares are of the whole machine, 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct CpuUse {
    /// Processors of the machine.
    pub cores: f64,
    /// All of it.
    pub busy: Reading,
    /// The server's share; absent where neither it nor the recording tells.
    pub server_ratio: Option<f64>,
    /// The generator's share.
    pub generator_ratio: f64,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
}

/// Whose share is largest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The server under test.
    Server,
    /// The bench itself.
    Generator,
    /// Whoever takes no part.
    Others,
}

impl CpuUse {
    /// Reads the CPU of step `index`; `None` without a recording of the machine at that time.
    pub fn of_step(source: &Source, index: usize, machine: Option<Machine<'_>>) -> Option<Self> {
        let machine = machine?;
        let step = source.report.steps.get(index)?;
        let cores = machine.cores().filter(|n| *n > 0.0)?;
        let busy = machine.read("cpu.busy_ratio", step.window)?;
        let generator_ratio = step.generator.cpu_ns as f64 / capacity_ns(step, cores)?;
        let (server_ratio, server_evidence) = server(source, index, cores, machine);
        let mut evidence: Vec<Evidence> = machine.typical("CPU busy", busy).into_iter().collect();
        evidence.extend(server_evidence);
        evidence.extend(source.evidence(
            "CPU time of the generator",
            &format!("/steps/{index}/generator/cpu_ns"),
        ));
        Some(Self {
            cores,
            busy,
            server_ratio,
            generator_ratio,
            evidence,
        })
    }

    /// What neither the server nor the generator used; `None` where the server's is not known.
    pub fn others_ratio(&self) -> Option<f64> {
        let known = self.server_ratio? + self.generator_ratio;
        Some((self.busy.mean - known).max(0.0))
    }

    /// Whose share is largest; `None` where the server's is not known and the generator's does
    /// not explain most of it.
    pub fn owner(&self) -> Option<Owner> {
        let Some(server) = self.server_ratio else {
            let most = self.generator_ratio > 0.5 * self.busy.mean;
            return most.then_some(Owner::Generator);
        };
        let others = self.others_ratio().unwrap_or(0.0);
        Some(if others > server && others > self.generator_ratio {
            Owner::Others
        } else if self.generator_ratio > server {
            Owner::Generator
        } else {
            Owner::Server
        })
    }

    /// `busy 98 % of 2 cores: 58 % by the server, 37 % by the generator, 3 % by others`.
    pub fn sentence(&self) -> String {
        let share = crate::figures::share;
        let mut text = format!("busy {} of {} cores: ", share(self.busy.mean), self.cores);
        if let Some(server) = self.server_ratio {
            text += &format!("{} by the server, ", share(server));
        }
        text += &format!("{} by the generator", share(self.generator_ratio));
        if let Some(others) = self.others_ratio() {
            text += &format!(", {} by others", share(others));
        }
        text
    }
}

/// CPU time that the machine had to give in the measured part of a step.
fn capacity_ns(step: &Step, cores: f64) -> Option<f64> {
    let capacity = step.window.measured_s() * 1e9 * cores;
    (capacity > 0.0).then_some(capacity)
}

fn server(
    source: &Source,
    index: usize,
    cores: f64,
    machine: Machine<'_>,
) -> (Option<f64>, Option<Evidence>) {
    let step = &source.report.steps[index];
    let figure = |name: &str| step.server.as_ref()?.figures.get(name).copied();
    let capacity = capacity_ns(step, cores);
    let told = |name: &str, scale: f64| {
        let ratio = figure(name)? * scale / capacity?;
        let pointer = format!("/steps/{index}/server/figures/{name}");
        Some((ratio, source.evidence("CPU time of the server", &pointer)))
    };
    let of_report = told("server.cpu_ns", 1.0).or_else(|| told("cpu_main_thread_s", 1e9));
    if let Some((ratio, evidence)) = of_report {
        return (Some(ratio), evidence);
    }
    let names: &[&str] = match source.component() {
        Some(Component::Postgres) => &["postgres"],
        Some(Component::Redis) => &["redis-server", "valkey-server"],
        _ => return (None, None),
    };
    let used = machine.cores_used_by(names, step.window);
    (used.map(|n| n / cores), None)
}
