/** More clients than places: who waits gets an answer, and one address cannot take the places of the others. */
import { connect, type Socket } from 'node:net';
import type { ServerOptions } from '../../src/index.ts';
import * as assert from '../helpers/assert.ts';
import { withServer, type Endpoint } from '../helpers/endpoint.ts';
import { suite } from '../helpers/suite.ts';
import { compose } from '../helpers/http.ts';

/** A connection from an address of 127.0.0.0/8, with everything that it received. */
interface Client {
  readonly socket: Socket;
  received: string;
  readonly closed: Promise<void>;
}

class Crowd implements Disposable {
  readonly #clients: Client[] = [];
  readonly #port: number;

  constructor({ port }: Endpoint) {
    this.#port = port;
  }

  /** Connects, and sends a request to a target if there is one. */
  async come(localAddress: string, target?: string): Promise<Client> {
    const socket = connect({ port: this.#port, host: '127.0.0.1', localAddress });
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    const client: Client = { socket, received: '', closed };
    socket.on('error', () => undefined);
    socket.on('data', (data) => (client.received += data.toString('latin1')));
    this.#clients.push(client);
    await new Promise((resolve) => socket.once('connect', resolve));
    if (target !== undefined) socket.write(compose(this.#port, { target }));
    return client;
  }

  [Symbol.dispose](): void {
    for (const { socket } of this.#clients) socket.destroy();
  }
}

const strangers = '127.0.0.9';
const person = '127.0.0.1';

async function crowded(
  options: ServerOptions,
  body: (endpoint: Endpoint, crowd: Crowd) => Promise<void>,
): Promise<void> {
  await withServer({ limits: { connections: 20 }, ...options }, async (endpoint) => {
    using crowd = new Crowd(endpoint);
    await body(endpoint, crowd);
  });
}

const until = async (condition: () => boolean, what: string): Promise<void> => {
  const turns = async (): Promise<void> => {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  await assert.deadline(turns(), what);
};

const test = suite('a crowded server');

test('D-10 answers a page that waits with its fallback if its place is needed, and never resets it', () =>
  crowded({ settle: 300_000 }, async ({ server }, crowd) => {
    const pages: Client[] = [];
    for (let n = 0; n < 40; n++) {
      const { state } = await server.begin();
      pages.push(await crowd.come(person, `/callback?code=c&state=${state}`));
      await until(() => server.pending === 0, 'the redirect');
    }
    // The first ones made way for the last ones.
    for (const page of pages.slice(0, 20)) {
      await assert.deadline(page.closed, 'the end of a page');
      assert.match(page.received, 'HTTP/1.1 200 OK');
      assert.match(page.received, 'Sign-in received');
    }
    for (const page of pages.slice(20)) assert.not.match(page.received, '</html>');
  }));

test('F-12 takes the place of the address that has the most, never that of another one', () =>
  crowded({ settle: 300_000 }, async ({ server }, crowd) => {
    const flow = await server.begin();
    const waiting = await crowd.come(person, `/callback?code=c&state=${flow.state}`);
    await until(() => server.pending === 0, 'the redirect');
    for (let n = 0; n < 60; n++) await crowd.come(strangers);
    assert.not.match(waiting.received, '</html>');
    flow.settle({ status: 'success' });
    await until(() => waiting.received.includes('Authentication successful'), 'the page');
  }));

test('F-12 leaves a browser the time to send its request while strangers go on connecting', () =>
  crowded({}, async ({ server }, crowd) => {
    for (let n = 0; n < 30; n++) await crowd.come(strangers);
    const flow = await server.begin();
    const browser = await crowd.come(person);
    for (let n = 0; n < 30; n++) await crowd.come(strangers);
    browser.socket.write(compose(server.address.port, { target: `/callback?code=c&state=${flow.state}` }));
    await until(() => browser.received.includes('Authentication successful'), 'the page');
  }));

const hold = { unmatched: { holdFor: 60_000, max: 5 } } as const;
const strange = (n: number): string => `/callback?code=c&state=stranger-${n}-aaaaaaaaaaaaaaaaaaaaaaaa`;

test('D-11 a held redirect is dropped when its browser has left, and its place is free', () =>
  crowded(hold, async ({ redirects }, crowd) => {
    const dispositions = (): string[] => redirects.map(({ disposition }) => disposition);
    for (let n = 0; n < 20; n++) {
      const left = await crowd.come(strangers, strange(n));
      await until(() => redirects.length === n + 1, 'the redirect');
      left.socket.destroy();
      await left.closed;
      await new Promise(setImmediate);
    }
    const last = await crowd.come(strangers, strange(99));
    await until(() => redirects.length === 21, 'the last redirect');
    assert.is(dispositions().at(-1), 'held', dispositions().join());
    assert.is(last.received, '');
  }));

test('D-11 one address cannot take the places of held redirects that others need', () =>
  crowded(hold, async ({ server, redirects }, crowd) => {
    const pages: Client[] = [];
    for (let n = 0; n < 8; n++) pages.push(await crowd.come(strangers, strange(n)));
    await until(() => redirects.length === 8, 'the redirects of strangers');
    assert.is(redirects.filter(({ disposition }) => disposition === 'held').length, 5);
    const state = 'the-state-of-a-person-0123456789';
    const own = await crowd.come(person, `/callback?code=REAL&state=${state}`);
    await until(() => redirects.length === 9, 'the redirect of the person');
    assert.is(redirects.at(-1)?.disposition, 'held');
    const flow = await server.begin({ state });
    const code = new Promise((resolve) => flow.response.subscribe((response) => resolve(response.code)));
    assert.is(await assert.deadline(code, 'the response'), 'REAL');
    await until(() => own.received.includes('Authentication successful'), 'the page');
    // The stranger's page that made room was answered.
    await until(
      () => pages.filter(({ received }) => received !== '').length === 4,
      'the pages without a place',
    );
  }));

test('D-11 a connection with a held page makes room first', () =>
  crowded({ ...hold, settle: 300_000, limits: { connections: 4 } }, async ({ server, redirects }, crowd) => {
    const { state } = await server.begin();
    const waiting = await crowd.come(person, `/callback?code=c&state=${state}`);
    await until(() => redirects.length === 1, 'the redirect');
    const held = await crowd.come(person, strange(1));
    await until(() => redirects.length === 2, 'the held redirect');
    for (let n = 0; n < 3; n++) await crowd.come(person);
    await until(() => held.received.includes('This sign-in link is not active'), 'the held page');
    assert.is(waiting.received, '');
  }));

test.run();
