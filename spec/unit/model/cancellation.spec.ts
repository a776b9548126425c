import { isCancellation, isCancelledByUser } from '../../../src/model/cancellation.ts';
import { equal, is } from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('isCancellation');

test('knows the codes that say that the user declined', () => {
  const codes = ['access_denied', 'user_cancelled_login', 'user_cancelled_authorize'];
  equal(codes.filter(isCancellation), codes);
});

test('takes no other code for one: those of OpenID Connect are sent without asking the user', () => {
  const failures = [
    ...['interaction_required', 'login_required', 'account_selection_required', 'consent_required'],
    ...['server_error', 'temporarily_unavailable', 'invalid_scope', 'unauthorized_client'],
    ...[
      'unmet_authentication_requirements',
      'ACCESS_DENIED',
      'access_denied ',
      '',
      '__proto__',
      'constructor',
    ],
  ];
  equal(failures.filter(isCancellation), []);
});

for (const [server, error_description] of [
  ['one that says nothing', ''],
  ['GitHub', 'The user has denied your application access.'],
  ['oidc-provider', 'End-User aborted interaction'],
  ['Auth0', 'User did not authorize the request'],
  ['Microsoft Entra', 'AADSTS65004: User declined to consent to access the app.'],
  ['Spring Authorization Server', 'The resource owner denied the request'],
  ['another', 'Sign-in was cancelled by the user'],
] as const)
  test(`takes a denial at ${server} for a cancellation`, () =>
    is(isCancelledByUser({ error: 'access_denied', error_description }), true));

for (const error_description of [
  'User is not assigned to the client application.',
  'Policy evaluation failed for this request, please check the policy configurations.',
  'Access for this user was denied by the policy "contractors"',
  'The user is blocked',
  'Permissions error',
  'Request rejected',
])
  test(`takes the rule "${error_description}" for none`, () =>
    is(isCancelledByUser({ error: 'access_denied', error_description }), false));

test('believes the codes that only users cause, whatever their description', () =>
  is(isCancelledByUser({ error: 'user_cancelled_login', error_description: 'x' }), true));

test('takes no other error for a cancellation, whatever it says', () =>
  is(isCancelledByUser({ error: 'server_error', error_description: 'The user denied' }), false));

test.run();
