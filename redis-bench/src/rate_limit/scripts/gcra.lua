-- GCRA: keeps one time, at which the next request is due if all come evenly, and admits a request
-- that comes up to `burst` intervals before the end of its own. That time is whole microseconds and
-- a number of parts, `allowed` of which are a microsecond, so an interval of window / allowed is
-- exact.

local whole, parts = now, 0
local due = redis.call('GET', KEYS[1])
if due then
    local due_whole, due_parts = string.match(due, '^(%d+) (%d+)$')
    if tonumber(due_whole) >= now then
        whole, parts = tonumber(due_whole), tonumber(due_parts)
    end
end
local ahead = (whole - now) * allowed + parts + window
local excess = ahead - burst * window
if excess > 0 then
    return refuse(math.ceil(excess / allowed))
end
parts = ahead % allowed
whole = now + (ahead - parts) / allowed
due = digits(whole) .. ' ' .. digits(parts)
redis.call('SET', KEYS[1], due, expiry(math.ceil(ahead / allowed)))
return admit()
