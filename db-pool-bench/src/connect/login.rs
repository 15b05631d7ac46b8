//! Who logs in, to which database, with which options; what each driver is told of it.

use std::str::FromStr as _;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use tokio_postgres::Config;
use tokio_postgres::config::ChannelBinding;

use super::{Environment, Parameters, SessionSettings, Tls, Way};

/// Time that a connection may take, unless the address says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Everything but the server.
#[derive(Clone)]
pub(crate) struct Login {
    config: Config,
    /// Apart, for the driver that takes them otherwise.
    settings: SessionSettings,
}

/// It holds the password.
impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Login")
    }
}

impl Login {
    /// Returns what the address says, else the environment, else what libpq takes.
    ///
    /// # Errors
    /// A sentence on the parameter at fault.
    pub(crate) fn read(
        parameters: &Parameters,
        environment: &Environment<'_>,
    ) -> Result<Self, String> {
        let mut config = Config::new();
        // The driver's own default is the user who runs us.
        let user = parameters.get("user").map_or_else(
            || {
                let nobody = PgConnectOptions::new_without_pgpass();
                nobody.get_username().to_owned()
            },
            str::to_owned,
        );
        config
            .dbname(parameters.get("dbname").unwrap_or(&user))
            .user(&user);
        if let Some(password) = parameters.get("password") {
            config.password(password);
        }
        let options = parameters.get("options").map(str::to_owned);
        let settings = SessionSettings::read(options, environment);
        if let Some(options) = settings.options() {
            config.options(options);
        }
        if let Some(bound) = connect_timeout(parameters.get("connect_timeout"))? {
            config.connect_timeout(bound);
        }
        config.channel_binding(channel_binding(parameters.get("channel_binding"))?);
        Ok(Self { config, settings })
    }

    pub(crate) fn user(&self) -> &str {
        self.config.get_user().unwrap_or_default()
    }

    pub(crate) fn database(&self) -> &str {
        self.config.get_dbname().unwrap_or_default()
    }

    pub(crate) fn has_password(&self) -> bool {
        self.config.get_password().is_some()
    }

    /// Returns true if a login that cannot be bound to the TLS channel is to be refused.
    pub(crate) fn insists_on_channel_binding(&self) -> bool {
        self.config.get_channel_binding() == ChannelBinding::Require
    }

    /// For all drivers but sqlx, by `way`.
    pub(crate) fn config(&self, way: &Way, application: &str) -> Config {
        let mut config = self.config.clone();
        way.endpoint.give(&mut config);
        if let Some(password) = &way.password {
            config.password(password);
        }
        config
            .ssl_mode(way.sslmode)
            .target_session_attrs(way.target)
            .application_name(application);
        config
    }

    /// Returns what sessions begin with.
    pub(crate) fn settings(&self) -> &SessionSettings {
        &self.settings
    }

    /// Returns the same for sqlx.
    pub(crate) fn sqlx(&self, way: &Way, tls: &Tls, application: &str) -> PgConnectOptions {
        // Its options can only be set as an address.
        let coded = |text: String| {
            let all = percent_encoding::NON_ALPHANUMERIC;
            format!(
                "postgres://localhost?options={}",
                percent_encoding::utf8_percent_encode(&text, all)
            )
        };
        let given = self.settings.options().map(coded);
        let options = given.and_then(|url| PgConnectOptions::from_str(&url).ok());
        let mut options = options.unwrap_or_else(PgConnectOptions::new_without_pgpass);
        options = if way.endpoint.is_socket() {
            options.socket(&way.endpoint.host)
        } else {
            options.host(&way.endpoint.host)
        };
        options = options
            .port(way.endpoint.port)
            .application_name(application)
            .username(self.user())
            .database(self.database());
        if self.settings.ask_for("extra_float_digits") {
            // Its own would beat the options.
            options = options.extra_float_digits(None);
        }
        let given = self.config.get_password().map(String::from_utf8_lossy);
        if let Some(password) = given.as_deref().or(way.password.as_deref()) {
            options = options.password(password);
        }
        tls.give(options, way.sslmode)
    }
}

/// Time that connecting may take; `None` = as long as it takes, which is what 0 asks for.
fn connect_timeout(seconds: Option<&str>) -> Result<Option<Duration>, String> {
    let Some(seconds) = seconds else {
        return Ok(Some(CONNECT_TIMEOUT));
    };
    let read = seconds.trim().parse::<i32>();
    let seconds = read.map_err(|_| {
        format!("connect_timeout={seconds} is no number of seconds; write one, as in 5")
    })?;
    let seconds = u64::try_from(seconds).unwrap_or(0);
    Ok((seconds > 0).then(|| Duration::from_secs(seconds)))
}

fn channel_binding(name: Option<&str>) -> Result<ChannelBinding, String> {
    Ok(match name.unwrap_or("prefer") {
        "disable" => ChannelBinding::Disable,
        "prefer" => ChannelBinding::Prefer,
        "require" => ChannelBinding::Require,
        other => {
            return Err(format!(
                "channel_binding={other} is none of disable, prefer and require"
            ));
        }
    })
}
