-- Writes the session KEYS[1] only if its version is still ARGV[1].
-- ARGV[2] is the new content, ARGV[3] its time to live in milliseconds.
-- Returns 1 if it was written, 0 if another version is there, -1 if there is no session.
local stored = redis.call('GET', KEYS[1])
if not stored then
  return -1
end
if string.match(stored, '^{"version":(%d+),') ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
