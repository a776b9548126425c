/** Results of the handler, for specs that look at the answer whatever the kind. */
import type { Answered, Handled } from '../../src/callback/handled.ts';

/** Returns the answer, redirect and flow of a result. Throws if the handler asks for the body instead. */
export function withAnswer(handled: Handled): Pick<Answered, 'answer' | 'redirect' | 'flow'> {
  if (handled.kind === 'needs-body') throw new Error('the handler has no answer before the body is read');
  return handled.kind === 'waiting' ? { ...handled, answer: handled.fallback() } : handled;
}
