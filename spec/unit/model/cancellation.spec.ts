import { isCancellation, isCancelledByUser } from '../../../src/model/cancellation.ts';
import { equal, is, ok } from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedModule } from '../../helpers/weakened.ts';

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
  ['Azure AD B2C', 'AADB2C90091: The user has cancelled entering self-asserted information.'],
  ['one with a short form', 'The end-user has not granted the requested scopes'],
  ['one that adds a place', 'The request was denied by the resource owner at the consent page'],
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
  'User not authorized',
  'User not approved for this application',
  'User denied by administrator',
  'User denied: not in a group of the application',
  'User rejected due to a failed second factor',
  'Access denied by user policy',
  'Request denied by user-agent policy',
  'Request rejected by customer admin',
])
  test(`takes the rule "${error_description}" for none`, () =>
    is(isCancelledByUser({ error: 'access_denied', error_description }), false));

test('fails if a rule that names the user is taken for a cancellation', async () => {
  const change = edit('(?! ?:| (?:because|by|due|for)\\b)', '');
  const twin = (await weakenedModule('model/cancellation.ts', change)) as {
    isCancelledByUser: typeof isCancelledByUser;
  };
  const error_description = 'User denied by administrator';
  is(twin.isCancelledByUser({ error: 'access_denied', error_description }), true);
});

test('believes the codes that only users cause, whatever their description', () =>
  is(isCancelledByUser({ error: 'user_cancelled_login', error_description: 'x' }), true));

test('takes no other error for a cancellation, whatever it says', () =>
  is(isCancelledByUser({ error: 'server_error', error_description: 'The user denied' }), false));

/** Longest time, in milliseconds, for a long description of each of these words. */
function slowest(of: typeof isCancelledByUser): number {
  const times = ['cancel', 'deni', 'user has ', 'user ', 'reject '].map((word) => {
    const error_description = word.repeat(200_000 / word.length);
    const begun = performance.now();
    of({ error: 'access_denied', error_description });
    return performance.now() - begun;
  });
  return Math.max(...times);
}

// Quadratic time would be minutes.
test('reads a long description in a time that grows with its length only', () =>
  ok(slowest(isCancelledByUser) < 2_000));

test.run();
