import { mayHaveToken, mayLeadTo } from '../../../src/mcp/origins.ts';
import * as assert from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('origins');

const remote = 'https://mcp.example/mcp';
const local = 'http://127.0.0.1:4000/mcp';

const leads: readonly (readonly [peer: string, target: unknown, may: boolean])[] = [
  [remote, 'https://as.example', true],
  [remote, 'https://mcp.example/other', true],
  [remote, 'http://as.example', false],
  [remote, 'http://127.0.0.1:4000', false],
  [remote, 'https://127.0.0.1:4000', false],
  [remote, 'https://127.8.9.1', false],
  [remote, 'https://localhost', false],
  [remote, 'https://as.localhost', false],
  [remote, 'https://[::1]', false],
  [remote, 'https://LOCALHOST', false],
  // The URL parser knows it as 127.0.0.1.
  [remote, 'https://2130706433', false],
  [remote, 'javascript:alert(1)', false],
  [remote, 'data:text/plain,a', false],
  [remote, 'file:///etc/passwd', false],
  [remote, 'no URL', false],
  [remote, 7, false],
  [remote, undefined, false],
  [local, 'http://127.0.0.1:5000', true],
  [local, 'http://localhost:5000', true],
  [local, 'https://as.example', true],
  [local, 'http://as.example', false],
  [local, 'ftp://127.0.0.1', false],
  ['http://mcp.example', 'http://127.0.0.1:4000', false],
];

for (const [peer, target, may] of leads)
  test(`${peer} ${may ? 'may' : 'must not'} lead to ${String(target)}`, () =>
    assert.is(mayLeadTo(peer, target), may));

const tokens: readonly (readonly [url: string, may: boolean])[] = [
  ['https://mcp.example', true],
  ['http://127.0.0.1:4000', true],
  ['http://[::1]:4000', true],
  ['http://localhost', true],
  ['http://mcp.localhost', true],
  ['http://mcp.example', false],
  ['http://10.0.0.1', false],
  ['http://127.0.0.1.example', false],
  ['http://localhost.example', false],
];

for (const [url, may] of tokens)
  test(`${url} ${may ? 'may' : 'must not'} have a token`, () => assert.is(mayHaveToken(new URL(url)), may));

test.run();
