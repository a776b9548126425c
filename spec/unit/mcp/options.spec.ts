import { mcpAuth, type McpAuthOptions, type McpServerOptions } from '../../../src/mcp.ts';
import { readServer } from '../../../src/mcp/options.ts';
import * as assert from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('options of mcpAuth');

const sentences: readonly (readonly [options: object, message: string])[] = [
  [{ port: 1 }, 'port is not an option of mcpAuth'],
  [{ host: {} }, 'host must be a callback host or a function; got an object'],
  [{ open: 'firefox' }, 'open must be a function; got a string'],
  [{ fetch: 1 }, 'fetch must be a function; got a number'],
  [{ store: { get: () => 1, set: () => 1 } }, 'store.delete must be a function; got undefined'],
  [{ clientName: 1 }, 'clientName must be a string; got a number'],
  [{ clientMetadata: 'a' }, 'clientMetadata must be an object; got a string'],
  [{ tabs: 0 }, 'tabs must be a whole number from 1 to 1000; got 0'],
  [{ timeout: 0 }, 'timeout must be a whole number from 1 to 86400000; got 0'],
  [{ margin: -1 }, 'margin must be a whole number from 0 to 3600000; got -1'],
];

for (const [options, message] of sentences)
  test(message, () => {
    const error = assert.throws(() => mcpAuth(options as McpAuthOptions), 'invalid_option');
    assert.is(error.message, message);
  });

test('clientMetadataUrl must be https, with a path', () => {
  assert.throws(() => mcpAuth({ clientMetadataUrl: 'http://client.example/a.json' }), 'invalid_option');
});

test('undefined means left out', async () => {
  const all = [
    'host',
    'open',
    'store',
    'clientName',
    'clientMetadata',
    'clientMetadataUrl',
    'tabs',
    'timeout',
    'margin',
    'fetch',
  ];
  await mcpAuth(Object.fromEntries(all.map((name) => [name, undefined]))).close();
});

const ofServer: readonly (readonly [options: object, message: string])[] = [
  [{ scope: 'a' }, 'scope is not an option of fetch'],
  [{ scopes: 1 }, 'scopes must be a string; got a number'],
  [{ account: 1 }, 'account must be a string; got a number'],
  [{ trustedIssuers: 'https://as.example' }, 'trustedIssuers must be a list of issuers; got a string'],
  [{ trustedIssuers: [1] }, 'trustedIssuers[0] must be a string; got a number'],
  [{ client: { id: 'a' } }, 'client.issuer must be a non-empty string; got undefined'],
  [
    { client: { id: '', issuer: 'https://as.example' } },
    'client.id must be a non-empty string; got an empty string',
  ],
  [
    { client: { id: 'a', issuer: 'https://as.example', secret: 1 } },
    'client.secret must be a non-empty string; got a number',
  ],
  [
    { client: { id: 'a', issuer: 'https://as.example', name: 'b' } },
    'client.name is not an option of client',
  ],
];

for (const [options, message] of ofServer)
  test(message, async () => {
    await using auth = mcpAuth();
    const error = assert.throws(
      () => auth.fetch('https://mcp.example/mcp', options as McpServerOptions),
      'invalid_option',
    );
    assert.is(error.message, message);
  });

test('a server is an http or https URL without a user; its fragment does not count', () => {
  assert.is(readServer('https://MCP.example:443/mcp#tool'), 'https://mcp.example/mcp');
  assert.is(readServer(new URL('http://127.0.0.1:4000')), 'http://127.0.0.1:4000/');
  for (const bad of ['mcp.example', 'ftp://mcp.example', '', 'https://ada:secret@mcp.example']) {
    const { message } = assert.throws(() => readServer(bad), 'invalid_option');
    assert.not.match(message, 'secret');
  }
});

test.run();
