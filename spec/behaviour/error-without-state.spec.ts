import { firstValueFrom } from 'rxjs';
import { ofState, OAuthCallbackResult, type Flow } from '../../src/index.ts';
import { equal, is, match, not } from '../helpers/assert.ts';
import { withBridge, withPeers } from '../helpers/bridge.ts';
import { observe, withServer, type Endpoint } from '../helpers/endpoint.ts';
import { newState } from '../helpers/server.ts';
import { suite } from '../helpers/suite.ts';

const denial = '/callback?error=access_denied&error_description=canary';

const ignoring = suite("errorWithoutState: 'ignore'");

ignoring('is the default: an error without a state ends nothing, however few flows are pending', () =>
  withServer({}, async (endpoint) => {
    const { server, visit, redirects } = endpoint;
    is((await visit(denial)).status, 400);
    const only = await server.begin();
    const outcome = observe(only);
    const { status, body } = await visit(denial);
    is(status, 400);
    match(body, 'This sign-in link is not active');
    not.match(body, 'canary');
    equal(
      redirects.map(({ disposition, reason, flowId: flow }) => [disposition, reason, flow]),
      Array(2).fill(['malformed', 'missing_state', undefined]),
    );
    equal([outcome.responses, outcome.errors], [[], []]);
    await delivers(endpoint, only);
  }),
);

const ending = suite("errorWithoutState: 'end-only-flow'");

ending('ends the flow if exactly one is pending', () =>
  withEnding(async ({ server, visit, redirects, events }) => {
    const flow = await server.begin();
    const { status, body } = await visit('/callback?error=server_error&error_description=Try+again');
    is(status, 400);
    match(body, '>Try again<');
    const response = await firstValueFrom(flow.response);
    equal(response.toDict(), { error: 'server_error', error_description: 'Try again' });
    equal(
      redirects.map(({ disposition, flowId: id, reason }) => [disposition, id, reason]),
      [['accepted', flow.id, undefined]],
    );
    equal(
      events.map(({ type }) => type),
      ['begun', 'redirect', 'answered'],
    );
    // It has ended: its own redirect comes too late.
    is((await visit(`/callback?code=c&state=${flow.state}`)).status, 400);
    is(redirects[1]?.disposition, 'duplicate');
  }),
);

ending('ends nothing if no flow is pending', () =>
  withEnding(async (endpoint) => {
    const { server, visit, redirects } = endpoint;
    const { status, body } = await visit(denial);
    is(status, 400);
    match(body, 'This sign-in link is not active');
    const used = await server.begin();
    await delivers(endpoint, used);
    const cancelled = await server.begin();
    cancelled.cancel();
    is((await visit(denial)).status, 400);
    equal(
      redirects.map(({ disposition, reason }) => [disposition, reason]),
      [
        ['malformed', 'missing_state'],
        ['accepted', undefined],
        ['malformed', 'missing_state'],
      ],
    );
    const later = await server.begin();
    await delivers(endpoint, later);
  }),
);

ending('ends nothing if two flows are pending, and ends the remaining one when the other has ended', () =>
  withEnding(async (endpoint) => {
    const { server, visit } = endpoint;
    const flows = [await server.begin(), await server.begin()];
    const [first, second] = flows.map(observe);
    const { body } = await visit(denial);
    match(body, 'This sign-in link is not active');
    not.match(body, 'canary');
    equal([first?.responses, second?.responses], [[], []]);
    await delivers(endpoint, flows[0]!);
    match((await visit(denial)).body, 'You were not signed in');
    is(second?.responses[0]?.error, 'access_denied');
    is(first?.responses.length, 1);
  }),
);

ending('counts a flow whose response waits for its consumer as ended', () =>
  withEnding(async ({ server, visit }) => {
    const taken = await server.begin();
    is((await visit(`/callback?code=kept&state=${taken.state}`)).status, 200);
    const pending = await server.begin();
    is((await visit(denial)).status, 400);
    is((await firstValueFrom(pending.response)).error, 'access_denied');
    is((await firstValueFrom(taken.response)).code, 'kept');
  }),
);

ending('counts a state that is only watched as pending', () =>
  withEnding(async ({ server, visit }) => {
    const state = '0123456789abcdef'.repeat(2);
    const watched = firstValueFrom(server.redirects.pipe(ofState(state)));
    is((await visit(denial)).status, 400);
    is((await watched).error, 'access_denied');
  }),
);

ending('ends nothing by a response that does not fit the only flow', () =>
  withEnding(async (endpoint) => {
    const { server, visit, redirects } = endpoint;
    const flow = await server.begin({ issuer: 'https://as.example', issuerAdvertised: true });
    const outcome = observe(flow);
    for (const iss of ['', '&iss=https://evil.example', '&iss=https://as.example/'])
      is((await visit(denial + iss)).status, 400);
    equal(
      redirects.map(({ disposition }) => disposition),
      Array(3).fill('wrong_issuer'),
    );
    equal([outcome.responses, outcome.errors], [[], []]);
    is((await visit(`${denial}&iss=https://as.example`)).status, 400);
    is(outcome.responses[0]?.error, 'access_denied');
  }),
);

ending('ends a form_post flow by a form_post only, and one with a context at its own path only', async () => {
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
  await withEnding(async ({ server, visit, send }) => {
    const outcome = observe(await server.begin({ responseMode: 'form_post' }));
    is((await visit(denial)).status, 400);
    equal(outcome.responses, []);
    await send({ method: 'POST', target: '/callback', headers, body: 'error=access_denied' });
    is(outcome.responses[0]?.error, 'access_denied');
  });
  await withEnding(async ({ server, visit }) => {
    const outcome = observe(await server.begin({ context: 'ctx' }));
    is((await visit(denial)).status, 400);
    equal(outcome.responses, []);
    await visit(denial.replace('callback', 'callback/ctx'));
    is(outcome.responses[0]?.error, 'access_denied');
  });
});

for (const [what, query] of Object.entries({
  'a code without a state': 'code=c',
  'a code with an empty state': 'code=c&state=',
  'nothing at all': '',
  'two errors': 'error=a&error=b',
  'an error and a token': 'error=a&access_token=t',
})) {
  ending(`ends nothing by ${what}`, () =>
    withEnding(async (endpoint) => {
      const flow = await endpoint.server.begin();
      const outcome = observe(flow);
      is((await endpoint.visit(`/callback?${query}`)).status, 400);
      equal([outcome.responses, outcome.errors], [[], []]);
      await delivers(endpoint, flow);
    }),
  );
}

for (const [what, headers] of Object.entries({
  'an image': { 'Sec-Fetch-Dest': 'image', 'Sec-Fetch-Mode': 'no-cors' },
  'a frame': { 'Sec-Fetch-Dest': 'iframe' },
  'a prefetch': { 'Sec-Purpose': 'prefetch' },
  'another origin': { Origin: 'https://evil.example' },
  'another Host': { Host: 'evil.example' },
})) {
  ending(`ends nothing by ${what}`, () =>
    withEnding(async (endpoint) => {
      const flow = await endpoint.server.begin();
      const outcome = observe(flow);
      is((await endpoint.visit(denial, headers)).status >= 400, true);
      equal([outcome.responses, outcome.errors], [[], []]);
      await delivers(endpoint, flow);
    }),
  );
}

ending('leaves an error with an unknown state alone', () =>
  withEnding(async (endpoint) => {
    const flow = await endpoint.server.begin();
    const outcome = observe(flow);
    is((await endpoint.visit(`${denial}&state=${'u'.repeat(43)}`)).status, 400);
    equal([outcome.responses, outcome.errors], [[], []]);
    await delivers(endpoint, flow);
  }),
);

ending('ends no flow of a listener, and does not count it', () =>
  withBridge(
    (endpoint) =>
      withPeers(endpoint.url, async (open) => {
        const [listener, state] = [open(), newState()];
        await listener.welcome();
        const id = await listener.begin(state);
        const { body } = await endpoint.visit(denial);
        match(body, 'This sign-in link is not active');
        const own = observe(await endpoint.server.begin());
        await endpoint.visit(denial);
        is(own.responses[0]?.error, 'access_denied');
        is((await endpoint.visit(`/callback?code=real&state=${state}`)).status, 200);
        const result = { type: 'response', response: { code: 'real', state } };
        equal(await listener.next('result'), { type: 'result', flowId: id, result });
      }),
    {},
    { errorWithoutState: 'end-only-flow' },
  ),
);

ending('fills the container as well', () => {
  const resultContainer = new OAuthCallbackResult();
  return withServer({ resultContainer, errorWithoutState: 'end-only-flow' }, async ({ server, visit }) => {
    const flow = await server.begin();
    await visit(denial);
    is((await firstValueFrom(flow.response)).error, 'access_denied');
    is(resultContainer.error?.message, 'Access was denied by the authorization server.');
  });
});

function withEnding(body: (endpoint: Endpoint) => Promise<void>): Promise<void> {
  return withServer({ errorWithoutState: 'end-only-flow' }, body);
}

/** The real redirect of a flow that has survived. */
async function delivers({ visit }: Endpoint, flow: Flow): Promise<void> {
  is((await visit(`/callback?code=real&state=${flow.state}`)).status, 200);
  is((await firstValueFrom(flow.response)).code, 'real');
}

ignoring.run();
ending.run();
