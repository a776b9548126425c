/** Helpers for the specs of the command `login`: its arguments, and how to read its output. */
import { Tokens } from '../../src/login.ts';
import * as assert from './assert.ts';
import type { Cli } from './cli.ts';
import { clientId } from './provider.ts';

export const loginAt = ({ issuer }: { issuer: string }, ...more: readonly string[]): string[] => [
  ...['login', '--issuer', issuer, '--client-id', clientId, '--scope', 'openid'],
  ...more,
];

export const lastLine = ({ stderr }: Cli): string => stderr.trim().split('\n').at(-1) ?? '';

/** Reads stdout, which holds tokens and nothing else. */
export function tokensIn(text: string): Tokens {
  const tokens = Tokens.fromDict(JSON.parse(text) as Record<string, unknown>);
  assert.is(`${JSON.stringify(tokens.toDict(), undefined, 2)}\n`, text);
  return tokens;
}

/** The URL that the person is asked to open. */
export async function urlOf(command: Cli): Promise<URL> {
  const line = /^ {2}(?:\u001b\[36m)?(https?:\S+?)(?:\u001b\[39m)?\r?\n/m;
  return new URL(await Promise.any([command.sees(line, 'stderr'), command.sees(line)]));
}

export async function codeOf(command: Cli, ms?: number): Promise<number | null> {
  return (await command.end(ms)).code;
}
