-- Token bucket in whole seconds. The time of the last request is stored also if it was refused, and
-- also if it lies before the stored one. Source: the behaviour of the RedisRateLimiter of Spring
-- Cloud Gateway, which stores tokens and time in two keys; until issue #2412 the time was the
-- client's, since then it is the server's.

local per_second = allowed / (window / 1000000)
local seconds = math.floor(now / 1000000)
local state = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local passed = math.max(0, seconds - tonumber(state[2] or 0))
local tokens = math.min(burst, tonumber(state[1] or burst) + passed * per_second)
local is_admitted = tokens >= 1
if is_admitted then
    tokens = tokens - 1
end
redis.call('HSET', KEYS[1], 'tokens', string.format('%.17g', tokens), 'at', digits(seconds))
redis.call('EXPIRE', KEYS[1], math.max(1, math.floor(2 * burst / per_second)))
if is_admitted then
    return admit()
end
return refuse(1000000 - now % 1000000)
