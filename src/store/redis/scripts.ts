/**
 * Steps of a flow in Redis. A flow is one hash. While a page waits for the outcome of the sign-in, another key has the name
 * of that page's node. The hash:
 *
 * - `e`: when it expires, in milliseconds by the clock of Redis;
 * - `o`: its owner, a digest of the listener's key;
 * - `s`: its data, sealed;
 * - `f`: digests of the redirects that fit it;
 * - `n`: the node that waits for it;
 * - `c`: set if a person must confirm the response by a code;
 * - `w`, `k`, `m`, `g`: a sealed response that waits for that, a digest of its code, how many wrong codes were typed in, and the
 *   attempt with the right one;
 * - `b`: the attempt that has begun it;
 * - `r`, `a`: how it ended, and the attempt that has ended it; a response is sealed;
 * - `t`: the attempt that has announced its end; the only field if the flow was lost before;
 * - `u`: acknowledged; only `a` is left beside it, and `s` if a page waited for the outcome then.
 *
 * A step is repeated if its answer was lost, so each gives the same answer the second time.
 */
export interface Script {
  readonly name: string;
  readonly source: string;
}

const now = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

/** ARGV: owner, sealed flow, digests, node, ttl, retention, attempt; for a flow that asks for a code, 1. */
export const begin: Script = {
  name: 'begin',
  source: `${now}
local known = redis.call('HMGET', KEYS[1], 'o', 's', 'e', 'u', 'b', 't')
if known[5] == ARGV[7] then return { 'begun', known[2], known[3] } end
if known[1] == ARGV[1] then return { 'again', known[2], known[3] } end
if known[3] or known[4] then return { 'in_use' } end
if known[6] then redis.call('DEL', KEYS[1]) end
local expires = string.format('%.0f', now + ARGV[5])
redis.call('HSET', KEYS[1], 'o', ARGV[1], 's', ARGV[2], 'e', expires, 'f', ARGV[3], 'n', ARGV[4], 'b', ARGV[7])
if ARGV[8] then redis.call('HSET', KEYS[1], 'c', '1') end
redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', expires + ARGV[6]))
return { 'begun', ARGV[2], expires }`,
};

/**
 * ARGV: digests that may fit, sealed response, attempt, channels, id, digest of a code or nothing; for a page, its node, and how
 * long.
 */
export const consume: Script = {
  name: 'consume',
  source: `${now}
local flow = redis.call('HMGET', KEYS[1], 'e', 'f', 'r', 'a', 'n', 'u', 's', 'c', 'w')
if flow[4] == ARGV[3] then return { flow[9] and 'unconfirmed' or 'accepted', flow[7] } end
if flow[6] then return { 'duplicate' } end
if not flow[1] then return { 'unmatched' } end
if flow[3] or flow[9] or now >= tonumber(flow[1]) then return { 'duplicate' } end
local fits = false
for digest in string.gmatch(ARGV[1], '%S+') do
  if string.find(flow[2], digest, 1, true) then fits = true end
end
if not fits then return { 'mismatch', flow[7] } end
if flow[8] and ARGV[6] ~= '' then
  redis.call('HSET', KEYS[1], 'w', ARGV[2], 'k', ARGV[6], 'a', ARGV[3])
  return { 'unconfirmed', flow[7] }
end
redis.call('HSET', KEYS[1], 'r', ARGV[2], 'a', ARGV[3])
if KEYS[2] then redis.call('SET', KEYS[2], ARGV[7], 'PX', ARGV[8]) end
redis.call('SPUBLISH', ARGV[4] .. flow[5], ARGV[5])
return { 'accepted', flow[7] }`,
};

/** ARGV: digest of the code, number of wrong codes that cancel the flow, channels, id, attempt. */
export const confirm: Script = {
  name: 'confirm',
  source: `${now}
local flow = redis.call('HMGET', KEYS[1], 'e', 'r', 'w', 'k', 'n', 'g')
if flow[2] then
  if flow[2] == 'cancelled' or flow[4] ~= ARGV[1] then return 'none' end
  return flow[6] == ARGV[5] and 'confirmed' or 'again'
end
if not flow[3] or now >= tonumber(flow[1]) then return 'none' end
local right = flow[4] == ARGV[1]
if not right and redis.call('HINCRBY', KEYS[1], 'm', 1) < tonumber(ARGV[2]) then return 'wrong' end
redis.call('HSET', KEYS[1], 'r', right and flow[3] or 'cancelled', 'g', ARGV[5])
redis.call('HDEL', KEYS[1], 'w')
redis.call('SPUBLISH', ARGV[3] .. flow[5], ARGV[4])
return right and 'confirmed' or 'exhausted'`,
};

/** ARGV: channels, id. */
export const cancel: Script = {
  name: 'cancel',
  source: `${now}
local flow = redis.call('HMGET', KEYS[1], 'e', 'r', 'n')
if not flow[1] or flow[2] or now >= tonumber(flow[1]) then return 0 end
redis.call('HSET', KEYS[1], 'r', 'cancelled')
redis.call('HDEL', KEYS[1], 'w', 'k')
redis.call('SPUBLISH', ARGV[1] .. flow[3], ARGV[2])
return 1`,
};

export const read: Script = {
  name: 'read',
  source: `return redis.call('HMGET', KEYS[1], 's', 'e')`,
};

/** ARGV: node, channels, id. Wakes the node before it, which then finds that the flow is elsewhere. */
export const adopt: Script = {
  name: 'adopt',
  source: `
local before = redis.call('HGET', KEYS[1], 'n')
if not before then return 0 end
if before ~= ARGV[1] then
  redis.call('HSET', KEYS[1], 'n', ARGV[1])
  redis.call('SPUBLISH', ARGV[2] .. before, ARGV[3])
end
return 1`,
};

/** ARGV: node. */
export const take: Script = {
  name: 'take',
  source: `${now}
local flow = redis.call('HMGET', KEYS[1], 'e', 'r', 'n')
if not flow[1] then return { 'gone' } end
if flow[3] ~= ARGV[1] then return { 'elsewhere' } end
if flow[2] == 'cancelled' then return { 'cancelled' } end
if flow[2] then return { 'response', flow[2] } end
if now >= tonumber(flow[1]) then return { 'expired' } end
return { 'none' }`,
};

/** ARGV: attempt, and how long to remember the announcement of a lost flow. */
export const announce: Script = {
  name: 'announce',
  source: `
local flow = redis.call('HMGET', KEYS[1], 'e', 't', 'u')
if flow[3] then return 0 end
if flow[2] then return flow[2] == ARGV[1] and 1 or 0 end
redis.call('HSET', KEYS[1], 't', ARGV[1])
if not flow[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1`,
};

/**
 * KEYS: the flow, its page. ARGV: retention. Deletes an ended flow at once; its state stays used for as long as the flow would
 * have been kept. If a page waits, the sealed flow is kept too, which has no code but the key by which its listener settles it.
 */
export const acknowledge: Script = {
  name: 'acknowledge',
  source: `${now}
local flow = redis.call('HMGET', KEYS[1], 'e', 'r', 'a', 's')
if not flow[1] then return 1 end
if not flow[2] and now < tonumber(flow[1]) then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'u', '1', 'a', flow[3] or '')
if redis.call('GET', KEYS[2]) then redis.call('HSET', KEYS[1], 's', flow[4]) end
redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', flow[1] + ARGV[1]))
return 1`,
};

/** KEYS: the page's key. ARGV: channels, message. */
export const settle: Script = {
  name: 'settle',
  source: `
local node = redis.call('GET', KEYS[1])
if not node then return 0 end
redis.call('SPUBLISH', ARGV[1] .. node, ARGV[2])
return 1`,
};

/** Finds flows of one slot that have ended, are gone or belong to another node. ARGV: node. */
export const ended: Script = {
  name: 'ended',
  source: `${now}
local found = {}
for index, key in ipairs(KEYS) do
  local flow = redis.call('HMGET', key, 'e', 'r', 'n')
  if not flow[1] or flow[2] or flow[3] ~= ARGV[1] or now >= tonumber(flow[1]) then found[#found + 1] = index end
end
return found`,
};

/** ARGV: a new value, its lifetime. Keeps a value that exists, and prolongs it. Also returns the time. */
export const shared: Script = {
  name: 'shared',
  source: `${now}
redis.call('SET', KEYS[1], ARGV[1], 'NX')
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return { redis.call('GET', KEYS[1]), now }`,
};

/** Reads a record. One that was removed is a mark of who has removed it. */
export const readRecord: Script = {
  name: 'readRecord',
  source: `
local value = redis.call('GET', KEYS[1])
if value and string.sub(value, 1, 1) == '!' then return false end
return value`,
};

/** ARGV: the version before, or nothing if there was no record; the value after, ttl. */
export const replaceRecord: Script = {
  name: 'replaceRecord',
  source: `
local value = redis.call('GET', KEYS[1]) or ''
if value == ARGV[2] then return 1 end
if string.sub(value, 1, 1) == '!' then value = '' end
if value ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`,
};

/**
 * ARGV: id, ttl, maximum of flows, maximum per second. KEYS: a tenant's pending flows by their expiry, and its allowance. Returns 0 if
 * there is no room, 2 if the flow was added, and 1 if it was there.
 */
export const admit: Script = {
  name: 'admit',
  source: `${now}
local ttl = tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 1 end
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
local rate = tonumber(ARGV[4])
local allowance = redis.call('HMGET', KEYS[2], 'left', 'at')
local left = math.min(rate, (tonumber(allowance[1]) or rate) + (now - (tonumber(allowance[2]) or now)) * rate / 1000)
if left < 1 then return 0 end
redis.call('HSET', KEYS[2], 'left', left - 1, 'at', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[2], 2000)
redis.call('ZADD', KEYS[1], now + ttl, ARGV[1])
redis.call('PEXPIRE', KEYS[1], math.max(ttl, redis.call('PTTL', KEYS[1])))
return 2`,
};

/** ARGV: id. */
export const release: Script = {
  name: 'release',
  source: `return redis.call('ZREM', KEYS[1], ARGV[1])`,
};
