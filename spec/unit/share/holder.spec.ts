/** The process that holds a port, as the system tells. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { holderOf } from '../../../src/share/holder.ts';
import * as assert from '../../helpers/assert.ts';
import { freePort } from '../../helpers/redis-server.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('the holder of a port');

for (const [address, holds] of [
  ['127.0.0.1', true],
  ['0.0.0.0', true],
  ['::', true],
  ['127.0.0.2', false],
  ['::1', false],
] as const)
  test.when(process.platform === 'linux', 'only Linux tells')(
    `is ${holds ? 'a process' : 'no process'} that listens at ${address}`,
    async () => {
      const server = createServer();
      const port = await freePort();
      await once(server.listen(port, address), 'listening');
      try {
        assert.is((await holderOf(port))?.pid, holds ? process.pid : undefined);
      } finally {
        server.close();
      }
    },
  );

test.run();
