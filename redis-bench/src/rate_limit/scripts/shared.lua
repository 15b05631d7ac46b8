-- Beginning of every limiter script: its arguments, its clock and its answer.
--
-- KEYS[1] is the name of the limiter. KEYS[2], if given, counts the decisions of this limiter, so
-- that they can be checked in their order. ARGV is the number of requests that are allowed, the
-- window in microseconds, the burst, and the time in microseconds; without a time, the server's
-- clock decides. All numbers are whole and below 2^53, so that Lua's arithmetic is exact.

local allowed, window, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local now = tonumber(ARGV[4])
if not now then
    -- Asks once, because a second answer within the same script may be later.
    local time = redis.call('TIME')
    now = time[1] * 1000000 + time[2]
end

-- Writes a whole number with all its digits; the .. operator keeps only 14 of them.
local function digits(number)
    return string.format('%.0f', number)
end

-- Returns the expiry of a key that is needed for so many more microseconds, as SET takes it. It is
-- a time, because a life may begin at an earlier reading of the server's clock than TIME's. Only if
-- the time was given is it a life, because that time is not of the server's clock.
local function expiry(us)
    if ARGV[4] then
        return 'PX', math.ceil(us / 1000) + 1
    end
    return 'PXAT', math.ceil((now + us) / 1000)
end

-- Sets the expiry of an existing key that is needed for so many more microseconds.
local function expire(key, us)
    local unit, ms = expiry(us)
    redis.call(unit == 'PX' and 'PEXPIRE' or 'PEXPIREAT', key, ms)
end

-- Answers with 1 or 0, the time of the decision, its number, and the wait in milliseconds. Each
-- call lets the count of decisions live for another hour.
local function answer(admitted, wait_us)
    local sequence = 0
    if KEYS[2] then
        sequence = redis.call('INCR', KEYS[2])
        redis.call('PEXPIRE', KEYS[2], 3600000)
    end
    return {admitted, now, sequence, math.ceil(wait_us / 1000)}
end

local function admit()
    return answer(1, 0)
end

-- Refuses the request, with the time until the next one would be admitted if none came meanwhile.
local function refuse(wait_us)
    return answer(0, wait_us)
end
