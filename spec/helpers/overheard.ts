/** Searches the HTTP traffic of a command that has its own servers for the secrets in it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Folder } from './cli.ts';

const setUp = pathToFileURL(join(import.meta.dirname, '../fixtures/programs/overheard.mjs')).href;

/** Places of each kind of secret in HTTP traffic; the group is the secret. */
const kinds = {
  state: /[?&]state=([\w-]+)/g,
  code: /[?&]code=([\w-]+)/g,
  verifier: /\bcode_verifier=([\w-]+)/g,
  'access token': /"access_token":"([^"]+)"/g,
  'ID token': /"id_token":"([^"]+)"/g,
  'token of the bridge': /^Bearer (\S+)$/gm,
  cookie: /\b_(?:session|interaction)=([\w-]+)/g,
} as const;

export type Secrets = Readonly<Record<keyof typeof kinds, readonly string[]>>;

/** The environment of the command to overhear, and what was overheard so far, each once. */
export function overhear(
  folder: Folder,
  name = 'overheard',
): { env: Record<string, string>; secrets: () => Secrets } {
  const file = join(folder.path, name);
  return {
    env: { NODE_OPTIONS: `--import=${setUp}`, OVERHEARD: file },
    secrets() {
      const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
      const found = Object.entries(kinds).map(([kind, pattern]) => [
        kind,
        [...new Set([...text.matchAll(pattern)].map(([, secret]) => secret!))],
      ]);
      return Object.fromEntries(found) as Secrets;
    },
  };
}
