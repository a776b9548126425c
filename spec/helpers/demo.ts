/** Helpers for the specs of the command `demo`: a user who clicks through it. */
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { password } from '../../src/cli/demo/authorization-server.ts';
import { Browser, type Page } from '../../src/testing/browser.ts';
import type { Folder } from './cli.ts';

/** A folder with an `xdg-open` that notes what it is to open, and opens nothing. */
export function withoutBrowser(folder: Folder): { env: Record<string, string>; opened: () => string[] } {
  const notes = `${folder.path}/opened`;
  chmodSync(folder.write('xdg-open', `#!/bin/sh\necho "$1" >>'${notes}'\n`), 0o755);
  return {
    env: { PATH: `${folder.path}:${process.env['PATH'] ?? ''}` },
    opened: () => (existsSync(notes) ? readFileSync(notes, 'utf8').trim().split('\n') : []),
  };
}

/** Signs in at the demo's provider, and allows or denies. */
export async function answer(url: string, button: 'Allow' | 'Deny'): Promise<Page> {
  const browser = new Browser();
  const login = await browser.open(new URL(url));
  const asked = await browser.submit(login, 'Sign in', { login: 'ada', password });
  return browser.submit(asked, button);
}
