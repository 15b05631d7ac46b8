-- Fixed window that begins with its first request, of whole seconds: the counter is created with
-- its expiry, then counted. Source: the behaviour of rate-limiter-flexible 11.

redis.call('SET', KEYS[1], 0, 'EX', math.floor(window / 1000000), 'NX')
local points = redis.call('INCRBY', KEYS[1], 1)
local left_ms = redis.call('PTTL', KEYS[1])
if points > allowed then
    return refuse(left_ms * 1000)
end
return admit()
