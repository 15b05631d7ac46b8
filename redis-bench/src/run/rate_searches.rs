//! Searches for the highest rate of arrivals, one search for each way to connect.

use bench_cli::RateFinder;
use bench_cli::bench::Bench;
use load_engine::shuffled_steps;

use crate::evidence::ServerSampler;
use crate::run::redis_run::RedisRun;
use crate::run::run_target::RunTarget;
use crate::run::workload::RedisWorkload;

impl<W: RedisWorkload> RedisRun<'_, W> {
    /// Searches for the highest rate of arrivals that each way to connect holds, in a shuffled
    /// order, and adds the steps and the found rates to the report of `bench`.
    ///
    /// # Errors
    /// Fails if a step cannot be run or the report cannot be extended.
    pub(crate) fn find_rates(
        &self,
        bench: &mut Bench,
        target: &mut RunTarget,
        mut evidence: Option<&mut ServerSampler>,
    ) -> anyhow::Result<()> {
        let load = &self.flags.load;
        let order = shuffled_steps(self.settings.len(), 1, self.seed);
        for (done, next) in order.iter().enumerate() {
            let setting = self.settings[next.setting];
            let name = self.setting_name(setting);
            let held = (&load.step, self.defaults);
            let finder = RateFinder::begin(bench, &name, &load.search.find_rate, held);
            finder.search(bench, order.len() - done - 1, |bench, step| {
                let plan = self.plan_at(setting, step);
                self.run_step(bench, target, (setting, plan), evidence.as_deref_mut())
            })?;
        }
        Ok(())
    }
}
