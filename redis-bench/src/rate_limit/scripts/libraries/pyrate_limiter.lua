-- Sliding log in a sorted set, by the client's clock: counts the entries of the window that ends
-- now. Source: the behaviour of the Redis bucket in pyrate-limiter 4, whose entries are dropped by a
-- task beside the requests; here the request drops them, and the key expires.

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. digits(now - window))
if redis.call('ZCOUNT', KEYS[1], digits(now - window), digits(now)) >= allowed then
    return refuse(window)
end
local member = digits(now) .. '-' .. redis.call('ZCARD', KEYS[1])
redis.call('ZADD', KEYS[1], digits(now), member)
redis.call('PEXPIRE', KEYS[1], math.ceil(window / 1000) + 1)
return admit()
