import { CommandError } from './errors.ts';
import { exitCodes } from './exit-codes.ts';
import type { Io } from './io.ts';
import { settingsOf } from './login/table.ts';
import { variableOf } from './settings/setting.ts';
import { settings } from './serve/settings.ts';

const prefix = 'RX_OAUTH_CALLBACK_';
const ofLogin = settingsOf('login').map(variableOf);
const known = [`${prefix}CONFIG`, ...settings.map(variableOf), ...ofLogin];

// Kubernetes sets these in every pod if a service is called rx-oauth-callback.
const ofKubernetes = /^(?:SERVICE_HOST|SERVICE_PORT\w*|PORT_\d+_(?:TCP|UDP|SCTP)\w*)$/;

/** Throws `CommandError` for a variable with the prefix of this command that no command reads. An empty one counts as unset. */
export function requireKnownVariables(env: Io['env']): void {
  for (const [name, value] of Object.entries(env)) {
    if (!value || !name.startsWith(prefix) || known.includes(name)) continue;
    if (ofKubernetes.test(name.slice(prefix.length))) continue;
    const near = nearest(name);
    const advice = near === undefined ? '' : `; did you mean ${near}?`;
    throw new CommandError(`${name} is not a variable of this command${advice}`, exitCodes.usage);
  }
}

/** Gives the known name that needs the fewest changes; undefined if each needs more than three. */
function nearest(name: string): string | undefined {
  const [best] = known
    .map((each) => ({ each, changes: distance(name, each) }))
    .sort((a, b) => a.changes - b.changes);
  return best && best.changes <= 3 ? best.each : undefined;
}

/** Counts the characters to insert, remove or replace, by the algorithm of Wagner and Fischer. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let line = 0; line < from.length; line++) {
    const before = row;
    let last = line + 1;
    row = [last];
    for (let column = 0; column < to.length; column++) {
      const replaced = (before[column] ?? 0) + (from[line] === to[column] ? 0 : 1);
      last = Math.min(replaced, (before[column + 1] ?? 0) + 1, last + 1);
      row.push(last);
    }
  }
  return row[to.length] ?? 0;
}
