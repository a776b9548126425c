#!/usr/bin/env node
import { processIo } from './cli/io.ts';
import { run } from './cli/run.ts';

// Until a command has ended, and said how. Without it a process would end, and with 0, while nothing is open but a connection
// that is to be made again.
const awake = setInterval(() => undefined, 2 ** 31 - 1);

// Not awaited: parts that are loaded later import from this one, and would wait for it to end.
void run(process.argv.slice(2), processIo()).then((code) => {
  clearInterval(awake);
  process.exitCode = code;
});
