import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { firstValueFrom } from 'rxjs';
import { refresh, signIn, Tokens, type SignInOptions } from '../../../src/login.ts';
import { UnusableAnswerError } from '../../../src/login/answers.ts';
import { fetchUntil } from '../../../src/login/requests.ts';
import * as assert from '../../helpers/assert.ts';
import { visit } from '../../helpers/http.ts';
import { comingBack, json, startIssuer, type IssuerOptions } from '../../helpers/issuer.ts';
import { listenOnLoopback } from '../../helpers/loopback.ts';
import { suite } from '../../helpers/suite.ts';
import { Watched } from '../../helpers/watched.ts';

const test = suite('requests to authorization servers');

const mebibyte = 1_048_576;

/** Sends a body that does not end, as fast as it is read. Returns how many bytes were taken. */
function endless(response: ServerResponse, status = 200): () => number {
  let sent = 0;
  response.writeHead(status, { 'Content-Type': 'application/json' });
  const chunk = ' '.repeat(65_536);
  const more = (): void => {
    while (!response.destroyed && response.write(chunk)) sent += chunk.length;
  };
  response.on('drain', more);
  more();
  return () => sent;
}

async function fetched(body: BodyInit, signal = new AbortController().signal): Promise<Response> {
  const send = fetchUntil(signal, () => Promise.resolve(new Response(body)));
  return send('https://as.example', { method: 'GET', headers: {}, body: undefined, redirect: 'manual' });
}

test('reads 1 MiB of a body, and not a byte more', async () => {
  const text = await (await fetched('é'.repeat(mebibyte / 2))).text();
  assert.is(text, 'é'.repeat(mebibyte / 2));
  const { status, reason } = await assert.rejects(fetched('x'.repeat(mebibyte + 1)), UnusableAnswerError);
  assert.equal([status, reason], [200, 'answered with more than 1 MiB']);
});

test('stops receiving a body that is too long', async () => {
  let pulled = 0;
  let isCancelled: (() => void) | undefined;
  const cancelled = new Promise<void>((resolve) => (isCancelled = resolve));
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      controller.enqueue(new Uint8Array(65_536));
      pulled++;
    },
    cancel: () => isCancelled?.(),
  });
  await assert.rejects(fetched(body), UnusableAnswerError);
  await assert.deadline(cancelled, 'the end of the body');
  assert.ok(pulled <= 18, `${pulled} parts were read`);
});

test('joins a character that arrives in two parts', async () => {
  const [first = 0, second = 0] = Buffer.from('é');
  const parts = [Uint8Array.of(first), Uint8Array.of(), Uint8Array.of(second)];
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      for (const part of parts) controller.enqueue(part);
      controller.close();
    },
  });
  assert.is(await (await fetched(body)).text(), 'é');
});

test('stops waiting for a body when the signal aborts, also of a fetch that ignores it', async () => {
  const ending = new AbortController();
  let isCancelled: (() => void) | undefined;
  const cancelled = new Promise<void>((resolve) => (isCancelled = resolve));
  const body = new ReadableStream<Uint8Array>({ cancel: () => isCancelled?.() });
  const reading = fetched(body, ending.signal);
  await new Promise(setImmediate);
  ending.abort(new RangeError('over'));
  await assert.rejects(reading, RangeError);
  await assert.deadline(cancelled, 'the end of the body');
});

test('takes the body of a fetch that gives a stream of Node', async () => {
  const body = Readable.from([Buffer.from('{"a"'), Buffer.from(':1}')]);
  const answer = Object.create(Response.prototype, {
    status: { value: 200 },
    headers: { value: new Headers() },
    body: { value: body },
  }) as Response;
  const send = fetchUntil(new AbortController().signal, () => Promise.resolve(answer));
  const init = { method: 'GET', headers: {}, body: undefined, redirect: 'manual' } as const;
  assert.equal(await (await send('https://as.example', init)).json(), { a: 1 });
});

/** Endpoint that does not stop sending, and how a sign-in with it ends. */
const endpoints: readonly (readonly [
  what: string,
  options: (taken: (bytes: () => number) => void) => IssuerOptions,
  signInOptions: Partial<SignInOptions>,
  message: RegExp,
])[] = [
  [
    'registration endpoint',
    (taken) => ({ register: (_body, response) => taken(endless(response)) }),
    {},
    /^the registration endpoint of \S+ answered with more than 1 MiB$/,
  ],
  [
    'registration endpoint that rejects',
    (taken) => ({ register: (_body, response) => taken(endless(response, 403)) }),
    {},
    /^the registration endpoint of \S+ answered with more than 1 MiB$/,
  ],
  [
    'token endpoint',
    (taken) => ({ token: (_form, response) => taken(endless(response)) }),
    { clientId: 'c' },
    /^the token endpoint of \S+ answered with more than 1 MiB$/,
  ],
  [
    'token endpoint that rejects',
    (taken) => ({ token: (_form, response) => taken(endless(response, 401)) }),
    { clientId: 'c' },
    /^the token endpoint of \S+ answered with more than 1 MiB$/,
  ],
];

for (const [what, options, more, message] of endpoints)
  test(`reads a bounded part of what a ${what} sends`, async () => {
    let sent = (): number => 0;
    await using as = await startIssuer(options((bytes) => (sent = bytes)));
    using watched = new Watched(signIn({ issuer: as.issuer, ...more }));
    if ('clientId' in more) await visit(comingBack((await watched.next('authorize')).url, { code: 'c' }));
    assert.match((await watched.failure()).message, message);
    // The kernel holds some megabytes that this process has not read.
    assert.ok(sent() < 32 * mebibyte, `${sent()} bytes were sent`);
  });

test('reads a bounded part of metadata', async () => {
  await using loopback = await listenOnLoopback();
  const sent: (() => number)[] = [];
  loopback.http.on('request', (_request, response: ServerResponse) => void sent.push(endless(response)));
  using watched = new Watched(signIn({ issuer: loopback.origin, clientId: 'c' }));
  assert.match((await watched.failure()).message, /^the issuer \S+ answered with more than 1 MiB$/);
  assert.is(sent.length, 2);
  for (const bytes of sent) assert.ok(bytes() < 32 * mebibyte);
});

test('reads a bounded part of a key set, and of an answer to a refresh', async () => {
  const claims = { sub: 'ada', aud: 'c', iat: 1, exp: 4_000_000_000 };
  await using loopback = await listenOnLoopback();
  loopback.http.on('request', (_request, response: ServerResponse) => void endless(response));
  await using as = await startIssuer({
    metadata: { jwks_uri: `${loopback.origin}/jwks` },
    token: (_form, response) => {
      const encoded = [{ alg: 'RS256' }, { ...claims, iss: as.issuer }].map((part) =>
        Buffer.from(JSON.stringify(part)).toString('base64url'),
      );
      json(response, 200, { access_token: 'a', token_type: 'bearer', id_token: `${encoded.join('.')}.AAAA` });
    },
  });
  const kept = Tokens.fromDict({
    issuer: as.issuer,
    client_id: 'c',
    access_token: 'a',
    token_type: 'bearer',
    refresh_token: 'r',
  });
  const { message } = await assert.rejects(firstValueFrom(refresh(kept)), 'token_request_failed');
  assert.match(message, 'answered with more than 1 MiB');
});

test.run();
