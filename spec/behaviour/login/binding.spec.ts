/** Whole sign-ins whose flows are bound to the browser or to a code. */
import { concatMap, firstValueFrom, tap } from 'rxjs';
import { connectCallbackHost } from '../../../src/client.ts';
import { Browser, type Page } from '../../../src/testing/browser.ts';
import type { CallbackHost, ServerOptions } from '../../../src/index.ts';
import { signIn, tokens, type SignInEvent, type SignInOptions } from '../../../src/login.ts';
import { equal, is, match, rejects } from '../../helpers/assert.ts';
import { token, withBridge } from '../../helpers/bridge.ts';
import { Cli } from '../../helpers/cli.ts';
import { withServer } from '../../helpers/endpoint.ts';
import { codeOf, loginAt, tokensIn, urlOf } from '../../helpers/login.ts';
import { clientId, startProvider } from '../../helpers/provider.ts';
import { codeOn } from '../../helpers/starting.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('bound sign-ins');

/** Signs in at a host. The person opens what is shown, and does what the page asks for. */
async function signsIn(
  host: CallbackHost,
  issuer: string,
  options: Partial<SignInOptions> = {},
): Promise<{ access: string; pages: Page[]; events: SignInEvent[] }> {
  const pages: Page[] = [];
  const events: SignInEvent[] = [];
  let opened: Promise<Page> | undefined;
  const open = async (url: URL): Promise<Page> => {
    const browser = new Browser();
    const first = await browser.open(url);
    pages.push(first);
    if (!first.html.includes('<form method="post"><button>')) return first;
    const last = await browser.submit(first, 'Continue');
    pages.push(last);
    return last;
  };
  const { access_token } = await firstValueFrom(
    signIn({ issuer, clientId, host, scope: 'openid', ...options }).pipe(
      tap((event) => events.push(event)),
      concatMap(async (event) => {
        if (event.type === 'authorize') opened = open(event.url);
        // While it is awaited, nothing that follows is read; the flow waits for the code.
        if (event.type === 'waiting' && options.binding === 'code') {
          await rejects(event.confirm('BCDF-GHJK'), 'wrong_code');
          const page = await opened;
          await event.confirm(codeOn({ status: 200, headers: {}, raw: '', body: page?.html ?? '' }));
        }
        return event;
      }),
      tokens(),
    ),
  );
  await opened;
  return { access: access_token, pages, events };
}

const bound: ServerOptions = { binding: 'cookie' };

test('open the start URL, and know the authorization URL', () =>
  withServer(bound, async ({ server }) => {
    await using provider = await startProvider();
    const { access, pages, events } = await signsIn(server, provider.issuer);
    match(access, /./);
    const authorize = events.find((event) => event.type === 'authorize')!;
    equal([authorize.binding, authorize.url.pathname.slice(0, 7)], ['cookie', '/start/']);
    is(authorize.authorizationUrl.origin, provider.loopback.origin);
    is(pages.at(-1)?.status, 200);
  }));

test('end by a code that the person types in', () =>
  withServer({}, async ({ server }) => {
    await using provider = await startProvider();
    const { access, events } = await signsIn(server, provider.issuer, { binding: 'code' });
    match(access, /./);
    is(
      events.some(({ type }) => type === 'rejected'),
      false,
    );
  }));

test('over the bridge ask first', () =>
  withBridge(
    async ({ url }) => {
      await using host = await connectCallbackHost(url, { token });
      await using provider = await startProvider();
      const { access, pages } = await signsIn(host, provider.issuer);
      match(access, /./);
      match(pages[0]!.html, 'Did you start this sign-in?');
      is(pages.at(-1)?.status, 200);
    },
    {},
    bound,
  ));

for (const binding of ['cookie', 'code'] as const)
  test(`by the command at a service that binds by a ${binding}`, () =>
    withBridge(
      async ({ url }) => {
        await using provider = await startProvider();
        await using command = Cli.start(
          loginAt(provider, '--via', url, '--token', token, '--no-browser', '--timeout', '60'),
        );
        const shown = await urlOf(command);
        const browser = new Browser();
        let page = await browser.open(shown);
        if (binding === 'cookie') {
          match(shown.pathname, /^\/start\//);
          page = await browser.submit(page, 'Continue');
        } else {
          command.press('BCDF-GHJK\n');
          await command.sees(/Wrong code: .* Try again:/, 'stderr');
          command.press(`${codeOn({ status: 200, headers: {}, raw: '', body: page.html })}\n`);
        }
        is(page.status, 200);
        is(await codeOf(command), 0);
        match(tokensIn(command.stdout).access_token, /./);
      },
      {},
      { binding },
    ));

test.run();
