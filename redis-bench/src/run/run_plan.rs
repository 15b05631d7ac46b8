//! Steps of a run: their settings, their order, and their division among several hosts.

use bench_cli::{RateStep, UsageError, table};
use load_engine::{LoadPlan, RuntimeKind, SessionOpening, StepPlan, WallTime, shuffled_steps};

use crate::clients::ClientKind;
use crate::results::group;
use crate::run::redis_run::{DEFAULT_USERS, RedisRun};
use crate::run::setting::Setting;
use crate::run::workload::RedisWorkload;

/// Smallest limit on requests in flight in an open loop. It is far above the size of any pool, so
/// that requests wait for a connection and not for this limit.
const MIN_IN_FLIGHT_CAP: u64 = 1_024;

/// Steps in the order in which they run, each with its setting.
type PlannedSteps = Vec<(Setting, StepPlan)>;

impl<W: RedisWorkload> RedisRun<'_, W> {
    /// Plans all steps, in the shuffled order in which they run. If several hosts create the load,
    /// also returns the instant at which the last step is over on every host; `None` otherwise.
    ///
    /// # Errors
    /// Fails if the flags of the load contradict each other.
    pub(crate) fn planned(&self) -> Result<(PlannedSteps, Option<WallTime>), UsageError> {
        let repeats = self.flags.load.step.repeats(self.defaults);
        let order = shuffled_steps(self.settings.len(), repeats, self.seed);
        let settings: Vec<Setting> = order.iter().map(|n| self.settings[n.setting]).collect();
        let plans = order.iter().zip(&settings);
        let plans = plans.map(|(next, setting)| self.plan(*setting, next.repeat));
        let mut plans = plans.collect::<Result<Vec<_>, _>>()?;
        let over = self.host.map(|host| host.fix(&mut plans));
        Ok((settings.into_iter().zip(plans).collect(), over))
    }

    /// Plans one step with the whole load, including the shares of all hosts. `repeat` is counted
    /// from 0.
    ///
    /// # Errors
    /// Fails if the flags of the load contradict each other.
    pub(crate) fn plan(&self, setting: Setting, repeat: u64) -> Result<StepPlan, UsageError> {
        let name = self.setting_name(setting);
        let seed = self.seed.wrapping_add(repeat);
        let flags = &self.flags.load;
        let users_and_cap = (DEFAULT_USERS, in_flight_cap(setting));
        let mut plan = flags.plan(&name, users_and_cap, seed, self.defaults)?;
        plan.repeat = repeat;
        let plan = self.described(plan, setting);
        Ok(match flags.curve() {
            Some(curve) => plan.parameter("curve", curve.to_string().as_str()),
            None => plan,
        })
    }

    /// Plans the step with the rate that a search for the highest rate requests as the next one.
    pub(crate) fn plan_at(&self, setting: Setting, step: RateStep) -> StepPlan {
        let name = self.setting_name(setting);
        let cap = in_flight_cap(setting);
        let load = &self.flags.load;
        let plan = load.plan_at(step, &name, cap, self.seed, self.defaults);
        self.described(plan, setting)
    }

    /// Returns the name of a setting in reports: the way to connect, with the name of the
    /// workload's variant in front if there are several.
    pub(crate) fn setting_name(&self, setting: Setting) -> String {
        let client = group::setting(setting.client, self.connections(setting));
        match self.workload.variants().names.get(setting.variant) {
            Some(variant) => format!("{variant}, {client}"),
            None => client,
        }
    }

    /// Adds the parameters of the client and of the workload to a plan. Limits the threads of a
    /// generator with a runtime for each core to the number of connections on this host.
    fn described(&self, mut plan: StepPlan, setting: Setting) -> StepPlan {
        let client = setting.client;
        let count = self.connections(setting);
        if client == ClientKind::Plain && matches!(plan.load, LoadPlan::Open { .. }) {
            // Opens only as many connections as requests are in flight at once.
            plan.opening = SessionOpening::WhenDue;
        }
        if plan.runtime == RuntimeKind::PerCore {
            // Each thread needs a connection of its own, so there are no more threads than connections on
            // this host.
            let hosts = self.host.map_or(1, |host| host.share().count);
            plan.threads = plan.threads.min((count / hosts).max(1) as usize);
        }
        let plan = plan
            .parameter("client", client.name())
            .parameter(client.parameter(), count);
        let plan = match plan.load {
            LoadPlan::Open { rate_per_s, .. } => plan.parameter("rate_per_s", rate_per_s),
            LoadPlan::Closed { users, .. } => plan.parameter("users", users),
        };
        let variants = self.workload.variants();
        let plan = match variants.names.get(setting.variant) {
            Some(name) => plan.parameter(variants.parameter, name.as_str()),
            None => plan,
        };
        self.workload.describe(plan)
    }

    /// Returns the number of connections of a step, over all workers and hosts. A client whose users
    /// each have their own has at most as many as users, or as requests in flight.
    pub(crate) fn connections(&self, setting: Setting) -> u64 {
        setting.connections.unwrap_or_else(|| {
            let load = &self.flags.load;
            if load.search.is_given() {
                return MIN_IN_FLIGHT_CAP;
            }
            let plan = load.plan("", (DEFAULT_USERS, MIN_IN_FLIGHT_CAP), 0, self.defaults);
            // Contradicting flags are reported where the steps are planned.
            plan.map_or(MIN_IN_FLIGHT_CAP, |plan| plan.load.sessions())
        })
    }

    /// Checks that there are at least as many connections as workers, because each worker needs one
    /// of its own.
    ///
    /// # Errors
    /// Fails with a usage error if there are fewer.
    pub(crate) fn check_workers(&self) -> anyhow::Result<()> {
        let hosts = self.host.map(|host| host.share().count);
        let Some(workers) = self.flags.workers.workers.or(hosts) else {
            return Ok(());
        };
        let mut settings = self.settings.iter();
        let few = |setting: &&Setting| self.connections(**setting) < workers;
        let Some(setting) = settings.find(few) else {
            return Ok(());
        };
        let client = setting.client;
        let name = client.name();
        let count = table::counted(self.connections(*setting), "connection");
        let flag = client.flag();
        Err(UsageError(format!(
            "{workers} workers cannot share {count} of the {name} client: each needs one of its \
             own; use {flag} {workers} or more, or --client"
        ))
        .into())
    }

    /// Checks that a closed loop has at least as many users as worker processes, because each
    /// worker needs one of its own. A search for a rate is not checked.
    ///
    /// # Errors
    /// Fails with a usage error if there are fewer.
    pub(crate) fn check_users(&self) -> anyhow::Result<()> {
        let (Some(workers), Some(setting)) = (self.flags.workers.workers, self.settings.first())
        else {
            return Ok(());
        };
        if self.flags.load.search.is_given() {
            return Ok(());
        }
        match self.plan(*setting, 0)?.load {
            LoadPlan::Closed { users, .. } if users < workers => Err(UsageError(format!(
                "{workers} workers cannot share {}: each needs one of its own; use --users \
                 {workers} or more",
                table::counted(users, "user")
            ))
            .into()),
            _ => Ok(()),
        }
    }

    /// Checks that the load is large enough to give every worker on several hosts a share, and that
    /// a search is not combined with such workers. A run on one host is not checked.
    ///
    /// # Errors
    /// Fails with a usage error otherwise.
    pub(crate) fn check_share(&self) -> anyhow::Result<()> {
        let (Some(host), Some(setting)) = (self.host, self.settings.first()) else {
            return Ok(());
        };
        host.check_search(&self.flags.load.search)?;
        let sessions = self.plan(*setting, 0)?.load.sessions();
        Ok(host.check_share("user", sessions, "--users")?)
    }
}

fn in_flight_cap(setting: Setting) -> u64 {
    let connections = setting.connections.unwrap_or(0);
    MIN_IN_FLIGHT_CAP.max(connections.saturating_mul(8))
}
