//! Made-up report of a run of `ws-bench limit`, as input of the analyzer's tests.

use bench_report::{Limit, Parameter, Report, StepEnd};

use super::parts::{SECOND, begin, generator, operation, step};
use super::{Plant, START};

impl Plant {
    /// Returns the report of a search with steps of 500 to 8,000 connections. The limit found is
    /// 4,000 connections; the last step, with 8,000, ends by a stop rule.
    pub(crate) fn websocket(&self) -> Report {
        let from = START + 80 * SECOND;
        let mut report = begin("ws-bench", "limit", from);
        for (index, level) in [500u64, 1000, 2000, 4000, 8000].into_iter().enumerate() {
            let mut step = step(
                &format!("{level} connections"),
                from + index as u64 * 3 * SECOND,
            );
            step.parameters
                .insert("connections".into(), Parameter::Integer(level));
            let mut connect = operation(400.0, 900_000.0 * (1.0 + level as f64 / 4000.0));
            connect.service.clone_from(&connect.call);
            if level > 4000 {
                connect.errors.insert("refused".into(), 200);
                connect.attempted += 200;
                step.end = StepEnd::Stopped {
                    rule: "errors>10%".into(),
                    reason: "33 % of the connections failed".into(),
                };
            }
            step.operations.insert("connect".into(), connect);
            let echo = operation(2_000.0, 500_000.0 * (1.0 + level as f64 / 2000.0));
            step.operations.insert("echo".into(), echo);
            step.figures.insert("connect.tcp_p50_ns".into(), 180_000.0);
            step.figures
                .insert("connect.upgrade_p50_ns".into(), 520_000.0);
            step.figures.insert("open_connections".into(), level as f64);
            step.generator = generator(0.25);
            report.steps.push(step);
        }
        report.summary.limit = Some(Limit {
            parameter: "connections".into(),
            value: 4000.0,
            owner: self.limit,
            reason: "the server refused 200 of 600 connections past 4,000".into(),
        });
        report.duration_ns = 15 * SECOND;
        report
    }
}
