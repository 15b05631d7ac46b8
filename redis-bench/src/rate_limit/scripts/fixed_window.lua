-- Fixed window: counts the requests of each window of the clock in a key of its own. The name of
-- that key must depend on the time, so it is not among KEYS; the hash tag of KEYS[1] keeps it in
-- its slot.

local past = now % window
local window_key = KEYS[1] .. ':' .. digits((now - past) / window)
local count = redis.call('INCR', window_key)
if count == 1 then
    expire(window_key, window)
end
if count > allowed then
    return refuse(window - past)
end
return admit()
