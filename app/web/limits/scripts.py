"""The Lua that counts in Redis: all or nothing, by Redis' own clock.

A window is a number that ends with its key. A sliding limit is a list of the times of its uses, oldest first, so that no
span of the window's length ever holds more than the quota.
"""

from collections.abc import Sequence

from app.web.limits.policies import LimitStatus, Policy

#: `look(key, base)` returns what is used of a counter and the milliseconds until there is room again or it ends, for the
#: quota, the window in ms and the kind (1: sliding) in ARGV from `base` on.
_LOOK_LUA = """
local now
local function time_ms()
  if not now then
    local time = redis.call('TIME')
    now = time[1] * 1000 + math.floor(time[2] / 1000)
  end
  return now
end
local function look(key, base)
  local quota, window = tonumber(ARGV[base]), tonumber(ARGV[base + 1])
  if ARGV[base + 2] ~= '1' then
    local used, left = tonumber(redis.call('GET', key) or '0'), redis.call('PTTL', key)
    if left < 0 then return 0, window end
    -- In its last millisecond 0 is left, and no key can be set for that long.
    return used, math.max(1, left)
  end
  local oldest = redis.call('LINDEX', key, 0)
  while oldest and tonumber(oldest) <= time_ms() - window do
    redis.call('LPOP', key)
    oldest = redis.call('LINDEX', key, 0)
  end
  local used = redis.call('LLEN', key)
  -- The use that has to leave before there is room; with room, the next one to leave.
  local leaving = redis.call('LINDEX', key, math.max(0, used - quota))
  if not leaving then return used, window end
  return used, math.max(1, tonumber(leaving) + window - time_ms())
end
"""
#: `take(first, count, argument)`: for the counters KEYS[first…], with three numbers of each in ARGV from `argument` on.
#: Returns refused (0 or 1) and then used, milliseconds left and refusing (0 or 1; 2: the first of its window) of each.
TAKE_LUA = (
    _LOOK_LUA
    + """
local function take(first, count, argument)
  local answer, refused = {0}, 0
  for i = 0, count - 1 do
    local key, base = KEYS[first + i], argument + 3 * i
    local used, left = look(key, base)
    local refusing = 0
    if used >= tonumber(ARGV[base]) then
      refused = 1
      refusing = 1
      -- Of a sliding limit there is room again and again: a refusal is reported once in its length.
      local reported = ARGV[base + 2] == '1' and ARGV[base + 1] or left
      if redis.call('SET', key .. ':reported', '1', 'NX', 'PX', reported) then refusing = 2 end
    end
    answer[#answer + 1] = used
    answer[#answer + 1] = left
    answer[#answer + 1] = refusing
  end
  answer[1] = refused
  if refused == 1 then return answer end
  for i = 0, count - 1 do
    local key, base = KEYS[first + i], argument + 3 * i
    local used
    if ARGV[base + 2] == '1' then
      used = redis.call('RPUSH', key, time_ms())
      redis.call('PEXPIRE', key, ARGV[base + 1])
    else
      used = redis.call('INCR', key)
      if used == 1 then redis.call('PEXPIRE', key, ARGV[base + 1]) end
    end
    answer[2 + 3 * i] = used
  end
  return answer
end
"""
)
TAKE = TAKE_LUA + "return take(1, #KEYS, 1)"
PEEK = (
    _LOOK_LUA
    + """
local answer = {}
for i = 0, #KEYS - 1 do
  local used, left = look(KEYS[i + 1], 1 + 3 * i)
  answer[#answer + 1] = used
  answer[#answer + 1] = left
end
return answer
"""
)
TAKE_BACK = """
for i = 0, #KEYS - 1 do
  local key = KEYS[i + 1]
  if ARGV[3 + 3 * i] == '1' then redis.call('RPOP', key)
  elseif tonumber(redis.call('GET', key) or '0') > 0 then redis.call('DECR', key) end
end
return {}
"""


def arguments_of(policies: Sequence[Policy]) -> list[int]:
    """Return what the scripts read from ARGV for these policies."""
    return [
        number
        for policy in policies
        for number in (policy.quota, policy.window_s * 1000, int(policy.is_sliding))
    ]


def taken(policies: Sequence[Policy], answer: Sequence[int]) -> tuple[list[LimitStatus], bool]:
    """Return what TAKE_LUA answered: statuses in order, and whether a refusal is the first of its window."""
    statuses = [
        LimitStatus(policy, answer[1 + 3 * index], answer[2 + 3 * index] / 1000, answer[3 + 3 * index] > 0)
        for index, policy in enumerate(policies)
    ]
    return statuses, any(answer[3 + 3 * index] == 2 for index in range(len(policies)))


def peeked(policies: Sequence[Policy], answer: Sequence[int]) -> list[LimitStatus]:
    """Return what PEEK answered, in order."""
    return [
        LimitStatus(policy, used, left_ms / 1000)
        for policy, used, left_ms in zip(policies, answer[::2], answer[1::2], strict=True)
    ]
