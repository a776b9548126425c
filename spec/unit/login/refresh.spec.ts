/** Refreshes at a server that rotates refresh tokens, and ends the sign-in if one is used twice. */
import { inspect } from 'node:util';
import { firstValueFrom } from 'rxjs';
import { refresh, signIn, TokenError, Tokens, type RefreshOptions } from '../../../src/login.ts';
import * as assert from '../../helpers/assert.ts';
import { json, startIssuer, type Issuer } from '../../helpers/issuer.ts';
import { clientId, startProvider, subject, type SignInProvider } from '../../helpers/provider.ts';
import { suite } from '../../helpers/suite.ts';
import { Watched } from '../../helpers/watched.ts';

const test = suite('refresh');

const scopes = ['openid', 'openid notes', 'notes'];

async function signedIn({ issuer }: SignInProvider): Promise<Tokens> {
  using watched = new Watched(signIn({ issuer, clientId, scope: 'openid notes offline_access' }));
  await watched.visit();
  return await watched.tokens();
}

const renewed = (tokens: Tokens, options: RefreshOptions = {}): Promise<Tokens> =>
  firstValueFrom(refresh(tokens, options));

const asked = ({ requests }: SignInProvider): number =>
  requests.filter((line) => line === 'POST /token').length;

test('for several scopes at once uses each refresh token once, and gives each its own tokens', async () => {
  await using as = await startProvider();
  const before = await signedIn(as);
  const all = await Promise.all(scopes.map((scope) => renewed(before, { scope })));
  assert.equal(
    all.map(({ scope }) => scope),
    scopes,
  );
  assert.is(new Set([before, ...all].map(({ refresh_token }) => refresh_token)).size, 4);
  assert.is(asked(as), 1 + scopes.length);
});

test('of tokens whose refresh token is used up takes the token that replaced it', async () => {
  await using as = await startProvider();
  const before = await signedIn(as);
  const all = await Promise.all(scopes.map((scope) => renewed(before, { scope })));
  // In an order in which each has been used up by the one before, and once more all at once.
  for (const tokens of [...all, before])
    assert.is.not((await renewed(tokens)).access_token, tokens.access_token);
  const last = await Promise.all([before, ...all].map((tokens) => renewed(tokens)));
  assert.is(last.at(-1)?.claims?.sub, subject);
});

test('waits for a refresh that fails, and then tries with the token that is left', async () => {
  for (const broken of ['refused', 'unanswered']) {
    let first = true;
    await using as = await startProvider({
      intercept: ({ url }, response) => {
        if (url !== '/token' || !first) return false;
        if (broken === 'unanswered') response.destroy();
        else json(response, 400, { error: 'invalid_scope' });
        return !(first = false);
      },
    });
    first = false;
    const before = await signedIn(as);
    first = true;
    // The one that is first to have discovered the server is first to use the token.
    const both = await Promise.allSettled(scopes.slice(1).map((scope) => renewed(before, { scope })));
    assert.equal(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  }
});

test('without a subscriber when its turn comes sends no request', async () => {
  const answers: (() => void)[] = [];
  const scopesAsked: (string | null)[] = [];
  await using as = await startIssuer({
    token: (form, response) => {
      scopesAsked.push(form.get('scope'));
      const refresh_token = `r${scopesAsked.length}`;
      answers.push(() => json(response, 200, { access_token: 'a', token_type: 'bearer', refresh_token }));
    },
  });
  const answer = async (): Promise<void> => {
    while (answers.length === 0) await new Promise(setImmediate);
    answers.shift()!();
  };
  const { issuer } = as;
  const kept = { issuer, client_id: clientId, access_token: 'a', token_type: 'bearer', refresh_token: 'r0' };
  const before = Tokens.fromDict(kept);
  // None of them has to discover first, so each has its turn in this order.
  const metadata = {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
  };
  const one = renewed(before, { scope: 'one', metadata });
  const left = refresh(before, { scope: 'left', metadata }).subscribe();
  const last = renewed(before, { scope: 'last', metadata });
  while (answers.length === 0) await new Promise(setImmediate);
  left.unsubscribe();
  await answer();
  assert.is((await one).refresh_token, 'r1');
  await answer();
  assert.is((await last).refresh_token, 'r2');
  assert.equal(scopesAsked, ['one', 'last']);
});

/** An ID token that nobody has signed. */
const unsigned = (sub: string): string => {
  const part = (content: object): string => Buffer.from(JSON.stringify(content)).toString('base64url');
  return `${part({ alg: 'RS256' })}.${part({ iss: 'https://other.example', sub })}.c2ln`;
};

/** Answers with an ID token that is not valid, and tells which refresh tokens it got. */
async function startInvalid(used: (string | null)[], sub: string): Promise<Issuer> {
  return startIssuer({
    token: (form, response) => {
      const count = used.push(form.get('refresh_token'));
      const answer = { access_token: 'a', token_type: 'bearer', refresh_token: `CANARY-r${count}` };
      json(response, 200, count === 1 ? { ...answer, id_token: unsigned(sub) } : answer);
    },
  });
}

const ofAda = ({ issuer }: Issuer): Tokens =>
  Tokens.fromDict({
    ...{ issuer, client_id: clientId, access_token: 'old', token_type: 'bearer', refresh_token: 'r0' },
    id_token: unsigned('ada'),
  });

async function failure(tokens: Tokens): Promise<TokenError> {
  const error = await renewed(tokens).catch((thrown: unknown) => thrown);
  if (!(error instanceof TokenError)) throw new TypeError(`no TokenError: ${String(error)}`);
  return error;
}

test('keeps the refresh token of an answer that is not valid, in the error and for the next call', async () => {
  const used: (string | null)[] = [];
  await using as = await startInvalid(used, 'ada');
  const before = ofAda(as);
  const error = await failure(before);
  assert.equal(error.kept?.toDict(), { ...before.toDict(), refresh_token: 'CANARY-r1' });
  for (const text of [
    String(error),
    inspect(error),
    inspect(error, { getters: true }),
    JSON.stringify(error),
  ])
    assert.not.match(text, 'CANARY');
  await renewed(before);
  assert.equal(used, ['r0', 'CANARY-r1']);
});

test('keeps no refresh token of an answer for another user', async () => {
  const used: (string | null)[] = [];
  await using as = await startInvalid(used, 'eve');
  const { kept } = await failure(ofAda(as));
  assert.is(kept, undefined);
});

test.run();
