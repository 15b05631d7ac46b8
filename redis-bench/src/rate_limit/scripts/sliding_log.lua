-- Sliding log in a sorted set: keeps the time of each admitted request for one window. Time stands
-- still where the clock goes back, so a member's name, its time and the number of members before
-- it, is used once.

local newest = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
local at = math.max(now, tonumber(newest[2] or now))
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', digits(at - window))
local count = redis.call('ZCARD', KEYS[1])
if count >= allowed then
    local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
    return refuse(oldest[2] + window - now)
end
redis.call('ZADD', KEYS[1], digits(at), digits(at) .. '-' .. digits(count))
expire(KEYS[1], at - now + window)
return admit()
