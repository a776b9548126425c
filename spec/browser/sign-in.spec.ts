/** The whole way of a person, by hand: a login form, a consent form, and back to the callback. */
import type { Page } from 'playwright-core';
import { firstValueFrom, mergeMap } from 'rxjs';
import { password, startAuthorizationServer } from '../../src/cli/demo/authorization-server.ts';
import { discover, exchange } from '../../src/cli/demo/oauth-client.ts';
import { AuthorizationError, orThrow, type Flow, type OAuthCallbackServer } from '../../src/index.ts';
import { equal, is, rejects } from '../helpers/assert.ts';
import { withServer } from '../helpers/endpoint.ts';
import { browserSuite, headline, history } from './chromium.ts';

/** Begins a sign-in at the authorization server of the demo, and opens its login form. */
async function begin(page: Page, issuer: string, server: OAuthCallbackServer, id: string) {
  const client = await discover(issuer, { id, name: id });
  const flow = await server.begin({ issuer, issuerAdvertised: true });
  const url = flow.authorizationUrl(client.authorizationEndpoint, { client_id: id, scope: 'openid' });
  await page.goto(url.href);
  return { client, flow };
}

async function signIn(page: Page, name: string, secret = password): Promise<void> {
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(secret);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

async function backAt(page: Page, { redirectUri }: Flow): Promise<string> {
  await page.waitForURL((url) => url.href.startsWith(`${redirectUri}?~`));
  return headline(page);
}

const test = browserSuite('a sign-in by hand');

test('ends with the tokens of the person who signed in', async ({ page, seen }) => {
  await using authorizationServer = await startAuthorizationServer();
  const { issuer, clients } = authorizationServer;
  await withServer({}, async ({ server, redirects }) => {
    const { client, flow } = await begin(page, issuer, server, clients.notes.id);
    const tokens = firstValueFrom(
      flow.response.pipe(
        orThrow(),
        mergeMap((response) => exchange(client, flow, response)),
      ),
    );
    await signIn(page, 'ada', 'wrong');
    is(await page.getByRole('alert').innerText(), 'That is not the password.');
    await signIn(page, 'ada');
    await page.getByRole('button', { name: 'Allow' }).click();
    is(await backAt(page, flow), 'Authentication successful');
    is((await tokens).claims()?.sub, 'ada');

    equal(
      redirects.map(({ disposition }) => disposition),
      ['accepted'],
    );
    for (const entry of await history(page)) is(/[?&]code=/.test(entry), false, entry);
    // After the page, nothing more; before it, nobody but the two servers.
    const callback = new URL(server.redirectUri).origin;
    const origins = seen.requests.map((url) => new URL(url).origin);
    equal(new Set(origins), new Set([issuer, callback]));
    equal(origins.slice(origins.indexOf(callback)), [callback]);
    equal(seen.violations, []);
  });
});

test('ends with access_denied if the user denies', async ({ page }) => {
  await using authorizationServer = await startAuthorizationServer();
  const { issuer, clients } = authorizationServer;
  await withServer({}, async ({ server }) => {
    const { flow } = await begin(page, issuer, server, clients.photos.id);
    const refused = rejects(firstValueFrom(flow.response.pipe(orThrow())), AuthorizationError);
    await signIn(page, 'barbara');
    await page.getByRole('button', { name: 'Deny' }).click();
    is(await backAt(page, flow), 'Sign-in cancelled');
    is(await page.locator('h1 + p').innerText(), 'You cancelled the sign-in. Start again from the app.');
    is((await refused).error, 'access_denied');
  });
});

test('leads two tabs of one browser to the results of two programs', async ({ page, context }) => {
  await using authorizationServer = await startAuthorizationServer();
  const { issuer, clients } = authorizationServer;
  await withServer({}, async ({ server }) => {
    const other = await context.newPage();
    const first = await begin(page, issuer, server, clients.notes.id);
    const second = await begin(other, issuer, server, clients.photos.id);
    const results = [first, second].map(({ flow, client }) =>
      firstValueFrom(flow.response.pipe(mergeMap((response) => exchange(client, flow, response)))),
    );
    // In the other order than they were begun.
    await signIn(other, 'claude');
    await other.getByRole('button', { name: 'Allow' }).click();
    is(await backAt(other, second.flow), 'Authentication successful');
    await signIn(page, 'claude');
    await page.getByRole('button', { name: 'Allow' }).click();
    is(await backAt(page, first.flow), 'Authentication successful');
    const audiences = (await Promise.all(results)).map((tokens) => tokens.claims()?.aud);
    equal(audiences, [clients.notes.id, clients.photos.id]);
  });
});

test.run();
