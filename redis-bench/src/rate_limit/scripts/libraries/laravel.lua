-- Fixed window that begins with its first request, by the client's clock. A client whose clock is
-- before the beginning or after the end of the window begins a new one. Source: the behaviour of
-- Laravel's DurationLimiter.

local state = redis.call('HMGET', KEYS[1], 'start', 'end')
if state[1] and now >= tonumber(state[1]) and now <= tonumber(state[2]) then
    if redis.call('HINCRBY', KEYS[1], 'count', 1) <= allowed then
        return admit()
    end
    return refuse(state[2] - now)
end
redis.call('HSET', KEYS[1], 'start', digits(now), 'end', digits(now + window), 'count', 1)
redis.call('PEXPIRE', KEYS[1], math.ceil(2 * window / 1000))
return admit()
