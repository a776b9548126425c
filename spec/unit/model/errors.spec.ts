import { inspect } from 'node:util';
import * as api from '../../../src/index.ts';
import * as client from '../../../src/client.ts';
import * as login from '../../../src/login.ts';
import { isSignInError } from '../../../src/login/errors.ts';
import * as monitor from '../../../src/monitor.ts';
import * as redis from '../../../src/redis.ts';
import { describeError } from '../../../src/model/errors.ts';
import * as assert from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';

const { AuthorizationError, CallbackResponse } = api;

/** Codes of all classes. They are part of the public contract, so they stand here once more. */
const codes: Readonly<
  Record<
    string,
    readonly [code: string, error: login.SignInError | login.RevocationError | monitor.TooManyLinksError]
  >
> = {
  AuthorizationRequestError: [
    'authorization_request_failed',
    new login.AuthorizationRequestError('https://as.example', 'device_authorization_endpoint', 'm'),
  ],
  AuthorizationError: ['authorization_error', new AuthorizationError(new CallbackResponse({ error: 'x' }))],
  ConnectionError: ['connection_failed', new client.ConnectionError('m', 1006, undefined)],
  DiscoveryError: ['discovery_failed', new login.DiscoveryError('https://as.example', 'unavailable', 'm')],
  FlowCancelledError: ['cancelled', new api.FlowCancelledError('m')],
  FlowExpiredError: ['expired', new api.FlowExpiredError('m')],
  FlowTakenOverError: ['taken_over', new client.FlowTakenOverError('m')],
  InvalidOptionError: ['invalid_option', new api.InvalidOptionError('port', 'm')],
  ListenError: ['listen_failed', new api.ListenError('m')],
  MissingPackageError: ['missing_package', new login.MissingPackageError('openid-client')],
  NotListeningError: ['not_listening', new api.NotListeningError('m')],
  PortInUseError: ['port_in_use', new api.PortInUseError(1, 'h', undefined, {})],
  RegistrationError: ['registration_failed', new login.RegistrationError('https://as.example', 'm')],
  RevocationError: [
    'revocation_failed',
    new login.RevocationError('https://as.example', 'm', 'invalid_client'),
  ],
  ServerClosedError: ['closed', new api.ServerClosedError('m')],
  StateInUseError: ['state_in_use', new api.StateInUseError('m')],
  StoreUnavailableError: ['store_unavailable', new redis.StoreUnavailableError('m')],
  StoredFlowError: ['stored_flow_unreadable', new redis.StoredFlowError('m')],
  TokenError: ['token_request_failed', new login.TokenError('https://as.example', 'm', 'invalid_grant')],
  TooManyFlowsError: ['too_many_flows', new api.TooManyFlowsError('m')],
  TooManyLinksError: ['too_many_links', new monitor.TooManyLinksError('m')],
  UnreachableError: ['unreachable', new api.UnreachableError('m')],
  WrongCodeError: ['wrong_code', new api.WrongCodeError('m')],
};

const test = suite('errors');

test('lists every exported error class', () => {
  const exported = Object.keys({ ...api, ...client, ...login, ...monitor, ...redis }).filter((name) =>
    name.endsWith('Error'),
  );
  assert.equal(exported.sort(), Object.keys(codes).sort());
});

for (const [name, [code, error]] of Object.entries(codes)) {
  test(`${name} is an Error with its name and the code ${code}`, () => {
    assert.instance(error, Error);
    assert.equal([error.name, error.code, error.constructor.name], [name, code, name]);
    assert.match(error.stack ?? '', name);
  });
}

test('no two classes share a code', () => {
  assert.is(new Set(Object.values(codes).map(([code]) => code)).size, Object.keys(codes).length);
});

test('isSignInError accepts each of them, and nothing else', () => {
  for (const [name, [, error]] of Object.entries(codes)) assert.ok(isSignInError(error), name);
  for (const defect of [
    new TypeError('x'),
    Object.assign(new Error('x'), { code: 'ENOENT' }),
    'expired',
    undefined,
  ])
    assert.not.ok(isSignInError(defect));
});

test('InvalidOptionError is a TypeError that begins with the option', () => {
  const error = new api.InvalidOptionError('port', 'must be free');
  assert.instance(error, TypeError);
  assert.equal([error.option, error.message], ['port', 'port must be free']);
});

test('PortInUseError names the port, the address and who holds it', () => {
  const cause = new Error('EADDRINUSE');
  const ours = new api.PortInUseError(8080, '127.0.0.1', 'rx-oauth-callback', { cause });
  assert.equal(
    [ours.port, ours.host, ours.holder, ours.cause === cause],
    [8080, '127.0.0.1', 'rx-oauth-callback', true],
  );
  assert.is(ours.message, 'port 8080 on 127.0.0.1 is in use by another rx-oauth-callback server');
  const others = new api.PortInUseError(8080, '::1', undefined, {});
  assert.is(others.message, 'port 8080 on ::1 is in use by another process');
});

const fields = {
  error: 'server_error',
  error_description: 'Try later',
  error_uri: 'https://as.example/e',
  iss: 'https://as.example',
  state: 'CANARY-state-0123456789',
  code: 'CANARY-code',
};

test('AuthorizationError carries the wire fields under their wire names', () => {
  const error = new AuthorizationError(new CallbackResponse(fields));
  assert.equal(
    [error.error, error.error_description, error.error_uri, error.iss, error.state],
    [fields.error, fields.error_description, fields.error_uri, fields.iss, fields.state],
  );
});

for (const [how, print] of [
  ['JSON.stringify', (error: Error) => JSON.stringify({ error })],
  ['inspect', (error: Error) => inspect(error, { depth: Infinity, getters: true })],
  ['a template string', (error: Error) => `${String(error)} ${error.stack}`],
  [
    'the error it causes',
    (error: Error) => inspect(new Error('login failed', { cause: error }), { depth: 9 }),
  ],
] as const) {
  test(`H-02 AuthorizationError shows neither code nor state by ${how}`, () => {
    assert.not.match(print(new AuthorizationError(new CallbackResponse(fields))), 'CANARY-');
  });
}

test('access_denied has its own sentence, whatever the description', () => {
  assert.is(
    describeError(new CallbackResponse({ error: 'access_denied', error_description: 'PHISH' })),
    'Access was denied by the authorization server.',
  );
});

test('any other error shows its description, or its code', () => {
  assert.is(describeError(new CallbackResponse(fields)), 'Authorization failed: Try later');
  assert.is(
    describeError(new CallbackResponse({ error: 'server_error' })),
    'Authorization failed: server_error',
  );
});

test.run();
