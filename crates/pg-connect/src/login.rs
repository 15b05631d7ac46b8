//! Login to a server: user, password, database and options, in the forms that the drivers need.

use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::ChannelBinding;

use crate::candidates::Candidate;
use crate::environment::EnvironmentVariables;
use crate::parameters::ConnectionParameters;
use crate::session_settings::SessionSettings;

/// Time-out of connecting if the address gives none.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// User name if neither the address nor the operating system gives one.
const UNKNOWN_USER: &str = "unknown";

/// User, password, database and options of a connection, without the server.
#[derive(Clone)]
pub(crate) struct Login {
    config: Config,
    /// Settings of new sessions. They are also in `config`; sqlx needs them in another form.
    #[cfg(feature = "sqlx")]
    settings: SessionSettings,
}

/// Formats only the name of the type, because the settings contain the password.
impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Login")
    }
}

impl Login {
    /// Creates the login from `parameters`. By default, the user is the one who runs this process,
    /// and the database has the user's name.
    ///
    /// # Errors
    /// Returns a message about the faulty parameter.
    pub(crate) fn from_parameters(
        parameters: &ConnectionParameters,
        environment: &EnvironmentVariables<'_>,
    ) -> Result<Self, String> {
        let mut config = Config::new();
        let user = parameters.get("user").map_or_else(
            || whoami::username().unwrap_or_else(|_| UNKNOWN_USER.to_owned()),
            str::to_owned,
        );
        config
            .dbname(parameters.get("dbname").unwrap_or(&user))
            .user(&user);
        if let Some(password) = parameters.get("password") {
            config.password(password);
        }
        let options = parameters.get("options").map(str::to_owned);
        let settings = SessionSettings::new(options, environment);
        if let Some(options) = settings.options() {
            config.options(options);
        }
        if let Some(bound) = connect_timeout(parameters.get("connect_timeout"))? {
            config.connect_timeout(bound);
        }
        config.channel_binding(channel_binding(parameters.get("channel_binding"))?);
        Ok(Self {
            config,
            #[cfg(feature = "sqlx")]
            settings,
        })
    }

    /// Returns the name of the user with which connections log in.
    pub(crate) fn user(&self) -> &str {
        self.config.get_user().unwrap_or_default()
    }

    /// Returns the name of the database to connect to.
    pub(crate) fn database(&self) -> &str {
        self.config.get_dbname().unwrap_or_default()
    }

    /// Returns true if a login that is not bound to the TLS channel is refused
    /// (`channel_binding=require`).
    pub(crate) fn requires_channel_binding(&self) -> bool {
        self.config.get_channel_binding() == ChannelBinding::Require
    }

    /// Returns the password from the address or from `PGPASSWORD`; `None` if neither has one. That
    /// of a password file is not included.
    pub(crate) fn password(&self) -> Option<&[u8]> {
        self.config.get_password()
    }

    /// Returns the settings of tokio-postgres for connecting to `candidate`, with `application` as
    /// the name of the application.
    pub(crate) fn config(&self, candidate: &Candidate, application: &str) -> Config {
        let mut config = self.config.clone();
        candidate.endpoint.apply_to(&mut config);
        if let Some(password) = &candidate.password {
            config.password(password.expose());
        }
        config
            .ssl_mode(candidate.sslmode)
            .target_session_attrs(candidate.target)
            .application_name(application);
        config
    }

    /// Returns the settings that new sessions are to have.
    #[cfg(feature = "sqlx")]
    pub(crate) fn settings(&self) -> &SessionSettings {
        &self.settings
    }
}

/// Parses the time-out of connecting, in whole seconds. Without a value it is 5 s; 0 and negative
/// values mean no time-out, which is `None`. Fails with a message if the value is no number.
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
