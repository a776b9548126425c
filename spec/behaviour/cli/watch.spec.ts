/** The built command `watch`: lines of JSON into a pipe, a table on a terminal. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { isDeepStrictEqual } from 'node:util';
import { firstValueFrom } from 'rxjs';
import { connectTo } from '../../../src/cli/connect.ts';
import { exitCodes } from '../../../src/cli/exit-codes.ts';
import { frame } from '../../../src/cli/watch/screen.ts';
import { Source } from '../../../src/cli/watch/source.ts';
import type { ServerEvent } from '../../../src/index.ts';
import { createBridge, type Bridge } from '../../../src/bridge/server.ts';
import { FeedModel } from '../../../src/monitor/feed-model.ts';
import { gapWording } from '../../../src/monitor/wording.ts';
import * as assert from '../../helpers/assert.ts';
import { counts, token, withBridge, type Bridged } from '../../helpers/bridge.ts';
import { holdIntervals, virtualTime, type HeldIntervals } from '../../helpers/clock.ts';
import { bin, Cli, run } from '../../helpers/cli.ts';
import { everyEnding, everyRow } from '../../helpers/endings.ts';
import { rowsOf, screenOf } from '../../helpers/screen.ts';
import { suite } from '../../helpers/suite.ts';
import { TcpProxy } from '../../helpers/tcp-proxy.ts';

const canary = 'CANARY-of-a-code';
const env = { RX_OAUTH_CALLBACK_TOKEN: token };
const test = suite('watch');

/** Makes four events: a redirect that is refused, then a whole sign-in. */
async function signIn({ server, visit }: Pick<Bridged, 'server' | 'visit'>): Promise<string> {
  const { state } = await server.begin();
  await visit(`/callback?state=${state}`);
  await visit(`/callback?code=${canary}&state=${state}`);
  return state;
}

/** Resolves once the command watches: only then is it told what happens. */
async function watching(bridged: Bridged, args: readonly string[] = [], start = Cli.start): Promise<Cli> {
  const before = bridged.bridge.stats().monitors;
  const cli = start(['watch', bridged.url, ...args], env);
  const turns = async (): Promise<void> => {
    while (bridged.bridge.stats().monitors === before) await new Promise(setImmediate);
  };
  try {
    await assert.deadline(turns(), 'a monitor');
    return cli;
  } catch (error) {
    await cli[Symbol.asyncDispose]();
    throw new Error(`${String(error)}: ${cli.stdout}${cli.stderr}`, { cause: error });
  }
}

const linesOf = (output: string): unknown[] =>
  output
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as unknown);

const asSent = (events: readonly ServerEvent[]): unknown => JSON.parse(JSON.stringify(events));

/** The end of the last line, so that all of it has been written. */
const lastLine = (events: readonly ServerEvent[]): RegExp => {
  const { length } = events;
  return new RegExp(`^(?:[^\\n]*\\n){${length}}$`);
};

test('writes a line of JSON for each event into a pipe, and ends with 0 at Ctrl-C', () =>
  withBridge(async (bridged) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      await using cli = await watching(bridged);
      const before = bridged.events.length;
      const states = [await signIn(bridged), await signIn(bridged)];
      const events = bridged.events.slice(before);
      await cli.sees(lastLine(events));
      cli.signal(signal);
      const { code, stdout, stderr } = await cli.end();
      assert.equal([code, stderr], [exitCodes.ok, '']);
      assert.equal(linesOf(stdout), asSent(events));
      for (const secret of [canary, token, ...states]) assert.not.match(stdout, secret);
      await counts(bridged.bridge, 0);
    }
  }));

test('writes a line of text for each event into a pipe with --no-json', () =>
  withBridge(async (bridged) => {
    await using cli = await watching(bridged, ['--no-json']);
    const state = await signIn(bridged);
    await cli.sees(lastLine(bridged.events.slice(-4)));
    cli.signal('SIGINT');
    const { code, stdout, stderr } = await cli.end();
    assert.equal([code, stderr], [exitCodes.ok, '']);
    for (const secret of [canary, token, state]) assert.not.match(stdout, secret);
    const [begun, ...others] = stdout.trimEnd().split('\n');
    assert.match(begun ?? '', /^\d{4}-\d\d-\d\dT\S+Z flow 1: begun, expires in 10 min$/);
    assert.equal(
      others.map((line) => line.slice(25)),
      ['flow 1: redirect malformed: missing code', 'flow 1: redirect accepted', 'flow 1: received a code'],
    );
  }));

test('filters by type, disposition and flow, each of several', () =>
  withBridge(async (bridged) => {
    await signIn(bridged);
    await signIn(bridged);
    await signIn(bridged);
    const found = async (...args: string[]): Promise<unknown[]> => {
      await using cli = await watching(bridged, ['--history', ...args]);
      await bridged.visit('/callback?code=c&state=the-last-of-all-redirects');
      // Everything that it is told until now.
      const seen = bridged.events.filter(({ type }) => type === 'redirect').length;
      await cli.sees(/./);
      cli.signal('SIGINT');
      const { stdout } = await cli.end();
      assert.ok(seen > 0);
      return linesOf(stdout);
    };
    const begun = bridged.events.filter(({ type }) => type === 'begun');
    assert.equal(await found('--type', 'begun'), asSent(begun));
    const ofFlows = bridged.events.filter(
      (event) => 'flowId' in event && ['1', '3'].includes(event.flowId ?? ''),
    );
    assert.equal(await found('--flow', '1', '--flow', '3'), asSent(ofFlows));
    const malformed = bridged.events.filter(
      (event) => event.type === 'redirect' && event.disposition === 'malformed',
    );
    assert.equal(await found('--disposition', 'malformed'), asSent(malformed));
    const some = bridged.events.filter(
      (event) => 'flowId' in event && event.flowId === '2' && ['begun', 'answered'].includes(event.type),
    );
    assert.equal(await found('--type', 'begun', '--type', 'answered', '--flow', '2'), asSent(some));
  }));

test('reconnects when the connection breaks, writes no event twice, and says how many were lost', async () => {
  // An attempt that failed would be followed by a longer wait.
  const proxy = await TcpProxy.open(undefined, { waits: true });
  try {
    const authority = `127.0.0.1:${proxy.port}`;
    await withBridge(
      async ({ bridge, server, events, visit: ask, port }) => {
        proxy.target = port;
        const visit: Bridged['visit'] = (target) => ask(target, { Host: authority });
        await using cli = Cli.start(['watch', `ws://${authority}/bridge`, '--history'], env);
        await signIn({ server, visit });
        const before = events.length;
        await cli.sees(lastLine(events));
        proxy.target = undefined;
        proxy.cutAll();
        await cli.sees(/connection lost, reconnecting\n/, 'stderr');
        for (let n = 0; n < 5; n++) await signIn({ server, visit });
        proxy.target = port;
        // It is connected before the feed goes on.
        await cli.sees(/lost while disconnected\.\n/, 'stderr');
        await signIn({ server, visit });
        const lost = events.length - before - 4 - 10;
        await cli.sees(lastLine([...events.slice(lost), ...events.slice(0, 1)]));
        cli.signal('SIGINT');
        const { code, stdout, stderr } = await cli.end();
        const told = `${lost} events were lost while disconnected.`;
        assert.equal([code, stderr], [0, `connection lost, reconnecting\nreconnected\n${told}\n`]);
        assert.equal(linesOf(stdout), [
          ...(asSent(events.slice(0, before)) as unknown[]),
          { type: 'missed', count: lost },
          ...(asSent(events.slice(-14)) as unknown[]),
        ]);
        await counts(bridge, 0);
      },
      { limits: { events: 10 } },
      { publicUrl: `http://${authority}` },
    );
  } finally {
    await proxy.close();
  }
});

const other = 'another-token-of-nobody';

test('says in one sentence why it cannot watch', () =>
  withBridge(
    async ({ url, port }) => {
      const tries: readonly (readonly [string, Readonly<Record<string, string>>, number, string | RegExp])[] =
        [
          [url, {}, exitCodes.usage, 'a token is required; set RX_OAUTH_CALLBACK_TOKEN or pass --token'],
          [
            url,
            { RX_OAUTH_CALLBACK_TOKEN: other },
            exitCodes.connection,
            `ws://127.0.0.1:${port} answered the handshake with 401: the token or ticket is unknown, used or expired`,
          ],
          [
            url,
            { RX_OAUTH_CALLBACK_TOKEN: 'token-of-a-listener' },
            exitCodes.connection,
            `ws://127.0.0.1:${port}: the token does not have the role monitor`,
          ],
          [
            `ws://127.0.0.1:${port}/elsewhere`,
            env,
            exitCodes.connection,
            `ws://127.0.0.1:${port} answered the handshake with 404: there is no bridge at this path`,
          ],
          [
            `ws://localhost:${port}/bridge`,
            env,
            exitCodes.connection,
            `ws://localhost:${port} answered the handshake with 403: the service rejects this host name`,
          ],
          [
            'ws://127.0.0.1:1/bridge',
            env,
            exitCodes.connection,
            /ws:\/\/127\.0\.0\.1:1 cannot be reached \(ECONNREFUSED\)\n$/,
          ],
          [
            `wss://127.0.0.1:${port}/bridge`,
            env,
            exitCodes.connection,
            /wss:\/\/127\.0\.0\.1:\d+ cannot be reached \(E[A-Z]+\)\n$/,
          ],
          ['http://127.0.0.1:1/bridge', env, exitCodes.usage, 'url must be a ws or wss URL'],
          ['ws://sign-in.example/bridge', env, exitCodes.usage, 'url must be wss unless it is on loopback'],
        ];
      const runs = tries.map(([to, environment]) => run(['watch', to], environment));
      for (const [index, { code, stdout, stderr }] of (await Promise.all(runs)).entries()) {
        const [to, , expected, sentence] = tries[index]!;
        assert.equal([code, stdout], [expected, ''], `${to}: ${stderr}`);
        assert.match(stderr, /^rx-oauth-callback: [^\n]+\n$/);
        assert.match(stderr, sentence);
        for (const secret of [token, other]) assert.not.match(stderr, secret);
      }
      assert.is((await run(['watch', url, '--type', 'begin'], env)).code, exitCodes.usage);
    },
    { tokens: [{ name: 'listener', token: 'token-of-a-listener', roles: ['listener'] }] },
  ));

test('ends when its token is revoked', () =>
  withBridge(async (bridged) => {
    await using cli = await watching(bridged);
    bridged.bridge.setTokens([]);
    const { code, stderr } = await cli.end();
    assert.is(code, exitCodes.connection);
    assert.is(stderr, `rx-oauth-callback: ws://127.0.0.1:${bridged.port}: the token is no longer valid\n`);
  }));

test('ends with 0 when its output is closed', () =>
  withBridge(async (bridged) => {
    await signIn(bridged);
    const command = `'${process.execPath}' '${bin}' watch '${bridged.url}' --history | head -1; echo "\${PIPESTATUS[0]}"`;
    const child = spawn('bash', ['-c', command], { env: { ...process.env, ...env }, timeout: 60_000 });
    // Something to write, once its reader is gone; none of it may be under way when the server closes.
    let written: Promise<unknown> = Promise.resolve();
    const more = setInterval(() => {
      written = written.then(() => signIn(bridged));
    }, 100);
    try {
      const [stdout, stderr] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        once(child, 'close'),
      ]);
      const [first = '', code] = stdout.trimEnd().split('\n');
      assert.equal([(JSON.parse(first) as ServerEvent).type, code, stderr], ['begun', '0', '']);
    } finally {
      clearInterval(more);
      await written;
    }
  }));

/** Bytes that a process has read. */
const bytesRead = ({ pid }: Cli): number =>
  Number(/^rchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1]);

test('reads from the service only as fast as its own output is read, and loses nothing', () =>
  withBridge(
    async (bridged) => {
      await using slow = await watching(bridged);
      await using other = await watching(bridged);
      slow.pause();
      const before = [slow, other].map(bytesRead) as [number, number];
      for (let n = 0; n < 10_000; n++) {
        (await bridged.server.begin()).cancel();
        if (n % 50 === 0) await new Promise(setImmediate);
      }
      await other.sees(lastLine(bridged.events));
      const [held, all] = [bytesRead(slow) - before[0], bytesRead(other) - before[1]];
      assert.ok(all > 1_000_000, `the other has read ${all} bytes`);
      assert.ok(held < 500_000, `it has read ${held} bytes`);
      slow.resume();
      await slow.sees(lastLine(bridged.events));
      assert.equal(linesOf(slow.stdout), asSent(bridged.events));
      // Nor is a reader that never goes on waited for in the end.
      slow.pause();
      for (let n = 0; n < 2_000; n++) {
        (await bridged.server.begin()).cancel();
        if (n % 50 === 0) await new Promise(setImmediate);
      }
      await other.sees(lastLine(bridged.events));
      slow.signal('SIGINT');
      assert.is(await slow.exited(), exitCodes.ok);
    },
    { limits: { events: 50_000 } },
  ));

// The test holds the intervals of the service. The real client follows this one too, so it is longer than the test.
const heartbeat = 30_000;

/** Sends pings until each peer has been closed because it answered none. */
async function closeSilent(beats: HeldIntervals, bridge: Bridge): Promise<void> {
  const pings = async (): Promise<void> => {
    while (bridge.connections > 0) {
      beats.tick(heartbeat);
      for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
    }
  };
  await assert.deadline(pings(), 'the end of a peer that answers no ping');
}

for (const [what, events] of [
  ['loses nothing', 50_000],
  ['says what was lost', 1_000],
] as const)
  test(`${what}, and writes no event twice, after its output stalled until the service closed the connection`, async () => {
    using beats = holdIntervals();
    await withBridge(
      async (bridged) => {
        const { bridge, server, events: all } = bridged;
        await using slow = await watching(bridged);
        const happen = async (times: number): Promise<void> => {
          for (let n = 0; n < times; n++) {
            (await server.begin()).cancel();
            if (n % 50 === 0) await new Promise(setImmediate);
          }
        };
        slow.pause();
        await happen(2_000);
        await closeSilent(beats, bridge);
        await happen(2_000);
        slow.resume();
        await slow.sees(new RegExp(`"flowId":"4000","reason":"cancelled"\\}\\n$`));
        slow.signal('SIGINT');
        const { stdout, stderr } = await slow.end();
        const lines = linesOf(stdout) as { type: string; count?: number }[];
        const gaps = lines.filter(({ type }) => type === 'missed');
        const missed = gaps[0]?.count ?? 0;
        assert.is(missed > 0, events < all.length);
        assert.is(gaps.length, missed > 0 ? 1 : 0);
        const before = missed > 0 ? lines.findIndex(({ type }) => type === 'missed') : all.length;
        assert.equal(lines, [
          ...(asSent(all.slice(0, before)) as unknown[]),
          ...gaps,
          ...(asSent(all.slice(before + missed)) as unknown[]),
        ]);
        const told =
          missed > 0 ? `${missed.toLocaleString('en')} events were lost while disconnected.\n` : '';
        assert.is(stderr, `connection lost, reconnecting\nreconnected\n${told}`);
      },
      { limits: { events, heartbeat } },
    );
  });

test('reads nothing over a new connection either, until its output is read again', async () => {
  using beats = holdIntervals();
  const body = async ({ bridge, server, url, events }: Bridged): Promise<void> => {
    const source = new Source();
    const { scheduler, advance } = virtualTime();
    await using host = await connectTo(url, { token, scheduler }, source.take);
    const heard: ServerEvent[] = [];
    host.events.subscribe((event) => heard.push(event));
    await firstValueFrom(host.feed);
    const until = async (what: string, met: () => boolean): Promise<void> => {
      const turns = async (): Promise<void> => {
        while (!met()) {
          await new Promise(setImmediate);
          // Enough turns to connect before the client's limit of ten seconds.
          advance(10);
        }
      };
      await assert.deadline(turns(), what);
    };
    await server.begin();
    await until('the first', () => heard.length === 1);
    source.hold();
    await closeSilent(beats, bridge);
    await server.begin();
    // It has given the first one up by itself, and another one opens, which it does not read.
    await until('another connection', () => bridge.connections === 1);
    await closeSilent(beats, bridge);
    await until('that it is given up', () => !host.connected);
    await server.begin();
    assert.is(heard.length, 1);
    source.release();
    await until('all of them', () => heard.length === events.length);
    assert.equal(heard, asSent(events));
  };
  await withBridge(body, { limits: { heartbeat } });
});

test('draws a table of the size of its terminal, and ends with 0 at Ctrl-C', () =>
  withBridge(async (bridged) => {
    const start = (args: readonly string[], environment: typeof env): Cli =>
      Cli.onTerminalOf(14, 60, args, environment);
    await using cli = await watching(bridged, [], start);
    for (let n = 0; n < 5; n++) await signIn(bridged);
    await bridged.server.begin();
    await cli.sees(/waiting 1 {2}accepted 5 {2}refused 5 /);
    const before = cli.stdout.length;
    cli.resize(10, 40);
    await cli.sees(new RegExp(`^[^]{${before}}[^]*waiting 1 {2}accepted 5`));
    cli.press('\x03');
    const { code, stdout } = await cli.end();
    assert.is(code, 0);
    const screen = screenOf(stdout);
    // No key is echoed.
    const shown = screen.filter((line) => line !== '');
    assert.is(shown.length, 9, screen.join('\n'));
    assert.ok(
      shown.every((line) => line.length < 40),
      screen.join('\n'),
    );
    assert.match(shown[0] ?? '', `ws://127.0.0.1:${bridged.port}/bridge  live`);
    assert.is(shown[1], 'waiting 1  accepted 5  refused 5');
    assert.match(shown[2] ?? '', /^per second \d+$/);
    assert.is(shown[3], '100 % of 5 in five minutes');
    assert.is(shown[4], 'refused: 5 missing code');
    assert.is(shown[5], 'q quits  / filters  p pauses');
    assert.match(shown[6] ?? '', /^TIME {6}EVENT/);
    assert.match(shown[7] ?? '', /^\d\d:\d\d:\d\d {2}begun {11}6 {7}expir$/);
    assert.match(shown[8] ?? '', /answered/);
    // The cursor is there again.
    assert.ok(stdout.lastIndexOf('\x1b[?25h') > stdout.lastIndexOf('\x1b[?25l'));
    assert.not.match(stdout, canary);
  }));

/** Waits until the screen has such a line, and so many rows or these. Returns the rows. */
async function rowsWith(cli: Cli, pattern: RegExp, expected?: number | readonly string[]): Promise<string[]> {
  let length = -1;
  let rows: string[] = [];
  const isDrawn = (): boolean => {
    if (cli.stdout.length === length) return false;
    length = cli.stdout.length;
    const lines = screenOf(cli.stdout);
    rows = rowsOf(lines).map((row) => row.replace(/, after .*/, ''));
    if (!lines.some((line) => pattern.test(line))) return false;
    // A table may arrive in parts.
    if (expected === undefined) return true;
    return typeof expected === 'number' ? rows.length === expected : isDeepStrictEqual(rows, expected);
  };
  const turns = async (): Promise<void> => {
    while (!isDrawn()) await new Promise(setImmediate);
  };
  await assert.deadline(turns(), `${String(pattern)} on the screen`).catch((error: unknown) => {
    throw new Error(`${String(error)}: ${screenOf(cli.stdout).join('\n')}`, { cause: error });
  });
  return rows;
}

test('quits by q, and echoes no key', () =>
  withBridge(async (bridged) => {
    await using cli = await watching(bridged, [], (args, environment) =>
      Cli.onTerminalOf(14, 60, args, environment),
    );
    await rowsWith(cli, /^q quits {2}\/ filters {2}p pauses$/);
    cli.press('xyz');
    await signIn(bridged);
    await rowsWith(cli, /answered/);
    cli.press('q');
    const { code, stdout } = await cli.end();
    assert.is(code, 0);
    assert.not.match(stdout, /[xyz]{2}/);
  }));

test('gives the terminal back as it was', () =>
  withBridge(async ({ url }) => {
    await using shell = Cli.inShell(['watch', url], { RX_OAUTH_CALLBACK_TOKEN: token });
    await shell.sees(/live[^]*q quits/);
    shell.press('q');
    await shell.sees(/bash\S*[#$] $/);
    // The sum, so that the answer differs from what is typed.
    shell.press(`stty -a | grep -c ' echo '; echo then$((1 + 0))\r`);
    assert.is(await shell.sees(/(\d+)\s+then1/), '1');
    shell.press('exit\r');
    await shell.end();
  }));

test('filters its rows by what is typed after /, and counts all events', () =>
  withBridge(async (bridged) => {
    await using cli = await watching(bridged, [], (args, environment) =>
      Cli.onTerminalOf(24, 100, args, environment),
    );
    await signIn(bridged);
    await rowsWith(cli, /answered/, 4);
    cli.press('/Missingg');
    await rowsWith(cli, /^\/Missingg_ {2}Enter keeps the filter, Esc clears it$/);
    // Backspace.
    cli.press('\x7f');
    await rowsWith(cli, /^\/Missing_ /, ['malformed 1 missing code']);
    cli.press('\r');
    await rowsWith(cli, /^q quits {2}\/ filters: Missing {2}p pauses$/);
    await signIn(bridged);
    await rowsWith(cli, /^waiting 0 {2}accepted 2 /, [
      'malformed 2 missing code',
      'malformed 1 missing code',
    ]);
    cli.press('\x1b');
    await rowsWith(cli, /^q quits {2}\/ filters {2}p/, 8);
    // A letter of a filter does not quit.
    cli.press('/q');
    await rowsWith(cli, /^\/q_ /);
    cli.press('\x03');
    assert.is((await cli.end()).code, 0);
  }));

test('shows no new rows while it is paused by p, and counts them', () =>
  withBridge(async (bridged) => {
    await using cli = await watching(bridged, [], (args, environment) =>
      Cli.onTerminalOf(24, 100, args, environment),
    );
    await signIn(bridged);
    const before = await rowsWith(cli, /answered/, 4);
    cli.press('p');
    await rowsWith(cli, /bridge {2}paused$/);
    await signIn(bridged);
    await rowsWith(cli, /^q quits {2}\/ filters {2}p goes on: 4 new$/, before);
    cli.press('p');
    await rowsWith(cli, /bridge {2}live$/, 8);
    cli.press('q');
    assert.is((await cli.end()).code, 0);
  }));

test('shows each event in a line of its own, while there is room for more', () =>
  withBridge(async (bridged) => {
    const start = (args: readonly string[], environment: typeof env): Cli =>
      Cli.onTerminalOf(24, 100, args, environment);
    await using cli = await watching(bridged, [], start);
    // In turn, each drawn before the next comes.
    const flow = await bridged.server.begin();
    await cli.sees(/begun/);
    await bridged.visit(`/callback?state=${flow.state}`);
    await cli.sees(/missing code/);
    await bridged.visit(`/callback?code=${canary}&state=${flow.state}`);
    await cli.sees(/answered/);
    flow.settle({ status: 'success' });
    await cli.sees(/settled/);
    cli.press('\x03');
    assert.equal(
      rowsOf(screenOf((await cli.end()).stdout)).map((row) => row.replace(/after .*/, 'after a while')),
      [
        'settled 1 success',
        'answered 1 code, after a while',
        'accepted 1',
        'malformed 1 missing code',
        'begun 1 expires in 10 min',
      ],
    );
  }));

test('shows the filtered rows in its table, and counts all events', () => {
  const time = virtualTime();
  return withBridge(
    async (bridged) => {
      const start = (args: readonly string[], environment: typeof env): Cli =>
        Cli.onTerminalOf(24, 100, args, environment);
      await using all = await watching(bridged, [], start);
      await using types = await watching(bridged, ['--type', 'expired', '--type', 'cancelled'], start);
      await using refusals = await watching(bridged, ['--disposition', 'malformed'], start);
      await using flow = await watching(bridged, ['--flow', '2'], start);
      await everyEnding(bridged, time);
      for (const [cli, what, rows] of [
        [all, 'everything', everyRow],
        [types, 'two types', everyRow.filter((row) => /^(?:expired|cancelled)/.test(row))],
        [refusals, 'a disposition', ['malformed 1 missing code']],
        [flow, 'a flow', everyRow.filter((row) => /^\w+ 2\b/.test(row))],
      ] as const) {
        await cli.sees(/waiting 2 /);
        cli.press('\x03');
        const screen = screenOf((await cli.end()).stdout);
        assert.equal(rowsOf(screen), rows, `the rows of ${what}`);
        assert.equal(
          screen[1]?.split('  ').slice(0, -1),
          ['waiting 2', 'accepted 2', 'refused 1'],
          `the counts of ${what}`,
        );
        assert.is(
          screen[2],
          'succeeded 1  denied 1  failed 0  expired 1  cancelled 2  20 % of 5 in five minutes',
          `the outcomes of ${what}`,
        );
      }
    },
    {},
    { scheduler: time.scheduler },
  );
});

test(
  'says above its table that the connection is lost, and in a row how many events were missed',
  async () => {
    // As often as the service is unavailable, an attempt waits for it: each that failed would be followed by a longer wait.
    const proxy = await TcpProxy.open(undefined, { waits: true });
    try {
      const authority = `127.0.0.1:${proxy.port}`;
      const url = `ws://${authority}/bridge`;
      await withBridge(
        async (bridged) => {
          const { bridge, server, events, port } = bridged;
          proxy.target = port;
          const visit: Bridged['visit'] = (target) => bridged.visit(target, { Host: authority });
          const start = (args: readonly string[], environment: typeof env): Cli =>
            Cli.onTerminalOf(24, 100, args, environment);
          // The filter is for events; that some are missing is always said.
          await using cli = await watching({ ...bridged, url }, ['--type', 'answered'], start);
          await signIn({ server, visit });
          await cli.sees(/answered +1 /);
          const before = events.length;
          proxy.target = undefined;
          proxy.cutAll();
          await counts(bridge, 0);
          for (let n = 0; n < 5; n++) await signIn({ server, visit });
          await cli.sees(/connection lost, reconnecting/);
          assert.is(screenOf(cli.stdout)[0], `${url}  connection lost, reconnecting`);
          proxy.target = port;
          await cli.sees(/answered +6 /);
          assert.match(screenOf(cli.stdout)[1] ?? '', 'accepted 6  refused 6');
          // As a restart does, it numbers its events anew.
          proxy.target = undefined;
          await bridge.close({ restart: true });
          const again = createBridge(server, { token });
          await again.listen();
          proxy.target = port;
          await cli.sees(/The service restarted/);
          cli.press('\x03');
          const { code, stdout } = await cli.end();
          const screen = screenOf(stdout);
          const told = `-- ${events.length - before - 4} events were lost while disconnected.`;
          assert.equal(
            rowsOf(screen).map((row) => row.replace(/, after .*/, '')),
            [`-- ${gapWording(undefined)}`, 'answered 6 code', told, 'answered 1 code'],
          );
          assert.equal([code, screen[0]], [0, `${url}  live`]);
          assert.match(screen[1] ?? '', 'accepted 0  refused 0');
        },
        { limits: { events: 4 } },
        { publicUrl: `http://${authority}` },
      );
    } finally {
      await proxy.close();
    }
  },
  { deadline: 300_000 },
);

test('has no colours with NO_COLOR, and writes JSON on a terminal with --json or without a size', () =>
  withBridge(async (bridged) => {
    const plain = (args: readonly string[], environment: typeof env): Cli =>
      Cli.onTerminalOf(20, 80, args, { ...environment, NO_COLOR: '1' });
    await using table = await watching(bridged, [], plain);
    await using lines = await watching(bridged, ['--json'], plain);
    await using sizeless = await watching(bridged, [], Cli.onTerminal);
    await using unwanted = await watching(bridged, ['--no-json'], plain);
    await signIn(bridged);
    for (const cli of [table, unwanted]) await cli.sees(/accepted 1/);
    for (const cli of [lines, sizeless]) await cli.sees(/"answered"[^\n]*\n/);
    for (const cli of [table, unwanted, lines, sizeless]) cli.press('\x03');
    for (const cli of [table, unwanted]) assert.not.match((await cli.end()).stdout, /\x1b\[\d+m/);
    for (const cli of [lines, sizeless]) assert.match((await cli.end()).stdout, /^\{"type":"begun"/);
  }));

test('shows the number of redirects in the last whole second', () => {
  const model = new FeedModel();
  const { now } = Date;
  const at = 1_800_000_000_500;
  const clock = (ms: number): void => void (Date.now = () => at + ms);
  const rate = (): string | undefined =>
    /per second \d+/.exec(
      frame(model, { columns: 120, rows: 24, colors: false }, { url: 'wss://x', connected: true }),
    )?.[0];
  const redirects = (...dispositions: ('accepted' | 'duplicate' | 'held')[]): void => {
    for (const disposition of dispositions)
      model.add({ type: 'redirect', at: Date.now(), disposition, flowId: undefined, reason: undefined });
  };
  try {
    clock(0);
    redirects('accepted', 'accepted', 'duplicate', 'held');
    assert.is(rate(), 'per second 0', 'the second is not over');
    clock(600);
    redirects('accepted');
    assert.is(rate(), 'per second 3');
    clock(1_600);
    assert.is(rate(), 'per second 1');
    clock(2_600);
    assert.is(rate(), 'per second 0');
  } finally {
    Date.now = now;
  }
});

test('writes no control characters of a service to the terminal', () => {
  const model = new FeedModel();
  const error = 'x\x1b]0;pwned\x07\x1b[2J\u009b31m\u202e\nnext';
  model.add({ type: 'answered', at: 0, flowId: '1', outcome: 'error', error });
  const shown = frame(
    model,
    { columns: 80, rows: 24, colors: false },
    { url: 'wss://x/\x1b[1m', connected: true },
  );
  assert.is(shown.split('\n').length, 5);
  assert.not.match(shown.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u);
  // The smallest of terminals.
  assert.is(frame(model, { columns: 1, rows: 1, colors: false }, { url: 'x', connected: true }), 'x');
});

test.run();
