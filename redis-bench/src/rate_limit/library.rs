//! Limiters as widely used libraries ship them, written anew from their behaviour.

use clap::ValueEnum;

/// Limiter as a widely used library ships it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LimiterLibrary {
    /// rate-limit-redis 6, for express-rate-limit: fixed window from the first request.
    RateLimitRedis,
    /// rate-limiter-flexible 11: fixed window from the first request, in whole seconds.
    RateLimiterFlexible,
    /// @upstash/ratelimit 2: fixed window by the client's clock.
    UpstashFixed,
    /// @upstash/ratelimit 2: sliding window counter by the client's clock.
    UpstashSliding,
    /// @upstash/ratelimit 2: token bucket that fills in steps, by the client's clock.
    UpstashBucket,
    /// limits 5, for slowapi: sliding log in a list, by the client's clock.
    LimitsMoving,
    /// pyrate-limiter 4: sliding log in a sorted set, by the client's clock.
    PyrateLimiter,
    /// django-ratelimit 4: fixed window by the client's clock, in two commands.
    DjangoRatelimit,
    /// go-redis/redis-rate 10: GCRA by the server's clock.
    RedisRate,
    /// Spring Cloud Gateway: token bucket in whole seconds, by the server's clock.
    SpringCloudGateway,
    /// Spring Cloud Gateway before its issue #2412: the same by the client's clock.
    SpringCloudGatewayOld,
    /// Laravel, duration limiter: fixed window from the first request, by the client's clock.
    Laravel,
    /// Module redis-cell: GCRA in the server itself, where it is loaded.
    RedisCell,
}

impl LimiterLibrary {
    /// Returns the name, as on the command line and in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::RateLimitRedis => "rate-limit-redis",
            Self::RateLimiterFlexible => "rate-limiter-flexible",
            Self::UpstashFixed => "upstash-fixed",
            Self::UpstashSliding => "upstash-sliding",
            Self::UpstashBucket => "upstash-bucket",
            Self::LimitsMoving => "limits-moving",
            Self::PyrateLimiter => "pyrate-limiter",
            Self::DjangoRatelimit => "django-ratelimit",
            Self::RedisRate => "redis-rate",
            Self::SpringCloudGateway => "spring-cloud-gateway",
            Self::SpringCloudGatewayOld => "spring-cloud-gateway-old",
            Self::Laravel => "laravel",
            Self::RedisCell => "redis-cell",
        }
    }

    /// Returns the limiter's own part of its script; `None` if it needs no script.
    pub(crate) fn script(self) -> Option<&'static str> {
        Some(match self {
            Self::RateLimitRedis => include_str!("scripts/libraries/rate_limit_redis.lua"),
            Self::RateLimiterFlexible => {
                include_str!("scripts/libraries/rate_limiter_flexible.lua")
            }
            Self::UpstashFixed => include_str!("scripts/libraries/upstash_fixed.lua"),
            Self::UpstashSliding => include_str!("scripts/libraries/upstash_sliding.lua"),
            Self::UpstashBucket => include_str!("scripts/libraries/upstash_bucket.lua"),
            Self::LimitsMoving => include_str!("scripts/libraries/limits_moving.lua"),
            Self::PyrateLimiter => include_str!("scripts/libraries/pyrate_limiter.lua"),
            Self::RedisRate => include_str!("scripts/libraries/redis_rate.lua"),
            Self::SpringCloudGateway | Self::SpringCloudGatewayOld => {
                include_str!("scripts/libraries/spring_cloud_gateway.lua")
            }
            Self::Laravel => include_str!("scripts/libraries/laravel.lua"),
            Self::DjangoRatelimit | Self::RedisCell => return None,
        })
    }

    /// Returns true if the limiter decides by the clock of the client that calls it.
    pub(crate) fn uses_client_clock(self) -> bool {
        match self {
            Self::RateLimitRedis
            | Self::RateLimiterFlexible
            | Self::RedisRate
            | Self::SpringCloudGateway
            | Self::RedisCell => false,
            Self::UpstashFixed
            | Self::UpstashSliding
            | Self::UpstashBucket
            | Self::LimitsMoving
            | Self::PyrateLimiter
            | Self::DjangoRatelimit
            | Self::SpringCloudGatewayOld
            | Self::Laravel => true,
        }
    }

    /// Returns true if the limiter knows only windows of whole seconds.
    pub(crate) fn needs_seconds(self) -> bool {
        matches!(self, Self::RateLimiterFlexible | Self::RedisCell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_command_line() {
        for library in LimiterLibrary::value_variants() {
            let value = library.to_possible_value().unwrap();
            assert_eq!(value.get_name(), library.name());
        }
    }
}
