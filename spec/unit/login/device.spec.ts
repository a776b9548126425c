import type { ServerResponse } from 'node:http';
import { inspect } from 'node:util';
import type { Observable } from 'rxjs';
import { headlineOf } from '../../../src/testing/html.ts';
import { AuthorizationError, FlowExpiredError } from '../../../src/index.ts';
import type { SignInEvent, SignInOptions } from '../../../src/login.ts';
import { signIn } from '../../../src/login.ts';
import { announcing } from '../../helpers/announced.ts';
import * as assert from '../../helpers/assert.ts';
import { virtualTime } from '../../helpers/clock.ts';
import { complains } from '../../helpers/complains.ts';
import { deviceFeatures, deviceGrant, enterCode } from '../../helpers/device.ts';
import { visit } from '../../helpers/http.ts';
import { comingBack, json, startIssuer, type Issuer } from '../../helpers/issuer.ts';
import { clientId, startProvider, subject } from '../../helpers/provider.ts';
import { suite } from '../../helpers/suite.ts';
import { Watched } from '../../helpers/watched.ts';
import { edit, weakenedModule } from '../../helpers/weakened.ts';

const test = suite('device grant of signIn');

type SignIn = (options: SignInOptions) => Observable<SignInEvent>;
type Reply = (response: ServerResponse) => void;

const pending: Reply = (response) => json(response, 400, { error: 'authorization_pending' });
const gives =
  (access_token: string): Reply =>
  (response) =>
    json(response, 200, { access_token, token_type: 'bearer' });

interface Script {
  /** Answers to the requests with the device code, in this order; the last one is repeated. */
  replies: readonly Reply[];
  /** Answer to the request with the code of a redirect. */
  code?: Reply;
  /** Further members of the answer of the device endpoint. */
  device?: Readonly<Record<string, unknown>>;
  metadata?: Readonly<Record<string, unknown>>;
}

/** A server with the device grant that answers as it is told to. */
function scripted({ replies, code = gives('of-the-redirect'), device, metadata }: Script) {
  let asked = 0;
  return startIssuer({
    metadata: (issuer) => ({ device_authorization_endpoint: `${issuer}/device`, ...metadata }),
    posts: {
      '/device': (_form, response) =>
        json(response, 200, {
          device_code: 'CANARY-device',
          user_code: 'WDJB-MJHT',
          verification_uri: 'http://127.0.0.1/device',
          verification_uri_complete: 'http://127.0.0.1/device?user_code=WDJB-MJHT',
          expires_in: 900,
          ...device,
        }),
    },
    token: (form, response) => {
      if (form.has('device_code')) replies[Math.min(asked++, replies.length - 1)]!(response);
      else code(response);
    },
  });
}

const polls = ({ requests }: Issuer): number =>
  requests.filter(({ line, body }) => line === 'POST /token' && body.includes('device_code=')).length;

/** Resolves once a condition holds that other programs bring about. */
async function until(holds: () => boolean, what: string): Promise<void> {
  const wait = async (): Promise<void> => {
    while (!holds()) await new Promise(setImmediate);
  };
  await assert.deadline(wait(), what);
}

/** Lets time pass until the next request is due, and returns the milliseconds. */
function nextDelay({ scheduler, advance }: ReturnType<typeof virtualTime>): number {
  const due = Math.min(...scheduler.actions.map(({ delay }) => delay));
  const ms = due - scheduler.now();
  advance(ms);
  return ms;
}

test('signs in by the device alone if the server has no endpoint for a browser', async () => {
  await using as = await startProvider({
    configuration: deviceGrant,
    intercept: announcing({ authorization_endpoint: undefined }),
  });
  const time = virtualTime();
  using watched = new Watched(
    signIn({ issuer: as.issuer, clientId, scope: 'openid', scheduler: time.scheduler }),
  );
  const device = await watched.next('device');
  assert.match(device.userCode, /^[A-Z]{4}-[A-Z]{4}$/);
  assert.is(headlineOf((await enterCode(device)).html), 'Device signed in');
  assert.is(nextDelay(time), 5_000);
  const { claims, issuer } = await watched.tokens();
  assert.equal([claims?.sub, issuer], [subject, as.issuer]);
  await watched.ended();
  assert.equal(watched.types, ['discovered', 'device', 'waiting', 'exchanged']);
});

test('offers the device beside the redirect, and the first answer wins: the device', async () => {
  await using as = await startProvider({ configuration: deviceGrant });
  const time = virtualTime();
  using watched = new Watched(
    signIn({ issuer: as.issuer, clientId, scope: 'openid', scheduler: time.scheduler }),
  );
  const { url } = await watched.next('authorize');
  await enterCode(await watched.next('device'));
  nextDelay(time);
  assert.is((await watched.tokens()).claims?.sub, subject);
  await watched.ended();
  assert.equal(watched.types, ['discovered', 'authorize', 'waiting', 'device', 'exchanged']);
  // No flow waits for the redirect any more.
  const late = visit(comingBack(url, { code: 'late', iss: as.issuer })).then(
    ({ status }) => status,
    () => 0,
  );
  assert.ok([0, 400, 404].includes(await late));
});

test('offers the device beside the redirect, and the first answer wins: the redirect', async () => {
  await using as = await startProvider({ configuration: deviceGrant });
  const time = virtualTime();
  using watched = new Watched(
    signIn({ issuer: as.issuer, clientId, scope: 'openid', scheduler: time.scheduler }),
  );
  await watched.next('device');
  await watched.visit();
  await watched.tokens();
  await watched.ended();
  assert.equal(watched.types, ['discovered', 'authorize', 'waiting', 'device', 'received', 'exchanged']);
  assert.is(time.scheduler.actions.length, 0, 'no request is due any more');
});

/** A redirect comes while a request with the device code is under way. */
async function takesTheRedirect(sign: SignIn): Promise<void> {
  const held: ServerResponse[] = [];
  const codes: ServerResponse[] = [];
  await using as = await scripted({
    replies: [(response) => held.push(response)],
    code: (response) => codes.push(response),
  });
  const time = virtualTime();
  using watched = new Watched(sign({ issuer: as.issuer, clientId, scheduler: time.scheduler }));
  const { url } = await watched.next('authorize');
  await watched.next('device');
  nextDelay(time);
  await until(() => held.length === 1, 'the request with the device code');
  const page = visit(comingBack(url, { code: 'c' }));
  await until(() => codes.length === 1, 'the request with the code');
  gives('of-the-device')(held[0]!);
  if (!held[0]!.destroyed) await new Promise((sent) => held[0]!.once('close', sent));
  gives('of-the-redirect')(codes[0]!);
  assert.is((await watched.tokens()).access_token, 'of-the-redirect');
  await page;
}

test('takes no answer of the device once the redirect has come', () => takesTheRedirect(signIn));

test('the control: a sign-in that lets the device go on takes its answer', async () => {
  const twin = (await weakenedModule(
    'login/sign-in.ts',
    edit('.pipe(takeUntil(events))', '', 'login/authorization.ts'),
  )) as { signIn: SignIn };
  await complains(() => takesTheRedirect(twin.signIn), /of-the-/);
});

/** Waits as long as the server asks for, and longer if it does not answer. */
async function keepsTheInterval(sign: SignIn): Promise<void> {
  await using as = await scripted({
    device: { interval: '7' },
    replies: [
      pending,
      (response) => json(response, 400, { error: 'slow_down' }),
      (response) => response.destroy(),
      (response) => response.writeHead(503).end('busy'),
      gives('a'),
    ],
  });
  const time = virtualTime();
  using watched = new Watched(
    sign({ issuer: as.issuer, clientId, device: 'only', scheduler: time.scheduler }),
  );
  await watched.next('device');
  const waits: number[] = [];
  for (let count = 1; count <= 5; count++) {
    // The only action left is the end of the code's lifetime.
    await until(() => time.scheduler.actions.length === 2, 'the next request to be due');
    waits.push(nextDelay(time));
    await until(() => polls(as) === count, 'the request');
  }
  assert.is((await watched.tokens()).access_token, 'a');
  assert.equal(waits, [7_000, 7_000, 12_000, 24_000, 48_000]);
}

test('keeps the interval of the server, and slows down as it asks', () => keepsTheInterval(signIn));

test('the control: a sign-in that does not slow down is noticed', async () => {
  const twin = (await weakenedModule(
    'login/sign-in.ts',
    edit('return pause + slowDownMs;', 'return pause;'),
  )) as { signIn: SignIn };
  await complains(() => keepsTheInterval(twin.signIn), /7_?000|12_?000/);
});

for (const [error, type, code] of [
  ['access_denied', AuthorizationError, 'authorization_error'],
  ['expired_token', FlowExpiredError, 'expired'],
] as const)
  test(`ends with ${code} if the server answers ${error}`, async () => {
    await using as = await scripted({ replies: [(response) => json(response, 400, { error })] });
    const time = virtualTime();
    using watched = new Watched(
      signIn({ issuer: as.issuer, clientId, device: 'only', scheduler: time.scheduler }),
    );
    await watched.next('device');
    nextDelay(time);
    const failure = await watched.failure();
    assert.instance(failure, type);
    assert.is(failure.code, code);
  });

test('ends when the code or the time of the sign-in is over', async () => {
  for (const [timeout, lifetime] of [
    [undefined, 900_000],
    [60_000, 60_000],
  ] as const) {
    await using as = await scripted({ replies: [pending], device: { interval: 10_000 } });
    const { scheduler, advance } = virtualTime();
    const options = { issuer: as.issuer, clientId, device: 'only', scheduler } as const;
    using watched = new Watched(signIn({ ...options, ...(timeout && { timeout }) }));
    await watched.next('device');
    assert.is((await watched.next('waiting')).expiresAt, Math.min(lifetime, 600_000));
    advance(lifetime);
    assert.instance(await watched.failure(), FlowExpiredError);
    assert.is(polls(as), 0);
  }
});

test('goes on with the redirect if the device cannot answer, and says nothing of it', async () => {
  const unusable: readonly Partial<Script>[] = [
    { device: { user_code: undefined } },
    { device: { verification_uri: 'javascript:alert(1)' } },
    { replies: [(response) => json(response, 400, { error: 'unauthorized_client' })] },
    { replies: [(response) => json(response, 400, { error: 'expired_token' })] },
  ];
  for (const each of unusable) {
    await using as = await scripted({ replies: [pending], ...each });
    const time = virtualTime();
    using watched = new Watched(signIn({ issuer: as.issuer, clientId, scheduler: time.scheduler }));
    const { url } = await watched.next('authorize');
    if (each.replies) {
      await watched.next('device');
      nextDelay(time);
    }
    await until(() => polls(as) > 0 || !each.replies, 'the request');
    await visit(comingBack(url, { code: 'c' }));
    assert.is((await watched.tokens()).access_token, 'of-the-redirect');
  }
});

test('fails if the user denies on the device while the redirect waits', async () => {
  await using as = await scripted({
    replies: [(response) => json(response, 400, { error: 'access_denied' })],
  });
  const time = virtualTime();
  using watched = new Watched(signIn({ issuer: as.issuer, clientId, scheduler: time.scheduler }));
  await watched.next('device');
  nextDelay(time);
  assert.is((await watched.failure()).code, 'authorization_error');
});

for (const [what, device, saying] of [
  ['no user_code', { user_code: undefined }, '"user_code"'],
  [
    'a URI that no browser may open',
    { verification_uri: 'javascript:alert(1)' },
    'verification_uri that is not https',
  ],
  ['a URI in the clear', { verification_uri: 'http://evil.example/' }, 'got "http://evil.example/"'],
  [
    'a code in the clear',
    { verification_uri_complete: 'http://evil.example/?c=CANARY' },
    'verification_uri_complete',
  ],
] as const)
  test(`says that the answer of the device endpoint has ${what}, if it was asked for`, async () => {
    await using as = await scripted({ replies: [pending], device });
    using watched = new Watched(signIn({ issuer: as.issuer, clientId, device: 'beside' }));
    const error = await watched.failure();
    assert.is(error.code, 'authorization_request_failed');
    assert.match(error.message, `the device_authorization_endpoint of ${as.issuer} gave`);
    assert.match(error.message, saying);
    assert.not.match(error.message, 'CANARY');
  });

test('says before anything is shown that a server has no device grant', async () => {
  await using as = await startIssuer();
  using watched = new Watched(signIn({ issuer: as.issuer, clientId, device: 'only' }));
  assert.is(
    (await watched.failure()).message,
    `the issuer ${as.issuer} has no device_authorization_endpoint`,
  );
  assert.equal(watched.types, ['failed']);
});

test('leaves the device grant out if it is told to, or if the grants of the server lack it', async () => {
  for (const [metadata, device] of [
    [{}, 'never'],
    [{ grant_types_supported: ['authorization_code'] }, undefined],
  ] as const) {
    await using as = await scripted({ replies: [pending], metadata });
    using watched = new Watched(signIn({ issuer: as.issuer, clientId, ...(device && { device }) }));
    await visit(comingBack((await watched.next('authorize')).url, { code: 'c' }));
    await watched.tokens();
    assert.not.ok(as.requests.some(({ line }) => line === 'POST /device'));
  }
});

test('registers a client for the device grant', async () => {
  await using as = await startProvider({
    configuration: { features: { ...deviceFeatures, registration: { enabled: true } } },
    intercept: announcing({ authorization_endpoint: undefined }),
  });
  const time = virtualTime();
  using watched = new Watched(signIn({ issuer: as.issuer, scope: 'openid', scheduler: time.scheduler }));
  const { clientId: made } = await watched.next('registered');
  await enterCode(await watched.next('device'));
  nextDelay(time);
  assert.is((await watched.tokens()).client_id, made);
});

test('prints neither the code of the user nor that of the device', async () => {
  await using as = await scripted({ replies: [pending] });
  using watched = new Watched(signIn({ issuer: as.issuer, clientId, device: 'only' }));
  const device = await watched.next('device');
  const printed = `${String(device)} ${inspect(device, { showHidden: true, depth: Infinity })}`;
  assert.not.match(printed, /WDJB|CANARY/);
  assert.match(printed, 'http://127.0.0.1/device');
});

test.run();
