import { InvalidOptionError } from '../errors.ts';
import type { Outcome } from '../flow.ts';

/** The service ends a connection that says more in one message, and with it the flows of everybody else. */
const longest = 16_384;

/** Throws `InvalidOptionError` where the service would not take the message. */
export function requireFits(option: string, message: object): void {
  if (new TextEncoder().encode(JSON.stringify(message)).length > longest) {
    throw new InvalidOptionError(option, 'must be shorter: the service takes 16 KiB');
  }
}

/** Throws `InvalidOptionError`, as a server of this process does, for what is no outcome. */
export function requireOutcome(outcome: Outcome): void {
  const { status } = outcome;
  if (!['success', 'failure', 'redirect'].includes(status))
    throw new InvalidOptionError('status', 'must be "success", "failure" or "redirect"');
  if (status === 'success') return;
  const option = status === 'failure' ? 'message' : 'url';
  const text = (outcome as Record<string, unknown>)[option];
  if (typeof text !== 'string') throw new InvalidOptionError(option, 'must be a string');
  // The rest of the message is the flow's id.
  requireFits(option, [text, ' '.repeat(128)]);
}
