//! Who logs in, to which database, with which options.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use tokio_postgres::Config;
use tokio_postgres::config::ChannelBinding;

use super::{Environment, Parameters};

/// How long a connection may take, unless the address says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Everything but the server, and the options apart, for the driver that takes them otherwise.
pub(crate) fn login(
    parsed: &Config,
    parameters: &Parameters,
    environment: &Environment<'_>,
) -> Result<(Config, Option<String>), String> {
    let mut login = Config::new();
    // The driver's own default, which is the user who runs us.
    let user = PgConnectOptions::new_without_pgpass()
        .get_username()
        .to_owned();
    let user = parsed
        .get_user()
        .map(str::to_owned)
        .or_else(|| environment.get("PGUSER"))
        .unwrap_or(user);
    let database = parsed
        .get_dbname()
        .map(str::to_owned)
        .or_else(|| environment.get("PGDATABASE"));
    login
        .dbname(database.unwrap_or_else(|| user.clone()))
        .user(user);
    let password = parsed.get_password().map(<[u8]>::to_vec);
    if let Some(password) =
        password.or_else(|| environment.get("PGPASSWORD").map(String::into_bytes))
    {
        login.password(password);
    }
    let given = [
        environment.get("PGOPTIONS"),
        parsed.get_options().map(str::to_owned),
    ];
    let options = given.into_iter().flatten().collect::<Vec<_>>().join(" ");
    if !options.is_empty() {
        login.options(&options);
    }
    let named = environment
        .get("PGCONNECT_TIMEOUT")
        .and_then(|s| s.parse().ok());
    let named = named.filter(|s| *s > 0).map(Duration::from_secs);
    let bound = parsed.get_connect_timeout().copied().or(named);
    login.connect_timeout(bound.unwrap_or(CONNECT_TIMEOUT));
    login.channel_binding(
        match parameters.get("channel_binding").unwrap_or("prefer") {
            "disable" => ChannelBinding::Disable,
            "prefer" => ChannelBinding::Prefer,
            "require" => ChannelBinding::Require,
            other => {
                return Err(format!(
                    "channel_binding={other} is none of disable, prefer and require"
                ));
            }
        },
    );
    Ok((login, Some(options).filter(|options| !options.is_empty())))
}
