-- Sliding log in a list, newest first, by the client's clock. Source: the behaviour of the moving
-- window in limits 5, which slowapi uses.

local oldest = redis.call('LINDEX', KEYS[1], allowed - 1)
if oldest and tonumber(oldest) >= now - window then
    return refuse(oldest + window - now)
end
redis.call('LPUSH', KEYS[1], digits(now))
redis.call('LTRIM', KEYS[1], 0, allowed - 1)
redis.call('PEXPIRE', KEYS[1], math.ceil(window / 1000))
return admit()
