/** No printer shows a secret of an object that a program gets from `/login`. */
import { signIn, refresh, Tokens, TokenError } from '../../../src/login.ts';
import { MissingPackageError } from '../../../src/base/optional-package.ts';
import { DiscoveryError, RegistrationError } from '../../../src/login/errors.ts';
import {
  AuthorizeEvent,
  DiscoveredEvent,
  ExchangedEvent,
  FailedEvent,
  ReceivedEvent,
  RejectedEvent,
  RegisteredEvent,
  DeviceEvent,
  WaitingEvent,
} from '../../../src/login/events.ts';
import * as assert from '../../helpers/assert.ts';
import { leaks, unreadable } from '../../helpers/printers.ts';
import { suite } from '../../helpers/suite.ts';
import { idTokenPayload, tokenFields } from '../../helpers/tokens.ts';

const secrets = {
  access_token: 'access-CANARY-of-a-token',
  refresh_token: 'refresh-CANARY-of-a-token',
  id_token: `idtoken-CANARY.${idTokenPayload}.signature`,
  session: 'session-CANARY-of-an-extension',
  clientSecret: 'client-CANARY-of-a-secret',
  state: 'state-CANARY-of-a-flow-of-43-characters',
  challenge: 'challenge-CANARY-of-a-flow',
};
const { access_token, refresh_token, id_token, session, clientSecret, state, challenge } = secrets;

const tokens = Tokens.fromDict({ ...tokenFields, access_token, refresh_token, id_token, session });
const url = new URL(`https://as.example/authorize?state=${state}&code_challenge=${challenge}`);
const issuer = 'https://as.example';

const objects = {
  tokens,
  'discovered event': new DiscoveredEvent(1, issuer),
  'registered event': new RegisteredEvent(1, '1', 'client', clientSecret),
  'registered event of a public client': new RegisteredEvent(1, '1', 'client', undefined),
  'authorize event': new AuthorizeEvent(
    1,
    { id: '1', state, redirectUri: 'http://127.0.0.1:1/callback', binding: 'none' },
    { url, startUrl: url },
    'query',
  ),
  'waiting event': new WaitingEvent(1, { id: '1', confirm: () => Promise.resolve() }, 2),
  'device event': new DeviceEvent(1, '1', {
    userCode: state,
    verificationUri: 'https://as.example/device',
    verificationUriComplete: `https://as.example/device?user_code=${state}`,
    expiresAt: 2,
  }),
  'rejected event': new RejectedEvent(1, '1', 'malformed', 'missing_code'),
  'received event': new ReceivedEvent(1, '1'),
  'exchanged event': new ExchangedEvent(1, '1', tokens),
  'failed event': new FailedEvent(1, new TokenError(issuer, 'wrong', 'invalid_grant')),
  'token error': new TokenError(issuer, 'wrong', 'invalid_grant'),
  'discovery error': new DiscoveryError(issuer, 'unavailable', 'wrong'),
  'registration error': new RegistrationError(issuer, 'wrong'),
  'missing package error': new MissingPackageError('openid-client'),
};

const streams = {
  'a sign-in': signIn({ issuer, clientId: 'client', clientSecret }),
  'a refresh': refresh(tokens, { clientSecret }),
};

const test = suite('printing what /login gives');

for (const [what, object] of Object.entries(objects)) {
  test(`shows no secret of ${what}, and what it is`, () => {
    assert.equal(leaks(object, secrets), []);
    assert.equal(leaks({ list: [object] }, secrets), []);
    assert.equal(unreadable(object), []);
  });
}

for (const [what, stream] of Object.entries(streams))
  test(`shows no secret of ${what} that has not begun`, () => assert.equal(leaks(stream, secrets), []));

test('shows what is no secret', () => {
  assert.is(
    String(objects['waiting event']),
    'SignInEvent {"at":1,"expiresAt":2,"type":"waiting","flowId":"1"}',
  );
  assert.is(
    String(objects['rejected event']),
    'SignInEvent {"at":1,"flowId":"1","disposition":"malformed","reason":"missing_code","type":"rejected"}',
  );
  assert.match(String(objects['authorize event']), '"endpoint":"https://as.example/authorize"');
  assert.match(String(objects['registered event']), '"clientSecret":"[redacted]"');
  assert.not.match(String(objects['registered event of a public client']), 'clientSecret');
  assert.match(String(objects['exchanged event']), '"tokens":{"issuer":"https://as.example"');
  assert.match(
    String(objects['failed event']),
    '"error":{"name":"TokenError","code":"token_request_failed","message":"wrong"}',
  );
  assert.match(String(tokens), '"refresh_token":"[redacted]"');
});

test('gives the secrets to a program that reads them', () => {
  assert.equal(
    [
      tokens.access_token,
      tokens.toDict()['session'],
      objects['registered event'].clientSecret,
      objects['authorize event'].url.href,
    ],
    [access_token, session, clientSecret, url.href],
  );
});

test.run();
