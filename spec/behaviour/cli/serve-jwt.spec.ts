/** The built service with programs that prove themselves by a JWT: whole sign-ins, SIGHUP, the operator's side. */
import { writeFileSync } from 'node:fs';
import { firstValueFrom } from 'rxjs';
import { connectCallbackHost } from '../../../src/client.ts';
import * as assert from '../../helpers/assert.ts';
import { shake } from '../../helpers/bridge.ts';
import { Cli, Folder } from '../../helpers/cli.ts';
import { send, visit } from '../../helpers/http.ts';
import { audience, JwtIssuer, newSigningKey } from '../../helpers/jwt-issuer.ts';
import { suite } from '../../helpers/suite.ts';
import { newPass } from '../monitor/monitored.ts';

const test = suite('serve with JWTs');

const issuerName = 'https://as.example';

interface Addresses {
  readonly redirectUri: string;
  readonly bridgeUrl: string;
  readonly token?: string;
}

async function addressesOf(cli: Cli): Promise<Addresses & { readonly port: number }> {
  const addresses = JSON.parse(await cli.sees(/^(\{"type":"ready".*\})\n/)) as Addresses;
  return { ...addresses, port: Number(new URL(addresses.redirectUri).port) };
}

const settings = (issuer: JwtIssuer, change: object = {}): object => ({
  json: true,
  jwt: { jwks: issuer.jwks, issuer: [issuerName], audience: [audience], ...change },
});

test('carries a whole sign-in of a program that has only a JWT, and shows it to an operator with one', async () => {
  using folder = new Folder();
  await using issuer = await JwtIssuer.start();
  await using cli = Cli.start(['serve', '--config', folder.write('serve.json', settings(issuer))]);
  const { bridgeUrl, port, token: made } = await addressesOf(cli);
  assert.is(made, undefined, 'a token is made, although programs can connect without');
  const signed: string[] = [];
  const sign = async (change: Readonly<Record<string, unknown>> = {}): Promise<string> => {
    const jwt = await issuer.sign(change);
    signed.push(jwt);
    return jwt;
  };
  const host = await connectCallbackHost(bridgeUrl, { token: () => sign() });
  try {
    const flow = await host.begin();
    assert.is((await visit(port, `/callback?code=abc&state=${flow.state}`)).status, 200);
    const response = await assert.deadline(firstValueFrom(flow.response), 'the response');
    assert.is(response.code, 'abc');
  } finally {
    await host.close();
  }
  // The operator's paths, and the monitor page.
  const metrics = async (scope: string): Promise<number> => {
    const headers = { Authorization: `Bearer ${await sign({ scope })}` };
    return (await send(port, { target: '/metrics', headers })).status;
  };
  assert.equal([await metrics('monitor'), await metrics('listener')], [200, 404]);
  const page = async (scope: string): Promise<number> =>
    (
      await send(port, {
        method: 'POST',
        target: '/monitor/ticket',
        headers: {
          Authorization: `Bearer ${await sign({ scope })}`,
          'Next-Pass': newPass(),
          Origin: `http://127.0.0.1:${port}`,
        },
      })
    ).status;
  assert.equal([await page('monitor'), await page('listener')], [200, 401]);
  await sign({ exp: 1 }).then((jwt) => shake(port, { Authorization: `Bearer ${jwt}` }));
  await cli.sees(/"connection":"rejected".*the JWT has expired/, 'stderr');
  for (const jwt of signed)
    for (const part of jwt.split('.')) assert.not.match(cli.stdout + cli.stderr, part);
});

test('closes the connections of JWTs at SIGHUP if their issuer has changed, and keeps them if only its keys have', async () => {
  using folder = new Folder();
  await using issuer = await JwtIssuer.start();
  const tokens = [{ name: 'static', token: 'the-token-of-static', roles: ['listener'] }];
  const file = folder.write('serve.json', { ...settings(issuer), tokens });
  await using cli = Cli.start(['serve', '--config', file]);
  const { bridgeUrl, port } = await addressesOf(cli);
  const withJwt = await connectCallbackHost(bridgeUrl, {
    token: await issuer.sign(),
    report: () => undefined,
  });
  const withToken = await connectCallbackHost(bridgeUrl, { token: 'the-token-of-static' });
  const attempt = async (jwt: Promise<string>): Promise<number> =>
    (await shake(port, { Authorization: `Bearer ${await jwt}` })).status;
  try {
    const old = issuer.keys[0]!;
    issuer.keys = [await newSigningKey('two')];
    cli.signal('SIGHUP');
    await cli.sees(/keys of JWTs reloaded from http/, 'stderr');
    assert.equal([await attempt(issuer.sign()), await attempt(issuer.sign({}, {}, old))], [101, 401]);
    // Both are still connected.
    await Promise.all([withJwt.begin(), withToken.begin()]);
    const waiting = await withJwt.begin();
    const lost = assert.rejects(firstValueFrom(waiting.response), 'closed');
    writeFileSync(file, JSON.stringify({ ...settings(issuer, { audience: ['another'] }), tokens }));
    cli.signal('SIGHUP');
    await lost;
    await withToken.begin();
    assert.equal([await attempt(issuer.sign()), await attempt(issuer.sign({ aud: 'another' }))], [401, 101]);
  } finally {
    await Promise.all([withJwt.close(), withToken.close()]);
  }
});

test('keeps the keys at SIGHUP if the settings or the issuer cannot be used, and says so', async () => {
  using folder = new Folder();
  await using issuer = await JwtIssuer.start();
  const file = folder.write('serve.json', settings(issuer));
  await using cli = Cli.start(['serve', '--config', file]);
  const { port } = await addressesOf(cli);
  const attempt = async (): Promise<number> =>
    (await shake(port, { Authorization: `Bearer ${await issuer.sign()}` })).status;
  assert.is(await attempt(), 101);
  writeFileSync(file, JSON.stringify(settings(issuer, { jwks: 'http://as.example/jwks' })));
  cli.signal('SIGHUP');
  await cli.sees(/"level":"error".*jwks must be an https URL, or an http URL on loopback/, 'stderr');
  assert.is(await attempt(), 101);
  writeFileSync(file, JSON.stringify(settings(issuer)));
  issuer.answer = (_request, response) => response.writeHead(503).end();
  cli.signal('SIGHUP');
  await cli.sees(/"level":"warn".*cannot be read: the answer has status 503/, 'stderr');
  assert.is(await attempt(), 101);
});

test('says at its start that the keys cannot be read, and asks programs to come later', async () => {
  await using issuer = await JwtIssuer.start();
  issuer.answer = (_request, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end();
  const args = ['--jwks', issuer.jwks, '--jwt-issuer', issuerName, '--audience', audience];
  await using cli = Cli.start(['serve', '--json', ...args]);
  const { port } = await addressesOf(cli);
  await cli.sees(/"level":"warn".*status 302, and redirects are not followed/, 'stderr');
  const { status, headers } = await shake(port, { Authorization: `Bearer ${await issuer.sign()}` });
  assert.equal([status, headers['retry-after']], [503, '5']);
});

for (const [what, args, message] of [
  ['an issuer without an audience', ['--jwks', 'https://a.example', '--jwt-issuer', 'x'], /audience/],
  [
    'a key set over http',
    ['--jwks', 'http://a.example', '--jwt-issuer', 'x', '--audience', 'y'],
    /--jwks must be an https URL/,
  ],
] as const)
  test(`does not start with ${what}`, async () => {
    await using cli = Cli.start(['serve', ...args]);
    assert.is((await cli.end()).code, 2);
    assert.match(cli.stderr, message);
  });

test.run();
