import { type ChildProcess, fork } from 'node:child_process';
import { getEventListeners, once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { firstValueFrom, map, mergeMap, of } from 'rxjs';
import { WebSocket } from 'ws';
import { ofState, orThrow, type Redirect } from '../../src/index.ts';
import * as assert from '../helpers/assert.ts';
import { newKey, shake, withBridge, withPeers } from '../helpers/bridge.ts';
import { type Endpoint, observe, withServer } from '../helpers/endpoint.ts';
import { newState } from '../helpers/server.ts';
import { compose, navigation, readAnswer, sendBytes, visit } from '../helpers/http.ts';
import { listenOnLoopback } from '../helpers/loopback.ts';
import { dial } from '../helpers/raw.ts';
import { isRefused } from '../helpers/sockets.ts';
import type { Ended, Running } from './shutdown-child.ts';
import { edit } from '../helpers/weakened.ts';
import { bridge, check, requirement, requirementsOn, server, twin } from './requirement.ts';

export const requirements = requirementsOn(
  'Streams and process life',
  requirement(
    'I-01',
    {
      demand: 'Isolate subscribers: one that throws or blocks harms no other and delays no page.',
      source: 'RxJS 7',
    },
    check(server, 'goes on for everybody else when a subscriber throws', (create) =>
      withServer(
        {},
        async (endpoint) => {
          const { server, visit, log } = endpoint;
          const fail = (): never => {
            throw new Error('the consumer has failed');
          };
          const before = collect(server.redirects);
          server.redirects.subscribe(fail);
          server.redirects.subscribe({ next: fail, error: fail, complete: fail });
          server.redirects.pipe(map(fail)).subscribe();
          server.redirects.pipe(map((redirect) => redirect.at)).subscribe(fail);
          server.redirects.pipe(mergeMap(() => of(1).pipe(map(fail)))).subscribe();
          server.events.subscribe(fail);
          const after = collect(server.redirects);
          for (const code of ['first', 'second']) {
            const flow = await server.begin();
            flow.response.subscribe(fail);
            const outcome = observe(flow);
            server.redirects.pipe(ofState(flow.state)).subscribe(fail);
            assert.is((await visit(`/callback?code=${code}&state=${flow.state}`)).status, 200);
            assert.is(outcome.responses[0]?.code, code);
          }
          // A denial that nobody handles is an error in the consumer's own pipe.
          const denied = await server.begin();
          denied.response.pipe(orThrow()).subscribe();
          assert.is((await visit(`/callback?error=access_denied&state=${denied.state}`)).status, 400);
          const cancelled = await server.begin();
          cancelled.response.subscribe();
          cancelled.cancel();
          await aTimerLater();
          const codes = ['first', 'second', undefined];
          assert.equal(
            [before, after].map((seen) => seen.map(({ response }) => response.code)),
            [codes, codes],
          );
          assert.ok(log.filter((line) => line.includes('the consumer has failed')).length >= 10);
          await goesOn(endpoint);
        },
        create,
      ),
    ),
    check(server, 'goes on after requests that are broken off or no requests at all', (create) =>
      withServer(
        {},
        async (endpoint) => {
          const { server, port } = endpoint;
          const flow = await server.begin();
          await server.begin({ responseMode: 'form_post' });
          const outcome = observe(flow);
          for (const bytes of [
            'GET //\r\n\r\n',
            'GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n',
            '\0\0\r\n\r\n',
          ])
            await sendBytes(port, bytes);
          for (const bytes of [
            `GET /callback?code=c&state=${flow.state} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n`,
            `POST /callback HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Length: 500\r\n${form}\r\ncode=c`,
            `POST /callback HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nTransfer-Encoding: chunked\r\n${form}\r\n5\r\nco`,
          ]) {
            const socket = await dial(port);
            const closed = once(socket, 'close');
            socket.write(bytes, () => socket.resetAndDestroy());
            await closed;
          }
          assert.equal([outcome.responses, outcome.errors], [[], []]);
          assert.is((await endpoint.visit(`/callback?code=real&state=${flow.state}`)).status, 200);
          assert.is(outcome.responses[0]?.code, 'real');
          await goesOn(endpoint);
        },
        create,
      ),
    ),
    check(server, 'sends the page before a subscriber who blocks the process gets to know', (create) =>
      withServer(
        {},
        async (endpoint) => {
          const { server, port } = endpoint;
          const flows = [
            await server.begin(),
            await server.begin(),
            await server.begin(),
            await server.begin(),
          ];
          const [byFlow, byState, byRedirects, byEvents] = flows;
          const unknown = 'u'.repeat(43);
          const block = (browser: Browser) => () => browser.waitForPage();
          for (const [state, blocks] of [
            [byFlow!.state, (browser) => byFlow!.response.subscribe(block(browser))],
            [
              byState!.state,
              (browser) => server.redirects.pipe(ofState(byState!.state)).subscribe(block(browser)),
            ],
            [byRedirects!.state, (browser) => server.redirects.subscribe(block(browser))],
            [byEvents!.state, (browser) => server.events.subscribe(block(browser))],
            [unknown, (browser) => server.redirects.subscribe(block(browser))],
          ] as readonly (readonly [string, (browser: Browser) => { unsubscribe: () => void }])[]) {
            const browser = await openBrowser(port, `/callback?code=c&state=${state}`);
            const subscription = blocks(browser);
            // Last in the row, and told all the same.
            const last = firstValueFrom(server.redirects);
            try {
              browser.go();
              assert.is((await last).response.state, state);
              // "timed-out" where the page came only once the process was free again.
              assert.equal([...new Set(browser.waits)], ['the page came']);
            } finally {
              subscription.unsubscribe();
              await browser.close();
            }
          }
          await goesOn(endpoint);
        },
        create,
      ),
    ),
  ),

  requirement(
    'I-02',
    {
      demand:
        'On shutdown, accept nothing new, settle every flow, finish answers in progress and close every socket within a limit.',
      source: 'RFC 6455 section 7.4.1; Node: closeAllConnections() leaves upgraded sockets',
    },
    check(
      server,
      'ends on SIGTERM: pages finished, flows settled, sockets gone, the process out by itself',
      () => endsWell(),
      [],
      { deadline: 300_000 },
    ),
    check(
      bridge,
      'a bridge that drains takes no connection and no flow, and ends what was begun before',
      (create) =>
        withBridge(
          ({ bridge, port, server, url, visit }) =>
            withPeers(url, async (open) => {
              const [peer, state] = [open(), newState()];
              await peer.welcome();
              const flow = await peer.begin(state);
              await bridge.drain();
              assert.is((await shake(port)).status, 503, 'a handshake while it drains');
              peer.say({ type: 'begin', ref: 2, state: newState(), key: newKey() });
              await peer.heardAll();
              const answers = peer.heard.map((each) => ('code' in each ? each.code : each.type));
              assert.equal(answers, ['closed'], 'begin while it drains');
              await visit(`/callback?code=c&state=${state}`);
              assert.is((await peer.next('result')).flowId, flow);
              // Does not answer the close, which the server waits for.
              peer.socket.pause();
              const closing = server.close();
              assert.is((await shake(port)).status, 503, 'a handshake while it closes');
              peer.socket.resume();
              await closing;
            }),
          {},
          {},
          create,
        ),
      [
        twin(
          'drains with open doors',
          edit(
            `    return this.#inTurn(async () => {
      this.#admission.open = false;`,
            `    return this.#inTurn(async () => {`,
          ),
          /a handshake while it drains/,
        ),
        twin(
          'begins flows while it drains',
          edit(`if (isDraining()) {`, `if (false) {`),
          /begin while it drains/,
        ),
        twin(
          'has no bridge while it closes',
          edit(`    this.#path?.retire();\n`, `    this.#path?.release();\n`),
          /a handshake while it closes/,
        ),
      ],
      { also: ['B19', 'W6'] },
    ),
    check(
      server,
      'leaves WebSockets of a borrowed server to their owner, and does not wait for them',
      () => leavesWebSockets(),
      [],
      { deadline: 300_000 },
    ),
    check(
      server,
      'settles what waits, accepts nothing more and is closed within the bound, whatever its peers do',
      (create) =>
        withServer(
          { closeTimeout: 200, settle: 300_000 },
          async ({ server, port, visit }) => {
            const [paged, ...pending] = [await server.begin(), await server.begin(), await server.begin()];
            const outcomes = pending.map(observe);
            const page = visit(`/callback?code=c&state=${paged.state}`);
            await firstValueFrom(paged.response);
            const peers = await stubborn(port);
            try {
              await assert.deadline(server.close(), 'close()');
              const answer = await page;
              assert.is(answer.status, 200);
              assert.match(answer.body, '</html>');
              assert.equal(
                outcomes.map(({ errors }) => errors.map((error) => (error as NodeJS.ErrnoException).code)),
                [['closed'], ['closed']],
              );
              assert.ok(await isRefused(port));
            } finally {
              for (const peer of peers) peer.destroy();
            }
          },
          create,
        ),
      [
        twin(
          'leaves its flows waiting when it closes',
          edit('    this.#flows.close();\n', ''),
          /\+\+····"closed"/,
        ),
      ],
    ),
    check(server, 'does not wait for connections that are owed nothing', (create) =>
      withServer(
        // Longer than this check may take.
        { closeTimeout: 60_000 },
        async ({ server, port }) => {
          const peers = await idle(port);
          try {
            await assert.deadline(server.close(), 'close()');
            assert.ok(await isRefused(port));
          } finally {
            for (const peer of peers) peer.destroy();
          }
        },
        create,
      ),
    ),
    check(server, 'settles even what is begun while it closes', (create) =>
      withServer(
        {},
        async ({ server }) => {
          const outcomes: string[] = [];
          const told = (error: unknown): void => void outcomes.push((error as NodeJS.ErrnoException).code!);
          // As somebody does who tries again at once, whatever the reason.
          const tryAgain = (error: unknown): void => {
            told(error);
            server.begin().then(({ response }) => response.subscribe({ error: tryAgain }), told);
            const late = server.redirects.pipe(ofState('0123456789'.repeat(4)));
            late.subscribe({ complete: () => outcomes.push('completed') });
          };
          (await server.begin()).response.subscribe({ error: tryAgain });
          await server.close();
          await new Promise(setImmediate);
          assert.equal(outcomes, ['closed', 'completed', 'closed']);
          await assert.rejects(server.begin(), 'not_listening');
          // And nothing of that stays for the next run.
          await server.listen();
          const flow = await server.begin();
          assert.is((await visit(server.address.port, `/callback?code=c&state=${flow.state}`)).status, 200);
          assert.is((await firstValueFrom(flow.response)).code, 'c');
        },
        create,
      ),
    ),
  ),

  requirement(
    'I-03',
    {
      demand: 'Close and start again in any order, and leave nothing behind.',
      source: 'this product',
    },
    check(
      server,
      'can be closed, disposed and started again in any order',
      async (create) => {
        const server = create({ logger: {} });
        await server.close();
        await server[Symbol.asyncDispose]();
        await Promise.all([server.listen(), server.listen()]);
        const { port } = server.address;
        await server.listen();
        assert.is(server.address.port, port);
        const first = await server.begin();
        const outcome = observe(first);
        await Promise.all([server.close(), server.close(), server[Symbol.asyncDispose]()]);
        await server.close();
        assert.is((outcome.errors[0] as NodeJS.ErrnoException).code, 'closed');
        assert.ok(await isRefused(port));
        // Listening in the middle of closing waits for it.
        await server.listen();
        const closing = server.close();
        const again = server.listen();
        await Promise.all([closing, again]);
        try {
          const seen = collect(server.redirects);
          const flow = await server.begin();
          assert.is((await visit(server.address.port, `/callback?code=c&state=${flow.state}`)).status, 200);
          assert.is((await firstValueFrom(flow.response)).code, 'c');
          assert.is(seen.length, 1);
        } finally {
          await server.close();
        }
        // The last word counts, whether anybody waits for the one before or not.
        const impatient = create({ logger: {} });
        await Promise.all([impatient.listen(), impatient.close()]);
        assert.throws(() => impatient.address, 'not_listening');
        await Promise.all([impatient.listen(), impatient.close(), impatient.listen()]);
        const { port: last } = impatient.address;
        await Promise.all([impatient.close(), impatient.listen(), impatient.close()]);
        assert.ok(await isRefused(last));
      },
      [
        twin(
          'can be closed but once',
          edit(
            `  async #stop(): Promise<void> {\n`,
            `  async #stop(): Promise<void> {\n    if (!this.#binding) throw new NotListeningError('close() needs a running server');\n`,
          ),
          /NotListeningError: close\(\) needs a running server/,
        ),
      ],
    ),
    check(
      server,
      'leaves nothing behind, a thousand times over',
      async (create) => {
        const warnings: string[] = [];
        const warn = ({ message }: Error): void => void warnings.push(message);
        process.on('warning', warn);
        const http = createServer((_request, response) => response.end('theirs'));
        await using theirs = await listenOnLoopback(http);
        try {
          const borrowing = create({ logger: {}, server: http });
          const own = create({ logger: {} });
          const rounds = async (count: number): Promise<void> => {
            for (let round = 0; round < count; round++) {
              await borrowing.listen();
              await own.listen();
              observe(await borrowing.begin());
              const flow = await own.begin({ signal: signals.signal });
              if (round % 50 === 0) {
                await visit(own.address.port, `/callback?code=c&state=${flow.state}`);
                assert.is((await firstValueFrom(flow.response)).code, 'c');
              }
              await own.close();
              await borrowing.close();
            }
          };
          const signals = new AbortController();
          const untouched = listenersOf(http);
          // Node opens these once and keeps them.
          await rounds(10);
          const before = await footprint(signals.signal);
          await rounds(1_000);
          assert.equal(await footprint(signals.signal), before);
          assert.equal(listenersOf(http), untouched);
          assert.is((await visit(theirs.port, '/callback')).body, 'theirs');
          assert.equal(warnings, []);
        } finally {
          process.off('warning', warn);
        }
      },
      [],
      { deadline: 300_000 },
    ),
  ),
);

const form = 'Content-Type: application/x-www-form-urlencoded\r\n';

function collect(redirects: Endpoint['server']['redirects']): Redirect[] {
  const seen: Redirect[] = [];
  redirects.subscribe((redirect) => seen.push(redirect));
  return seen;
}

/** The streams still live for who comes now, and the server still answers. */
async function goesOn({ server, visit }: Endpoint): Promise<void> {
  const seen = collect(server.redirects);
  const flow = await server.begin();
  assert.is((await visit(`/callback?code=later&state=${flow.state}`)).status, 200);
  assert.is((await firstValueFrom(flow.response)).code, 'later');
  assert.is(seen[0]?.response.code, 'later');
}

/** RxJS throws what nobody has caught from a timer of no delay, set before this one. */
function aTimerLater(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

interface Browser {
  /** Sends the request. */
  go: () => void;
  /** Blocks the whole process until the browser has its page. */
  waitForPage: () => void;
  /** How each waiting ended. */
  waits: readonly string[];
  close: () => Promise<void>;
}

/** A browser in a thread of its own, which goes on where this one is blocked. */
async function openBrowser(port: number, target: string): Promise<Browser> {
  const flag = new Int32Array(new SharedArrayBuffer(4));
  const bytes = compose(port, { target, headers: navigation });
  const worker = new Worker(browserProgram, { eval: true, workerData: { port, bytes, flag } });
  await once(worker, 'message');
  const waits: string[] = [];
  return {
    waits,
    go: () => worker.postMessage('go'),
    waitForPage: () => {
      waits.push(
        Atomics.wait(flag, 0, 0, assert.patience) === 'timed-out' ? 'no page came' : 'the page came',
      );
    },
    close: async () => {
      await worker.terminate();
    },
  };
}

const browserProgram = `
  const { connect } = require('node:net');
  const { parentPort, workerData: { port, bytes, flag } } = require('node:worker_threads');
  const socket = connect({ port, host: '127.0.0.1' }, () => parentPort.postMessage('connected'));
  let page = '';
  socket.on('data', (chunk) => {
    page += chunk;
    if (!page.includes('</html>')) return;
    Atomics.store(flag, 0, 1);
    Atomics.notify(flag, 0);
  });
  parentPort.once('message', () => socket.write(bytes));
`;

/** Peers that would keep a server open for ever. */
async function stubborn(port: number): Promise<Socket[]> {
  // Asks a thousand times and never reads.
  const deaf = connect({ port, host: '127.0.0.1' });
  deaf.on('error', () => undefined);
  await once(deaf, 'connect');
  deaf.pause();
  deaf.write(`GET /elsewhere HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`.repeat(5_000));
  return [deaf, ...(await idle(port))];
}

/** Connections on which nothing is asked, or only half of it. */
async function idle(port: number): Promise<Socket[]> {
  const host = `Host: 127.0.0.1:${port}\r\n`;
  const loris = await dial(port);
  loris.write(`GET /callback?code=c HTTP/1.1\r\nHost: 127`);
  const silent = await dial(port);
  const body = await dial(port);
  body.write(`POST /elsewhere HTTP/1.1\r\n${host}Content-Length: 1000\r\n\r\nx`);
  // Does not close its half when the server does.
  const half = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  half.on('error', () => undefined);
  await once(half, 'connect');
  half.write(`GET /elsewhere HTTP/1.1\r\n${host}\r\n`);
  await once(half, 'data');
  const upgraded = await Promise.all(Array.from({ length: 50 }, () => askForUpgrade(port)));
  return [loris, silent, body, half, ...upgraded];
}

/** A socket that has asked to speak WebSocket, and stays. */
async function askForUpgrade(port: number): Promise<Socket> {
  const socket = await dial(port);
  const headers = {
    Connection: 'keep-alive, Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
  };
  socket.write(compose(port, { target: '/', headers }));
  const answer = await readAnswer(socket);
  assert.ok(answer.status >= 400, 'there is no WebSocket here');
  return socket;
}

/** Resources that a process holds open, and its listeners. */
async function footprint(signal: AbortSignal): Promise<object> {
  // Sockets of the last round close in a later turn.
  await aTimerLater();
  await new Promise(setImmediate);
  const handles = (process as unknown as { _getActiveHandles: () => object[] })._getActiveHandles();
  const kinds: Record<string, number> = {};
  for (const { constructor } of handles) kinds[constructor.name] = (kinds[constructor.name] ?? 0) + 1;
  return { kinds, process: listenersOf(process), signal: getEventListeners(signal, 'abort').length };
}

function listenersOf(emitter: NodeJS.EventEmitter): string[] {
  return emitter
    .eventNames()
    .map((name) => `${String(name)} ${emitter.listenerCount(name)}`)
    .sort();
}

interface Child {
  process: ChildProcess;
  running: Running;
  ended: Promise<Ended>;
  exit: Promise<[number | null, string | null]>;
}

async function startChild(...args: string[]): Promise<Child> {
  const process = fork(fileURLToPath(new URL('shutdown-child.ts', import.meta.url)), args, {
    execArgv: ['--unhandled-rejections=strict', '--import', import.meta.resolve('tsx')],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const exit = once(process, 'close') as Child['exit'];
  const died = exit.then(([code]) => Promise.reject(new Error(`the program has ended with ${String(code)}`)));
  died.catch(() => undefined);
  const told = <T>(): Promise<T> =>
    Promise.race([once(process, 'message').then(([message]) => message as T), died]);
  const running = await assert.deadline(told<Running>(), 'the start of the program');
  return { process, running, ended: told<Ended>(), exit };
}

async function endsWell(): Promise<void> {
  const { process, running, ended, exit } = await startChild();
  const { port, delivered, pending } = running;
  const peers: Socket[] = [];
  try {
    peers.push(...(await stubborn(port)));
    const slow = await dial(port);
    slow.write(compose(port, { target: `/callback?code=c&state=${delivered}`, headers: navigation }));
    const held = visit(port, `/callback?code=c&state=${'h'.repeat(43)}`);
    const page = readAnswer(slow);
    assert.is(pending.length, 3);
    // Answered once both requests before it have been taken.
    assert.is((await visit(port, '/elsewhere')).status, 404);
    // A peer that keeps its own half has seen no more than the end of the other.
    const gone = peers.map((peer) => once(peer, peer.allowHalfOpen ? 'end' : 'close'));
    process.kill('SIGTERM');
    const { outcomes, completed } = await assert.deadline(ended, 'close()');
    for (const peer of peers) peer.resume();
    assert.equal(outcomes, ['delivered', 'closed', 'closed', 'closed']);
    assert.equal(completed, ['redirects', 'events']);
    const answer = await page;
    assert.is(answer.status, 200);
    assert.match(answer.body, 'Sign-in received');
    assert.match(answer.body, '</html>');
    assert.is((await held).status, 400);
    assert.equal(await assert.deadline(exit, 'the end of the program'), [0, null]);
    await assert.deadline(Promise.all(gone), 'the end of every connection');
    assert.ok(await isRefused(port));
  } finally {
    process.kill('SIGKILL');
    await exit;
    for (const peer of peers) peer.destroy();
  }
}

async function leavesWebSockets(): Promise<void> {
  const { process, running, ended, exit } = await startChild('borrows');
  const webSockets: WebSocket[] = [];
  try {
    const { port, delivered } = running;
    const closes: Promise<number>[] = [];
    for (let index = 0; index < 50; index++) {
      const webSocket = new WebSocket(`ws://127.0.0.1:${port}/`);
      webSockets.push(webSocket);
      await once(webSocket, 'open');
      closes.push(once(webSocket, 'close').then(([code]) => code as number));
    }
    const page = visit(port, `/callback?code=c&state=${delivered}`);
    assert.is((await visit(port, '/elsewhere')).status, 404);
    process.kill('SIGTERM');
    const { outcomes, webSockets: open } = await assert.deadline(ended, 'close()');
    assert.equal(outcomes, ['delivered', 'closed', 'closed', 'closed']);
    assert.is(open, 50);
    assert.is((await page).status, 200);
    assert.equal(await assert.deadline(exit, 'the end of the program'), [0, null]);
    assert.equal([...new Set(await Promise.all(closes))], [1001]);
  } finally {
    process.kill('SIGKILL');
    await exit;
    for (const webSocket of webSockets) webSocket.terminate();
  }
}
