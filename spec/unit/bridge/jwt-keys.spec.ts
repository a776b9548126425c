/** Keys of an issuer: how they are read, kept and renewed, and what happens if that fails. */
import type { ServerResponse } from 'node:http';
import * as bridges from '../../../src/bridge.ts';
import type { JwtOptions } from '../../../src/bridge.ts';
import * as assert from '../../helpers/assert.ts';
import { shake, withBridge } from '../../helpers/bridge.ts';
import { complains } from '../../helpers/complains.ts';
import { audience, claimsAt, JwtIssuer, newSigningKey } from '../../helpers/jwt-issuer.ts';
import { listenOnLoopback } from '../../helpers/loopback.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedModule, type Edit } from '../../helpers/weakened.ts';

const test = suite('keys of an issuer of JWTs');

type Create = typeof bridges.jwtAuthentication;

const minutes = 60_000;

/** A service whose clock stands still until `wait` moves it. */
class Service implements AsyncDisposable {
  readonly issuer: JwtIssuer;
  readonly reported: string[] = [];
  readonly #identify: ReturnType<Create>;
  #now = 1_000_000;

  constructor(issuer: JwtIssuer, create: Create, options: Partial<JwtOptions>) {
    this.issuer = issuer;
    this.#identify = create({
      ...{ jwks: issuer.jwks, issuer: 'https://as.example', audience },
      clock: { now: () => this.#now, after: () => () => undefined },
      report: (error) => this.reported.push(error.message),
      ...options,
    });
  }

  static async start(
    create: Create = bridges.jwtAuthentication,
    options: Partial<JwtOptions> = {},
  ): Promise<Service> {
    return new Service(await JwtIssuer.start(), create, options);
  }

  wait(ms: number): void {
    this.#now += ms;
  }

  /** A good JWT at this time. */
  sign(key = this.issuer.keys.at(-1)!): Promise<string> {
    return this.issuer.sign(claimsAt(Math.floor(this.#now / 1_000)), {}, key);
  }

  /** Name of the program, or why it is rejected. */
  async try(jwt: string | Promise<string>): Promise<string> {
    const outcome = await this.#identify({ headers: { authorization: `Bearer ${await jwt}` } } as never);
    if (!outcome) return 'no JWT';
    if (!('rejected' in outcome)) return outcome.name;
    return outcome.retry ? `later: ${outcome.rejected}` : outcome.rejected;
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.issuer[Symbol.asyncDispose]();
  }
}

const unpublished = 'the JWT is signed with a key that its issuer does not publish';

interface Case {
  readonly what: string;
  readonly run: (create: Create) => Promise<void>;
  /** Left out if the twin would wait for the limit of the spec. */
  readonly twin?: Edit;
  readonly complaint?: RegExp;
}

const cases: readonly Case[] = [
  {
    what: 'finds a new key at once, and takes the old one no longer',
    async run(create) {
      await using service = await Service.start(create);
      const { issuer } = service;
      const old = issuer.keys[0]!;
      assert.is(await service.try(service.sign()), 'ci');
      service.wait(20_000);
      issuer.keys = [await newSigningKey('two')];
      assert.is(await service.try(service.sign()), 'ci', 'the new key');
      assert.is(await service.try(service.sign(old)), unpublished, 'the old key');
      assert.is(issuer.asked, 2);
    },
    twin: edit('if (!newer) throw error;', 'throw error;'),
    complaint: /the new key/,
  },
  {
    what: 'takes a removed key no longer than ten minutes, although no new one is seen',
    async run(create) {
      await using service = await Service.start(create);
      const old = service.issuer.keys[0]!;
      assert.is(await service.try(service.sign(old)), 'ci');
      service.issuer.keys = [await newSigningKey('two')];
      service.wait(10 * minutes);
      assert.is(await service.try(service.sign(old)), unpublished, 'the removed key');
    },
    twin: edit('const freshMs = 600_000;', 'const freshMs = Infinity;'),
    complaint: /the removed key/,
  },
  {
    what: 'asks the issuer once in ten seconds, however many unknown keys are shown',
    async run(create) {
      await using service = await Service.start(create);
      const stranger = await newSigningKey('stranger');
      const jwt = await service.sign(stranger);
      for (let n = 0; n < 50; n++) assert.is(await service.try(jwt), unpublished);
      service.wait(9_999);
      await Promise.all(Array.from({ length: 50 }, () => service.try(jwt)));
      assert.is(service.issuer.asked, 1, 'requests at first');
      service.wait(1);
      await Promise.all(Array.from({ length: 50 }, () => service.try(jwt)));
      assert.is(service.issuer.asked, 2, 'requests after ten seconds');
    },
    twin: edit('const cooldownMs = 10_000;', 'const cooldownMs = 0;'),
    complaint: /requests at first/,
  },
  {
    what: 'reads the keys once for all that wait',
    async run(create) {
      await using service = await Service.start(create);
      const jwt = await service.sign();
      const all = await Promise.all(Array.from({ length: 50 }, () => service.try(jwt)));
      assert.equal([...new Set(all)], ['ci']);
      assert.is(service.issuer.asked, 1, 'requests');
    },
    twin: edit('this.#reading ??= this.#readOnce()', 'this.#reading = this.#readOnce()'),
    complaint: /requests/,
  },
  {
    what: 'uses known keys for an hour while the issuer is down, and then asks programs to come later',
    async run(create) {
      await using service = await Service.start(create);
      const { issuer } = service;
      assert.is(await service.try(service.sign()), 'ci');
      issuer.answer = (_request, response) => response.writeHead(500).end();
      service.wait(11 * minutes);
      assert.is(await service.try(service.sign()), 'ci', 'a known key after eleven minutes');
      assert.is(service.reported.length, 1);
      service.wait(48 * minutes);
      assert.is(await service.try(service.sign()), 'ci', 'a known key after 59 minutes');
      service.wait(1 * minutes);
      const later = `later: the keys at ${issuer.jwks} cannot be read: the answer has status 500`;
      assert.is(await service.try(service.sign()), later, 'after an hour');
      issuer.answer = (_request, response) => response.end(JSON.stringify(issuer.keySet));
      assert.is(await service.try(service.sign()), later);
      service.wait(10_000);
      assert.is(await service.try(service.sign()), 'ci', 'once the issuer is back');
    },
    twin: edit('const usableMs = 3_600_000;', 'const usableMs = 600_000;'),
    complaint: /a known key after eleven minutes/,
  },
  {
    what: 'follows no redirect',
    async run(create) {
      await using service = await Service.start(create);
      const { issuer } = service;
      await using elsewhere = await JwtIssuer.start(issuer.keys[0]);
      issuer.answer = (_request, response) => response.writeHead(302, { location: elsewhere.jwks }).end();
      assert.is(
        await service.try(service.sign()),
        `later: the keys at ${issuer.jwks} cannot be read: the answer has status 302, and redirects are not followed`,
        'the redirect',
      );
      assert.is(elsewhere.asked, 0);
    },
    twin: edit(
      `redirect: 'manual',\n      signal`,
      `redirect: 'follow',\n      signal`,
      'bridge/jwt-keys.ts',
    ),
    complaint: /the redirect/,
  },
  {
    what: 'reads at most 262,144 bytes',
    async run(create) {
      await using service = await Service.start(create);
      const { issuer } = service;
      issuer.answer = (_request, response) => response.end(JSON.stringify(issuer.keySet).padEnd(262_144));
      assert.is(await service.try(service.sign()), 'ci');
      service.wait(10 * minutes);
      const chunk = ' '.repeat(65_536);
      let written = 0;
      const closed = new Promise((resolve) => {
        issuer.answer = (_request, response) => {
          response.on('close', resolve);
          const more = (): void => {
            // Without an end, unless the reader stops.
            while (!response.destroyed && written < 64 * 2 ** 20) {
              written += chunk.length;
              if (!response.write(chunk)) {
                response.once('drain', more);
                return;
              }
            }
            response.end(JSON.stringify(issuer.keySet));
          };
          more();
        };
      });
      assert.is(await service.try(service.sign()), 'ci');
      await assert.deadline(closed, 'the end of the connection');
      assert.equal(
        service.reported,
        [`the keys at ${issuer.jwks} cannot be read: the answer has more than 262144 bytes`],
        'what is reported',
      );
    },
    twin: edit('const maxSetBytes = 262_144;', 'const maxSetBytes = 2 ** 30;'),
    complaint: /what is reported/,
  },
  {
    what: 'waits no longer than the time limit for a whole answer',
    async run(create) {
      await using service = await Service.start(create, { timeout: 50 });
      const { issuer } = service;
      for (const begins of [false, true]) {
        issuer.answer = (_request, response) => {
          if (begins) response.write('{');
        };
        assert.is(
          await assert.deadline(service.try(service.sign()), 'an answer'),
          `later: the keys at ${issuer.jwks} cannot be read: no whole answer within 50 ms`,
        );
        service.wait(10_000);
      }
    },
  },
];

for (const { what, run, twin, complaint } of cases) {
  test(what, () => run(bridges.jwtAuthentication));
  if (twin)
    test(`rejects one that does not: ${what}`, async () => {
      const { jwtAuthentication } = (await weakenedModule('bridge.ts', twin)) as typeof bridges;
      await complains(() => run(jwtAuthentication), complaint!);
    });
}

const answers: Readonly<
  Record<string, readonly [body: (response: ServerResponse) => unknown, reason: string]>
> = {
  'no JSON': [(response) => response.end('<html>secret</html>'), 'the answer is not JSON'],
  'no key set': [(response) => response.end('{"issuer":"secret"}'), 'the answer is not a set of keys'],
  null: [(response) => response.end('null'), 'the answer is not a set of keys'],
  'keys that are no list': [(response) => response.end('{"keys":{}}'), 'the answer is not a set of keys'],
  nothing: [(response) => response.end(), 'the answer is not JSON'],
  'status 404': [(response) => response.writeHead(404).end('secret'), 'the answer has status 404'],
  'status 304': [
    (response) => response.writeHead(304).end(),
    'the answer has status 304, and redirects are not followed',
  ],
  'a cut connection': [(response) => response.destroy(), 'the request failed (UND_ERR_SOCKET)'],
};

for (const [what, [answer, reason]] of Object.entries(answers))
  test(`asks programs to come later if the issuer answers ${what}`, async () => {
    await using service = await Service.start();
    const { issuer, reported } = service;
    issuer.answer = (_request, response) => void answer(response);
    const sentence = `the keys at ${issuer.jwks} cannot be read: ${reason}`;
    assert.is(await service.try(service.sign()), `later: ${sentence}`);
    assert.equal(reported, [sentence]);
    // Not asked again within the cooldown.
    assert.is(await service.try(service.sign()), `later: ${sentence}`);
    assert.is(issuer.asked, 1);
  });

test('answers 503 with Retry-After while the issuer is down, so that clients try again', async () => {
  await using gone = await listenOnLoopback();
  const jwks = `${gone.origin}/jwks?secret=in-the-query`;
  await gone[Symbol.asyncDispose]();
  await using issuer = await JwtIssuer.start();
  const authenticate = bridges.jwtAuthentication({ jwks, issuer: 'https://as.example', audience });
  await withBridge(
    async ({ port, log }) => {
      const { status, headers, body } = await shake(port, { Authorization: `Bearer ${await issuer.sign()}` });
      assert.equal([status, headers['retry-after'], body], [503, '5', '']);
      assert.not.match(log.join('\n'), 'in-the-query');
      assert.is((await shake(port)).status, 101, 'a static token');
    },
    { authenticate },
  );
});

test('tries each key of the algorithm if the keys have no ids, and finds a new one', async () => {
  await using service = await Service.start();
  const { issuer } = service;
  const [one, two, three] = [
    await newSigningKey(undefined),
    await newSigningKey(undefined),
    await newSigningKey(undefined),
  ];
  issuer.keys = [one, two];
  assert.equal([await service.try(service.sign(one)), await service.try(service.sign(two))], ['ci', 'ci']);
  assert.is(await service.try(service.sign(three)), 'the signature of the JWT is wrong');
  issuer.keys = [two, three];
  service.wait(10_000);
  assert.equal([await service.try(service.sign(three)), await service.try(service.sign(two))], ['ci', 'ci']);
  assert.is(await service.try(service.sign(one)), 'the signature of the JWT is wrong');
});

test('takes no key for encryption, of another algorithm, or with its private part', async () => {
  await using service = await Service.start();
  const { issuer } = service;
  const key = issuer.keys[0]!;
  for (const [change, reason] of [
    [{ use: 'enc' }, unpublished],
    [{ alg: 'ES384' }, unpublished],
    [{ key_ops: ['encrypt'] }, unpublished],
    [{ d: 'x'.repeat(43) }, 'the key of the JWT cannot be used'],
    [{ kty: 'oct', k: 'c2VjcmV0' }, unpublished],
  ] as const) {
    issuer.answer = (_request, response) =>
      response.end(JSON.stringify({ keys: [{ ...key.jwk, ...change }] }));
    assert.is(await service.try(service.sign(key)), reason, JSON.stringify(change));
    service.wait(10 * minutes);
  }
});

test.run();
