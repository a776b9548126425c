import { filter, firstValueFrom, retry, Subject, timer } from 'rxjs';
import { connectCallbackHost } from '../../../src/client.ts';
import type { BeginOptions, CallbackHost, ServerEvent } from '../../../src/index.ts';
import { signIn, tokens, type Tokens } from '../../../src/login.ts';
import * as assert from '../../helpers/assert.ts';
import { token, withBridge } from '../../helpers/bridge.ts';
import { withServer, type Endpoint } from '../../helpers/endpoint.ts';
import { compose, navigation } from '../../helpers/http.ts';
import { clientId, redirectOf, startProvider, type SignInProvider } from '../../helpers/provider.ts';
import { RawSocket } from '../../helpers/raw.ts';
import { hold, refuses } from '../../helpers/sockets.ts';
import { suite } from '../../helpers/suite.ts';
import { Watched } from '../../helpers/watched.ts';

const test = suite('signIn, cancelled and joined');
const settle = 60_000;

/** A provider that does not answer one kind of request, and tells when it is asked and when nobody waits any more. */
async function silentAt(path: string) {
  let asked: (() => void) | undefined;
  let left: (() => void) | undefined;
  const isAsked = new Promise<void>((resolve) => (asked = resolve));
  const isLeft = new Promise<void>((resolve) => (left = resolve));
  const provider = await startProvider({
    registration: true,
    intercept: (incoming, response) => {
      if (incoming.url?.split('?')[0] !== path) return false;
      response.on('close', () => left?.());
      asked?.();
      return true;
    },
  });
  return { provider, isAsked, isLeft };
}

const typesOf = (events: readonly ServerEvent[]): string[] => events.map(({ type }) => type);

for (const [phase, path, id, told] of [
  ['discovery', '/.well-known/openid-configuration', clientId, []],
  ['registration', '/reg', undefined, ['begun', 'cancelled']],
] as const) {
  test(`unsubscribed during ${phase}, aborts the request and leaves nothing`, async () => {
    const { provider, isAsked, isLeft } = await silentAt(path);
    await using as = provider;
    await withServer({ settle }, async ({ server, events }) => {
      const watched = new Watched(signIn({ issuer: as.issuer, host: server, ...(id && { clientId: id }) }));
      await isAsked;
      watched.unsubscribe();
      await assert.deadline(isLeft, 'the end of the request');
      assert.equal([typesOf(events), watched.completed, watched.errors], [told, false, []]);
    });
  });
}

test('unsubscribed while it waits, cancels the flow: the redirect is late', async () => {
  await using as = await startProvider();
  await withServer({ settle }, async ({ server, events }) => {
    const watched = new Watched(signIn({ issuer: as.issuer, clientId, host: server }));
    await watched.next('waiting');
    watched.unsubscribe();
    assert.equal(typesOf(events), ['begun', 'cancelled']);
    assert.is((await watched.visit()).status, 400);
    assert.not.ok(as.requests.includes('POST /token'));
    assert.not.ok(watched.types.includes('received'));
  });
});

test('unsubscribed while it waits at a service elsewhere, cancels the flow there', async () => {
  await using as = await startProvider();
  await withBridge(async ({ url, events, server }) => {
    await using host = await connectCallbackHost(url, { token });
    const watched = new Watched(signIn({ issuer: as.issuer, clientId, host }));
    await watched.next('waiting');
    const told = firstValueFrom(server.events.pipe(filter(({ type }) => type === 'cancelled')));
    watched.unsubscribe();
    await assert.deadline(told, 'the end of the flow');
    assert.equal(typesOf(events), ['begun', 'cancelled']);
    assert.is((await watched.visit()).status, 400);
    assert.not.ok(as.requests.includes('POST /token'));
    assert.ok(host.connected, 'the host is for others too');
  });
});

test('unsubscribed while a host begins its flow, cancels that flow', async () => {
  await using as = await startProvider();
  await withServer({}, async ({ server, events }) => {
    // Registered already, and the answer on its way.
    const asked = new Subject<void>();
    const host = {
      begin: async (options?: BeginOptions) => {
        const flow = await server.begin(options);
        asked.next();
        return flow;
      },
    } as unknown as CallbackHost;
    const isAsked = firstValueFrom(asked);
    const watched = new Watched(signIn({ issuer: as.issuer, clientId, host }));
    await isAsked;
    watched.unsubscribe();
    assert.equal([typesOf(events), watched.types], [['begun', 'cancelled'], ['discovered']]);
  });
});

test('unsubscribed while its own server opens its port, frees it', async () => {
  await using as = await startProvider();
  const port = await freePort();
  // As soon as the metadata is there, the port is asked for, and not yet had.
  const watched = new Watched(signIn({ issuer: as.issuer, clientId, server: { port } }), ({ type }) => {
    if (type === 'discovered') queueMicrotask(() => watched.unsubscribe());
  });
  await watched.next('discovered');
  assert.equal(watched.types, ['discovered']);
  await isFree(port);
});

test('unsubscribed while its own server waits, frees the port', async () => {
  await using as = await startProvider();
  const watched = new Watched(signIn({ issuer: as.issuer, clientId }));
  const { url } = await watched.next('authorize');
  watched.unsubscribe();
  await isFree(Number(new URL(url.searchParams.get('redirect_uri')!).port));
});

for (const own of [true, false]) {
  test(`unsubscribed during the exchange, aborts it and says so on the page of ${own ? 'its own' : 'the'} server`, async () => {
    const { provider, isAsked, isLeft } = await silentAt('/token');
    await using as = provider;
    await withServer({ settle }, async ({ server }) => {
      const watched = new Watched(
        signIn({ issuer: as.issuer, clientId, scope: 'openid', ...(!own && { host: server }) }),
      );
      const page = watched.visit();
      await isAsked;
      assert.ok(watched.types.includes('received'));
      watched.unsubscribe();
      await assert.deadline(isLeft, 'the end of the request');
      const { html } = await page;
      assert.match(html, 'Authentication failed');
      assert.match(html, 'The sign-in was cancelled.');
    });
  });
}

test('is cold: nothing happens before it is subscribed, and each subscription is another sign-in', async () => {
  await using as = await startProvider();
  const events = signIn({ issuer: as.issuer, clientId, scope: 'openid' });
  assert.equal(as.requests, []);
  const flows = new Set<string>();
  for (let round = 0; round < 2; round++) {
    using watched = new Watched(events);
    flows.add((await watched.next('authorize')).url.searchParams.get('state')!);
    await watched.visit();
    await watched.tokens();
  }
  assert.is(flows.size, 2);
});

test('joins an equal sign-in: one URL, one exchange, and every event to each subscriber', async () => {
  await using as = await startProvider();
  await withServer({ settle }, async ({ server, events }) => {
    const options = { issuer: as.issuer, clientId, scope: 'openid', host: server };
    using first = new Watched(signIn(options));
    await first.next('waiting');
    // Another call, and late.
    using second = new Watched(signIn({ ...options }));
    await second.next('waiting');
    const url = (await first.next('authorize')).url.href;
    assert.is((await second.next('authorize')).url.href, url);
    await first.visit();
    assert.is(await second.tokens(), await first.tokens());
    await Promise.all([first.ended(), second.ended()]);
    assert.equal(second.types, first.types);
    assert.is(typesOf(events).filter((type) => type === 'begun').length, 1);
    assert.is(as.requests.filter((line) => line === 'POST /token').length, 1);
  });
});

test('goes on while a subscriber is left, and ends with the last', async () => {
  await using as = await startProvider();
  await withServer({ settle }, async ({ server, events }) => {
    const options = { issuer: as.issuer, clientId, host: server };
    const [first, second] = [new Watched(signIn(options)), new Watched(signIn(options))];
    await Promise.all([first.next('waiting'), second.next('waiting')]);
    first.unsubscribe();
    assert.equal(typesOf(events), ['begun']);
    second.unsubscribe();
    assert.equal(typesOf(events), ['begun', 'cancelled']);
    using third = new Watched(signIn(options));
    await third.next('waiting');
    assert.equal(typesOf(events), ['begun', 'cancelled', 'begun']);
  });
});

test('joins no sign-in that differs in issuer, client, scope, resource, parameters or host, or that opts out', async () => {
  await using as = await startProvider();
  await withServer({ settle }, (one) =>
    withServer({ settle }, async (other) => {
      const options = { issuer: as.issuer, clientId, scope: 'openid', host: one.server };
      const all = [
        options,
        { ...options, clientId: 'another' },
        { ...options, scope: 'openid notes' },
        { ...options, resource: 'https://api.example/' },
        { ...options, parameters: { prompt: 'login' } },
        { ...options, host: other.server },
        { ...options, singleFlight: false },
      ].map((each) => new Watched(signIn(each)));
      try {
        await Promise.all(all.map((watched) => watched.next('waiting')));
        const begun = ({ events }: Endpoint): number => events.filter(({ type }) => type === 'begun').length;
        assert.equal([begun(one), begun(other)], [all.length - 1, 1]);
      } finally {
        for (const watched of all) watched.unsubscribe();
      }
    }),
  );
});

for (const [how, again] of [
  ['at once', retry<Tokens>(2)],
  ['a little later', retry<Tokens>({ count: 2, delay: () => timer(0) })],
] as const) {
  test(`can be retried ${how} by a subscriber that hears of the failure: another sign-in each time`, async () => {
    await using as = await startProvider();
    await withServer({ settle }, async ({ server, events }) => {
      const options = { issuer: as.issuer, clientId, scope: 'openid', host: server, timeout: 30 };
      const tired = assert.rejects(firstValueFrom(signIn(options).pipe(tokens(), again)), 'expired');
      // A second caller, who hears of the first failure later, does not keep the sign-in going.
      using other = new Watched(signIn(options));
      assert.is((await other.failure()).code, 'expired');
      await tired;
      assert.equal(typesOf(events), Array.from({ length: 3 }, () => ['begun', 'expired']).flat());
    });
  });
}

test('sends a slow reader the whole page before its own server is gone', async () => {
  await using as = await startProvider();
  const watched = new Watched(signIn({ issuer: as.issuer, clientId, scope: 'openid' }));
  const body = slowly(as, watched);
  await watched.ended();
  assert.match(await body, /Authentication successful[^]*<\/html>/);
});

test.run();

/** Signs in up to the redirect, then reads what that is answered in small bites. */
async function slowly(as: SignInProvider, watched: Watched): Promise<string> {
  const next = await redirectOf(as, (await watched.next('authorize')).url);
  using socket = await RawSocket.open({ address: next.hostname, port: Number(next.port) });
  await socket.write(compose(next, { headers: navigation }));
  await socket.until('HTTP/1.1 200');
  socket.stopReading();
  await watched.next('exchanged');
  await new Promise(setImmediate);
  socket.readOn();
  await socket.closed;
  return socket.received;
}

/** Resolves once nobody listens there any more, and somebody else can. */
async function isFree(port: number): Promise<void> {
  await refuses(port);
  await (await hold({ host: '127.0.0.1', port })).release();
}

async function freePort(): Promise<number> {
  const { port, release } = await hold({ host: '127.0.0.1' });
  await release();
  return port;
}
