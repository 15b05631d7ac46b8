-- Token bucket that is filled in steps: all tokens of a window at once, by the client's clock.
-- Source: the behaviour of tokenBucket in @upstash/ratelimit 2.

local state = redis.call('HMGET', KEYS[1], 'at', 'tokens')
local at, tokens = now, burst
if state[1] then
    local fills = math.floor((now - state[1]) / window)
    at = state[1] + fills * window
    tokens = math.min(burst, state[2] + fills * allowed)
end
if tokens <= 0 then
    return refuse(at + window - now)
end
redis.call('HSET', KEYS[1], 'at', digits(at), 'tokens', digits(tokens - 1))
redis.call('PEXPIRE', KEYS[1], math.ceil((burst - tokens + 1) / allowed) * math.ceil(window / 1000))
return admit()
