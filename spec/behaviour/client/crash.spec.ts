/** A listener that is killed, and the process that goes on in its place. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { firstValueFrom, type SchedulerLike } from 'rxjs';
import { connectCallbackHost, FlowTakenOverError, type RemoteCallbackHost } from '../../../src/client.ts';
import { FlowExpiredError, InvalidOptionError, ServerClosedError } from '../../../src/index.ts';
import * as assert from '../../helpers/assert.ts';
import { token, withBridge, type Bridged } from '../../helpers/bridge.ts';
import { observe } from '../../helpers/endpoint.ts';
import { hasty, virtualTime } from '../../helpers/clock.ts';
import { runProgram } from '../../helpers/program.ts';
import { leaks } from '../../helpers/printers.ts';
import { RogueService } from '../../helpers/rogue-service.ts';
import { suite } from '../../helpers/suite.ts';
import { TcpProxy } from '../../helpers/tcp-proxy.ts';

const test = suite('a listener that crashes');

const issuer = 'https://as.example';

test('K-14 a flow of a process that was killed with SIGKILL is taken up by the next, with its response and verifier', () =>
  withBridge(async ({ url, visit, events }) => {
    const folder = mkdtempSync(join(tmpdir(), 'crash-'));
    try {
      const file = join(folder, 'flow');
      const [state = '', verifier = ''] = (await runProgram('resumes.ts', file, url, token)).stdout
        .trim()
        .split(' ');
      const target = `/callback?code=while-dead&state=${state}&iss=${encodeURIComponent(issuer)}`;
      assert.is((await visit(target)).status, 200);
      assert.match(readFileSync(file, 'utf8'), verifier);
      const { code, stdout, stderr } = await runProgram('resumes.ts', file, url, token);
      assert.equal([code, stdout, stderr], [0, `while-dead ${verifier}\n`, '']);
      assert.equal(
        events.map(({ type }) => type).filter((type) => type !== 'listening'),
        ['begun', 'redirect', 'answered', 'settled'],
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  }));

/** Two processes at one service, as far as the service can see. */
const withTwo = (
  body: (of: {
    one: RemoteCallbackHost;
    two: RemoteCallbackHost;
    visit: (target: string) => Promise<unknown>;
  }) => Promise<void>,
): Promise<void> =>
  withBridge(async ({ url, visit }) => {
    await using one = await connectCallbackHost(url, { token });
    await using two = await connectCallbackHost(url, { token });
    await body({ one, two, visit });
  });

test('a resumed flow is the same one: its redirect URI, its state and its time, also in the authorization URL', () =>
  withTwo(async ({ one, two, visit }) => {
    const flow = await one.begin({ responseMode: 'form_post', context: 'here' });
    const before = observe(flow);
    const again = await two.resume(flow.toResumable());
    const urlOf = (each: typeof flow): string =>
      each.authorizationUrl('https://as.example/a', { client_id: 'c' }).href;
    assert.equal([again.id, again.state, again.redirectUri], [flow.id, flow.state, flow.redirectUri]);
    assert.is(urlOf(again), urlOf(flow));
    assert.ok(Math.abs(again.expiresAt - flow.expiresAt) < 1_000);
    assert.is(again.toResumable().length, flow.toResumable().length);
    // The one before is told.
    const taken = assert.rejects(firstValueFrom(flow.response), FlowTakenOverError);
    await taken;
    assert.is(before.errors.length, 1);
    again.cancel();
    assert.is(((await visit(`/callback/here?code=c&state=${flow.state}`)) as { status: number }).status, 400);
  }));

test('a flow that is resumed twice at once is one flow, and gets its response', () =>
  withTwo(async ({ one, two, visit }) => {
    const text = (await one.begin()).toResumable();
    const [first, second, later] = await Promise.all([two.resume(text), two.resume(text), two.resume(text)]);
    assert.ok(first === second && second === later);
    const response = firstValueFrom(first.response);
    await visit(`/callback?code=c&state=${first.state}`);
    assert.is((await response).code, 'c');
  }));

test('a response that came in time is delivered to a process that resumes the flow after its time', async () => {
  const time = virtualTime();
  const { scheduler } = time;
  const proxy = await TcpProxy.open();
  const authority = `127.0.0.1:${proxy.port}`;
  const attempt = async ({ url, port, visit }: Bridged): Promise<void> => {
    proxy.target = port;
    await using one = await connectCallbackHost(`ws://${authority}/bridge`, { token, scheduler });
    const flow = await one.begin({ ttl: 10_000 });
    // As if it had crashed: it does not come back, and says nothing.
    await proxy.close();
    const target = `/callback?code=in-time&state=${flow.state}`;
    assert.is((await visit(target, { Host: authority })).status, 200);
    time.advance(20_000);
    await using two = await connectCallbackHost(url, { token, scheduler });
    const again = await two.resume(flow.toResumable());
    assert.is((await firstValueFrom(again.response)).code, 'in-time');
  };
  try {
    await withBridge(attempt, {}, { scheduler, publicUrl: `http://${authority}` });
  } finally {
    await proxy.close();
  }
});

test('a text that was damaged is rejected, and other flows go on', () =>
  withTwo(async ({ one, two, visit }) => {
    const other = await two.begin();
    const response = firstValueFrom(other.response);
    const saved = JSON.parse((await one.begin()).toResumable()) as object;
    for (const damage of [
      { flowId: 'a b' },
      { flowId: '' },
      { state: 'x'.repeat(20_000) },
      { state: 'too-short' },
      { key: 'k' },
    ])
      await assert.rejects(two.resume(JSON.stringify({ ...saved, ...damage })), InvalidOptionError);
    await visit(`/callback?code=c&state=${other.state}`);
    assert.is((await response).code, 'c');
  }));

test('a resumption that is rejected is handled by its caller only', () =>
  withTwo(async ({ one, two }) => {
    const unhandled: unknown[] = [];
    const note = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', note);
    try {
      const text = (await one.begin()).toResumable();
      const rejected = assert.rejects(two.resume(text), ServerClosedError);
      await two.close();
      await rejected;
      await new Promise(setImmediate);
      assert.equal(unhandled, []);
    } finally {
      process.off('unhandledRejection', note);
    }
  }));

test('a resumed flow judges its response by the issuer that it was begun with', async () => {
  await using service = await RogueService.open();
  const reported: unknown[] = [];
  const host = await connectCallbackHost(service.url, { token, report: (error) => reported.push(error) });
  try {
    const begun = host.begin({ issuer, requireIssuer: true });
    await service.begins();
    const saved = (await begun).toResumable();
    await using other = await RogueService.open();
    const next = await connectCallbackHost(other.url, { token, report: (error) => reported.push(error) });
    const resuming = next.resume(saved);
    const { ref, flowId, state } = await other.next('resume');
    other.say({ type: 'resumed', ref, flowId });
    const flow = await resuming;
    const response = firstValueFrom(flow.response);
    for (const iss of ['https://evil.example', issuer])
      other.say({
        type: 'result',
        flowId,
        result: { type: 'response', response: { code: iss, state, iss } },
      });
    assert.equal([(await response).code, reported.length], [issuer, 1]);
    await next.close();
  } finally {
    await host.close();
  }
});

test('resumes while the service is gone, once it is back', async () => {
  const proxy = await TcpProxy.open(undefined, { waits: true });
  const authority = `127.0.0.1:${proxy.port}`;
  try {
    await withBridge(
      async ({ port, visit }) => {
        proxy.target = port;
        const connect = (scheduler: SchedulerLike) =>
          connectCallbackHost(`ws://${authority}/bridge`, { token, scheduler });
        // Its time stands still, so it never connects again. Otherwise it would take its flow back.
        await using one = await connect(virtualTime().scheduler);
        await using two = await connect(hasty);
        const saved = (await one.begin()).toResumable();
        proxy.target = undefined;
        proxy.cutAll();
        while (two.connected) await new Promise(setImmediate);
        const resuming = two.resume(saved);
        proxy.target = port;
        const flow = await assert.deadline(resuming, 'the resumed flow');
        const response = firstValueFrom(flow.response);
        await visit(`/callback?code=c&state=${flow.state}`, { Host: authority });
        assert.is((await response).code, 'c');
      },
      {},
      { publicUrl: `http://${authority}` },
    );
  } finally {
    await proxy.close();
  }
});

test('resumes a flow that it has itself without asking the service', () =>
  withTwo(async ({ one }) => {
    const flow = await one.begin();
    assert.is(await one.resume(flow.toResumable()), flow);
  }));

test('resumes no flow that has ended, has expired, or has another key', () =>
  withTwo(async ({ one, two, visit }) => {
    const flow = await one.begin();
    const response = firstValueFrom(flow.response);
    const saved = flow.toResumable();
    const change = (changes: object): string =>
      JSON.stringify({ ...(JSON.parse(saved) as object), ...changes });
    await assert.rejects(two.resume(change({ key: 'A'.repeat(43) })), ServerClosedError);
    await assert.rejects(two.resume(change({ flowId: 'none', expiresAt: 1 })), FlowExpiredError);
    // Nothing of this has harmed it.
    await visit(`/callback?code=c&state=${flow.state}`);
    assert.is((await response).code, 'c');
    await one.close();
    await assert.rejects(two.resume(saved), ServerClosedError);
  }));

for (const [what, text] of [
  ['no text', 5],
  ['an empty text', ''],
  ['a text that is not JSON', 'CANARY'],
  ['JSON of something else', '{"CANARY":1}'],
  ['null', 'null'],
] as const)
  test(`rejects ${what} for a saved flow, and does not show it`, () =>
    withTwo(async ({ one }) => {
      const error = await assert.rejects(one.resume(text as string), InvalidOptionError);
      assert.is(error.message, 'saved must be a text from toResumable() of a flow');
    }));

test('rejects a saved flow whose redirect URI its service must not have', () =>
  withTwo(async ({ one, two }) => {
    const saved = JSON.parse((await one.begin()).toResumable()) as object;
    const error = await assert.rejects(
      two.resume(JSON.stringify({ ...saved, redirectUri: 'javascript:alert(1)' })),
      'connection_failed',
    );
    assert.match(error.message, / gave a redirect URI that must be https/);
  }));

test('H-02 shows no secret of a flow that can be saved, until it is', () =>
  withTwo(async ({ one }) => {
    const flow = await one.begin();
    const { key = '', codeVerifier = '' } = JSON.parse(flow.toResumable()) as Record<string, string>;
    assert.equal(leaks(flow, { key, codeVerifier }), []);
    // The control: in the text it is.
    assert.is(leaks(flow.toResumable(), { key }).length > 0, true);
  }));

test.run();
