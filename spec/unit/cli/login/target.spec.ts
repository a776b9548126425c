/** An issuer or an MCP server: which one a sign-in is for, if several layers name one. */
import { CommandError } from '../../../../src/cli/errors.ts';
import { exitCodes } from '../../../../src/cli/exit-codes.ts';
import { readLogin, type LoginSettings } from '../../../../src/cli/login/settings.ts';
import * as assert from '../../../helpers/assert.ts';
import { Folder } from '../../../helpers/cli.ts';
import { suite } from '../../../helpers/suite.ts';

const test = suite('what a login is for');

const issuer = 'https://as.example';
const mcp = 'https://mcp.example/mcp';
const resource = 'https://api.example';

interface Layers {
  flags?: object;
  env?: Record<string, string>;
  profile?: object;
  file?: object;
}

function read({ flags, env = {}, profile, file = {} }: Layers): LoginSettings {
  using folder = new Folder();
  const config = folder.write('login.json', { ...file, profiles: { work: profile ?? {} } });
  return readLogin({ config, ...(profile && { profile: 'work' }), ...flags }, env);
}

const ofVariable = (name: string, value: string): Record<string, string> => ({
  [`RX_OAUTH_CALLBACK_LOGIN_${name}`]: value,
});

for (const [over, layers] of [
  ['a flag over a variable', { flags: { mcp }, env: ofVariable('ISSUER', issuer) }],
  ['a flag over the profile', { flags: { mcp }, profile: { issuer } }],
  ['a flag over the file', { flags: { mcp }, file: { issuer, resources: [resource] } }],
  ['a variable over the profile', { env: ofVariable('MCP', mcp), profile: { issuer } }],
  ['a variable over the file', { env: ofVariable('MCP', mcp), file: { issuer } }],
  ['the profile over the file', { profile: { mcp }, file: { issuer, resources: [resource] } }],
] as const satisfies readonly (readonly [string, Layers])[])
  test(`an MCP server overrides an issuer: ${over}`, () => {
    const settings = read(layers);
    assert.equal([settings.mcp, settings.signIn.issuer], [mcp, 'https://mcp.example']);
    assert.equal(settings.signIn.resource, []);
  });

for (const [over, layers] of [
  ['a flag over a variable', { flags: { issuer, resources: [resource] }, env: ofVariable('MCP', mcp) }],
  [
    'a variable over the profile',
    { env: ofVariable('ISSUER', issuer), profile: { mcp, resources: [resource] } },
  ],
  ['the profile over the file', { profile: { issuer, resources: [resource] }, file: { mcp } }],
] as const satisfies readonly (readonly [string, Layers])[])
  test(`an issuer overrides an MCP server: ${over}`, () => {
    const settings = read(layers);
    assert.equal([settings.mcp, settings.signIn.issuer], [undefined, issuer]);
    assert.equal(settings.signIn.resource, [resource]);
  });

for (const [what, layers, sentence] of [
  ['flags', { flags: { mcp, issuer } }, /^the server of --mcp names the issuer itself; leave --issuer out$/],
  [
    'the environment',
    { env: { ...ofVariable('MCP', mcp), ...ofVariable('ISSUER', issuer) } },
    /^the server of RX_OAUTH_CALLBACK_LOGIN_MCP names the issuer itself; leave RX_OAUTH_CALLBACK_LOGIN_ISSUER out$/,
  ],
  [
    'a profile',
    { profile: { mcp, issuer } },
    /^the server of profiles\.work\.mcp in \S+ names the issuer itself;/,
  ],
  [
    'the file',
    { file: { mcp, issuer } },
    /^the server of mcp in \S+ names the issuer itself; leave issuer in \S+ out$/,
  ],
  [
    'a resource over the server',
    { flags: { resources: [resource] }, profile: { mcp } },
    /^the server of profiles\.work\.mcp in \S+ names the resource itself; leave --resource out$/,
  ],
] as const satisfies readonly (readonly [string, Layers, RegExp])[])
  test(`both are a contradiction: ${what}`, () => {
    const error = assert.throws(() => read(layers), CommandError);
    assert.match(error.message, sentence);
    assert.is(error.exitCode, exitCodes.usage);
  });

test('the URL of an MCP server has its canonical form, without a fragment', () => {
  assert.is(read({ flags: { mcp: 'HTTPS://MCP.example:443/mcp?a=1#b' } }).mcp, 'https://mcp.example/mcp?a=1');
  assert.is(read({ flags: { mcp: 'http://localhost:3000' } }).mcp, 'http://localhost:3000/');
});

test('PKCE is required of an MCP server, unless the user decides otherwise', () => {
  const requirePkce = (layers: Layers): boolean | undefined => read(layers).signIn.requirePkce;
  assert.is(requirePkce({ flags: { mcp } }), undefined);
  assert.is(requirePkce({ flags: { mcp, requirePkce: false } }), false);
  assert.is(requirePkce({ flags: { issuer } }), false);
});

test.run();
