-- Sliding log in a list: keeps the times of the last requests that were admitted, as many as a
-- window allows. Time stands still where the clock goes back.

local newest = redis.call('LINDEX', KEYS[1], -1)
local at = math.max(now, tonumber(newest or now))
local oldest = redis.call('LINDEX', KEYS[1], -allowed)
if oldest and oldest + window > at then
    return refuse(oldest + window - now)
end
redis.call('RPUSH', KEYS[1], digits(at))
redis.call('LTRIM', KEYS[1], -allowed, -1)
expire(KEYS[1], at - now + window)
return admit()
