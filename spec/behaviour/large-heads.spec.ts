/** Requests with many cookies: on a loopback host a browser sends those of every program. */
import { withServer } from '../helpers/endpoint.ts';
import * as assert from '../helpers/assert.ts';
import { suite } from '../helpers/suite.ts';

const cookies = (bytes: number): Record<string, string> => ({ Cookie: `dev=${'x'.repeat(bytes)}` });

const test = suite('large heads');

test('D-04 accepts a redirect with 60 KB of cookies', () =>
  withServer({}, async ({ server, visit, redirects }) => {
    const { state } = await server.begin();
    const answer = await visit(`/callback?code=c&state=${state}`, cookies(60_000));
    assert.is(answer.status, 200);
    assert.equal(
      redirects.map(({ disposition }) => disposition),
      ['accepted'],
    );
  }));

test('answers a larger head with a page that says what to do, and publishes it', () => {
  const lines: string[] = [];
  const logger = { debug: (line: string) => void lines.push(line) };
  return withServer({ logger }, async ({ server, visit, redirects, events }) => {
    const { state } = await server.begin();
    const answer = await visit(`/callback?code=canary&state=${state}`, cookies(70_000));
    assert.is(answer.status, 431);
    assert.match(answer.body, 'Please delete the cookies of this site');
    assert.match(answer.headers['content-security-policy'] ?? '', `default-src 'none'`);
    assert.not.match(answer.raw, 'canary');
    assert.equal(
      redirects.map(({ disposition, reason }) => [disposition, reason]),
      [['refused', 'too_many_headers']],
    );
    assert.ok(events.some((event) => event.type === 'redirect' && event.reason === 'too_many_headers'));
    assert.ok(
      lines.some((line) => line.includes('too_many_headers')),
      lines.join(),
    );
    // The sign-in goes on.
    assert.is((await visit(`/callback?code=c&state=${state}`)).status, 200);
  });
});

test('takes another bound, for smaller and for larger heads', async () => {
  for (const [headerBytes, bytes, status] of [
    [4_096, 5_000, 431],
    [4_096, 3_000, 200],
    [200_000, 150_000, 200],
  ] as const) {
    await withServer({ limits: { headerBytes } }, async ({ server, visit }) => {
      const { state } = await server.begin();
      assert.is((await visit(`/callback?code=c&state=${state}`, cookies(bytes))).status, status);
    });
  }
});

test.run();
