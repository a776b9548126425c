/** Frames that a peer may send after the handshake; the service answers with a close code. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { subprotocol } from '../../../src/wire/protocol.ts';
import * as assert from '../../helpers/assert.ts';
import { type Bridged, counts, token, withBridge } from '../../helpers/bridge.ts';
import { holdIntervals } from '../../helpers/clock.ts';
import { dial } from '../../helpers/raw.ts';
import { suite } from '../../helpers/suite.ts';

const Opcode = { Continuation: 0, Text: 1, Close: 8, Ping: 9, Pong: 10 } as const;

interface Frame {
  opcode: number;
  payload: Buffer;
}

/** A frame as a client must send it, or as it must not: `first` is its first byte, unless only the opcode is given. */
function frame(first: number, payload: Buffer | string = '', { masked = true, length = -1 } = {}): Buffer {
  const bytes = Buffer.from(payload);
  const size = length < 0 ? bytes.length : length;
  const mask = Buffer.from(masked ? [1, 2, 3, 4] : []);
  const bit = masked ? 0x80 : 0;
  const head = Buffer.alloc(size < 126 ? 2 : size < 65_536 ? 4 : 10);
  head[0] = first;
  head[1] = bit | (size < 126 ? size : size < 65_536 ? 126 : 127);
  if (head.length === 4) head.writeUInt16BE(size, 2);
  if (head.length === 10) head.writeBigUInt64BE(BigInt(size), 2);
  const body = masked ? bytes.map((byte, index) => byte ^ (mask[index % 4] ?? 0)) : bytes;
  return Buffer.concat([head, mask, body]);
}

const final = 0x80;
const text = (payload: Buffer | string): Buffer => frame(final | Opcode.Text, payload);
const closing = (payload: Buffer | string): Buffer => frame(final | Opcode.Close, payload);
const code = (value: number, reason: Buffer | string = ''): Buffer =>
  Buffer.concat([Buffer.from([value >> 8, value & 0xff]), Buffer.from(reason)]);

/** A raw connection past its handshake and its welcome. */
class Wire {
  readonly #socket: Socket;
  #bytes: Buffer = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => (this.#bytes = Buffer.concat([this.#bytes, chunk])));
  }

  static async open(
    port: number,
    extra: Buffer = Buffer.alloc(0),
    authorization = `Bearer ${token}`,
  ): Promise<Wire> {
    const socket = await dial(port);
    const wire = new Wire(socket);
    const head = [
      'GET /bridge HTTP/1.1',
      `Host: 127.0.0.1:${port}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      `Sec-WebSocket-Protocol: ${subprotocol}`,
      `Authorization: ${authorization}`,
    ];
    socket.write(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), extra]));
    while (!wire.#bytes.includes('\r\n\r\n')) await wire.#more();
    wire.head = wire.#bytes.toString('latin1', 0, wire.#bytes.indexOf('\r\n\r\n'));
    wire.#bytes = wire.#bytes.subarray(wire.#bytes.indexOf('\r\n\r\n') + 4);
    return wire;
  }

  head = '';

  send(...frames: readonly Buffer[]): void {
    for (const each of frames) this.#socket.write(each);
  }

  /** The next frame of the service; none once the connection has ended. */
  async next(): Promise<Frame | undefined> {
    for (;;) {
      const size = (this.#bytes[1] ?? 0) & 0x7f;
      const head = size === 126 ? 4 : 2;
      if (this.#bytes.length >= head) {
        const length = size === 126 ? this.#bytes.readUInt16BE(2) : size;
        if (this.#bytes.length >= head + length) {
          const found = {
            opcode: (this.#bytes[0] ?? 0) & 0x0f,
            payload: this.#bytes.subarray(head, head + length),
          };
          this.#bytes = this.#bytes.subarray(head + length);
          return found;
        }
      }
      if (this.#socket.closed || this.#socket.readableEnded) return undefined;
      await this.#more();
    }
  }

  /** The code the service closes with, whatever it says before. */
  async closed(): Promise<number | undefined> {
    for (;;) {
      const found = await this.next();
      if (!found) return undefined;
      if (found.opcode === Opcode.Close) return found.payload.length ? found.payload.readUInt16BE(0) : 1005;
    }
  }

  end(): void {
    this.#socket.destroy();
  }

  async #more(): Promise<void> {
    await assert.deadline(
      Promise.race(['data', 'end', 'close'].map((event) => once(this.#socket, event))),
      'a frame',
    );
  }
}

const ping = text('{"type":"ping"}');
const big = 'x'.repeat(17 * 1024);

const breaches: readonly (readonly [name: string, frames: readonly Buffer[], codes: readonly number[]])[] = [
  ['an unmasked frame', [frame(final | Opcode.Text, '{}', { masked: false })], [1002]],
  ['reserved bit 1', [frame(final | 0x40 | Opcode.Text, '{}')], [1002]],
  ['reserved bit 2', [frame(final | 0x20 | Opcode.Text, '{}')], [1002]],
  ['reserved bit 3', [frame(final | 0x10 | Opcode.Text, '{}')], [1002]],
  ['opcode 3', [frame(final | 3, '{}')], [1002]],
  ['opcode 7', [frame(final | 7, '{}')], [1002]],
  ['opcode 11', [frame(final | 11, '')], [1002]],
  ['opcode 15', [frame(final | 15, '')], [1002]],
  ['a ping of 126 bytes', [frame(final | Opcode.Ping, 'p'.repeat(126))], [1002]],
  ['a ping in fragments', [frame(Opcode.Ping, 'p')], [1002]],
  ['a continuation of nothing', [frame(final | Opcode.Continuation, 'x')], [1002]],
  ['a text within a text', [frame(Opcode.Text, '{'), text('}')], [1002]],
  ['bytes that are not UTF-8', [text(Buffer.from([0x22, 0xff, 0x22]))], [1007]],
  [
    'bytes that are not UTF-8, in fragments',
    [frame(Opcode.Text, Buffer.from([0x22, 0xce])), frame(final, Buffer.from([0x22]))],
    [1007],
  ],
  ['a surrogate', [text(Buffer.from([0xed, 0xa0, 0x80]))], [1007]],
  ['a close with half a code', [closing(Buffer.from([3]))], [1002]],
  ...[0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000].map(
    (value) => [`a close with ${value}`, [closing(code(value))], [1002]] as const,
  ),
  ['a close with a reason that is not UTF-8', [closing(code(1000, Buffer.from([0xff])))], [1007]],
  ['a close of 126 bytes', [closing(code(1000, 'r'.repeat(124)))], [1002]],
  ['17 KiB', [text(big)], [1009]],
  [
    '17 KiB in fragments of one byte',
    [frame(Opcode.Text, '{'), ...Array.from(big, (byte) => frame(Opcode.Continuation, byte))],
    [1008, 1009],
  ],
  ['the announcement of 2^53 - 1 bytes', [frame(final | Opcode.Text, '', { length: 2 ** 53 - 1 })], [1009]],
  ['the announcement of 20 KiB', [frame(final | Opcode.Text, '', { length: 20_480 })], [1009]],
];

const test = suite('frames of the bridge');

for (const [name, frames, codes] of breaches) {
  test(`K-07 K-05 closes with ${codes.join(' or ')} after ${name}, and closes no other peer`, () =>
    withBridge(async ({ port, bridge }) => {
      const [bad, good] = [await Wire.open(port), await Wire.open(port)];
      try {
        bad.send(...frames);
        const closed = await bad.closed();
        assert.ok(codes.includes(closed ?? 0), `closed with ${closed ?? 'nothing'}`);
        await good.next();
        good.send(ping);
        assert.is((await good.next())?.payload.toString(), '{"type":"pong"}');
        bad.end();
        assert.ok(bridge.connections <= 2);
      } finally {
        bad.end();
        good.end();
      }
    }));
}

test('K-07 takes a message in fragments, with a ping in between, and echoes the ping', () =>
  withBridge(async ({ port }) => {
    const wire = await Wire.open(port);
    try {
      await wire.next();
      wire.send(frame(Opcode.Text, '{"type":'), frame(final | Opcode.Ping, 'here'), frame(final, '"ping"}'));
      const [pong, answer] = [await wire.next(), await wire.next()];
      assert.equal([pong?.opcode, pong?.payload.toString()], [Opcode.Pong, 'here']);
      assert.is(answer?.payload.toString(), '{"type":"pong"}');
      wire.send(closing(code(1000)));
      assert.is(await wire.closed(), 1000);
    } finally {
      wire.end();
    }
  }));

const begin = `{"type":"begin","ref":1,"state":"${'s1t2a3t4e5'.repeat(4)}","key":"${'k'.repeat(43)}"}`;

test('K-17 ignores a message that comes with a rejected handshake', () =>
  withBridge(async ({ port, server, bridge }) => {
    const seen: string[] = [];
    server.events.subscribe(({ type }) => seen.push(type));
    const wire = await Wire.open(port, text(begin), 'Bearer not-the-right-token');
    try {
      assert.match(wire.head, /^HTTP\/1\.1 401 /);
      assert.is(await wire.next(), undefined);
      assert.equal([seen, bridge.connections], [[], 0]);
    } finally {
      wire.end();
    }
  }));

test('K-17 reads a message that comes with a good handshake, after the credential', () =>
  withBridge(async ({ port }) => {
    const wire = await Wire.open(port, text(begin));
    try {
      assert.match((await wire.next())?.payload.toString() ?? '', '"welcome"');
      assert.match((await wire.next())?.payload.toString() ?? '', '"begun"');
    } finally {
      wire.end();
    }
  }));

test('K-17 survives 200 peers that reset while their credential is checked', () => {
  const asked: (() => void)[] = [];
  let arrived = (): void => undefined;
  return withBridge(
    async (endpoint) => {
      const sockets: Socket[] = [];
      try {
        const all = new Promise<void>((resolve) => (arrived = () => asked.length === 200 && resolve()));
        for (let n = 0; n < 200; n++) {
          const socket = await dial(endpoint.port);
          socket.on('error', () => undefined);
          sockets.push(socket);
          socket.write(
            `GET /bridge HTTP/1.1\r\nHost: 127.0.0.1:${endpoint.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
              `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: ${subprotocol}\r\n\r\n`,
          );
        }
        await assert.deadline(all, 'the credentials');
        const gone = sockets.map((socket) => once(socket, 'close'));
        for (const socket of sockets) socket.resetAndDestroy();
        await Promise.all(gone);
        for (const answer of asked) answer();
        assert.is((await endpoint.visit('/callback')).status, 400);
        const good = await Wire.open(endpoint.port);
        assert.match((await good.next())?.payload.toString() ?? '', '"welcome"');
        assert.is(endpoint.bridge.connections, 1);
        good.end();
      } finally {
        for (const socket of sockets) socket.destroy();
      }
    },
    {
      authenticate: () =>
        new Promise((resolve) => {
          asked.push(() => resolve({ name: 'slow', roles: ['listener'] }));
          arrived();
        }),
    },
  );
});

test('K-11 cuts off a peer that does not answer its close within the bound, and close() does not wait for it', () =>
  withBridge(
    async ({ port, bridge, server }) => {
      const [silent, other] = [await Wire.open(port), await Wire.open(port)];
      try {
        silent.send(text('{'));
        assert.is(await silent.closed(), 1008);
        // It does not answer, and is cut off.
        assert.is(await silent.next(), undefined);
        await counts(bridge, 1);
        await assert.deadline(server.close(), 'close()');
        assert.is(await other.closed(), 1001);
        assert.is(await other.next(), undefined);
        await counts(bridge, 0);
      } finally {
        silent.end();
        other.end();
      }
    },
    { limits: { timeout: 100 } },
  ));

test('K-08 removes a peer that answers no ping, and keeps one that does', async () => {
  using beats = holdIntervals();
  const heartbeat = 50;
  const body = async ({ port, bridge }: Bridged): Promise<void> => {
    const [dead, alive] = [await Wire.open(port), await Wire.open(port)];
    try {
      await alive.next();
      for (let round = 0; round < 4; round++) {
        beats.tick(heartbeat);
        const heard = await alive.next();
        assert.is(heard?.opcode, Opcode.Ping);
        alive.send(frame(final | Opcode.Pong, heard?.payload));
        // Answered after the pong has been read.
        alive.send(text('{"type":"ping"}'));
        assert.match((await alive.next())?.payload.toString() ?? '', '"pong"');
      }
      assert.is(await dead.closed(), undefined);
      await counts(bridge, 1);
    } finally {
      dead.end();
      alive.end();
    }
  };
  await withBridge(body, { limits: { heartbeat } });
});

test.run();
