-- Sliding window counter of the client's clock, with the share of the previous window rounded down.
-- Source: the behaviour of slidingWindow in @upstash/ratelimit 2.

local past = now % window
local number = (now - past) / window
local key = KEYS[1] .. ':' .. digits(number)
local current = tonumber(redis.call('GET', key) or 0)
local previous = tonumber(redis.call('GET', KEYS[1] .. ':' .. digits(number - 1)) or 0)
if math.floor((1 - past / window) * previous) + current >= allowed then
    return refuse(window - past)
end
if redis.call('INCRBY', key, 1) == 1 then
    redis.call('PEXPIRE', key, math.ceil(2 * window / 1000) + 1000)
end
return admit()
