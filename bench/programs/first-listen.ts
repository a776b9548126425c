/** Imports the built core as a program of a user would, listens and begins a flow. Writes the processor time in µs. */
import type * as Core from '../../src/index.ts';

// A variable, so that this compiles before the package is built.
const name: string = 'rx-oauth-callback';
const { createOAuthCallbackServer } = (await import(name)) as typeof Core;
const server = createOAuthCallbackServer();
await server.listen();
await server.begin();
const { user, system } = process.cpuUsage();
process.stdout.write(`${user + system}\n`, () => process.exit());
