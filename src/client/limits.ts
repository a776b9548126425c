import { InvalidOptionError } from '../base/invalid-option.ts';
import { requireOutcome, type Outcome } from '../model/flow.ts';

/** Maximum size of a message. The service closes a connection that sends a longer one, which would affect all its flows. */
const maxMessageBytes = 16_384;

/** Checks a message. Throws `InvalidOptionError` if it is too long for the service. */
export function requireFits(option: string, message: object): void {
  if (new TextEncoder().encode(JSON.stringify(message)).length > maxMessageBytes) {
    throw new InvalidOptionError(option, 'must be shorter: the service takes 16 KiB');
  }
}

/** Checks an outcome. Throws `InvalidOptionError` if a page cannot show it, or if its text is too long for a message. */
export function requireSendable(outcome: Outcome): void {
  requireOutcome(outcome);
  // The rest of the message is the flow's id.
  const rest = ' '.repeat(128);
  if (outcome.status === 'failure') requireFits('message', [outcome.message, rest]);
  if (outcome.status === 'redirect') requireFits('url', [outcome.url, rest]);
}
