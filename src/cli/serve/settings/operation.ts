import { inGroup } from './setting.ts';

export const operation = inGroup('Operation:', [
  {
    key: 'drain',
    flag: '--drain <ms>',
    reads: 'number',
    what: 'how long SIGTERM and Ctrl-C wait for sign-ins to end, 0 to 3600000 (default: 5000)',
  },
  {
    key: 'closeTimeout',
    flag: '--close-timeout <ms>',
    reads: 'number',
    what: 'how long pages in flight may take then (default: 1500)',
  },
  {
    key: 'json',
    flag: '--json',
    reads: 'switch',
    what: 'JSON, a line each: addresses on stdout, logs on stderr',
    not: 'text, whatever the environment or the file says',
  },
  {
    key: 'logLevel',
    flag: '--log-level <level>',
    reads: 'text',
    what: 'debug, info, warn, error or silent (default: info)',
  },
]);
