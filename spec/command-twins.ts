/** Commands that do not meet a requirement, as twins.ts has servers. */
import type { commandRows } from './command-rows.ts';
import type { Edit } from './helpers/weakened.ts';

export interface CommandTwin<Name = keyof typeof commandRows> {
  /** The row whose check must reject it. */
  row: Name;
  weakness: string;
  edits: readonly Edit[];
  complaint: RegExp;
}

const edit = (file: string, find: string, replace: string): Edit[] => [{ file, find, replace }];

export const commandTwins: readonly CommandTwin[] = [
  {
    row: 'savesForOwner',
    weakness: 'saves tokens for everybody to read',
    edits: edit('cli/login/save.ts', `'wx', 0o600`, `'wx', 0o644`),
    complaint: /the mode of the file[^]*644/,
  },
  {
    row: 'savesForOwner',
    weakness: 'writes into the file that is there, with the mode it has',
    edits: edit(
      'cli/login/save.ts',
      `await rename(draft, file);`,
      `const old = await open(file, 'w'); await old.writeFile(text); await old.close(); await rm(draft);`,
    ),
    complaint: /the mode of the file[^]*644/,
  },
  {
    row: 'savesForOwner',
    weakness: 'saves tokens where a link leads',
    edits: edit(
      'cli/login/save.ts',
      `await rename(draft, file);`,
      `await rename(draft, await (await import('node:fs/promises')).realpath(file).catch(() => file));`,
    ),
    complaint: /where a link led to/,
  },
  {
    row: 'savesForOwner',
    weakness: 'writes over what somebody reads',
    edits: edit(
      'cli/login/save.ts',
      `await rename(draft, file);`,
      `const old = await open(file, 'w'); await old.chmod(0o600); await old.writeFile(text); await old.close(); await rm(draft);`,
    ),
    complaint: /to who reads it meanwhile/,
  },
  {
    row: 'printsNoToken',
    weakness: 'prints tokens as they are',
    edits: edit('login/tokens.ts', `[name, '[redacted]']`, `[name, this.#fields[name]]`),
    complaint: /a token is printed/,
  },
  {
    row: 'printsNoToken',
    weakness: 'prints what else the server has sent',
    edits: edit(
      'login/tokens.ts',
      `return { ...fields, ...Object`,
      `return { ...this.#fields, ...fields, ...Object`,
    ),
    complaint: /a token is printed/,
  },
  {
    row: 'tellsThePage',
    weakness: 'says on the page that all went well where it did not',
    edits: edit(
      'login/sign-in.ts',
      `flow.settle({ status: 'failure', message: (error as Error).message })`,
      `flow.settle({ status: error ? 'success' : 'failure' })`,
    ),
    complaint: /the page of a refusal/,
  },
  {
    row: 'tellsThePage',
    weakness: 'has the page say that the redirect came',
    edits: edit(
      'login/sign-in.ts',
      `createOAuthCallbackServer({ settle, ...server })`,
      `createOAuthCallbackServer({ ...server })`,
    ),
    complaint: /the page of a refusal/,
  },
  {
    row: 'takesItsIssuerOnly',
    weakness: 'takes a response of any issuer',
    edits: edit(
      'login/sign-in.ts',
      `issuer: metadata.issuer,\n    issuerAdvertised: metadata.authorization_response_iss_parameter_supported === true,`,
      ``,
    ),
    complaint: /a response of another issuer/,
  },
  {
    row: 'takesItsIssuerOnly',
    weakness: 'does without the issuer that is advertised',
    edits: edit('login/sign-in.ts', `iss_parameter_supported === true`, `iss_parameter_supported === false`),
    complaint: /a response of nobody/,
  },
  {
    row: 'takesItsIdTokenOnly',
    weakness: 'sends no nonce, and misses none',
    edits: edit('login/sign-in.ts', `= scope?.split(' ').includes('openid') ? randomToken()`, `= false ? ''`),
    complaint: /an ID token with no nonce/,
  },
  {
    row: 'takesItsIdTokenOnly',
    weakness: 'takes whatever nonce there is',
    edits: edit(
      'login/exchange.ts',
      `await openid.authorizationCodeGrant(`,
      `await (async (configuration, url, { pkceCodeVerifier }, more) => {
        const answer = await openid.genericGrantRequest(configuration, 'authorization_code', {
          code: response.code ?? '', redirect_uri: flow.redirectUri, code_verifier: pkceCodeVerifier, ...more });
        return answer as never as Awaited<ReturnType<typeof openid.authorizationCodeGrant>>;
      })(`,
    ),
    complaint: /an ID token with another nonce/,
  },
  {
    row: 'joinsTheSame',
    weakness: 'joins what asks for another scope',
    edits: edit('login/sign-in.ts', `[issuer, clientId, scope, resource`, `[issuer, clientId, resource`),
    complaint: /sign-ins with another scope/,
  },
  {
    row: 'joinsTheSame',
    weakness: 'joins what another client asks for',
    edits: edit('login/sign-in.ts', `[issuer, clientId, scope, resource`, `[issuer, scope, resource`),
    complaint: /sign-ins with another client/,
  },
  {
    row: 'joinsTheSame',
    weakness: 'joins what is asked of another issuer',
    edits: edit('login/sign-in.ts', `[issuer, clientId, scope, resource`, `[clientId, scope, resource`),
    complaint: /sign-ins with another issuer/,
  },
  {
    row: 'joinsTheSame',
    weakness: 'joins nothing',
    edits: edit('login/flights.ts', `this.#byKey.get(key) ?? this.#start`, `this.#start`),
    complaint: /sign-ins with the same again/,
  },
  {
    row: 'registersWhereOffered',
    weakness: 'registers though there is a client id',
    edits: edit('login/client.ts', `if (clientId !== undefined) return`, `if (clientId === '') return`),
    complaint: /a client that is known/,
  },
  {
    row: 'registersWhereOffered',
    weakness: 'guesses where a server may register clients',
    edits: edit(
      'login/client.ts',
      `  if (registration_endpoint === undefined)`,
      `  if (registration_endpoint === undefined)\n    await fetch(issuer + '/register', { method: 'POST' });\n` +
        `  if (registration_endpoint === undefined)`,
    ),
    complaint: /a server that offers none is asked/,
  },
  {
    row: 'refreshesOnce',
    weakness: 'uses a refresh token once for each who asks',
    edits: edit('login/flights.ts', `this.#byKey.get(key) ?? this.#start`, `this.#start`),
    complaint: /how often it is used/,
  },
  {
    row: 'refreshesOnce',
    weakness: 'loses the refresh token that the server leaves out',
    edits: edit('login/exchange.ts', `{ refresh_token, scope, id_token }`, `{ scope, id_token }`),
    complaint: /what is left out is kept/,
  },
  {
    row: 'givesTicketsToMonitors',
    weakness: 'gives tickets without a credential',
    edits: edit(
      'monitor/server.ts',
      `return identity?.roles.includes('monitor') ? this.#visits.begin(identity, next) : undefined;`,
      `return identity ?? { name: 'anybody', roles: ['monitor'] };`,
    ),
    complaint: /with nothing[^]*200/,
  },
  {
    row: 'givesTicketsToMonitors',
    weakness: 'gives tickets to listeners',
    edits: edit('monitor/server.ts', `identity?.roles.includes('monitor')`, `identity`),
    complaint: /with a token without the role[^]*200/,
  },
  {
    row: 'givesTicketsToMonitors',
    weakness: 'opens a link as often as it is shown',
    edits: edit('monitor/visits.ts', `(pass === visit.used && next !== visit.current)`, `false`),
    complaint: /a link, opened twice/,
  },
  {
    row: 'hidesFromStrangers',
    weakness: 'shows metrics to everybody',
    edits: edit('telemetry/mount.ts', `bridge.identify(request)?.roles.includes('monitor')`, `bridge`),
    complaint: /\/metrics for a stranger/,
  },
  {
    row: 'hidesFromStrangers',
    weakness: 'takes any role for a monitor’s',
    edits: edit('telemetry/mount.ts', `?.roles.includes('monitor')`, ''),
    complaint: /Actual:\s*--··503/,
  },
  {
    row: 'pastesByState',
    weakness: 'takes the code of any response that is pasted',
    edits: edit(
      'login/pasted.ts',
      `  if (pasted === '')`,
      `  const found = new URLSearchParams(pasted.slice(pasted.indexOf('?') + 1)).get('code');\n` +
        `  if (found && rest) return pastedRequest(found, { redirectUri, prefix, rest });\n  if (pasted === '')`,
    ),
    complaint: /state=another-state-of-no-flow/,
  },
  {
    row: 'sendsItsOwnOnly',
    weakness: 'sends the response of another sign-in',
    edits: edit('cli/login/submit.ts', `if (fields.state !== state) return`, `if (!fields.state) return`),
    complaint: /another state is sent/,
  },
  {
    row: 'sendsItsOwnOnly',
    weakness: 'sends what another issuer has said',
    edits: edit('cli/login/submit.ts', `fields.iss === issuer ?`, `fields.iss !== '' ?`),
    complaint: /another issuer is sent/,
  },
  {
    row: 'sendsItsOwnOnly',
    weakness: 'asks any server that is pasted',
    edits: edit('cli/login/submit.ts', `url?.origin === home.origin && url.pathname`, `url?.pathname`),
    complaint: /another server is (?:taken|sent)/,
  },
  {
    row: 'hearsOnce',
    weakness: 'asks after a break for what it has had',
    edits: edit('client/remote-feed.ts', `this.#place.since = n + 1;`, `this.#place.since = n;`),
    complaint: /flows, as they were heard to begin/,
  },
  {
    row: 'hearsOnce',
    weakness: 'begins with the history again after a break',
    edits: edit('client/remote-feed.ts', `this.#place ?? (`, `(`),
    complaint: /flows, as they were heard to begin/,
  },
];
