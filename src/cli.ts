#!/usr/bin/env node
import { processIo } from './cli/io.ts';
import { run } from './cli/run.ts';

// Keeps the process alive while the only work is a pending reconnect; otherwise Node would exit with code 0.
const keepAlive = setInterval(() => undefined, 2 ** 31 - 1);

// Not awaited: modules that are loaded later import from this one, and would wait for it.
void run(process.argv.slice(2), processIo()).then((code) => {
  clearInterval(keepAlive);
  process.exitCode = code;
});
