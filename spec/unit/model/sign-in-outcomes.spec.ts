/** The outcome of each sign-in, decided from its events. */
import type { ServerEvent } from '../../../src/model/events.ts';
import { OutcomesOfFlows } from '../../../src/model/sign-in-outcomes.ts';
import { equal } from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';
import { weakenedModule, edit, type Edit } from '../../helpers/weakened.ts';
import { complains } from '../../helpers/complains.ts';

const test = suite('outcomes of sign-ins');

/** Ends of a flow, and the outcome of each: `failed < succeeded` if it replaces one. */
const ends: readonly (readonly [ending: string, outcomes: readonly string[]])[] = [
  ['code', ['succeeded']],
  ['error access_denied', ['denied']],
  ['error user_cancelled_login', ['denied']],
  ['error login_required', ['failed']],
  ['error', ['failed']],
  ['expired', ['expired']],
  ['cancelled', ['cancelled']],
  ['closed', ['cancelled']],
  ['lost', ['failed']],
  ['code, success', ['succeeded', '-']],
  ['code, redirect', ['succeeded', '-']],
  ['code, failure', ['succeeded', 'failed < succeeded']],
  ['code, failure, failure', ['succeeded', 'failed < succeeded', '-']],
  ['code, failure, success', ['succeeded', 'failed < succeeded', '-']],
  ['error access_denied, failure', ['denied', '-']],
  ['cancelled, failure', ['cancelled', '-']],
  ['expired, success', ['expired', '-']],
  // Answered at another node.
  ['failure', ['failed']],
  ['success', ['succeeded']],
];

function eventOf(ending: string, at: number): ServerEvent {
  const [word = '', error] = ending.split(' ');
  const of = { at, flowId: 'f' };
  if (word === 'code' || word === 'error') return { type: 'answered', ...of, outcome: word, error };
  if (word === 'expired') return { type: word, ...of };
  if (word === 'cancelled' || word === 'closed' || word === 'lost')
    return { type: 'cancelled', ...of, reason: word };
  return { type: 'settled', ...of, outcome: word as 'success' | 'failure' | 'redirect' };
}

function decideAll(Outcomes: typeof OutcomesOfFlows): void {
  for (const [ending, expected] of ends) {
    const flows = new Outcomes();
    const decided = ending.split(', ').map((each, index) => flows.add(eventOf(each, index)));
    const shown = decided.map((each) =>
      each ? [each.outcome, each.instead].filter(Boolean).join(' < ') : '-',
    );
    equal(shown, expected, ending);
    // A correction counts at the time of what it corrects.
    equal(
      decided.flatMap((each) => (each ? [each.at] : [])),
      expected.filter((each) => each !== '-').map(() => 0),
      `time of ${ending}`,
    );
  }
}

test('are apart: success, denied, failed, expired, cancelled; and each sign-in counts once', () =>
  decideAll(OutcomesOfFlows));

const twins: readonly (readonly [weakness: string, change: Edit, complaint: RegExp])[] = [
  [
    'counts a user who declined as a failure',
    edit(`? 'denied' : 'failed'`, `? 'failed' : 'failed'`),
    /access_denied/,
  ],
  [
    'forgets that a program has failed',
    edit(`if (known && !changes) return`, `if (known) return`),
    /code, failure/,
  ],
  ['counts a settled sign-in twice', edit(`instead: known?.outcome`, `instead: undefined`), /code, failure/],
  [
    'blames a program for what its store has lost',
    edit(`isLost(event.reason) ? 'failed'`, `isLost(event.reason) ? 'cancelled'`),
    /lost/,
  ],
];
for (const [weakness, change, complaint] of twins)
  test(`rejects a model that ${weakness}`, async () => {
    const file = 'model/sign-in-outcomes.ts';
    const twin = (await weakenedModule(file, { ...change, file })) as {
      OutcomesOfFlows: typeof OutcomesOfFlows;
    };
    const check = (): Promise<void> => {
      decideAll(twin.OutcomesOfFlows);
      return Promise.resolve();
    };
    await complains(check, complaint);
  });

test('ignores events that end no flow', () => {
  const flows = new OutcomesOfFlows();
  const events: readonly ServerEvent[] = [
    { type: 'listening', at: 0, redirectUri: 'http://127.0.0.1/callback' },
    { type: 'begun', at: 0, flowId: 'f', expiresAt: 1 },
    { type: 'redirect', at: 0, disposition: 'accepted', flowId: 'f', reason: undefined },
    { type: 'closed', at: 0 },
  ];
  equal(
    events.map((event) => flows.add(event)),
    events.map(() => undefined),
  );
});

test.run();
