/** Programs that prove themselves by a JWT: which are let in, as whom, and why others are not. */
import { createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { exportSPKI } from 'jose';
import * as bridges from '../../../src/bridge.ts';
import type { JwtOptions } from '../../../src/bridge.ts';
import type { ConnectionEvent } from '../../../src/bridge/audit.ts';
import type { Clock } from '../../../src/base/clock.ts';
import { clockFrom } from '../../../src/base/clock.ts';
import { internalsOfBridge } from '../../../src/bridge/internals.ts';
import { createTenants } from '../../../src/tenants.ts';
import * as assert from '../../helpers/assert.ts';
import { counts, shake, withBridge, withPeers, token, type Bridged } from '../../helpers/bridge.ts';
import { virtualTime } from '../../helpers/clock.ts';
import { complains } from '../../helpers/complains.ts';
import { audience, claimsAt, JwtIssuer, newSigningKey } from '../../helpers/jwt-issuer.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedModule, type Edit } from '../../helpers/weakened.ts';

const test = suite('JWTs of programs');

type Bridges = Pick<typeof bridges, 'createBridge' | 'jwtAuthentication'>;
type Rejected = Extract<ConnectionEvent, { type: 'rejected' }>;

interface World extends Bridged {
  readonly issuer: JwtIssuer;
  /** Tries to connect with a JWT; gives the status, and the reason if the operator got one. */
  readonly attempt: (jwt: string) => Promise<readonly [status: number, reason?: string | undefined]>;
  readonly rejections: readonly Rejected[];
}

/** A bridge that knows an issuer, whose key set is on a server of its own. */
async function withIssuer<T>(
  body: (world: World) => Promise<T>,
  options: Partial<JwtOptions> = {},
  { createBridge, jwtAuthentication }: Bridges = bridges,
  serverOptions: Parameters<typeof withBridge>[2] = {},
): Promise<T> {
  await using issuer = await JwtIssuer.start();
  const { jwks } = issuer;
  const authenticate = jwtAuthentication({ jwks, issuer: 'https://as.example', audience, ...options });
  return await withBridge(
    (bridged) => {
      const rejections: Rejected[] = [];
      internalsOfBridge(bridged.bridge).onConnection((event) => {
        if (event.type === 'rejected') rejections.push(event);
      });
      const attempt: World['attempt'] = async (jwt) => {
        const before = rejections.length;
        const { status } = await shake(bridged.port, { Authorization: `Bearer ${jwt}` });
        if (status !== 101) return [status, rejections[before]?.reason];
        await counts(bridged.bridge, 0);
        return [status];
      };
      return body({ ...bridged, issuer, attempt, rejections });
    },
    { token, authenticate },
    serverOptions,
    createBridge,
  );
}

const requestWith = (jwt: string): IncomingMessage =>
  ({ headers: { authorization: `Bearer ${jwt}` } }) as unknown as IncomingMessage;

const now = (): number => Math.floor(Date.now() / 1_000);

const unsecured = (header: object, claims: object, sign: (text: string) => string): string => {
  const text = [header, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${text}.${sign(text)}`;
};

interface Case {
  readonly what: string;
  readonly make: (issuer: JwtIssuer) => Promise<string> | string;
  readonly reason: string;
  /** The bridge that lets it in. */
  readonly twin: readonly Edit[];
}

const unchecked = edit('await this.#verify(jwt, jose)', 'jose.decodeJwt(jwt)');
const anyHeader = edit('if (flaw !== undefined) return { rejected: flaw };', '');
const line = (text: string): Edit => edit(text, '');

const cases: readonly Case[] = [
  {
    what: 'no signature (alg none)',
    make: () => unsecured({ alg: 'none', typ: 'JWT' }, claimsAt(now()), () => ''),
    reason: 'the algorithm (alg) of the JWT is not allowed',
    twin: [anyHeader, unchecked],
  },
  {
    what: 'no signature, and another spelling of none',
    make: () => unsecured({ alg: 'nOnE', typ: 'JWT' }, claimsAt(now()), () => ''),
    reason: 'the algorithm (alg) of the JWT is not allowed',
    twin: [anyHeader, unchecked],
  },
  {
    what: 'HS256, whose secret is the published key',
    async make({ keys: [key] }) {
      const pem = await exportSPKI(key!.publicKey);
      const sign = (text: string) => createHmac('sha256', pem).update(text).digest('base64url');
      return unsecured({ alg: 'HS256', typ: 'JWT', kid: 'one' }, claimsAt(now()), sign);
    },
    reason: 'the algorithm (alg) of the JWT is not allowed',
    twin: [anyHeader, unchecked],
  },
  {
    what: 'the signature of another key under a published id',
    make: async (issuer) => issuer.sign({}, {}, await newSigningKey('one')),
    reason: 'the signature of the JWT is wrong',
    twin: [unchecked],
  },
  {
    what: 'the signature of a key that is not published',
    make: async (issuer) => issuer.sign({}, {}, await newSigningKey('other')),
    reason: 'the JWT is signed with a key that its issuer does not publish',
    twin: [unchecked],
  },
  {
    what: 'claims that were changed after signing',
    async make(issuer) {
      const [header, , signature] = (await issuer.sign()).split('.');
      const claims = Buffer.from(JSON.stringify({ ...claimsAt(now()), scope: 'monitor' })).toString(
        'base64url',
      );
      return `${header}.${claims}.${signature}`;
    },
    reason: 'the signature of the JWT is wrong',
    twin: [unchecked],
  },
  {
    what: 'its own key in the header (jwk)',
    async make(issuer) {
      const key = await newSigningKey('one');
      return issuer.sign({}, { jwk: key.jwk }, key);
    },
    reason: 'the JWT names a key of its own (jwk)',
    twin: [
      line(`if (own !== undefined) return `),
      edit('`the JWT names a key of its own (${own})`;', ''),
      unchecked,
    ],
  },
  ...['jku', 'x5u', 'x5c'].map((name) => ({
    what: `a place or chain of its own key (${name})`,
    make: (issuer: JwtIssuer) => issuer.sign({}, { [name]: 'https://evil.example/jwks' }),
    reason: `the JWT names a key of its own (${name})`,
    twin: [edit(`const namesOwnKey = ['jwk', 'jku', 'x5u', 'x5c'];`, 'const namesOwnKey: string[] = [];')],
  })),
  {
    what: 'an extension that must be understood (crit)',
    make: (issuer) => issuer.sign({}, { crit: ['urn:ours'], 'urn:ours': 1 }),
    reason: 'the JWT has an extension (crit) that the service does not know',
    twin: [anyHeader, unchecked],
  },
  ...['dpop+jwt', 'logout+jwt', 'at+jwt ', ''].map((typ) => ({
    what: `the type ${JSON.stringify(typ)}`,
    make: (issuer: JwtIssuer) => issuer.sign({}, { typ }),
    reason: 'the type (typ) of the JWT is neither JWT nor at+jwt',
    twin: [anyHeader],
  })),
  ...[
    ['iss', edit('      issuer,\n      audience,\n', '      audience,\n')],
    ['aud', edit('      issuer,\n      audience,\n', '      issuer,\n')],
    ['exp', edit(`requiredClaims: ['exp', claims.name]`, 'requiredClaims: [claims.name]')],
    ['sub', edit(`requiredClaims: ['exp', claims.name]`, `requiredClaims: ['exp']`)],
  ].map(([claim, twin]) => ({
    what: `no ${claim as string}`,
    make: (issuer: JwtIssuer) => issuer.sign({ [claim as string]: undefined }),
    reason: `the claim ${claim as string} of the JWT is missing`,
    twin: [twin as Edit],
  })),
  {
    what: 'another issuer',
    make: (issuer) => issuer.sign({ iss: 'https://as.example/' }),
    reason: 'the claim iss of the JWT is not that of this service',
    twin: [edit('      issuer,\n      audience,\n', '      audience,\n')],
  },
  ...[['https://other.example', 'https://sign-in.example'], `${audience}/`, audience.toUpperCase()].map(
    (aud) => ({
      what: `another audience: ${String(aud)}`,
      make: (issuer: JwtIssuer) => issuer.sign({ aud }),
      reason: 'the claim aud of the JWT is not that of this service',
      twin: [edit('      issuer,\n      audience,\n', '      issuer,\n')],
    }),
  ),
  ...[String(now() + 300), null, [now() + 300]].map((exp) => ({
    what: `an exp that is no number: ${JSON.stringify(exp)}`,
    make: (issuer: JwtIssuer) => issuer.sign({ exp }),
    reason: 'the claim exp of the JWT is malformed',
    twin: [unchecked],
  })),
  {
    what: 'an exp beyond all dates',
    make: (issuer) => issuer.sign({ exp: 1e15 }),
    reason: 'the claim exp of the JWT is not a date',
    twin: [line(`if (exp > lastDate) return 'the claim exp of the JWT is not a date';`)],
  },
  {
    what: 'a key that it is bound to (cnf)',
    make: (issuer) => issuer.sign({ cnf: { jkt: 'x'.repeat(43) } }),
    reason: 'the JWT is bound to a key (cnf), which the program cannot show here',
    twin: [edit(`payload['cnf'] !== undefined`, 'false')],
  },
  ...['', 'a\nb', 'x'.repeat(257), 5, null].map((sub) => ({
    what: `a name that cannot be shown: ${JSON.stringify(sub).slice(0, 20)}`,
    make: (issuer: JwtIssuer) => issuer.sign({ sub }),
    reason: 'the claim sub of the JWT must be 1 to 256 characters without control characters',
    twin: [edit(`typeof name === 'string' && nameForm.test(name) ? name : undefined`, 'String(name)')],
  })),
  ...[undefined, '', 'openid', 'listeners', 5, ['admin'], { listener: true }].map((scope) => ({
    what: `no role: ${JSON.stringify(scope)}`,
    make: (issuer: JwtIssuer) => issuer.sign({ scope }),
    reason: 'the claim scope of the JWT has neither listener nor monitor',
    twin: [edit('granted.length === 0', 'false')],
  })),
  ...['', null, 5, ['a'], 'a\nb'].map((tenant) => ({
    what: `a tenant that is none: ${JSON.stringify(tenant)}`,
    make: (issuer: JwtIssuer) => issuer.sign({ tenant }),
    reason: 'the claim tenant of the JWT is invalid',
    twin: [edit('if (!fits({ ...identity, [member]: value }))', 'if (member === "")')],
  })),
  ...[null, 5, [], { flows: 0 }, { flows: 'secret' }, { flow: 1 }].map((limits) => ({
    what: `limits that are none: ${JSON.stringify(limits)}`,
    make: (issuer: JwtIssuer) => issuer.sign({ limits }),
    reason: 'the claim limits of the JWT is invalid',
    twin: [edit('if (!fits({ ...identity, [member]: value }))', 'if (member === "")')],
  })),
  {
    what: 'more than 8,192 characters',
    make: (issuer) => issuer.sign({ more: 'x'.repeat(8_000) }),
    reason: 'the JWT has more than 8192 characters',
    twin: [edit('const maxJwtLength = 8_192;', 'const maxJwtLength = 80_192;')],
  },
  {
    what: 'an encryption instead of a signature',
    make: () => 'eyJhbGciOiJkaXIifQ.a.b.c.d',
    reason: 'the JWT is not signed but encrypted',
    twin: [edit(`if (jwt.split('.').length !== 3)`, 'if (false)')],
  },
  ...['a.b.c', '.'.repeat(2).padStart(3, 'x'), 'bnVsbA.e30.', 'e30.e30.e30'].map((jwt) => ({
    what: `a form that is none: ${jwt}`,
    make: () => jwt,
    reason: jwt === 'e30.e30.e30' ? 'the algorithm (alg) of the JWT is not allowed' : 'the JWT is malformed',
    twin: [
      edit(`return 'the JWT is malformed';`, `return 'odd';`),
      edit('(alg) of the JWT is not', '(alg) is not'),
    ],
  })),
];

async function rejects({ make, reason }: Case, module: Bridges): Promise<void> {
  await withIssuer(
    async ({ issuer, attempt, rejections, log }) => {
      // Known already, so that no attempt is the first.
      assert.equal(await attempt(await issuer.sign()), [101], 'a good one');
      const jwt = await make(issuer);
      assert.equal(await attempt(jwt), [401, reason], 'the bad one');
      for (const said of [JSON.stringify(rejections), log.join('\n')])
        for (const part of jwt.split('.').filter((each) => each.length > 3)) assert.not.match(said, part);
      assert.not.match(JSON.stringify(rejections), 'secret');
      assert.equal(await attempt(await issuer.sign()), [101], 'a good one after it');
    },
    {},
    module,
  );
}

for (const each of cases) test(`rejects a JWT with ${each.what}`, () => rejects(each, bridges));

const twins = new Map(cases.map((each) => [JSON.stringify(each.twin), each]));
for (const each of twins.values())
  test(`rejects a bridge that accepts ${each.what}`, async () => {
    const module = (await weakenedModule('bridge.ts', ...each.twin)) as Bridges;
    await complains(() => rejects(each, module), /the bad one|a good one/);
  });

test('identifies a program by its claims', () =>
  withIssuer(async ({ issuer, bridge, server }) => {
    await createTenants(server, { tenants: { acme: { callbackPath: '/acme/callback' } } }).listen();
    const identify = (jwt: string) => bridge.identify(requestWith(jwt));
    const exp = now() + 60;
    const limits = { connections: 2, flows: 3, perSecond: 4 };
    assert.equal(await identify(await issuer.sign({ exp, tenant: 'acme', limits })), {
      name: 'ci',
      roles: ['listener'],
      expiresAt: exp * 1_000 + 30_000,
      tenant: 'acme',
      limits,
    });
    for (const [scope, roles] of [
      ['openid monitor listener', ['listener', 'monitor']],
      [['monitor'], ['monitor']],
    ])
      assert.equal((await identify(await issuer.sign({ scope })))?.roles, roles);
    assert.is(await identify('a-token-of-nobody'), undefined);
  }));

test('reads other claims if their names are given', () =>
  withIssuer(
    async ({ issuer, bridge, server }) => {
      await createTenants(server, { tenants: { acme: { callbackPath: '/acme/callback' } } }).listen();
      const jwt = await issuer.sign({
        sub: undefined,
        client_id: 'cli',
        roles: ['monitor'],
        scope: 'listener',
        org: 'acme',
        quota: { flows: 1 },
      });
      const { name, roles, tenant, limits } = (await bridge.identify(requestWith(jwt)))!;
      assert.equal([name, roles, tenant, limits], ['cli', ['monitor'], 'acme', { flows: 1 }]);
    },
    { claims: { name: 'client_id', roles: 'roles', tenant: 'org', limits: 'quota' } },
  ));

test('names the program in a rejection once its signature was checked, and not before', () =>
  withIssuer(async ({ issuer, attempt, rejections }) => {
    await attempt(await issuer.sign({ exp: now() - 60 }));
    await attempt(await issuer.sign({ exp: now() - 60 }, {}, await newSigningKey('one')));
    assert.equal(
      rejections.map(({ name, cause, reason }) => [name, cause, reason]),
      [
        ['ci', 'rejected_credential', 'the JWT has expired'],
        [undefined, 'rejected_credential', 'the signature of the JWT is wrong'],
      ],
    );
  }));

for (const alg of ['RS256', 'PS512', 'ES384', 'EdDSA'])
  test(`accepts ${alg}, unless it is not among the algorithms`, async () => {
    const key = await newSigningKey('one', alg);
    const run = (algorithms: readonly string[] | undefined, expected: number): Promise<void> =>
      withIssuer(
        async ({ issuer, attempt }) => {
          issuer.keys = [key];
          assert.is((await attempt(await issuer.sign()))[0], expected);
        },
        { ...(algorithms && { algorithms }) },
      );
    await run(undefined, 101);
    await run(['ES256'], 401);
  });

test('accepts at+jwt, application/at+jwt and no type', () =>
  withIssuer(async ({ issuer, attempt }) => {
    for (const typ of ['at+jwt', 'application/AT+JWT', undefined])
      assert.equal(await attempt(await issuer.sign({}, { typ })), [101], String(typ));
  }));

test('accepts static tokens beside JWTs, and counts a name of both together', () =>
  withIssuer(async ({ issuer, attempt, bridge, url }) => {
    await withPeers(url, async (open) => {
      await open().welcome();
      await open({ bearer: await issuer.sign({ sub: 'token' }) }).welcome();
      bridge.revoke('token');
      await counts(bridge, 0);
    });
    assert.equal(await attempt(await issuer.sign({ sub: 'token' })), [
      401,
      'the token has expired or was revoked',
    ]);
    assert.equal(await attempt('a-token-of-nobody'), [401, 'the credential is unknown']);
  }));

/** Time of service and issuer, which a spec sets; the JWT of 300 s was signed at 1,000 s. */
async function judgesTime(module: Bridges): Promise<void> {
  let seconds = 1_000;
  const clock: Clock = { now: () => seconds * 1_000, after: () => () => undefined };
  await using issuer = await JwtIssuer.start();
  const { jwks } = issuer;
  const authenticate = module.jwtAuthentication({
    ...{ jwks, issuer: 'https://as.example', audience, clock, clockTolerance: 10_000 },
  });
  const jwt = await issuer.sign({ ...claimsAt(1_000), nbf: 1_000 });
  const at = async (time: number): Promise<unknown> => {
    seconds = time;
    const outcome = await authenticate(requestWith(jwt));
    return outcome && ('rejected' in outcome ? outcome.rejected : outcome.expiresAt);
  };
  const early = 'the JWT is not valid yet (nbf)';
  assert.equal([await at(989), await at(990)], [early, 1_310_000], 'the beginning');
  assert.equal([await at(1_309.999), await at(1_310)], [1_310_000, 'the JWT has expired'], 'the end');
}

test('judges nbf and exp with the tolerance, to the second', () => judgesTime(bridges));

for (const [what, change] of [
  ['knows no tolerance', edit('clockTolerance: clockTolerance / 1_000', 'clockTolerance: 0')],
  ['takes the tolerance for seconds', edit('clockTolerance: clockTolerance / 1_000', 'clockTolerance')],
] as const)
  test(`rejects a bridge that ${what}`, async () => {
    const module = (await weakenedModule('bridge.ts', change)) as Bridges;
    await complains(() => judgesTime(module), /the beginning/);
  });

async function endsWithJwt(module: Bridges): Promise<void> {
  const { scheduler, advance } = virtualTime();
  await withIssuer(
    async ({ issuer, url }) =>
      withPeers(url, async (open) => {
        const peer = open({ bearer: await issuer.sign(claimsAt(0)) });
        await peer.welcome();
        advance(309_999);
        await peer.heardAll();
        advance(1);
        assert.is(await peer.closed(), 4401);
      }),
    { clock: clockFrom(scheduler), clockTolerance: 10_000 },
    module,
    { scheduler },
  );
}

test('closes a connection when its JWT ends', () => endsWithJwt(bridges));

for (const [what, change, message] of [
  ['no option', {}, /jwks must be an https URL/],
  [
    'http',
    { jwks: 'http://as.example/jwks' },
    /https URL, or an http URL on loopback; got "http:\/\/as.example"/,
  ],
  ['a file', { jwks: 'file:///etc/passwd' }, /https URL/],
  [
    'a password in the URL',
    { jwks: 'https://me:hunter2@as.example/jwks' },
    /must not have a user name or a password/,
  ],
  ['no issuer', { issuer: undefined }, /issuer must be a text that is not empty/],
  ['an empty issuer', { issuer: '' }, /issuer must be a text that is not empty/],
  ['an empty list of audiences', { audience: [] }, /audience must be a text that is not empty, or a list/],
  ['none as an algorithm', { algorithms: ['none'] }, /algorithms must be one of "RS256"/],
  ['HS256 as an algorithm', { algorithms: ['HS256'] }, /algorithms must be one of "RS256"/],
  ['no algorithm', { algorithms: [] }, /algorithms must be/],
  [
    'a tolerance of an hour',
    { clockTolerance: 3_600_000 },
    /clockTolerance must be a whole number from 0 to 600000/,
  ],
  ['an unknown option', { algorithm: 'RS256' }, /algorithm is not an option of jwtAuthentication/],
  ['an unknown claim', { claims: { role: 'x' } }, /claims\.role is not an option of claims/],
  ['an empty name of a claim', { claims: { roles: '' } }, /claims\.roles must be/],
] as const)
  test(`does not take ${what}`, () => {
    const good =
      what === 'no option' ? {} : { jwks: 'https://as.example/jwks', issuer: 'https://as.example', audience };
    const make = (): unknown => bridges.jwtAuthentication({ ...good, ...change } as unknown as JwtOptions);
    const { message: said } = assert.throws(make, 'invalid_option');
    assert.match(said, message);
    assert.not.match(said, 'hunter2');
  });

test('needs jose only for a JWT', async () => {
  const authenticate = bridges.jwtAuthentication({ jwks: 'https://as.example', issuer: 'x', audience });
  const without = { headers: { authorization: `Bearer ${token}` } };
  assert.is(await authenticate(without as never), undefined);
  assert.is(await authenticate({ headers: {} } as never), undefined);
});

test.run();
