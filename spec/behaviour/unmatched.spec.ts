import { filter, firstValueFrom, timer, VirtualTimeScheduler } from 'rxjs';
import { ofState, orThrow, type CallbackResponse, type ServerOptions } from '../../src/index.ts';
import { equal, is, match, not, rejects } from '../helpers/assert.ts';
import { observe, withServer, type Endpoint } from '../helpers/endpoint.ts';
import { compose, navigation, visit as navigate, type HttpAnswer } from '../helpers/http.ts';
import { dial } from '../helpers/raw.ts';
import { suite } from '../helpers/suite.ts';

/** Returns distinct states that are strong enough for begin(). */
const stateOf = (name: string): string => `state-of-${name}-0123456789`;

const rejecting = suite("unmatched: 'reject'");

rejecting('is the default: rejects an unknown state, which stays unknown', () =>
  withServer({}, async ({ server, visit, redirects }) => {
    const state = stateOf('nobody');
    const { status, body } = await visit(`/callback?code=c&state=${state}`);
    is(status, 400);
    match(body, 'This sign-in link is not active');
    equal(
      redirects.map(({ disposition, response }) => [disposition, response.toDict()]),
      [['unmatched', { state }]],
    );
    // Not kept: who asks now gets what comes from now on.
    const outcome = observe(await server.begin({ state }));
    equal(outcome.responses, []);
    is((await visit(`/callback?code=real&state=${state}`)).status, 200);
    is(outcome.responses[0]?.code, 'real');
  }),
);

const accepting = suite("unmatched: 'accept'");

accepting('gives a well-formed redirect that no flow waits for to the stream, once', () =>
  withServer({ unmatched: 'accept' }, async ({ visit, redirects }) => {
    const target = `/callback?code=c&state=${stateOf('nobody')}`;
    match((await visit(target)).body, 'Authentication successful');
    is((await visit(target)).status, 400);
    equal(
      redirects.map(({ disposition, response, flowId: flow }) => [disposition, response.code, flow]),
      [
        ['accepted', 'c', undefined],
        ['duplicate', undefined, undefined],
      ],
    );
  }),
);

accepting('gives an error that no flow waits for, too', () =>
  withServer({ unmatched: 'accept' }, async ({ visit, redirects }) => {
    const { status, body } = await visit(`/callback?error=access_denied&state=${stateOf('nobody')}`);
    is(status, 400);
    match(body, 'You cancelled the sign-in. Start again from the app.');
    is(redirects[0]?.disposition, 'accepted');
  }),
);

accepting('accepts nothing malformed and nothing that is no navigation', () =>
  withServer({ unmatched: 'accept' }, async ({ visit, redirects }) => {
    const state = stateOf('nobody');
    is((await visit(`/callback?code=a&code=b&state=${state}`)).status, 400);
    is((await visit('/callback?code=c')).status, 400);
    is((await visit('/callback?error=access_denied')).status, 400);
    is((await visit(`/callback?code=c&state=${state}`, { 'Sec-Fetch-Dest': 'image' })).status, 403);
    is((await visit(`/callback?code=c&state=${state}`, { 'Sec-Purpose': 'prefetch' })).status, 503);
    equal([...new Set(redirects.map(({ disposition }) => disposition))], ['malformed', 'refused']);
    is((await visit(`/callback?code=c&state=${state}`)).status, 200);
  }),
);

accepting('does not loosen what a flow that was begun expects', () =>
  withServer({ unmatched: 'accept' }, async ({ server, visit, redirects }) => {
    const flow = await server.begin({ issuer: 'https://as.example' });
    const outcome = observe(flow);
    is((await visit(`/callback?code=c&state=${flow.state}&iss=https://evil.example`)).status, 400);
    is((await visit(`/callback?code=real&state=${flow.state}&iss=https://as.example`)).status, 200);
    is((await visit(`/callback?code=again&state=${flow.state}&iss=https://as.example`)).status, 400);
    const cancelled = await server.begin();
    cancelled.cancel();
    is((await visit(`/callback?code=c&state=${cancelled.state}`)).status, 400);
    equal(
      redirects.map(({ disposition }) => disposition),
      ['wrong_issuer', 'accepted', 'duplicate', 'late'],
    );
    equal(
      outcome.responses.map(({ code }) => code),
      ['real'],
    );
  }),
);

const holding = suite('unmatched: { holdFor, max }');

holding('keeps a redirect and its page until its flow begins', () =>
  withHeld({}, async ({ server, hold, redirects, events }) => {
    const state = stateOf('begun');
    const { page, came } = await hold(state);
    is(await came(), false);
    const flow = await server.begin({ state });
    is((await firstValueFrom(flow.response)).code, 'held');
    const { status, body } = await page;
    is(status, 200);
    match(body, 'Authentication successful');
    equal(
      redirects.map(({ disposition, response, flowId: id }) => [disposition, response.code, id]),
      [
        ['held', undefined, undefined],
        ['accepted', 'held', flow.id],
      ],
    );
    equal(
      events.map(({ type }) => type),
      ['redirect', 'begun', 'redirect', 'answered'],
    );
  }),
);

holding('keeps a redirect until its state is asked for on the stream', () =>
  withHeld({}, async ({ server, hold }) => {
    const state = stateOf('watched');
    const { page } = await hold(state);
    const response = await firstValueFrom(server.redirects.pipe(ofState(state)));
    is(response.code, 'held');
    is((await page).status, 200);
    // Once is once.
    const again: CallbackResponse[] = [];
    await new Promise<void>((complete) =>
      server.redirects.pipe(ofState(state)).subscribe({ next: (each) => again.push(each), complete }),
    );
    equal(again, []);
  }),
);

holding('keeps an error in the same way', () =>
  withHeld({}, async ({ server, hold }) => {
    const state = stateOf('denied');
    const { page } = await hold(state, 'error=access_denied');
    const flow = await server.begin({ state });
    const error = await rejects(firstValueFrom(flow.response.pipe(orThrow())), 'authorization_error');
    match(error.message, 'Access was denied');
    const { status, body } = await page;
    is(status, 400);
    match(body, 'You cancelled the sign-in. Start again from the app.');
  }),
);

holding('shows only state and error of a redirect that no program has asked for yet', () =>
  withHeld({}, async ({ hold, redirects, events, log }) => {
    const state = stateOf('nobody');
    await hold(state, 'error=server_error&error_description=canary&code=canary');
    equal(redirects[0]?.response.toDict(), { state, error: 'server_error' });
    not.match(JSON.stringify([events, log]), /canary|state-of/);
  }),
);

holding('shows the outcome even if the app reports it later', () =>
  withHeld({ settle: 60_000 }, async ({ server, hold }) => {
    const state = stateOf('settled');
    const { page, came } = await hold(state);
    const flow = await server.begin({ state });
    is((await firstValueFrom(flow.response)).code, 'held');
    is(await came(), false);
    flow.settle({ status: 'failure', message: 'The token endpoint said no.' });
    match((await page).body, 'The token endpoint said no.');
  }),
);

holding('shows the page in the language it was asked for in', () =>
  withHeld({}, async ({ server, hold }) => {
    const state = stateOf('german');
    const { page } = await hold(state, 'code=held', { 'Accept-Language': 'de' });
    await server.begin({ state });
    match((await page).body, 'Anmeldung erfolgreich');
  }),
);

holding('drops a redirect after its time, with the page of an unknown state', () =>
  withHeld({}, async ({ server, hold, visit, advance, redirects }) => {
    const state = stateOf('late');
    const { page, came } = await hold(state);
    advance(999);
    is(await came(), false);
    advance(1);
    const { status, body } = await page;
    is(status, 400);
    match(body, 'This sign-in link is not active');
    is(redirects.length, 1);
    // A flow that begins now waits for a redirect of its own.
    const outcome = observe(await server.begin({ state }));
    equal(outcome.responses, []);
    is((await visit(`/callback?code=real&state=${state}`)).status, 200);
    is(outcome.responses[0]?.code, 'real');
  }),
);

holding('rejects the newest beyond its number, and evicts none that waits', () =>
  withHeld({}, async ({ server, hold, visit, redirects, advance }) => {
    const first = await hold(stateOf('first'));
    const second = await hold(stateOf('second'));
    for (let index = 0; index < 50; index++)
      is((await visit(`/callback?code=c&state=${stateOf(`flood${index}`)}`)).status, 400);
    equal([...new Set(redirects.map(({ disposition }) => disposition))], ['held', 'unmatched']);
    const flow = await server.begin({ state: stateOf('first') });
    is((await firstValueFrom(flow.response)).code, 'held');
    is((await first.page).status, 200);
    // There is a place again.
    const third = await hold(stateOf('third'));
    advance(1_000);
    is((await second.page).status, 400);
    is((await third.page).status, 400);
    await hold(stateOf('fourth'));
    await hold(stateOf('fifth'));
  }),
);

holding('never takes the place or the time of a flow that was begun', () =>
  withHeld({ maxFlows: 2 }, async ({ server, hold, visit }) => {
    const flow = await server.begin();
    await hold(stateOf('first'));
    await hold(stateOf('second'));
    is((await visit(`/callback?code=c&state=${stateOf('third')}`)).status, 400);
    const other = await server.begin();
    for (const each of [flow, other]) {
      is((await visit(`/callback?code=real&state=${each.state}`)).status, 200);
      is((await firstValueFrom(each.response)).code, 'real');
    }
  }),
);

holding('refuses a second redirect of a state that is held', () =>
  withHeld({}, async ({ server, hold, visit, redirects }) => {
    const state = stateOf('twice');
    const { page } = await hold(state);
    is((await visit(`/callback?code=second&state=${state}`)).status, 400);
    const flow = await server.begin({ state });
    is((await firstValueFrom(flow.response)).code, 'held');
    is((await page).status, 200);
    is((await visit(`/callback?code=third&state=${state}`)).status, 400);
    equal(
      redirects.map(({ disposition }) => disposition),
      ['held', 'unmatched', 'accepted', 'duplicate'],
    );
  }),
);

holding('holds no redirect of a state that was used or has ended', () =>
  withHeld({}, async ({ server, visit, redirects }) => {
    const used = await server.begin();
    await visit(`/callback?code=c&state=${used.state}`);
    const cancelled = await server.begin();
    cancelled.cancel();
    is((await visit(`/callback?code=c&state=${used.state}`)).status, 400);
    is((await visit(`/callback?code=c&state=${cancelled.state}`)).status, 400);
    equal(
      redirects.map(({ disposition }) => disposition),
      ['accepted', 'duplicate', 'late'],
    );
  }),
);

holding('holds nothing that is malformed or no navigation', () =>
  withHeld({}, async ({ visit, redirects }) => {
    const state = stateOf('bad');
    is((await visit(`/callback?code=a&code=b&state=${state}`)).status, 400);
    is((await visit('/callback?code=c')).status, 400);
    is((await visit(`/callback?state=${state}`)).status, 400);
    is((await visit(`/callback?code=c&state=${state}`, { 'Sec-Fetch-Dest': 'iframe' })).status, 403);
    is((await visit(`/callback?code=c&state=${state}`, { Host: 'evil.example' })).status, 421);
    equal([...new Set(redirects.map(({ disposition }) => disposition))], ['malformed', 'refused']);
  }),
);

for (const [what, options, disposition] of [
  ['of another issuer', { issuer: 'https://as.example' }, 'wrong_issuer'],
  ['that came by query instead of form_post', { responseMode: 'form_post' }, 'wrong_response_mode'],
  ['at another redirect URI', { context: 'ctx' }, 'wrong_redirect_uri'],
] as const) {
  holding(`gives a flow no redirect ${what}, and the flow lives on`, () =>
    withHeld({}, async ({ server, hold, visit, send, redirects }) => {
      const state = stateOf('mismatch');
      const { page } = await hold(state, 'code=held&iss=https%3A%2F%2Fevil.example');
      const flow = await server.begin({ state, ...options });
      const outcome = observe(flow);
      const { status, body } = await page;
      is(status, 400);
      match(body, 'This sign-in link is not active');
      equal(
        redirects.map((redirect) => redirect.disposition),
        ['held', disposition],
      );
      is(redirects[1]?.response.code, undefined);
      equal([outcome.responses, outcome.errors], [[], []]);
      // The real one.
      const { pathname } = new URL(flow.redirectUri);
      const fields = `code=real&state=${state}&iss=https%3A%2F%2Fas.example`;
      const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
      const answer = await ('responseMode' in options
        ? send({ method: 'POST', target: pathname, headers, body: fields })
        : visit(`${pathname}?${fields}`));
      is(answer.status, 200);
      is(outcome.responses[0]?.code, 'real');
    }),
  );
}

holding('is dropped when its browser has gone, and comes again with it', () =>
  withHeld({}, async ({ server, port, visit }) => {
    const state = stateOf('gone');
    const held = firstValueFrom(server.redirects.pipe(filter(({ disposition }) => disposition === 'held')));
    const socket = await dial(port);
    socket.write(compose(port, { target: `/callback?code=held&state=${state}`, headers: navigation }));
    await held;
    socket.resetAndDestroy();
    is((await visit('/elsewhere')).status, 404);
    const flow = await server.begin({ state });
    is(server.pending, 1);
    is((await visit(`/callback?code=again&state=${state}`)).status, 200);
    is((await firstValueFrom(flow.response)).code, 'again');
  }),
);

holding('is dropped with its page when the server closes', () =>
  withHeld({}, async ({ server, hold }) => {
    const pages = [await hold(stateOf('first')), await hold(stateOf('second'))];
    await server.close();
    for (const { page } of pages) {
      const { status, body } = await page;
      is(status, 400);
      match(body, 'This sign-in link is not active');
      match(body, '</html>');
    }
  }),
);

holding('keeps no redirect for the next run of the server', () =>
  withHeld({}, async ({ server, hold }) => {
    const state = stateOf('before');
    const { page } = await hold(state);
    await server.close();
    is((await page).status, 400);
    await server.listen();
    const flow = await server.begin({ state });
    const outcome = observe(flow);
    equal(outcome.responses, []);
    is((await navigate(server.address.port, `/callback?code=real&state=${state}`)).status, 200);
    is(outcome.responses[0]?.code, 'real');
  }),
);

interface Held {
  page: Promise<HttpAnswer>;
  /** Tells if the page has come by the time another request is answered. */
  came: () => Promise<boolean>;
}

interface Holding extends Endpoint {
  advance: (ms: number) => void;
  /** Sends a redirect that is then held, its page with it. */
  hold: (state: string, parameters?: string, headers?: Readonly<Record<string, string>>) => Promise<Held>;
}

/** A server that holds two redirects, for a second of virtual time each. */
function withHeld(options: ServerOptions, body: (holding: Holding) => Promise<void>): Promise<void> {
  const scheduler = new VirtualTimeScheduler();
  return withServer({ unmatched: { holdFor: 1_000, max: 2 }, scheduler, ...options }, (endpoint) => {
    const { server, visit } = endpoint;
    const hold: Holding['hold'] = async (state, parameters = 'code=held', headers = {}) => {
      const held = firstValueFrom(
        server.redirects.pipe(
          filter(({ disposition, response }) => disposition === 'held' && response.state === state),
        ),
      );
      let answered = false;
      const page = visit(`/callback?${parameters}&state=${state}`, headers).finally(() => (answered = true));
      await held;
      const came = async (): Promise<boolean> => {
        is((await visit('/elsewhere')).status, 404);
        return answered;
      };
      return { page, came };
    };
    const advance = (ms: number): void => {
      timer(ms, scheduler).subscribe();
      scheduler.maxFrames = scheduler.frame + ms;
      scheduler.flush();
    };
    return body({ ...endpoint, hold, advance });
  });
}

rejecting.run();
accepting.run();
holding.run();
