import { isCancellation } from '../../../src/model/cancellation.ts';
import { equal } from '../../helpers/assert.ts';
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

test.run();
