import { Turns } from '../../../src/mcp/turns.ts';
import * as assert from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('Turns');

const never = new AbortController().signal;

/** Takes turns by name, and notes what happens. */
class Queue {
  readonly started: string[] = [];
  readonly positions: Record<string, number[]> = {};
  readonly #turns: Turns;
  readonly #ends = new Map<string, () => void>();

  constructor(max: number) {
    this.#turns = new Turns(max);
  }

  take(name: string, issuer = 'one', signal = never): Promise<void> {
    const positions: number[] = (this.positions[name] = []);
    return this.#turns
      .take(issuer, (position) => positions.push(position), signal)
      .then((end) => {
        this.started.push(name);
        this.#ends.set(name, end);
      });
  }

  async end(name: string): Promise<void> {
    this.#ends.get(name)!();
    await settled();
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('starts as many as it may, and the others in order', async () => {
  const queue = new Queue(2);
  for (const name of ['a', 'b', 'c', 'd']) void queue.take(name);
  await settled();
  assert.equal(queue.started, ['a', 'b']);
  await queue.end('b');
  assert.equal(queue.started, ['a', 'b', 'c']);
  await queue.end('a');
  assert.equal(queue.started, ['a', 'b', 'c', 'd']);
  assert.equal(queue.positions, { a: [0], b: [0], c: [1, 0], d: [2, 1, 0] });
});

test('takes one of the same issuer next, then the first', async () => {
  const queue = new Queue(1);
  void queue.take('a', 'one');
  void queue.take('b', 'two');
  void queue.take('c', 'one');
  void queue.take('d', 'two');
  await settled();
  for (const name of ['a', 'c', 'b']) await queue.end(name);
  assert.equal(queue.started, ['a', 'c', 'b', 'd']);
  assert.equal(queue.positions, { a: [0], b: [1, 0], c: [2, 0], d: [3, 2, 1, 0] });
});

test('rejects one whose signal aborts in the queue, and those behind move up', async () => {
  const queue = new Queue(1);
  const leaving = new AbortController();
  void queue.take('a');
  const gone = queue.take('b', 'one', leaving.signal);
  void queue.take('c');
  await settled();
  const reason = new Error('no longer of interest');
  leaving.abort(reason);
  assert.is(await assert.rejects(gone), reason);
  assert.equal(queue.positions['c'], [2, 1]);
  await queue.end('a');
  assert.equal(queue.started, ['a', 'c']);
});

test('rejects one whose signal has aborted, without a turn', async () => {
  const queue = new Queue(1);
  await assert.rejects(queue.take('a', 'one', AbortSignal.abort(new Error('before'))));
  await queue.take('b');
  assert.equal(queue.started, ['b']);
});

test('a signal that aborts after the turn has begun changes nothing', async () => {
  const queue = new Queue(1);
  const leaving = new AbortController();
  void queue.take('a');
  void queue.take('b', 'one', leaving.signal);
  void queue.take('c');
  await settled();
  await queue.end('a');
  leaving.abort();
  assert.equal(queue.started, ['a', 'b']);
  await queue.end('b');
  assert.equal(queue.started, ['a', 'b', 'c']);
});

test.run();
