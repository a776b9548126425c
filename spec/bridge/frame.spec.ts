/** What the bridge puts on the wire, byte by byte. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { frameOf } from '../../src/bridge/frame.ts';
import * as assert from '../helpers/assert.ts';
import { suite } from '../helpers/suite.ts';

const test = suite('frames of the bridge');

function headOf(text: string, bytes: number): string {
  return frameOf(text).subarray(0, bytes).toString('hex');
}

// RFC 6455 section 5.7 has the first, and the two lengths after it.
test('are those of RFC 6455: unmasked, whole, with the shortest length', () => {
  assert.equal(frameOf('Hello').toString('hex'), '810548656c6c6f');
  assert.equal(headOf('a'.repeat(256), 4), '817e0100');
  assert.equal(headOf('a'.repeat(65_536), 10), '817f0000000000010000');
});

test('count bytes, not characters, up to the last of each length', () => {
  assert.equal(frameOf('').toString('hex'), '8100');
  assert.equal(headOf('a'.repeat(125), 2), '817d');
  assert.equal(headOf('ü'.repeat(63), 4), '817e007e');
  assert.equal(headOf('a'.repeat(65_535), 4), '817effff');
  assert.equal(headOf('€'.repeat(21_846), 10), '817f0000000000010002');
});

test('are read by a client as what was written', async () => {
  const texts = ['', 'ü', 'a'.repeat(125), '€'.repeat(42), 'a'.repeat(65_535), 'é'.repeat(40_000)];
  const server = createServer();
  server.on('upgrade', (request, wire) =>
    new WebSocketServer({ noServer: true }).handleUpgrade(request, wire, Buffer.alloc(0), () => {
      for (const text of texts) wire.write(frameOf(text));
      wire.end();
    }),
  );
  await once(server.listen(0, '127.0.0.1'), 'listening');
  try {
    const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const read: string[] = [];
    client.on('message', (data, binary) => read.push(binary ? 'binary' : (data as Buffer).toString()));
    await once(client, 'close');
    assert.equal(read, texts);
  } finally {
    server.close();
  }
});

test.run();
