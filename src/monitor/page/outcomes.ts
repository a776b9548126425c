import type { ServiceStatus } from '../../client/remote-feed.ts';
import { signInOutcomes, type SignInOutcome } from '../../model/sign-in-outcomes.ts';
import { successWording } from '../wording.ts';
import { byId, create, say } from './dom.ts';

const tones: Readonly<Record<SignInOutcome, string>> = {
  succeeded: 'good',
  denied: 'warn',
  failed: 'bad',
  expired: 'wait',
  cancelled: '',
};

/** The answer to the first question: how many sign-ins succeed, and how the others end. */
export class Outcomes {
  readonly #groups = signInOutcomes.map((outcome) => {
    const recent = create('dd', '–');
    const since = create('dd', '–', 'since');
    const group = create('div', '', tones[outcome]);
    group.append(create('dt', outcome), recent, since);
    byId('outcomes').append(group);
    return { outcome, recent, since };
  });

  show(service: ServiceStatus | undefined): void {
    if (!service) return;
    const number = (count: number): string => count.toLocaleString('en');
    for (const { outcome, recent, since } of this.#groups) {
      say(recent, number(service.recent[outcome]));
      say(since, `${number(service.outcomes[outcome])} since the start`);
    }
    const rates = [
      successWording(service.recent, 'in the last five minutes'),
      successWording(service.outcomes, 'since the start'),
    ];
    say(byId('success-rate'), `Succeeded: ${rates.join('; ')}.`);
  }
}
