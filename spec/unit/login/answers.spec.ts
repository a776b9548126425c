import {
  keysAnswer,
  metadataAnswer,
  registrationAnswer,
  ReportedError,
  tokenAnswer,
  UnusableAnswerError,
  type Answer,
} from '../../../src/login/answers.ts';
import * as assert from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('answers of authorization servers');

const answer = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Answer => ({
  status,
  headers: new Headers(headers),
  text: typeof body === 'string' ? body : JSON.stringify(body),
});

const json = { 'content-type': 'application/json' };
const challenge = { ...json, 'www-authenticate': 'Basic realm="as"' };
const readers = { tokenAnswer, registrationAnswer };

const reports: readonly (readonly [what: string, answer: Answer, error: string, description?: string])[] = [
  ['JSON', answer(400, { error: 'invalid_grant', error_description: 'gone' }, json), 'invalid_grant', 'gone'],
  ['JSON beside a challenge', answer(401, { error: 'invalid_client' }, challenge), 'invalid_client'],
  ['JSON with status 200', answer(200, { error: 'bad_code', error_description: 'old' }), 'bad_code', 'old'],
  [
    'JSON with status 200 and a flag',
    answer(200, { ok: false, error: 'invalid_code' }, json),
    'invalid_code',
  ],
  ['JSON with status 201', answer(201, { error: 'invalid_grant' }, json), 'invalid_grant'],
  ['JSON with status 500', answer(500, { error: 'server_error' }, json), 'server_error'],
  ['JSON sent as HTML', answer(400, { error: 'x' }, { 'content-type': 'text/html' }), 'x'],
  ['JSON without a media type', answer(403, { error: 'x' }), 'x'],
  ['JSON with an empty description', answer(400, { error: 'x', error_description: null }, json), 'x'],
  ['JSON beside empty tokens', answer(200, { error: 'x', access_token: '', client_id: null }), 'x'],
  ['a form', answer(400, 'error=x&error_description=a+b%21\n'), 'x', 'a b!'],
  ['a form with status 200', answer(200, 'error=x&error_uri=https%3A%2F%2Fas.example'), 'x'],
  ['an object', answer(400, { error: { code: 'x', message: 'nested' } }), 'x', 'nested'],
  ['an object with a type', answer(400, { error: { code: 190, type: 'OAuthException' } }), 'OAuthException'],
];

for (const [name, read] of Object.entries(readers)) {
  for (const [what, given, error, description] of reports)
    test(`${name} reads the error of ${what}`, () => {
      const reported = assert.throws(() => read(given), ReportedError);
      assert.equal(
        [reported.status, reported.error, reported.description],
        [given.status, error, description],
      );
    });

  test(`${name} passes on what reports no error`, async () => {
    for (const given of [
      answer(410, ''),
      answer(204, ''),
      answer(400, { message: 'expired', code: 17 }, json),
      answer(400, { error: '' }, json),
      answer(400, { error: 5 }, json),
      answer(401, '<p>error=invalid_client</p>', { 'content-type': 'text/html' }),
      answer(200, '<!doctype html><a href="?a=b&error=x">', { 'content-type': 'text/html' }),
      answer(400, '["error"]', json),
    ]) {
      const passed = read(given);
      assert.equal([passed.status, await passed.text()], [given.status, given.text]);
    }
  });
}

test('keeps the challenge of an answer without a readable body', () => {
  assert.is(tokenAnswer(answer(401, '', challenge)).headers.get('www-authenticate'), 'Basic realm="as"');
});

const tokens = { access_token: 'a', token_type: 'bearer' };

async function tokensOf(fields: Readonly<Record<string, unknown>>, status = 200): Promise<unknown> {
  return tokenAnswer(answer(status, { ...tokens, ...fields })).json();
}

test('takes empty fields of a token response as absent', async () => {
  for (const name of ['refresh_token', 'id_token', 'scope', 'expires_in', 'error', 'anything'])
    for (const value of [null, '', []])
      assert.equal(await tokensOf({ [name]: value }), tokens, `${name} ${JSON.stringify(value)}`);
});

test('keeps every other field of a token response', async () => {
  const fields = { refresh_token: 'r', scope: 'a b', expires_in: 0, active: false, team: { id: 1 } };
  assert.equal(await tokensOf(fields), { ...tokens, ...fields });
});

test('joins a list of scopes', async () => {
  assert.equal(await tokensOf({ scope: ['a', 'b'] }), { ...tokens, scope: 'a b' });
});

test('takes tokens with any status of success, and as a form', async () => {
  const passed = tokenAnswer(answer(201, tokens, { 'content-type': 'text/plain' }));
  assert.equal([passed.status, await passed.json()], [200, tokens]);
  const form = tokenAnswer(answer(200, 'access_token=a&token_type=bearer&scope='));
  assert.equal([form.status, await form.json()], [200, tokens]);
  assert.is(tokenAnswer(answer(400, tokens)).status, 400);
});

test('takes empty fields of a registration as absent, and a secret without an expiry as permanent', async () => {
  const registration = { client_id: 'made', client_secret_expires_at: 0 };
  const read = async (fields: Readonly<Record<string, unknown>>, status = 201): Promise<unknown> => {
    const passed = registrationAnswer(answer(status, { client_id: 'made', ...fields }));
    assert.is(passed.status, 201);
    return passed.json();
  };
  for (const value of [null, '', []])
    for (const name of [
      'client_secret',
      'client_secret_expires_at',
      'jwks_uri',
      'token_endpoint_auth_method',
    ])
      assert.equal(await read({ [name]: value }), registration, `${name} ${JSON.stringify(value)}`);
  for (const status of [200, 201, 202]) assert.equal(await read({}, status), registration);
  for (const [given, kept] of [
    [undefined, 0],
    ['soon', 0],
    [1_900_000_000, 1_900_000_000],
    ['1900000000', 1_900_000_000],
  ])
    assert.equal(await read({ client_secret: 's', client_secret_expires_at: given }), {
      ...registration,
      client_secret: 's',
      client_secret_expires_at: kept,
    });
});

test('passes metadata on without its empty fields', async () => {
  const metadata = { issuer: 'https://as.example', claims_parameter_supported: false };
  const text = JSON.stringify({
    ...metadata,
    jwks_uri: null,
    registration_endpoint: '',
    scopes_supported: [],
  });
  assert.equal(await metadataAnswer(answer(200, text, { 'content-type': 'text/plain' })).json(), metadata);
  assert.is(metadataAnswer(answer(404, text)).status, 404);
  assert.is(await metadataAnswer(answer(200, '[]')).text(), '[]');
});

test('says that keys were not sent', () => {
  assert.is(keysAnswer(answer(200, { keys: [] }, json)).status, 200);
  const { reason } = assert.throws(() => keysAnswer(answer(404, '')), UnusableAnswerError);
  assert.is(reason, 'gave an ID token, but its jwks_uri answered 404');
});

test.run();
