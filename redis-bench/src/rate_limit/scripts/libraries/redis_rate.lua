-- GCRA in seconds with fractions, counted from 2017, by the server's clock. Source: the behaviour of
-- redis_rate 10.

local seconds = now / 1000000 - 1483228800
local interval = window / 1000000 / allowed
local due = math.max(tonumber(redis.call('GET', KEYS[1]) or seconds), seconds) + interval
local ahead = seconds - (due - interval * burst)
if ahead / interval < 0 then
    return refuse(-ahead * 1000000)
end
local life = due - seconds
if life > 0 then
    redis.call('SET', KEYS[1], string.format('%.17g', due), 'EX', math.ceil(life))
end
return admit()
