import type { Observable } from 'rxjs';
import { abortable } from '../../base/abortable.ts';
import { askWithoutToken, type TokenlessAnswer } from '../../mcp/asked-server.ts';
import { Discovery, type Discovered } from '../../mcp/discovery.ts';
import { flowNamesOf } from '../../mcp/flow-names.ts';
import { inTime, type FetchLike } from '../../mcp/requests.ts';
import { scopesToRequest } from '../../mcp/scopes.ts';
import { CommandError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Progress } from './progress.ts';
import type { LoginSettings } from './settings.ts';

/**
 * Asks an MCP server how to sign in, and emits the settings with what it has named. Errors with `CommandError`, or an error of the
 * library.
 */
export function askMcpServer(
  server: string,
  settings: LoginSettings,
  progress: Progress,
  fetch: FetchLike = globalThis.fetch,
): Observable<LoginSettings> {
  return abortable(async (signal) => {
    const send = inTime(fetch);
    const answer = await askWithoutToken(server, send, signal);
    const acceptable = { trustedIssuers: [], preferred: [] };
    const found = await new Discovery(send).ofServer(server, answer.challenge ?? {}, acceptable, signal);
    if (!answer.challenge && !found.isNamed && !found.isPublished) throw nothingToSignInTo(server, answer);
    const named = answer.challenge?.scope ?? found.scopes;
    const scope = scopesToRequest({ own: settings.signIn.scope, named }, found.metadata);
    progress.say(sentenceOf(server, found, scope));
    return settingsFor(server, settings, found, scope);
  });
}

function settingsFor(
  server: string,
  settings: LoginSettings,
  { metadata, isPublished, resource }: Discovered,
  scope: string | undefined,
): LoginSettings {
  const { signIn } = settings;
  return {
    ...settings,
    signIn: {
      ...signIn,
      ...flowNamesOf(server),
      issuer: metadata.issuer,
      metadata,
      requirePkce: signIn.requirePkce ?? isPublished,
      resource: resource === undefined ? [] : [resource],
      ...(scope !== undefined && { scope }),
    },
    scopesOf: signIn.scope === undefined ? 'server' : 'user',
  };
}

function sentenceOf(
  server: string,
  { metadata, isPublished }: Discovered,
  scope: string | undefined,
): string {
  const scopes = scope === undefined ? '' : `, with the scopes ${scope}`;
  return isPublished
    ? `${server} has its sign-ins at ${metadata.issuer}${scopes}.`
    : `${server} names no authorization server; trying the endpoints at ${metadata.issuer}${scopes}.`;
}

function nothingToSignInTo(server: string, { status }: TokenlessAnswer): CommandError {
  const isDown = status === undefined || status >= 500;
  const answered =
    status === undefined ? 'did not answer' : `answered ${status} to a request without a token`;
  return new CommandError(
    `the server ${server} ${answered}, and names no authorization server${isDown ? '' : '; there is nothing to sign in to'}`,
    isDown ? exitCodes.connection : exitCodes.failed,
  );
}
