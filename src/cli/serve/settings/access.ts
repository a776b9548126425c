import { inGroup } from './setting.ts';

export const access = inGroup('Who may connect:', [
  {
    key: 'token',
    flag: '--token <token>',
    reads: 'text',
    what: 'one token for listeners and monitors; better in the environment, where `ps` does not show it',
    secret: true,
  },
  {
    key: 'tokens',
    flag: '--tokens <file>',
    reads: 'text',
    what: 'JSON list of { name, token, roles, expiresAt? }, read again on SIGHUP',
    secret: true,
  },
  {
    key: 'bridge.origins',
    flag: '--origin <origin>',
    reads: 'list',
    what: 'origin whose pages may connect; repeatable',
  },
  {
    key: 'monitor.linkTtl',
    flag: '--monitor-link-ttl <ms>',
    reads: 'number',
    what: 'how long the printed link to the monitor can wait to be opened (default: 600000)',
  },
  {
    key: 'monitor.visitTtl',
    flag: '--monitor-visit-ttl <ms>',
    reads: 'number',
    what: 'how long a monitor page may watch before it needs a token (default: 43200000)',
  },
  {
    key: 'bridge.limits',
    flag: '--bridge-limit <name=number>',
    reads: 'bounds',
    what: 'a bound on connections, such as connections=1000; repeatable',
  },
  {
    key: 'limits',
    flag: '--limit <name=number>',
    reads: 'bounds',
    what: 'a bound on what strangers may send, such as headers=50; repeatable',
  },
]);
