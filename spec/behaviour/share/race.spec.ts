/** Several hosts for one sign-in: each has its link, and the first response ends the others. */
import { EMPTY, firstValueFrom, tap } from 'rxjs';
import { connectCallbackHost, ConnectionError } from '../../../src/client.ts';
import { Browser } from '../../../src/testing/browser.ts';
import { InvalidOptionError, NotListeningError, type CallbackHost, type Flow } from '../../../src/index.ts';
import { signIn, tokens } from '../../../src/login.ts';
import { raceHosts, type RacedFlow } from '../../../src/share.ts';
import { startFakeProvider, visit } from '../../../src/testing.ts';
import * as assert from '../../helpers/assert.ts';
import { token, withBridge } from '../../helpers/bridge.ts';
import { complains } from '../../helpers/complains.ts';
import { observe, withServer, type Endpoint } from '../../helpers/endpoint.ts';
import { clientId, startProvider } from '../../helpers/provider.ts';
import { leaks } from '../../helpers/printers.ts';
import { suite } from '../../helpers/suite.ts';
import { Watched } from '../../helpers/watched.ts';
import { edit, weakenedModule } from '../../helpers/weakened.ts';

const test = suite('hosts that race');

interface Racing {
  readonly here: Endpoint;
  readonly there: Pick<Endpoint, 'visit' | 'port' | 'server'>;
  readonly hosts: readonly [CallbackHost, CallbackHost];
}

/** A server of this process, and a service over the bridge. */
const withTwo = (body: (racing: Racing) => Promise<void>): Promise<void> =>
  withServer({}, (here) =>
    withBridge(async ({ url, ...there }) => {
      const service = await connectCallbackHost(url, { token });
      try {
        await body({ here, there, hosts: [here.server, service] });
      } finally {
        await service.close();
      }
    }),
  );

const endpoint = 'https://as.example/authorize';

const linked = (flow: RacedFlow): URL[] => {
  flow.authorizationUrl(endpoint, { client_id: 'c', scope: 'openid' });
  return flow.links.map(({ url }) => url);
};

/** The response comes by the second link. The first is over, and the flow is that of the second. */
const secondWins = (race: typeof raceHosts = raceHosts): Promise<void> =>
  withTwo(async ({ here, there, hosts }) => {
    const flow = await race(...hosts).begin();
    assert.equal(flow.links, []);
    const urls = linked(flow);
    const states = urls.map((url) => url.searchParams.get('state') ?? '');
    assert.is(new Set(states).size, 2);
    assert.equal(
      urls.map((url) => url.searchParams.get('redirect_uri')),
      [here.server.redirectUri, there.server.redirectUri],
    );
    assert.is(new Set(urls.map((url) => url.searchParams.get('code_challenge'))).size, 2);
    assert.is(flow.state, states[0]);
    const [seen, verifier] = [observe(flow), flow.codeVerifier];
    assert.is((await there.visit(`/callback?code=there&state=${states[1]}`)).status, 200);
    assert.is((await assert.deadline(firstValueFrom(flow.response), 'the response')).code, 'there');
    assert.equal(
      [flow.state, flow.redirectUri],
      [states[1], there.server.redirectUri],
      'the link that has won',
    );
    assert.is.not(flow.codeVerifier, verifier);
    assert.is((await here.visit(`/callback?code=late&state=${states[0]}`)).status, 400, 'the other link');
    assert.equal(
      seen.responses.map(({ code }) => code),
      ['there'],
    );
    assert.equal(seen.errors, []);
    assert.is((await firstValueFrom(flow.response)).code, 'there', 'to a late subscriber');
  });

test('gives the first response, and cancels the other links', () => secondWins());

for (const [what, change, complaint] of [
  [
    'leaves the other links open',
    edit('if (other !== flow) other.cancel();', 'if (other === undefined) other.cancel();'),
    /the other link/,
  ],
  [
    'keeps the values of the first link',
    edit('return this.#winner ?? this.#flows[0];', 'return this.#flows[0];'),
    /the link that has won/,
  ],
] as const)
  test(`finds a race that ${what}`, async () => {
    const twin = (await weakenedModule('share.ts', change)) as { raceHosts: typeof raceHosts };
    await complains(() => secondWins(twin.raceHosts), complaint);
  });

test('ends with the last link, not with the first', () =>
  withTwo(async ({ here, there, hosts }) => {
    const flow = await raceHosts(...hosts).begin();
    const [, second] = linked(flow);
    const seen = observe(flow);
    await here.server.close();
    assert.equal(seen.errors, []);
    assert.is((await there.visit(`/callback?code=c&state=${second!.searchParams.get('state')}`)).status, 200);
    assert.is((await assert.deadline(firstValueFrom(flow.response), 'the response')).code, 'c');
    const other = await raceHosts(hosts[1]).begin();
    other.cancel();
    await assert.rejects(firstValueFrom(other.response), 'cancelled');
  }));

test('goes on without a host that cannot begin', () =>
  withTwo(async ({ hosts, here }) => {
    const broken: CallbackHost = {
      ...hosts[0],
      begin: () => Promise.reject(new Error('down')),
    };
    const flow = await raceHosts(broken, here.server).begin();
    assert.is(linked(flow).length, 1);
    assert.is((await assert.rejects(raceHosts(broken, broken).begin(), Error)).message, 'down');
  }));

/** A host that throws, or rejects, is left out, and nothing of the others is left behind. */
async function leavesOut(race: typeof raceHosts = raceHosts): Promise<void> {
  await withTwo(async ({ hosts, here }) => {
    const { redirectUri, events } = hosts[0];
    const thrower = (): never => {
      throw new Error('down');
    };
    const broken: CallbackHost = { redirectUri, events, begin: thrower, close: thrower };
    const flow = await race(here.server, broken).begin();
    assert.is(linked(flow).length, 1);
    flow.cancel();
    assert.is((await assert.rejects(race(broken, broken).begin())).message, 'down');
    assert.is((await assert.rejects(race(broken, here.server).close())).message, 'down');
    await assert.rejects(here.server.begin(), NotListeningError);
  });
}

test('goes on without a host that throws, and closes the others too', () => leavesOut());

test('is found out if a host that throws ends the race', async () => {
  const twin = (await weakenedModule(
    'share.ts',
    edit('map(async (host) => host.begin(options))', 'map((host) => host.begin(options))'),
  )) as { raceHosts: typeof raceHosts };
  await complains(() => leavesOut(twin.raceHosts), /down/);
});

/** A host is left out of a flow, and begins another one for the second call with the key of that flow. */
async function joins(race: typeof raceHosts = raceHosts): Promise<void> {
  await withTwo(async ({ hosts, here, there }) => {
    let begins = 0;
    const first: CallbackHost = {
      ...{ redirectUri: hosts[1].redirectUri, events: hosts[1].events, close: () => Promise.resolve() },
      begin: (options) => (begins++ === 0 ? Promise.reject(new Error('down')) : hosts[1].begin(options)),
    };
    const raced = race(here.server, first);
    const flow = await raced.begin({ key: 'k' });
    assert.is(await raced.begin({ key: 'k' }), flow);
    assert.is(linked(flow).length, 1);
    flow.cancel();
    await assert.deadline(
      (async () => {
        while (there.server.pending > 0) await new Promise(setImmediate);
      })(),
      'no flow that is left behind',
      2_000,
    );
  });
}

test('shares a flow by its key, and leaves none of another host behind', () => joins());

test('is found out if a flow of another host is left behind', async () => {
  const twin = (await weakenedModule(
    'share.ts',
    edit('for (const flow of others) if (!race.has(flow)) flow.cancel();', ''),
  )) as { raceHosts: typeof raceHosts };
  await complains(() => joins(twin.raceHosts), /left behind/);
});

test('refuses an empty list, and what is no host', () => {
  const race = raceHosts as (...hosts: readonly unknown[]) => unknown;
  for (const wrong of [[], [undefined], [{}], [null, 'x']])
    assert.is(assert.throws(() => race(...wrong), InvalidOptionError).option, 'hosts');
});

test('completes if no link has a response, as a host may say', () =>
  withTwo(async ({ hosts }) => {
    const { redirectUri, events } = hosts[0];
    const { state, id, expiresAt, binding, codeVerifier } = await hosts[0].begin();
    const silent = {
      state,
      id,
      expiresAt,
      binding,
      codeVerifier,
      redirectUri,
      response: EMPTY,
    } as Partial<Flow>;
    const host: CallbackHost = {
      ...{ redirectUri, events, close: () => Promise.resolve() },
      begin: () => Promise.resolve(silent as Flow),
    };
    const seen = observe(await raceHosts(host, host).begin());
    assert.equal([seen.completed, seen.responses.length, seen.errors.length], [true, 0, 0]);
  }));

test('isolates the subscribers of its events', () =>
  withTwo(async ({ hosts }) => {
    const { warn } = console;
    const warned: unknown[] = [];
    console.warn = (error: unknown) => void warned.push(error);
    try {
      const raced = raceHosts(...hosts);
      const types: string[] = [];
      raced.events.subscribe(() => {
        throw new Error('of the program');
      });
      raced.events.subscribe(({ type }) => types.push(type));
      (await raced.begin()).cancel();
      assert.ok(types.includes('begun'));
      assert.match(String(warned[0]), 'of the program');
    } finally {
      console.warn = warn;
    }
  }));

test('goes on without a host that does not answer, and cancels what it begins too late', () =>
  withTwo(async ({ hosts, here }) => {
    let answer: (flow: Flow) => void = () => undefined;
    const slow: CallbackHost = {
      ...{ redirectUri: hosts[0].redirectUri, events: hosts[0].events, close: () => Promise.resolve() },
      begin: () => new Promise((resolve) => (answer = resolve)),
    };
    const flow = await raceHosts(here.server, slow).begin();
    assert.is(linked(flow).length, 1);
    const late = await hosts[1].begin();
    answer(late);
    await assert.rejects(firstValueFrom(late.response), 'cancelled');
    assert.is((await here.visit(`/callback?code=c&state=${flow.state}`)).status, 200);
  }));

test('takes what a user pastes for any link, and nothing of another sign-in', () =>
  withTwo(async ({ hosts }) => {
    for (const index of [0, 1]) {
      const flow = await raceHosts(...hosts).begin();
      linked(flow);
      const link = flow.links[index]!;
      const response = firstValueFrom(flow.response);
      await assert.rejects(link.paste('http://127.0.0.1:1/callback?code=c&state=s'), InvalidOptionError);
      await assert.rejects(link.paste(`${link.redirectUri}?code=c&state=of-another`), InvalidOptionError);
      await assert.rejects(link.paste(''), InvalidOptionError);
      await link.paste(
        index === 0
          ? 'pasted'
          : `${link.redirectUri}?code=pasted&state=${link.url.searchParams.get('state')}`,
      );
      assert.is((await assert.deadline(response, 'the response')).code, 'pasted');
    }
  }));

test('sends nothing that is pasted but a response of its own issuer and redirect URI', () =>
  withServer({ callbackPath: '/callback?tenant=1' }, async ({ server, redirects }) => {
    const issuer = 'https://as.example';
    const flow = await raceHosts(server).begin({ issuer });
    const [link] = (linked(flow), flow.links);
    const { state, redirectUri } = flow;
    for (const text of [
      `${redirectUri}&code=c&state=${state}&iss=https%3A%2F%2Fevil.example`,
      `${redirectUri.replace('tenant=1', 'tenant=2')}&code=c&state=${state}`,
      `${redirectUri}&error=access_denied&error=other&state=${state}`,
      `${redirectUri}&error=access_denied&state=${state}&state=other`,
    ])
      await assert.rejects(link!.paste(text), InvalidOptionError);
    assert.equal(redirects, []);
    await link!.paste(`${redirectUri}&code=c&state=${state}&iss=${encodeURIComponent(issuer)}`);
    assert.is((await firstValueFrom(flow.response)).code, 'c');
    const late = await raceHosts(server).begin();
    const [gone] = (linked(late), late.links);
    await server.close();
    const error = await assert.rejects(gone!.paste('the-code'), ConnectionError);
    assert.match(error.message, 'cannot be reached');
  }));

test('refuses a state, and leaves nothing behind', () =>
  withTwo(async ({ hosts, here }) => {
    const error = await assert.rejects(
      raceHosts(...hosts).begin({ state: 'x'.repeat(43) }),
      InvalidOptionError,
    );
    assert.is(error.option, 'state');
    await assert.rejects(raceHosts(...hosts).begin({ label: '' }), InvalidOptionError);
    assert.is(here.server.pending, 0);
  }));

test('rewrites a URL that another library has built, unless it was pushed', () =>
  withTwo(async ({ hosts }) => {
    const flow: Flow & RacedFlow = await raceHosts(...hosts).begin();
    const built = `${endpoint}?client_id=c&state=${flow.state}&redirect_uri=${encodeURIComponent(flow.redirectUri)}&code_challenge=x&nonce=n`;
    assert.is(flow.startUrl(built).searchParams.get('code_challenge'), 'x');
    const [, second] = flow.links.map(({ url }) => url.searchParams);
    assert.is(second!.get('nonce'), 'n');
    assert.is.not(second!.get('state'), flow.state);
    assert.is.not(second!.get('redirect_uri'), flow.redirectUri);
    assert.is.not(second!.get('code_challenge'), 'x');
    flow.startUrl(`${endpoint}?client_id=c&request_uri=urn:x`);
    assert.is(flow.links.length, 1);
  }));

for (const index of [0, 1])
  test(`signs in by the ${index === 0 ? 'first' : 'second'} link, with its verifier and redirect URI`, () =>
    withTwo(async ({ hosts }) => {
      await using provider = await startProvider();
      const { access_token } = await firstValueFrom(
        signIn({ issuer: provider.issuer, clientId, host: raceHosts(...hosts), scope: 'openid' }).pipe(
          tap((event) => {
            if (event.type === 'authorize') void new Browser().open(event.links[index]!.url);
          }),
          tokens(),
        ),
      );
      assert.ok(access_token.length > 0);
    }));

/** Signs in by the code of the last link, which is there once the server has given it. */
async function signsInByCode(race: typeof raceHosts): Promise<void> {
  await withTwo(async ({ hosts }) => {
    await using provider = await startFakeProvider();
    const { issuer, clientId } = provider;
    using watched = new Watched(signIn({ issuer, clientId, host: race(...hosts), device: 'beside' }));
    const authorize = await watched.next('authorize');
    const { userCode } = await watched.next('device');
    const { links } = authorize;
    assert.equal(
      links.map(({ kind, redirectUri, userCode }) => [kind, redirectUri !== undefined, userCode]),
      [
        ['loopback', true, undefined],
        ['loopback', true, undefined],
        ['device', false, userCode],
      ],
    );
    const device = links[2]!;
    assert.is((await assert.rejects(device.paste('code=c'), 'invalid_option')).message, noPlace);
    assert.equal(leaks(device, { 'URL with the code': device.url.href }), []);
    await visit(device.url, { press: 'Allow' });
    await watched.ended();
    assert.is(watched.types.at(-1), 'exchanged');
  });
}

const noPlace = 'text has no place here: the user enters a device code in the browser';

test('signs in by a device code, which is the last link', () => signsInByCode(raceHosts));

test('rejects a race without it', async () => {
  const twin = await weakenedModule('share.ts', edit(`takeLinks(this, (link) => race.add(link));`, ``));
  await complains(() => signsInByCode((twin as { raceHosts: typeof raceHosts }).raceHosts), /device/);
});

test.run();
