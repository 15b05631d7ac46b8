-- Fixed window of the client's clock; a refused request counts, too. Source: the behaviour of
-- fixedWindow in @upstash/ratelimit 2.

local past = now % window
local key = KEYS[1] .. ':' .. digits((now - past) / window)
local count = redis.call('INCRBY', key, 1)
if count == 1 then
    redis.call('PEXPIRE', key, math.ceil(window / 1000))
end
if count > allowed then
    return refuse(window - past)
end
return admit()
