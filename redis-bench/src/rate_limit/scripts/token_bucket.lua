-- Token bucket: holds up to `burst` tokens, gets `allowed` of them in a window, and gives one to
-- each admitted request. It counts parts of a token: a token has as many as the window has
-- microseconds, so each microsecond adds `allowed` parts, and nothing is rounded.

local full = burst * window
local state = redis.call('HMGET', KEYS[1], 'parts', 'at')
local parts, at = full, now
if state[1] then
    at = math.max(now, tonumber(state[2]))
    parts = math.min(full, state[1] + (at - state[2]) * allowed)
end
if parts < window then
    return refuse(at - now + math.ceil((window - parts) / allowed))
end
parts = parts - window
redis.call('HSET', KEYS[1], 'parts', digits(parts), 'at', digits(at))
-- A bucket that is full again needs no key.
expire(KEYS[1], at - now + math.ceil((full - parts) / allowed))
return admit()
