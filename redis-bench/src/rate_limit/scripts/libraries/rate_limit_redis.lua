-- Fixed window that begins with its first request: each request counts, also a refused one, and
-- sets the expiry where there is none. Source: the behaviour of rate-limit-redis 6.

local hits = redis.call('INCR', KEYS[1])
local left_ms = redis.call('PTTL', KEYS[1])
if left_ms <= 0 then
    left_ms = math.ceil(window / 1000)
    redis.call('PEXPIRE', KEYS[1], left_ms)
end
if hits > allowed then
    return refuse(left_ms * 1000)
end
return admit()
