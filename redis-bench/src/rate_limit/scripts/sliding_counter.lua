-- Sliding window counter: adds to the count of this window of the clock the share of the previous
-- count that lies within one window before now, as if its requests had been evenly spread. The two
-- keys are not among KEYS, for the reason that fixed_window.lua gives.

local past = now % window
local left = window - past
local number = (now - past) / window
local current_key = KEYS[1] .. ':' .. digits(number)
local counts = redis.call('MGET', current_key, KEYS[1] .. ':' .. digits(number - 1))
local current, previous = tonumber(counts[1] or 0), tonumber(counts[2] or 0)
if previous * left + current * window >= allowed * window then
    if current >= allowed then
        -- One microsecond into the next window, this window's count weighs less than the limit.
        return refuse(left + 1)
    end
    -- The largest part of this window that may be left for previous * left to be small enough.
    return refuse(left - (math.ceil((allowed - current) * window / previous) - 1))
end
if redis.call('INCR', current_key) == 1 then
    expire(current_key, 2 * window)
end
return admit()
