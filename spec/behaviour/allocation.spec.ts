/** Memory that a redirect allocates. Alone in its file: V8 optimises less of a process in which a test has replaced methods of `Map`. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createOAuthCallbackServer } from '../../src/index.ts';
import * as assert from '../helpers/assert.ts';
import { navigation } from '../helpers/http.ts';
import { suite } from '../helpers/suite.ts';

/** Bytes that each call leaves behind. A batch with a collection in it tells nothing, and does not count. */
function allocatedBy(batch: readonly (() => void)[]): number | undefined {
  const before = process.memoryUsage().heapUsed;
  for (const call of batch) call();
  const after = process.memoryUsage().heapUsed;
  return after > before ? (after - before) / batch.length : undefined;
}

// It is 1,690 to 1,700, as V8 inlines. Of these, some 200 pay for the sender of a request, which is a value since fetch handlers have
// senders too, and for the label and the parameters of a response; 136 pay for an object that tells how a flow ended and for a `Set` of its observers, 64 for an object of
// headers by name, and 160 for a checked request and its answer as values of their own. No user notices them: node:http
// itself allocates some 8,000 for a request.
const mostAllocated = 1_850;

const test = suite('allocation');

test(
  `a redirect allocates no more than ${mostAllocated} bytes, over 100,000 of them`,
  async () => {
    await using server = createOAuthCallbackServer({ server: 'mounted', publicUrl: 'http://127.0.0.1' });
    await server.listen();
    let [answered, heard] = [0, 0];
    const response = {
      headersSent: false,
      destroyed: false,
      statusCode: 0,
      setHeader: () => undefined,
      end: () => void (answered += response.statusCode === 200 ? 1 : 0),
    };
    const socket = { remoteAddress: '127.0.0.1' };
    const rawHeaders = Object.entries({ Host: '127.0.0.1', ...navigation }).flat();
    const batches: number[] = [];
    for (let left = 100_000; left > 0; left -= 200) {
      const calls: (() => void)[] = [];
      for (let call = 0; call < 200; call++) {
        const flow = await server.begin();
        flow.response.subscribe(() => heard++);
        const url = `/callback?code=code-${call}&state=${flow.state}`;
        const request = { method: 'GET', url, rawHeaders, socket };
        calls.push(() =>
          server.handler(request as unknown as IncomingMessage, response as unknown as ServerResponse),
        );
      }
      const bytes = allocatedBy(calls);
      if (bytes !== undefined) batches.push(bytes);
    }
    assert.equal([answered, heard], [100_000, 100_000]);
    assert.ok(batches.length > 250, `${batches.length} of 500 batches were undisturbed`);
    // The first ones compile.
    const [typical] = batches
      .slice(-100)
      .sort((one, other) => one - other)
      .slice(50);
    assert.ok(typical! <= mostAllocated, `${typical} bytes`);
  },
  { deadline: 300_000 },
);

test.run();
