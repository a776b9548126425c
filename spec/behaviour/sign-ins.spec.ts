/** Many sign-ins on one server, over real sockets: each gets exactly its own response. */
import fc from 'fast-check';
import { firstValueFrom } from 'rxjs';
import { ofState, type Flow, type OAuthCallbackServer } from '../../src/index.ts';
import * as assert from '../helpers/assert.ts';
import { visit } from '../helpers/http.ts';
import { RawSocket, statuses } from '../helpers/raw.ts';
import { record } from '../helpers/record.ts';
import { authorityOf, listening, newState, redirectTo } from '../helpers/server.ts';
import { suite } from '../helpers/suite.ts';

const test = suite('sign-ins');

const requestOf = (server: OAuthCallbackServer, params: Readonly<Record<string, string>>) =>
  `GET /callback?${new URLSearchParams(params).toString()} HTTP/1.1\r\nHost: ${authorityOf(server.address)}\r\n\r\n`;

/** Sends each request on a socket of its own, all in one tick, and collects the statuses. */
async function sendAtOnce(server: OAuthCallbackServer, requests: readonly string[]): Promise<number[]> {
  const sockets = await Promise.all(requests.map(() => RawSocket.open(server.address)));
  try {
    for (const [index, socket] of sockets.entries()) void socket.write(requests[index]!);
    const answers = await Promise.all(sockets.map((socket) => socket.until('</html>')));
    return answers.flatMap(statuses);
  } finally {
    for (const socket of sockets) socket[Symbol.dispose]();
  }
}

const count = 200;
const shuffled = <T>(list: readonly T[]): T[] =>
  fc.sample(fc.shuffledSubarray([...list], { minLength: list.length }), 1)[0]!;
const countOf = (list: readonly string[], item: string) => list.filter((each) => each === item).length;

for (const [when, early] of [
  ['before', false],
  ['after', true],
] as const) {
  test(`${count} at once, in any order, each get their own code once: subscribed ${when} it came`, async () => {
    await using server = await listening();
    const redirects = record(server.redirects);
    const flows = await Promise.all(Array.from({ length: count }, () => server.begin()));
    const codeOf = (flow: Flow) => `code-${flow.id}`;
    const subscribe = () => flows.map((flow) => record(flow.response));
    const requests = shuffled(flows).map((flow) =>
      requestOf(server, { code: codeOf(flow), state: flow.state }),
    );

    let responses = early ? [] : subscribe();
    assert.ok((await sendAtOnce(server, requests)).every((status) => status === 200));
    if (early) responses = subscribe();

    const check = () => {
      for (const [index, { values, ending, endings }] of responses.entries()) {
        const flow = flows[index]!;
        assert.equal(
          values.map(({ code, state }) => [code, state]),
          [[codeOf(flow), flow.state]],
        );
        assert.equal([ending, endings], [{ completed: true }, 1]);
      }
    };
    check();

    // The same URLs again change nothing.
    assert.ok((await sendAtOnce(server, shuffled(requests))).every((status) => status === 400));
    check();
    const dispositions = redirects.values.map(({ disposition }) => disposition);
    assert.equal([countOf(dispositions, 'accepted'), countOf(dispositions, 'duplicate')], [count, count]);
    assert.is(dispositions.length, 2 * count);
  });
}

test(`${count} that wait by ofState alone each get their own code`, async () => {
  await using server = await listening();
  const states = Array.from({ length: count }, newState);
  const waiting = states.map((state) => record(server.redirects.pipe(ofState(state))));
  const requests = states.map((state) => requestOf(server, { code: `code of ${state}`, state }));
  assert.ok((await sendAtOnce(server, shuffled(requests))).every((status) => status === 200));
  for (const [index, { values, endings }] of waiting.entries()) {
    assert.equal([values.map(({ code }) => code), endings], [[`code of ${states[index]}`], 1]);
  }
});

test(`B-05 accepts one of ${count} equal redirects that come in one tick`, async () => {
  await using server = await listening();
  const redirects = record(server.redirects);
  const events = record(server.events);
  const flow = await server.begin();
  const response = record(flow.response);
  const requests = Array.from({ length: count }, () => requestOf(server, { code: 'a', state: flow.state }));
  const answers = await sendAtOnce(server, requests);
  assert.equal(
    [200, 400].map((status) => answers.filter((each) => each === status).length),
    [1, count - 1],
  );
  assert.equal([response.values.length, response.endings], [1, 1]);
  assert.is(redirects.values.filter(({ disposition }) => disposition === 'accepted').length, 1);
  assert.is(events.values.filter(({ type }) => type === 'answered').length, 1);
});

test('B-02 survives the redirects of 1,000 strangers, and accepts the good one after them', async () => {
  await using server = await listening();
  const redirects = record(server.redirects);
  const flow = await server.begin();
  const response = record(flow.response);
  using socket = await RawSocket.open(server.address);
  const strangers = Array.from({ length: 1_000 }, () =>
    requestOf(server, { code: 'evil', state: newState() }),
  );
  void socket.write(strangers.join('') + requestOf(server, { code: 'good', state: flow.state }));
  // Only the page of the last is that of a success.
  const answers = statuses(await socket.until(/Authentication successful[^]*<\/html>/));
  assert.equal([answers.length, answers.filter((status) => status === 400).length], [1_001, 1_000]);
  assert.equal(
    response.values.map(({ code }) => code),
    ['good'],
  );
  const withCode = redirects.values.filter((redirect) => redirect.response.code !== undefined);
  assert.equal(
    withCode.map((redirect) => redirect.response.code),
    ['good'],
  );
});

test('B-04 delivers a repeated redirect once, and nothing of a third with another code', async () => {
  await using server = await listening();
  const flow = await server.begin();
  const redirects = record(server.redirects);
  const response = record(flow.response);
  const url = redirectTo(server.redirectUri, { code: 'a', state: flow.state });
  assert.is((await visit(url)).status, 200);
  const second = await visit(url);
  const third = await visit(redirectTo(server.redirectUri, { code: 'b', state: flow.state }));
  for (const { status, body } of [second, third]) {
    assert.is(status, 400);
    assert.match(body, 'If you just signed in, you can ignore this page.');
  }
  assert.equal(
    response.values.map(({ code }) => code),
    ['a'],
  );
  assert.not.match(JSON.stringify(redirects.values.map((redirect) => redirect.response.toDict())), '"b"');
});

test('E-07 loses no redirect that comes in the tick in which begin resolves', async () => {
  await using server = await listening();
  for (let round = 0; round < 20; round++) {
    using socket = await RawSocket.open(server.address);
    // Written before anybody had a chance to subscribe; answered before anybody does.
    const flow = await server.begin().then((begun) => {
      void socket.write(requestOf(server, { code: `a${round}`, state: begun.state }));
      return begun;
    });
    await socket.until('</html>');
    assert.is((await firstValueFrom(flow.response)).code, `a${round}`);
  }
});

test('E-07 is reached by a browser that comes while listen() resolves', async () => {
  for (let round = 0; round < 20; round++) {
    await using server = await listening();
    const flow = await server.begin();
    const page = visit(redirectTo(server.redirectUri, { code: 'a', state: flow.state }));
    assert.is((await firstValueFrom(flow.response)).code, 'a');
    assert.is((await page).status, 200);
  }
});

test('F-08 is not disturbed by other requests of browsers before, during and after', async () => {
  await using server = await listening();
  const redirects = record(server.redirects);
  const flow = await server.begin();
  const favicon = () => visit(new URL('/favicon.ico', server.redirectUri));
  assert.is((await favicon()).status, 404);
  const [page] = await Promise.all([
    visit(redirectTo(server.redirectUri, { code: 'a', state: flow.state })),
    favicon(),
  ]);
  assert.equal([page.status, (await favicon()).status, redirects.values.length], [200, 404, 1]);
});

test.run();
