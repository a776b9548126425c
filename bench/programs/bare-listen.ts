/** The floor of `first-listen`: RxJS and a bare `node:http` server that listens. Writes the processor time in µs. */
import { createServer } from 'node:http';

// Imported as in the program that this is compared with.
const name: string = 'rxjs';
await import(name);
const server = createServer((_request, response) => response.end());
server.listen(0, '127.0.0.1', () => {
  const { user, system } = process.cpuUsage();
  process.stdout.write(`${user + system}\n`, () => process.exit());
});
