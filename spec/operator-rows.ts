/** What an operator relies on, each as a check of one module, as command-rows.ts has them. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import type { Io } from '../src/cli/io.ts';
import type { Log } from '../src/cli/log.ts';
import { Source } from '../src/cli/watch/source.ts';
import type { View } from '../src/cli/watch/view.ts';
import type { FeedStatus } from '../src/client.ts';
import type { ServerEvent } from '../src/index.ts';
import { Account } from '../src/monitor/account.ts';
import { memoryStore } from '../src/store/memory.ts';
import { createMetrics } from '../src/telemetry/metrics.ts';
import type { CommandRow } from './command-rows.ts';
import * as assert from './helpers/assert.ts';
import { newState, token, withBridge, withPeers, type Bridged, type Peer } from './helpers/bridge.ts';
import { virtualTime } from './helpers/clock.ts';
import { Folder } from './helpers/cli.ts';
import { everyEnding, everyRow } from './helpers/endings.ts';
import { withServer } from './helpers/endpoint.ts';
import { rowsOf, Screen } from './helpers/screen.ts';
import { send } from './helpers/wire.ts';
import { newPass, passOf, ticketOf, withMonitor } from './monitor/monitored.ts';

const labelsNothingSecret: CommandRow<typeof import('../src/telemetry/metrics.ts')> = {
  title: 'H-01 no label of a metric holds a state, or what a provider made up',
  module: 'telemetry/metrics.ts',
  check: ({ createMetrics }) =>
    withServer({}, async ({ server, visit }) => {
      const metrics = createMetrics(server, { process: false });
      const { state } = await server.begin();
      await visit(`/callback?code=c&state=${state}`);
      const denied = await server.begin();
      await visit(`/callback?error=made_up_by_it&error_description=x&state=${denied.state}`);
      await visit('/callback?code=c&state=the-state-of-nobody-at-all');
      const text = await metrics.text();
      assert.match(text, 'redirects_total{disposition="accepted",reason=""} 2\n');
      for (const [what, secret] of [
        ['a state', state],
        ['a state that somebody has sent', 'the-state-of-nobody-at-all'],
        ['an error of a provider', 'made_up_by_it'],
      ] as const)
        assert.not.match(text, secret, `${what} is in a label`);
    }),
};

const answersLoopbackOnly: CommandRow<typeof import('../src/telemetry/port.ts')> = {
  title: 'F-01 the port of an operator answers no page that has rebound its name to loopback',
  module: 'telemetry/port.ts',
  check: async ({ openOperatorPort }) => {
    const metrics = (): Promise<never> => Promise.reject(new Error('a secret'));
    const operator = await openOperatorPort(0, { metrics, unready: () => undefined });
    const { port } = operator.address;
    try {
      const as = async (Host: string): Promise<number> =>
        (await send(port, { target: '/readyz', headers: { Host } })).status;
      for (const name of ['evil.example', `127.0.0.1.nip.io:${port}`, 'localhost.evil.example'])
        assert.is(await as(name), 421, `as ${name}`);
      assert.is(await as(`127.0.0.1:${port}`), 200);
    } finally {
      await operator.close();
    }
  },
};

const givesTicketsToItsOwnPages: CommandRow<typeof import('../src/monitor/server.ts')> = {
  title: 'only pages of the server itself get tickets',
  module: 'monitor/server.ts',
  check: ({ createMonitor }) =>
    withMonitor(
      async ({ ask, monitor }) => {
        const [pass, next] = [passOf(monitor.url()), newPass()];
        for (const headers of [
          { Origin: null },
          { Origin: 'null' },
          { Origin: 'https://evil.example' },
          { 'Sec-Fetch-Site': 'same-site' },
        ])
          assert.is((await ask(pass, next, headers)).status, 403, `with ${JSON.stringify(headers)}`);
        assert.is((await ask(pass, next)).status, 200);
      },
      { create: createMonitor },
    ),
};

const endsWithItsToken: CommandRow<typeof import('../src/monitor/server.ts')> = {
  title: 'a page that a person has opened with a token watches no longer than that holds',
  module: 'monitor/server.ts',
  check: ({ createMonitor }) =>
    withMonitor(
      ({ ask, bridge, url, origin }) =>
        withPeers(url, async (open) => {
          const next = newPass();
          const peer = open({ ticket: ticketOf(await ask(token, next)), origin });
          await peer.welcome();
          bridge.setTokens([{ name: 'other', token: `${token}-other`, roles: ['monitor'] }]);
          assert.is((await ask(next)).status, 401, 'a pass, once its token is gone');
          assert.is(await peer.closed(), 4401);
        }),
      { create: createMonitor },
    ),
};

/** A connection still lives. */
async function stays({ socket }: Peer, after: string): Promise<void> {
  const waiting = new AbortController();
  const { signal } = waiting;
  const [pong, close] = [once(socket, 'message', { signal }), once(socket, 'close', { signal })];
  try {
    socket.send('{"type":"ping"}');
    const answer = await Promise.race([pong.then(() => 'open'), close.then(() => 'closed')]);
    assert.is(socket.readyState === socket.CLOSED ? 'closed' : answer, 'open', after);
  } finally {
    waiting.abort();
    await Promise.allSettled([pong, close]);
  }
}

const rereadsTokens: CommandRow<typeof import('../src/cli/serve/reload.ts')> = {
  title: 'SIGHUP closes the connections of tokens that are gone and no other; where it cannot, none',
  module: 'cli/serve/reload.ts',
  check: async ({ reload }) => {
    using folder = new Folder();
    const named = (name: string) => ({ name, token: `the-token-of-${name}`, roles: ['listener' as const] });
    const tokens = [named('first'), named('second')];
    const file = folder.write('tokens.json', tokens);
    const complaints: string[] = [];
    const log = {
      info: () => undefined,
      error: (problem: string | Error) => complaints.push(String(problem)),
    } as Partial<Log> as Log;
    const io = { env: {} } as Io;
    const body = ({ server, bridge, url }: Bridged): Promise<void> =>
      withPeers(url, async (open) => {
        const connect = async (name: string): Promise<Peer> => {
          const peer = open({ bearer: `the-token-of-${name}` });
          await peer.welcome();
          return peer;
        };
        const [first, second] = [await connect('first'), await connect('second')];
        const hangUp = async (content: string): Promise<void> => {
          writeFileSync(file, content);
          const access = { tokens, made: undefined };
          await reload({ flags: { tokens: [file] }, io, access, server, bridge, log });
        };
        for (const content of ['not JSON', '[]', '[{}]', '{}']) {
          await hangUp(content);
          for (const peer of [first, second]) await stays(peer, `after a file with ${content}`);
          await connect('first');
        }
        assert.is(complaints.length, 4, complaints.join('\n'));
        await hangUp(JSON.stringify([named('second'), named('third')]));
        await stays(second, 'with a token that is kept');
        assert.is(await first.closed(), 4401);
        await connect('third');
      });
    await withBridge(body, { tokens });
  },
};

const saysWhatItsNodeHas: CommandRow<typeof import('../src/bridge/server.ts')> = {
  title: 'a monitor is told how many flows wait at its node, wherever they end, and once',
  module: 'bridge/server.ts',
  check: async ({ createBridge }) => {
    const { scheduler, advance } = virtualTime();
    const shared = [{ store: memoryStore() }, { scheduler }, createBridge] as const;
    const body = (here: Bridged, there: Bridged): Promise<void> =>
      withPeers(here.url, async (open) => {
        const [monitor, listener, state] = [open(), open(), newState()];
        await Promise.all([monitor.welcome(), listener.welcome()]);
        monitor.say({ type: 'watch' });
        assert.is((await monitor.next('pending')).pending, 0);
        const told = async (): Promise<number[]> => {
          for (let seconds = 0; seconds < 3; seconds++) advance(1_000);
          await monitor.heardAll();
          const heard = monitor.heard.splice(0);
          return heard.flatMap((message) => (message.type === 'pending' ? [message.pending] : []));
        };
        await listener.begin(state);
        assert.equal(await told(), [1], 'of a flow that began here');
        await there.visit(`/callback?code=c&state=${state}`);
        await listener.next('result');
        assert.equal(await told(), [0], 'of one that ended elsewhere');
      });
    await withBridge((here) => withBridge((there) => body(here, there), ...shared), ...shared);
  },
};

const tellsOfWhatIsLost: CommandRow<typeof import('../src/bridge/server.ts')> = {
  title: 'a flow that its store has lost is told of, by that name, and waits no more',
  module: 'bridge/server.ts',
  check: ({ createBridge }) => {
    const kept = memoryStore();
    const take = kept.take.bind(kept);
    let lost = false;
    const store = Object.assign(kept, {
      take: ((state) => (lost ? Promise.resolve('gone') : take(state))) satisfies typeof take,
    });
    const body = ({ server, url, events }: Bridged): Promise<void> =>
      withPeers(url, async (open) => {
        const metrics = createMetrics(server, { process: false });
        const [listener, state] = [open(), newState()];
        await listener.welcome();
        const flow = await listener.begin(state);
        lost = true;
        // Which wakes whoever waits for it.
        await store.cancel(state);
        assert.is(await listener.closed(), 4410);
        const told = events.flatMap((event) => (event.type === 'cancelled' ? [{ ...event, at: 0 }] : []));
        assert.equal(told, [{ type: 'cancelled', at: 0, flow, reason: 'lost' }], 'what is told');
        const text = await metrics.text();
        for (const sample of [
          'flows_pending 0',
          'flows_ended_total{ending="lost",error=""} 1',
          'flow_waiting_seconds_count{ending="lost"} 1',
        ])
          assert.match(text, `rx_oauth_callback_${sample}\n`);
      });
    return withBridge(body, { store }, {}, createBridge);
  },
};

const steering = 'x\x1b]0;pwned\x07\x1b[2J\u009b31m\x7f';
const hostile: ServerEvent = { type: 'settled', at: 0, flow: '1', outcome: 'error', error: steering };
const control = /[\0-\x09\x0b-\x1f\x7f-\x9f]/;

const showsHarmlessly: CommandRow<typeof import('../src/cli/watch/screen.ts')> = {
  title: 'the table of watch has nothing that steers a terminal',
  module: 'cli/watch/screen.ts',
  check: ({ frame }) => {
    const account = new Account();
    account.add(hostile);
    const shown = frame(
      account,
      { columns: 120, rows: 24, colors: false },
      { url: 'wss://x', connected: true },
    );
    assert.match(shown, 'pwned');
    assert.not.match(shown, control, 'the screen is steered');
  },
};

const writesHarmlessly: CommandRow<typeof import('../src/cli/watch/lines.ts')> = {
  title: 'the lines of watch have nothing that steers a terminal, and are the events',
  module: 'cli/watch/lines.ts',
  check: ({ linesView }) => {
    const lineOf = (json: boolean): string => {
      const [stdout, stderr] = [new PassThrough(), new PassThrough()];
      linesView({ stdout, stderr }, new Source(), json).add(hostile, true);
      return String(stdout.read());
    };
    const [json, text] = [lineOf(true), lineOf(false)];
    assert.not.match(json, control, 'the terminal is steered');
    assert.equal(JSON.parse(json), hostile);
    assert.not.match(text, control, 'text steers the terminal');
    assert.match(text, /^1970-01-01T00:00:00\.000Z flow 1: got the error x[^\n]*\n$/);
  },
};

const listsWhatIsAskedFor: CommandRow<typeof import('../src/cli/watch/run.ts')> = {
  title: 'the table of watch has the rows that are asked for, and its counts are of all that happens',
  module: 'cli/watch/run.ts',
  check: async ({ watch }) => {
    const time = virtualTime();
    const watchOn = (url: string, { stdout }: Screen, stopped: Promise<void>, asked: object): Promise<void> =>
      watch(url, { token, ...asked }, {
        stdout,
        env: { NO_COLOR: '1' },
        onSignal: (_signal, heard) => {
          void stopped.then(heard);
          return () => undefined;
        },
      } as Partial<Io> as Io);
    const body = async (bridged: Bridged): Promise<void> => {
      let stop = (): void => undefined;
      const stopped = new Promise<void>((resolve) => (stop = resolve));
      const tries = [
        ['everything', {}, everyRow],
        ['two types', { type: ['expired', 'cancelled'] }, everyRow.filter((row) => /^(?:ex|ca)/.test(row))],
        ['a disposition', { disposition: ['malformed'] }, ['malformed missing code']],
        ['a flow', { flow: ['2'] }, everyRow.filter((row) => /^\w+ 2\b/.test(row))],
      ] as const;
      const screens = tries.map(() => new Screen(24, 100));
      const watches = tries.map(([, asked], index) => watchOn(bridged.url, screens[index]!, stopped, asked));
      try {
        await monitors(bridged, tries.length);
        await everyEnding(bridged, time);
        for (const screen of screens) await screen.shows(/^waiting 2 /);
      } finally {
        stop();
        await Promise.all(watches);
      }
      for (const [index, [what, , rows]] of tries.entries()) {
        const { lines } = screens[index]!;
        assert.equal(rowsOf(lines), rows, `the rows of ${what}`);
        assert.equal(
          lines[1]?.split('  ').slice(0, -1),
          ['waiting 2', 'accepted 2', 'refused 1', 'expired 1', 'cancelled 2'],
          `the counts of ${what}`,
        );
      }
    };
    await withBridge(body, {}, { scheduler: time.scheduler });
  },
};

/** Resolves once so many watch. */
async function monitors({ bridge }: Bridged, expected: number): Promise<void> {
  const turns = async (): Promise<void> => {
    while (bridge.stats().monitors < expected) await new Promise(setImmediate);
  };
  await assert.deadline(turns(), 10_000, `${expected} monitors`);
}

const status: FeedStatus = { counts: {}, reasons: {}, repeated: 0, missed: 0 };

const saysWhatIsMissing: CommandRow<typeof import('../src/cli/watch/table.ts')> = {
  title: 'the table of watch says that its connection is lost, that it is back, and what is missing between',
  module: 'cli/watch/table.ts',
  check: ({ tableView }) => {
    const url = 'wss://sign-in.example/under/a/long/path/bridge';
    const after = (happens: (view: View) => void, columns = 100): string[] => {
      const screen = new Screen(24, columns);
      const view = tableView(url, { stdout: screen.stdout, env: { NO_COLOR: '1' } });
      happens(view);
      view.close();
      return screen.lines;
    };
    const begun = (flow: string): ServerEvent => ({ type: 'begun', at: 0, flow, expiresAt: undefined });
    const lost = (view: View): void => {
      view.stands(status);
      view.add(begun('1'), true);
      view.connected(false);
    };
    const back =
      (missed: number | undefined) =>
      (view: View): void => {
        lost(view);
        view.stands({ ...status, missed });
        view.add(begun('2'), true);
      };
    const away = 'connection lost, coming back';
    assert.is(after(lost)[0], `${url}  ${away}`, 'once it is lost');
    assert.ok(after(lost, 40)[0]?.endsWith(`  ${away}`), 'where there is no room for the URL');
    for (const [missed, told] of [
      [0, []],
      [1_200, ['-- 1,200 events were lost while the connection was away.']],
      [undefined, ['-- The service has restarted: what came between is not known.']],
    ] as const) {
      const lines = after(back(missed));
      const what = `${missed === undefined ? 'an unknown number' : missed} missing`;
      assert.equal(rowsOf(lines), ['begun 2', ...told, 'begun 1'], `with ${what}`);
      assert.is(lines[0], `${url}  live`, `what it says above events, with ${what}`);
    }
  },
};

const saysOfEachBreak: CommandRow<typeof import('../src/cli/watch/lines.ts')> = {
  title: 'beside its lines watch says of each break, however short, once, and in a line what is missing',
  module: 'cli/watch/lines.ts',
  check: ({ linesView }) => {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()].map((each) => each.setEncoding('utf8'));
    const view = linesView({ stdout: stdout!, stderr: stderr! }, new Source(), true);
    const said = (): unknown[] => [stdout!.read(), stderr!.read()];
    const broke = 'connection lost, coming back\nconnected again\n';
    view.stands(status);
    assert.equal(said(), [null, null], 'as it begins');
    view.stands(status);
    assert.equal(said(), [null, broke], 'of a break that nobody saw');
    view.connected(false);
    view.connected(false);
    view.stands({ ...status, missed: 2 });
    view.connected(true);
    const two = '2 events were lost while the connection was away.\n';
    assert.equal(said(), ['{"type":"missed","count":2}\n', broke + two], 'of a break');
    view.stands({ ...status, missed: undefined });
    const [line, told] = said();
    assert.is(line, '{"type":"missed"}\n', 'after a restart');
    assert.match(String(told), 'The service has restarted');
  },
};

/** Each is checked with what its own module exports. */
export const operatorRows = {
  labelsNothingSecret,
  answersLoopbackOnly,
  givesTicketsToItsOwnPages,
  endsWithItsToken,
  rereadsTokens,
  saysWhatItsNodeHas,
  tellsOfWhatIsLost,
  showsHarmlessly,
  writesHarmlessly,
  listsWhatIsAskedFor,
  saysWhatIsMissing,
  saysOfEachBreak,
} satisfies Record<string, CommandRow>;
