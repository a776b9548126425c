/** The entry `./mcp` as a user installs it: what it loads, what it leaves, what it weighs. */
import { once } from 'node:events';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import * as assert from '../helpers/assert.ts';
import { addedBytes } from '../helpers/bundle.ts';
import { Consumer, ensureBuild, root } from '../helpers/consumer.ts';
import { Person } from '../helpers/mcp/person.ts';
import { startMcpWorld } from '../helpers/mcp/world.ts';
import { suite } from '../helpers/suite.ts';

const test = suite('the entry for MCP servers');

interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

/** Runs a program in a project that has neither MCP package. */
async function runWithoutSdk(program: string, server: string): Promise<Ended> {
  ensureBuild();
  using project = new Consumer('rxjs', 'ws', 'openid-client');
  // A link would lead to the packages of this repository.
  for (const part of ['dist', 'package.json'])
    cpSync(join(root, part), join(project.path, 'node_modules/rx-oauth-callback', part), { recursive: true });
  project.write('program.js', program);
  const child = project.start('program.js', { MCP_URL: server });
  const person = new Person();
  child.stdout.on('data', (chunk: Buffer) => {
    const [, url] = /^open (\S+)$/m.exec(String(chunk)) ?? [];
    if (url !== undefined) person.open(new URL(url));
  });
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: child.exitCode, output: output.replace(/^open .*\n/gm, ''), errors };
}

const initialize = `
const url = process.env.MCP_URL;
const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'none', version: '1' } };
const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params });
const request = { method: 'POST', headers, body };
`;

test('fetch needs no MCP package, and the process ends by itself after close()', async () => {
  await using world = await startMcpWorld();
  const program = `import { mcpAuth } from 'rx-oauth-callback/mcp';
${initialize}
const auth = mcpAuth({ open: (page) => console.log('open ' + page.href) });
const response = await auth.fetch(url)(url, request);
console.log(response.status, (await response.text()).includes('server-0'));
await auth.close();
const left = () => process.getActiveResourcesInfo().filter((name) => /Server|Timeout/.test(name));
// Node forgets a closed server some turns later.
for (let turn = 0; turn < 1_000 && left().length > 0; turn++) await new Promise(setImmediate);
console.log(left().join());
`;
  const { code, output, errors } = await runWithoutSdk(program, world.servers[0].url);
  assert.is(output, '200 true\n\n', errors);
  assert.equal([code, errors], [0, '']);
});

test('connect says which package is missing', async () => {
  await using world = await startMcpWorld();
  const program = `import { mcpAuth } from 'rx-oauth-callback/mcp';
${initialize}
const auth = mcpAuth();
await auth.connect({ connect: async () => undefined }, url).catch(({ code, missing }) => console.log(code, missing));
`;
  const { code, output, errors } = await runWithoutSdk(program, world.servers[0].url);
  assert.is(output, 'missing_package @modelcontextprotocol/client\n', errors);
  assert.is(code, 0);
});

test('without a person it opens no port and does not keep the process alive', async () => {
  await using world = await startMcpWorld();
  const program = `import { mcpAuth } from 'rx-oauth-callback/mcp';
${initialize}
const auth = mcpAuth();
await auth.fetch(url)(url, request).catch(({ code, reason }) => console.log(code, reason));
console.log(process.getActiveResourcesInfo().filter((name) => /Server|Timeout/.test(name)).join());
`;
  const { code, output, errors } = await runWithoutSdk(program, world.servers[0].url);
  assert.is(output, 'sign_in_required no_tokens\n\n', errors);
  assert.is(code, 0);
});

test('adds at most 9.5 KB to the core and ./login until a server asks for a token', async () => {
  const base = ['index', 'login'];
  const { bytes } = await addedBytes(base, "export { mcpAuth } from './src/mcp.ts';");
  // The sources have 9,269. Registration, discovery and the sign-in itself are loaded later.
  assert.ok(bytes <= 9_728, `${bytes} bytes`);
  assert.ok(bytes > 1_000, `only ${bytes} bytes were measured`);
});

test.run();
