#!/usr/bin/env node
import { processIo } from './cli/io.ts';
import { run } from './cli/run.ts';

// Not awaited here: a chunk that is loaded later may import from this one, and would wait for it to be done.
void run(process.argv.slice(2), processIo()).then((code) => (process.exitCode = code));
