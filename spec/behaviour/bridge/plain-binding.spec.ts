/** Programs without WebSocket at a public service: they lead the start URL, and pass on the code that a page shows. */

import type { ServerEvent } from '../../../src/index.ts';
import { equal, is, match } from '../../helpers/assert.ts';
import { counts, withBridge, type Bridged, type CreateBridge } from '../../helpers/bridge.ts';
import { complains } from '../../helpers/complains.ts';
import { PlainProgram } from '../../helpers/plain-program.ts';
import { Browser, codeOn, endpointUrl, publicUrl } from '../../helpers/starting.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedModule } from '../../helpers/weakened.ts';

const test = suite('programs without WebSocket, bound');

// Requests have the host of the service, and come from its proxy.
const host = { Host: new URL(publicUrl).host };
const unknown = { code: 'unknown_flow', message: 'unknown flow or wrong key' };

interface Begun {
  readonly startUrl: string;
  readonly redirectUri: string;
  readonly binding: string;
}

const authorizationUrl = (program: PlainProgram): string => `${endpointUrl}?state=${program.state}`;

async function bindsToBrowser({ bridge, port }: Bridged): Promise<void> {
  const program = new PlainProgram(port, { changes: host });
  const begun = await program.begin();
  const { startUrl, redirectUri, binding } = begun.json as Begun;
  equal([begun.status, binding], [201, 'cookie'], begun.raw);
  const { state } = program;
  const waiting = program.wait(50);
  await counts(bridge, 1);
  const url = authorizationUrl(program);
  for (const stranger of [
    new PlainProgram(port, { state, changes: host }),
    new PlainProgram(port, { changes: host }),
  ]) {
    const answer = await stranger.start('https://evil.example/authorize');
    equal([answer.status, answer.json], [404, unknown], 'a stranger leads the browser');
  }
  // The request may be repeated.
  for (let times = 0; times < 2; times++)
    is((await program.start(url)).status, 204, 'the target cannot be set again');
  const browser = new Browser(port);
  match((await browser.open(startUrl)).body, 'as.example');
  is((await browser.start(startUrl)).headers['location'], url);
  is((await new Browser(port).arrive({ state, redirectUri }, 'of-another-browser')).status, 403);
  is((await browser.arrive({ state, redirectUri }, 'of-the-browser')).status, 200);
  const { status, body } = await waiting;
  is(status, 200, body);
  match(body, 'of-the-browser');
}

test('lead the start URL while they wait, and get the response of the browser that has opened it', () =>
  withBridge(bindsToBrowser, {}, { publicUrl }));

for (const [what, change, complaint] of [
  [
    'does not compare the key',
    edit('return sameKey(flow?.key ?? randomToken(), key) ? flow : undefined;', 'return flow;'),
    /a stranger leads the browser/,
  ],
  [
    'takes the flow from the request that waits',
    edit(
      'await this.#context.flows.lead(flow, message.url, identity.name);\n    exchange',
      'await this.#context.flows.lead(flow, message.url, identity.name);\n    await this.drop(exchange, { identity } as Peer, headers);\n    exchange',
    ),
    /the target cannot be set again/,
  ],
] as const)
  test(`a bridge that ${what} is found out`, async () => {
    const twin = (await weakenedModule('bridge/server.ts', change)) as { createBridge: CreateBridge };
    await complains(() => withBridge(bindsToBrowser, {}, { publicUrl }, twin.createBridge), complaint);
  });

test('pass on the code that the page shows: a wrong one is 403, and the right one brings the response', () =>
  withBridge(
    async ({ bridge, port, server }) => {
      const events: ServerEvent[] = [];
      server.events.subscribe((event) => events.push(event));
      const program = new PlainProgram(port, { changes: host });
      const begun = await program.begin({ binding: 'code' });
      const { redirectUri, binding } = begun.json as Begun;
      equal([begun.status, binding], [201, 'code'], begun.raw);
      const { state } = program;
      const waiting = program.wait(50);
      await counts(bridge, 1);
      const early = await program.confirm('WDJB-MJHT');
      equal([early.status, (early.json as { code: string }).code], [403, 'wrong_code']);
      match(early.body, 'no page shows a code yet');
      const code = codeOn(await new Browser(port).arrive({ state, redirectUri }, 'of-the-person'));
      const wrong = await program.confirm('AAAA-AAAA');
      equal([wrong.status, (wrong.json as { code: string }).code], [403, 'wrong_code']);
      const stranger = await new PlainProgram(port, { state, changes: host }).confirm(code);
      equal([stranger.status, stranger.json], [404, unknown]);
      is((await program.wait(0)).status, 204);
      is((await waiting).status, 409, 'another request of the program has taken the flow over');
      const again = program.wait(50);
      await counts(bridge, 1);
      // The request may be repeated.
      for (let times = 0; times < 2; times++) is((await program.confirm(code.toLowerCase())).status, 204);
      match((await again).body, 'of-the-person');
      is(events.filter(({ type }) => type === 'answered').length, 1);
    },
    {},
    { publicUrl },
  ));

test('end a flow by its fifth wrong code', () =>
  withBridge(
    async ({ port }) => {
      const program = new PlainProgram(port, { changes: host });
      const { redirectUri } = (await program.begin({ binding: 'code' })).json as Begun;
      const { state } = program;
      const code = codeOn(await new Browser(port).arrive({ state, redirectUri }));
      for (let times = 0; times < 5; times++) is((await program.confirm('AAAA-AAAA')).status, 403);
      is((await program.confirm(code)).status, 403);
      match((await program.wait(0)).body, 'cancelled');
    },
    {},
    { publicUrl },
  ));

test('do nothing to a flow that is not one of those that their credential is for', async () => {
  const flowIds: string[] = [];
  await withBridge(
    async ({ port }) => {
      const program = new PlainProgram(port, { changes: host });
      const { flowId, redirectUri } = (await program.begin({ binding: 'code' })).json as Begun & {
        flowId: string;
      };
      const { state } = program;
      const code = codeOn(await new Browser(port).arrive({ state, redirectUri }));
      const narrow = program.with({ Authorization: 'Bearer of-some-flows-only' });
      const attempts = (): Promise<{ status: number }[]> =>
        Promise.all([
          narrow.start(authorizationUrl(program)),
          narrow.confirm(code),
          narrow.settle({ status: 'success' }),
          narrow.wait(0),
          narrow.drop(),
        ]);
      flowIds.push('another');
      equal(
        (await attempts()).map(({ status }) => status),
        [404, 404, 404, 404, 404],
      );
      is((await program.confirm(code)).status, 204);
      flowIds.push(flowId);
      is((await narrow.wait(0)).status, 200);
    },
    {
      authenticate: () => ({ name: 'narrow', roles: ['listener'], flows: flowIds }),
    },
    { publicUrl },
  );
});

test('learn what is wrong with a start URL or a code', () =>
  withBridge(
    async ({ port }) => {
      const program = new PlainProgram(port, { changes: host });
      await program.begin();
      for (const url of [
        'javascript:alert(1)',
        '/authorize',
        'https://user@as.example/',
        '',
        1,
        null,
        undefined,
        {},
      ]) {
        const { status, json } = await program.start(url);
        equal([status, (json as { code: string }).code], [400, 'invalid_option'], JSON.stringify(url));
      }
      for (const code of [1, null, undefined, []])
        is((await program.confirm(code)).status, 400, String(code));
      const byCode = new PlainProgram(port, { changes: host });
      await byCode.begin({ binding: 'code' });
      const { status, body } = await byCode.start(authorizationUrl(byCode));
      is(status, 400);
      match(body, 'binding');
    },
    {},
    { publicUrl },
  ));

test.run();
