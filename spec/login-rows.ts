/** What a sign-in must not do, each as a check of one module, as command-rows.ts has them. */
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { connect } from 'node:net';
import { PassThrough } from 'node:stream';
import { inspect } from 'node:util';
import { firstValueFrom } from 'rxjs';
import type { Io } from '../src/cli/io.ts';
import { Tokens, type ServerMetadata } from '../src/login.ts';
import type { CommandRow } from './command-rows.ts';
import * as assert from './helpers/assert.ts';
import { visit } from './helpers/client.ts';
import { withServer } from './helpers/endpoint.ts';
import { comingBack, json, startIssuer } from './helpers/issuer.ts';
import { clientId, startProvider, subject } from './helpers/provider.ts';
import { Watched } from './helpers/watched.ts';

const takesItsMetadataOnly: CommandRow<typeof import('../src/login/metadata.ts')> = {
  title: 'C-10 metadata is taken of its own issuer only, and with endpoints that may be asked',
  module: 'login/metadata.ts',
  check: async ({ discover }) => {
    const { signal } = new AbortController();
    const flawOf = (issuer: string, change: Readonly<Record<string, unknown>>): Promise<unknown> => {
      const metadata: ServerMetadata = {
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        ...change,
      };
      return discover({ issuer, metadata }, signal).then(
        () => 'nothing',
        (error: unknown) => (error as { flaw?: unknown }).flaw,
      );
    };
    const here = 'http://127.0.0.1:1';
    const there = 'https://as.example';
    for (const [what, issuer, change, flaw] of [
      ['good metadata', here, {}, 'nothing'],
      ['good metadata', there, {}, 'nothing'],
      ['another issuer', there, { issuer: 'https://evil.example' }, 'issuer_mismatch'],
      ['a slash more', there, { issuer: `${there}/` }, 'issuer_mismatch'],
      [
        'a token endpoint in the clear',
        here,
        { token_endpoint: 'http://as.example/token' },
        'insecure_endpoint',
      ],
      ['keys in the clear', there, { jwks_uri: 'http://as.example/jwks' }, 'insecure_endpoint'],
      [
        'a page of this machine',
        there,
        { authorization_endpoint: 'http://127.0.0.1/authorize' },
        'insecure_endpoint',
      ],
      ['a script', there, { authorization_endpoint: 'javascript:alert(1)' }, 'insecure_endpoint'],
    ] as const)
      assert.is(await flawOf(issuer, change), flaw, `the flaw of ${what}`);
    await using as = await startIssuer({ metadata: { issuer: there } });
    const found = discover({ issuer: as.issuer }, signal).then(
      () => 'taken',
      (error: unknown) => (error as { flaw?: unknown }).flaw,
    );
    assert.is(await found, 'issuer_mismatch', 'the flaw of what is fetched');
  },
};

const keys = [1, 2].map(() => generateKeyPairSync('rsa', { modulusLength: 2048 }));
const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** An ID token with these claims, signed by one of the keys or by none. */
function idToken(claims: Readonly<Record<string, unknown>>, key: number | undefined): string {
  const iat = Math.floor(Date.now() / 1_000);
  const header = key === undefined ? { alg: 'none' } : { alg: 'RS256', kid: 'spec' };
  const text = `${encoded(header)}.${encoded({ iat, exp: iat + 600, ...claims })}`;
  const signature = key === undefined ? '' : sign('sha256', Buffer.from(text), keys[key]!.privateKey);
  return `${text}.${signature.toString('base64url')}`;
}

const takesSignedIdTokensOnly: CommandRow<typeof import('../src/login/sign-in.ts')> = {
  title: 'a sign-in takes no ID token that is not signed, or signed by somebody else, where there is no TLS',
  module: 'login/sign-in.ts',
  check: async ({ signIn }) => {
    const jwk = { ...keys[0]!.publicKey.export({ format: 'jwk' }), kid: 'spec', use: 'sig', alg: 'RS256' };
    let next = '';
    await using as = await startProvider({
      intercept: ({ url }, response) => {
        if (url === '/jwks') json(response, 200, { keys: [jwk] });
        if (url === '/token')
          json(response, 200, { access_token: 'a', token_type: 'bearer', id_token: next });
        return url === '/jwks' || url === '/token';
      },
    });
    for (const [what, key, expected] of [
      ['one that is not signed', undefined, 'failed'],
      ['one that somebody else has signed', 1, 'failed'],
      ['its own', 0, 'exchanged'],
    ] as const) {
      using watched = new Watched(signIn({ issuer: as.issuer, clientId, scope: 'openid' }));
      const { url } = await watched.next('authorize');
      const nonce = url.searchParams.get('nonce');
      next = idToken({ iss: as.issuer, aud: clientId, sub: subject, nonce }, key);
      await visit(comingBack(url, { code: 'c', iss: as.issuer }));
      await watched.ended();
      assert.is(watched.types.at(-1), expected, `with an ID token, ${what}`);
    }
  },
};

const sendsItsVerifier: CommandRow<typeof import('../src/login/sign-in.ts')> = {
  title: 'B-12 a sign-in sends the verifier of its own challenge with the code',
  module: 'login/sign-in.ts',
  check: async ({ signIn }) => {
    const forms: URLSearchParams[] = [];
    await using as = await startIssuer({
      token: (form, response) => {
        forms.push(form);
        json(response, 200, { access_token: 'a', token_type: 'bearer' });
      },
    });
    using watched = new Watched(signIn({ issuer: as.issuer, clientId }));
    const { url } = await watched.next('authorize');
    await visit(comingBack(url, { code: 'c' }));
    await watched.tokens();
    const verifier = forms[0]?.get('code_verifier') ?? '';
    const challenge = createHash('sha256').update(verifier).digest('base64url');
    assert.is(url.searchParams.get('code_challenge'), challenge, 'the challenge of the verifier');
    assert.is(url.searchParams.get('code_challenge_method'), 'S256');
  },
};

const refreshesForItsPerson: CommandRow<typeof import('../src/login/refresh.ts')> = {
  title: 'a refresh takes no ID token of another person',
  module: 'login/refresh.ts',
  check: async ({ refresh }) => {
    let who = subject;
    const configuration = {
      findAccount: (_context: unknown, accountId: string) => {
        const sub = accountId === subject ? who : accountId;
        return { accountId: sub, claims: () => ({ sub }) };
      },
    };
    await using as = await startProvider({ configuration });
    const { signIn } = await import('../src/login.ts');
    using watched = new Watched(signIn({ issuer: as.issuer, clientId, scope: 'openid' }));
    await watched.visit();
    const same = await firstValueFrom(refresh(await watched.tokens()));
    assert.is(same.claims?.sub, subject);
    who = 'somebody-else';
    const outcome = await firstValueFrom(refresh(same)).then(
      ({ claims }) => `tokens of ${claims?.sub}`,
      (error: unknown) => (error as { code?: unknown }).code,
    );
    assert.is(outcome, 'token_request_failed', 'what a refresh for somebody else gives');
  },
};

const usesEachRefreshTokenOnce: CommandRow<typeof import('../src/login/refresh.ts')> = {
  title: 'no refresh token is used twice, whatever is asked for with it',
  module: 'login/refresh.ts',
  check: async ({ refresh }) => {
    const used: string[] = [];
    await using as = await startIssuer({
      token: (form, response) => {
        used.push(form.get('refresh_token')!);
        json(response, 200, { access_token: 'b', token_type: 'bearer', refresh_token: `r${used.length}` });
      },
    });
    const fields = { issuer: as.issuer, client_id: 'c', access_token: 'a', token_type: 'bearer' };
    const kept = Tokens.fromDict({ ...fields, refresh_token: 'r0' });
    // Given, so that both come to the token at once, before any answer.
    const metadata = {
      issuer: as.issuer,
      authorization_endpoint: `${as.issuer}/authorize`,
      token_endpoint: `${as.issuer}/token`,
    };
    const both = ['one', 'two'].map((scope) => firstValueFrom(refresh(kept, { scope, metadata })));
    const [one] = await Promise.all(both);
    assert.equal(used, ['r0', 'r1'], 'what two at once use');
    await firstValueFrom(refresh(one!));
    assert.equal(used, ['r0', 'r1', 'r2'], 'what the first of them uses later');
  },
};

/** What a server may have of a request, and repeat. */
const secrets = { code: 'CANARY/of+a=code', clientSecret: 'CANARY/of+a=secret' };

const tellsNoSecret: CommandRow<typeof import('../src/login/sign-in.ts')> = {
  title: 'H-02 an error of the token endpoint shows nothing secret, whatever the server repeats',
  module: 'login/sign-in.ts',
  check: async ({ signIn }) => {
    const { code, clientSecret } = secrets;
    let verifier = '';
    const said: readonly (readonly [string, (form: URLSearchParams, header: string) => string])[] = [
      ['as it is', (form) => [...form.values(), clientSecret].join(' ')],
      ['as it was sent', (form) => String(form)],
      ['as the header has it', (_form, header) => header],
      ['cut off', () => 'x'.repeat(495) + code],
    ];
    for (const [how, say] of said) {
      await using as = await startIssuer({
        token: (form, response) => {
          verifier = form.get('code_verifier')!;
          const error_description = say(form, response.req.headers.authorization ?? '');
          json(response, 400, { error: 'invalid_grant', error_description });
        },
      });
      using watched = new Watched(signIn({ issuer: as.issuer, clientId: 'c', clientSecret }));
      const page = await visit(comingBack((await watched.next('authorize')).url, { code }));
      const error = await watched.failure();
      assert.is(error.code, 'token_request_failed');
      const shown = [page.body, String(error), inspect(error, { depth: Infinity, showHidden: true })].join();
      // Of the header, as much as does not depend on what follows.
      const header = Buffer.from('c:CANA').toString('base64');
      for (const secret of ['CANAR', verifier, header])
        assert.not.match(shown, secret, `${how}, it is shown`);
    }
    assert.ok(verifier.length >= 43);
  },
};

const leavesNothing: CommandRow<typeof import('../src/login/sign-in.ts')> = {
  title: 'E-07 a sign-in that is cancelled leaves neither a flow nor a port',
  module: 'login/sign-in.ts',
  check: async ({ signIn }) => {
    await using as = await startIssuer();
    await withServer({}, async ({ server, events }) => {
      const watched = new Watched(signIn({ issuer: as.issuer, clientId, host: server }));
      await watched.next('waiting');
      watched.unsubscribe();
      assert.equal(
        events.map(({ type }) => type),
        ['begun', 'cancelled'],
        'what becomes of the flow',
      );
    });
    const own = new Watched(signIn({ issuer: as.issuer, clientId }));
    const { url } = await own.next('authorize');
    const { port, hostname } = new URL(url.searchParams.get('redirect_uri')!);
    assert.ok(await connects(Number(port), hostname));
    own.unsubscribe();
    const end = performance.now() + 2_000;
    let open = true;
    while (open && performance.now() < end) open = await connects(Number(port), hostname);
    assert.not.ok(open, 'the port is open');
  },
};

async function connects(port: number, host: string): Promise<boolean> {
  const socket = connect({ port, host });
  try {
    return await new Promise((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
  } finally {
    socket.destroy();
  }
}

const showsNothingPasted: CommandRow<typeof import('../src/cli/login/command.ts')> = {
  title: 'H-01 login shows nothing of what is pasted, and nothing that is refused',
  module: 'cli/login/command.ts',
  check: async ({ login }) => {
    await using as = await startIssuer({
      token: (form, response) =>
        json(response, 400, { error: 'invalid_grant', error_description: String(form) }),
    });
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    let shown = '';
    for (const output of [stdout, stderr]) output.on('data', (text: Buffer) => (shown += String(text)));
    const sees = async (what: string): Promise<void> => {
      const look = async (): Promise<void> => {
        while (!shown.includes(what)) await new Promise(setImmediate);
      };
      await assert.deadline(look(), 10_000, what);
    };
    const env = { RX_OAUTH_CALLBACK_CLIENT_SECRET: secrets.clientSecret };
    const io: Io = {
      stdin,
      stdout,
      stderr,
      env,
      onSignal: () => () => undefined,
      hungUp: () => false,
      exit: () => process.exit(),
    };
    const flags = {
      issuer: as.issuer,
      clientId: 'c',
      port: '0',
      host: '127.0.0.1',
      callbackPath: '/callback',
    };
    const ended = login({ ...flags, timeout: '60', browser: false }, io).then(
      () => assert.unreachable('it has tokens'),
      (error: unknown) => (shown += inspect(error, { depth: Infinity, showHidden: true })),
    );
    await sees('Waiting for you');
    const back = new URL(comingBack(new URL(/http\S+/.exec(shown)![0]), { code: secrets.code }));
    const stranger = new URL(back);
    stranger.searchParams.set('state', 'a-state-of-nobody-at-all');
    for (const [line, complaint] of [
      ['CANARY-short', 'too short'],
      ['CANARY with a gap in it', 'neither'],
      [stranger.href, 'of another sign-in'],
      [`${back.href}&code=CANARY`, 'repeated_parameter'],
    ] as const) {
      stdin.write(`${line}\n`);
      await sees(complaint);
    }
    stdin.write(`${back.href}\n`);
    await ended;
    assert.match(shown, 'invalid_grant');
    assert.not.match(shown, 'CANARY', 'a secret is shown');
    assert.match(as.requests.at(-1)!.body, 'CANARY', 'what is looked for was sent');
  },
};

/** Each is checked with what its own module exports. */
export const loginRows = {
  takesItsMetadataOnly,
  takesSignedIdTokensOnly,
  sendsItsVerifier,
  refreshesForItsPerson,
  usesEachRefreshTokenOnce,
  tellsNoSecret,
  leavesNothing,
  showsNothingPasted,
} satisfies Record<string, CommandRow>;
