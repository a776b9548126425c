/** Openers of browsers that do what they must not, as command-twins.ts has them. */
import type { browserRows } from './browser-rows.ts';
import type { CommandTwin } from './command-twins.ts';
import type { Edit } from './helpers/weakened.ts';

const edit = (find: string, replace: string): Edit[] => [{ file: 'cli/browser.ts', find, replace }];

export const browserTwins: readonly CommandTwin<keyof typeof browserRows>[] = [
  {
    row: 'opensTheWebOnly',
    weakness: 'opens javascript: URLs',
    edits: edit(`protocol === 'https:' ||`, `/^(?:https|javascript):$/.test(protocol) ||`),
    complaint: /javascript:alert\(1\) is opened/,
  },
  {
    row: 'opensTheWebOnly',
    weakness: 'opens http anywhere',
    edits: edit(String.raw`isLoopback(hostname.replace(/^\[|\]$/g, ''))`, `hostname !== ''`),
    complaint: /http:\/\/as\.example\/ is opened/,
  },
  {
    row: 'opensTheWebOnly',
    weakness: 'takes a name that begins like loopback for it',
    edits: edit(String.raw`isLoopback(hostname.replace(/^\[|\]$/g, ''))`, `hostname.startsWith('127.')`),
    complaint: /http:\/\/127\.0\.0\.1\.nip\.io\/ is opened/,
  },
  {
    row: 'opensTheWebOnly',
    weakness: 'opens nothing but loopback',
    edits: edit(`protocol === 'https:' ||`, ''),
    complaint: /https:\/\/as\.example\/authorize\?a=b is not opened/,
  },
  {
    row: 'opensTheWebOnly',
    weakness: 'takes the brackets of an address for a part of it',
    edits: edit(String.raw`.replace(/^\[|\]$/g, '')`, ''),
    complaint: /http:\/\/\[::1\]:1234\/ is not opened/,
  },
  {
    row: 'tellsWhetherItOpened',
    weakness: 'takes a launcher that was started for a browser that was opened',
    edits: edit(`exit as [code: number | null])[0] === 0`, `exit as [code: number | null])[0] !== undefined`),
    complaint: /it has failed/,
  },
  {
    row: 'tellsWhetherItOpened',
    weakness: 'waits until the browser is closed',
    edits: edit(`timer(patience).pipe(map(() => true)),`, ''),
    complaint: /one that goes on/,
  },
  {
    row: 'startsNoShell',
    weakness: 'leaves Windows to the package, which starts PowerShell',
    edits: edit(`if (isWindows || env['WSL_DISTRO_NAME'])`, `if (env['WSL_DISTRO_NAME'])`),
    complaint: /Windows/,
  },
  {
    row: 'startsNoShell',
    weakness: 'starts what is called so where the process is',
    edits: edit(`join(env['SystemRoot'] ?? 'C:\\\\Windows', 'System32', 'rundll32.exe')`, `'rundll32.exe'`),
    complaint: /Windows/,
  },
  {
    row: 'startsNoShell',
    weakness: 'asks a shell to do it',
    edits: edit(`detached: true,`, `detached: true, shell: true,`),
    complaint: /Windows/,
  },
];
