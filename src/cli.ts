#!/usr/bin/env node
import { processIo } from './cli/io.ts';
import { run } from './cli/run.ts';

// Not awaited: parts that are loaded later import from this one, and would wait for it to end.
void run(process.argv.slice(2), processIo()).then((code) => {
  process.exitCode = code;
});
