import { inGroup } from './setting.ts';

export const nodes = inGroup('Several nodes:', [
  {
    key: 'redis.url',
    flag: '--redis <url>',
    reads: 'text',
    what: 'Redis that the nodes share, such as rediss://user:password@host:6379',
    secret: true,
  },
  {
    key: 'redis.prefix',
    flag: '--redis-prefix <text>',
    reads: 'text',
    what: 'what its keys and channels begin with (default: rxoc:)',
  },
  {
    key: 'redis.tenant',
    flag: '--redis-tenant <name>',
    reads: 'text',
    what: 'whose flows these are, where services share a prefix',
  },
  {
    key: 'redis.keys',
    flag: '--redis-keys <file>',
    reads: 'text',
    what: 'JSON list of { id, key }; the first seals codes in Redis, all open them',
  },
  {
    key: 'redis.quota',
    flag: '--redis-quota <bounds>',
    reads: 'bounds',
    what: 'what the tenant may have at all nodes: flows=<number>,perSecond=<number>',
  },
  {
    key: 'redis.timeout',
    flag: '--redis-timeout <ms>',
    reads: 'number',
    what: 'how long a step may take until Redis counts as away (default: 3000)',
  },
  {
    key: 'redis.poll',
    flag: '--redis-poll <ms>',
    reads: 'number',
    what: 'how often to look for endings whose message was lost (default: 10000)',
  },
]);
