import { fork, type ChildProcess } from 'node:child_process';
import { getEventListeners, once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { firstValueFrom, map, mergeMap, of } from 'rxjs';
import { WebSocket } from 'ws';
import { ofState, orThrow, type Redirect } from '../../src/index.ts';
import { deadline, equal, is, match, ok, rejects, throws } from '../helpers/assert.ts';
import { observe, withServer, type Endpoint } from '../helpers/endpoint.ts';
import { compose, dial, navigation, readAnswer, sendRaw, visit } from '../helpers/wire.ts';
import type { Row } from './row.ts';
import type { Ended, Running } from './shutdown-child.ts';

export const rows: readonly Row[] = [
  {
    id: 'I-01',
    title: 'goes on for everybody else when a subscriber throws',
    check: (create) =>
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
            is((await visit(`/callback?code=${code}&state=${flow.state}`)).status, 200);
            is(outcome.responses[0]?.code, code);
          }
          // A denial that nobody handles is an error in the consumer's own pipe.
          const denied = await server.begin();
          denied.response.pipe(orThrow()).subscribe();
          is((await visit(`/callback?error=access_denied&state=${denied.state}`)).status, 400);
          const cancelled = await server.begin();
          cancelled.response.subscribe();
          cancelled.cancel();
          await aTimerLater();
          const codes = ['first', 'second', undefined];
          equal(
            [before, after].map((seen) => seen.map(({ response }) => response.code)),
            [codes, codes],
          );
          ok(log.filter((line) => line.includes('the consumer has failed')).length >= 10);
          await goesOn(endpoint);
        },
        create,
      ),
  },
  {
    id: 'I-01',
    title: 'goes on after requests that are broken off or no requests at all',
    check: (create) =>
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
            await sendRaw(port, bytes);
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
          equal([outcome.responses, outcome.errors], [[], []]);
          is((await endpoint.visit(`/callback?code=real&state=${flow.state}`)).status, 200);
          is(outcome.responses[0]?.code, 'real');
          await goesOn(endpoint);
        },
        create,
      ),
  },
  {
    id: 'I-01',
    title: 'sends the page before a subscriber who blocks the process gets to know',
    check: (create) =>
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
              is((await last).response.state, state);
              // "timed-out" where the page came only once the process was free again.
              equal([...new Set(browser.waits)], ['the page came']);
            } finally {
              subscription.unsubscribe();
              await browser.close();
            }
          }
          await goesOn(endpoint);
        },
        create,
      ),
  },
  {
    id: 'I-02',
    title: 'ends on SIGTERM: pages finished, flows settled, sockets gone, the process out by itself',
    deadline: 40_000,
    // In a process of its own, which must come to its end.
    check: () => endsWell(),
  },
  {
    id: 'I-02',
    title: 'leaves WebSockets of a borrowed server to their owner, and does not wait for them',
    deadline: 40_000,
    check: () => leavesWebSockets(),
  },
  {
    id: 'I-02',
    title: 'settles what waits, accepts nothing more and is closed within the bound, whatever its peers do',
    check: (create) =>
      withServer(
        { closeTimeout: 200, settle: 300_000 },
        async ({ server, port, visit }) => {
          const [paged, ...pending] = [await server.begin(), await server.begin(), await server.begin()];
          const outcomes = pending.map(observe);
          const page = visit(`/callback?code=c&state=${paged.state}`);
          await firstValueFrom(paged.response);
          const peers = await stubborn(port);
          try {
            await deadline(server.close(), 5_000, 'close()');
            const answer = await page;
            is(answer.status, 200);
            match(answer.body, '</html>');
            equal(
              outcomes.map(({ errors }) => errors.map((error) => (error as NodeJS.ErrnoException).code)),
              [['closed'], ['closed']],
            );
            await refuses(port);
          } finally {
            for (const peer of peers) peer.destroy();
          }
        },
        create,
      ),
  },
  {
    id: 'I-02',
    title: 'does not wait for connections that are owed nothing',
    check: (create) =>
      withServer(
        // Longer than this check may take.
        { closeTimeout: 60_000 },
        async ({ server, port }) => {
          const peers = await idle(port);
          try {
            await deadline(server.close(), 10_000, 'close()');
            await refuses(port);
          } finally {
            for (const peer of peers) peer.destroy();
          }
        },
        create,
      ),
  },
  {
    id: 'I-02',
    title: 'settles even what is begun while it closes',
    check: (create) =>
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
          equal(outcomes, ['closed', 'completed', 'closed']);
          await rejects(server.begin(), 'not_listening');
          // And nothing of that stays for the next run.
          await server.listen();
          const flow = await server.begin();
          is((await visit(server.address.port, `/callback?code=c&state=${flow.state}`)).status, 200);
          is((await firstValueFrom(flow.response)).code, 'c');
        },
        create,
      ),
  },
  {
    id: 'I-03',
    title: 'can be closed, disposed and started again in any order',
    check: async (create) => {
      const server = create({ logger: {} });
      await server.close();
      await server[Symbol.asyncDispose]();
      await Promise.all([server.listen(), server.listen()]);
      const { port } = server.address;
      await server.listen();
      is(server.address.port, port);
      const first = await server.begin();
      const outcome = observe(first);
      await Promise.all([server.close(), server.close(), server[Symbol.asyncDispose]()]);
      await server.close();
      is((outcome.errors[0] as NodeJS.ErrnoException).code, 'closed');
      await refuses(port);
      // Listening in the middle of closing waits for it.
      await server.listen();
      const closing = server.close();
      const again = server.listen();
      await Promise.all([closing, again]);
      try {
        const seen = collect(server.redirects);
        const flow = await server.begin();
        is((await visit(server.address.port, `/callback?code=c&state=${flow.state}`)).status, 200);
        is((await firstValueFrom(flow.response)).code, 'c');
        is(seen.length, 1);
      } finally {
        await server.close();
      }
      // The last word counts, whether anybody waits for the one before or not.
      const impatient = create({ logger: {} });
      await Promise.all([impatient.listen(), impatient.close()]);
      throws(() => impatient.address, 'not_listening');
      await Promise.all([impatient.listen(), impatient.close(), impatient.listen()]);
      const { port: last } = impatient.address;
      await Promise.all([impatient.close(), impatient.listen(), impatient.close()]);
      await refuses(last);
    },
  },
  {
    id: 'I-03',
    title: 'leaves nothing behind, a thousand times over',
    deadline: 60_000,
    check: async (create) => {
      const warnings: string[] = [];
      const warn = ({ message }: Error): void => void warnings.push(message);
      process.on('warning', warn);
      const http = createServer((_request, response) => response.end('theirs'));
      http.listen(0, '127.0.0.1');
      await once(http, 'listening');
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
              is((await firstValueFrom(flow.response)).code, 'c');
            }
            await own.close();
            await borrowing.close();
          }
        };
        const signals = new AbortController();
        const untouched = listenersOf(http);
        // What Node itself opens once, and keeps.
        await rounds(10);
        const before = await footprint(signals.signal);
        await rounds(1_000);
        equal(await footprint(signals.signal), before);
        equal(listenersOf(http), untouched);
        is((await visit((http.address() as AddressInfo).port, '/callback')).body, 'theirs');
        equal(warnings, []);
      } finally {
        process.off('warning', warn);
        http.closeAllConnections();
        http.close();
      }
    },
  },
  {
    id: 'I-04',
    title: 'has no health or metrics page on the public port',
    check: (create) =>
      withServer(
        {},
        async (endpoint) => {
          const { server, visit, redirects, events } = endpoint;
          const flow = await server.begin();
          const outcome = observe(flow);
          const before = events.length;
          const elsewhere = await visit('/elsewhere');
          for (const path of [
            'healthz',
            'metrics',
            'health',
            'ready',
            'status',
            'monitor',
            'events',
            'debug/pprof',
          ])
            for (const query of ['', `?state=${flow.state}`]) {
              const answer = await visit(`/${path}${query}`);
              is(answer.status, 404);
              is(answer.body, elsewhere.body);
            }
          equal([redirects.length, events.length], [0, before]);
          is((await visit(`/callback?code=c&state=${flow.state}`)).status, 200);
          is(outcome.responses[0]?.code, 'c');
        },
        create,
      ),
  },
];

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
  is((await visit(`/callback?code=later&state=${flow.state}`)).status, 200);
  is((await firstValueFrom(flow.response)).code, 'later');
  is(seen[0]?.response.code, 'later');
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
      waits.push(Atomics.wait(flag, 0, 0, 10_000) === 'timed-out' ? 'no page came' : 'the page came');
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
  ok(answer.status >= 400, 'there is no WebSocket here');
  return socket;
}

async function refuses(port: number): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1' });
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  is(error.code, 'ECONNREFUSED');
}

/** What a process holds open and listens to. */
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
  const running = await deadline(told<Running>(), 20_000, 'the start of the program');
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
    const page = readAnswer(slow, 30_000);
    is(pending.length, 3);
    // Answered once both requests before it have been taken.
    is((await visit(port, '/elsewhere')).status, 404);
    // One that keeps its own half has seen no more than the end of the other.
    const gone = peers.map((peer) => once(peer, peer.allowHalfOpen ? 'end' : 'close'));
    process.kill('SIGTERM');
    const { outcomes, completed } = await deadline(ended, 10_000, 'close()');
    for (const peer of peers) peer.resume();
    equal(outcomes, ['delivered', 'closed', 'closed', 'closed']);
    equal(completed, ['redirects', 'events']);
    const answer = await page;
    is(answer.status, 200);
    match(answer.body, 'Sign-in received');
    match(answer.body, '</html>');
    is((await held).status, 400);
    equal(await deadline(exit, 10_000, 'the end of the program'), [0, null]);
    await deadline(Promise.all(gone), 5_000, 'the end of every connection');
    await refuses(port);
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
    is((await visit(port, '/elsewhere')).status, 404);
    process.kill('SIGTERM');
    const { outcomes, webSockets: open } = await deadline(ended, 10_000, 'close()');
    equal(outcomes, ['delivered', 'closed', 'closed', 'closed']);
    is(open, 50);
    is((await page).status, 200);
    equal(await deadline(exit, 10_000, 'the end of the program'), [0, null]);
    equal([...new Set(await Promise.all(closes))], [1001]);
  } finally {
    process.kill('SIGKILL');
    await exit;
    for (const webSocket of webSockets) webSocket.terminate();
  }
}
