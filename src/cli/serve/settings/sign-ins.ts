import { inGroup } from './setting.ts';

export const signIns = inGroup('Sign-ins:', [
  {
    key: 'issuers',
    flag: '--issuer <url>',
    reads: 'list',
    what: 'an authorization server in use; repeatable',
  },
  {
    key: 'flowTtl',
    flag: '--flow-ttl <ms>',
    reads: 'number',
    what: 'how long a sign-in waits (default: 600000)',
  },
  {
    key: 'maxFlows',
    flag: '--max-flows <number>',
    reads: 'number',
    what: 'sign-ins that may wait at once (default: 100000)',
  },
  {
    key: 'settle',
    flag: '--settle <ms>',
    reads: 'choice',
    what: 'how long a page waits to hear how the sign-in ended, or false (default: false)',
  },
  {
    key: 'finishUrls',
    flag: '--finish-url <url>',
    reads: 'list',
    what: 'URL that a program may send the browser to at the end; repeatable',
  },
  {
    key: 'unmatched',
    flag: '--unmatched <policy>',
    reads: 'policy',
    what: 'redirects nobody waits for: reject, accept or holdFor=<ms>,max=<number> (default: reject)',
  },
]);
