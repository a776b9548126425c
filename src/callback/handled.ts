import type { PendingFlow } from '../flows/pending-flow.ts';
import type { HeldRedirect } from '../flows/held-redirects.ts';
import type { Outcome } from '../model/flow.ts';
import type { Redirect } from '../model/redirect.ts';
import type { Answer, Streamed } from '../page/answer.ts';

/** The result of a request: its answer and, if it was a redirect to the callback path, that redirect. */
export type Handled = Answered | NeedsBody | Undecided | Held | Waiting;

/** Result whose page is written at once. */
export interface Answered {
  readonly kind: 'answered';
  readonly answer: Answer;
  readonly redirect?: Redirect;
  /** The flow to deliver an accepted redirect to, if it is one of this process. */
  readonly flow?: PendingFlow | undefined;
  /** Label of the flow that the redirect belongs to. */
  readonly label?: string | undefined;
  /** Set if nothing that follows on the connection may be taken for a request. */
  readonly last?: boolean;
}

/** Result of a POST request. The caller reads the body and handles the request again. */
export interface NeedsBody {
  readonly kind: 'needs-body';
}

/** Result of a redirect that a store decides about. */
export interface Undecided {
  readonly kind: 'undecided';
  /** The page for a store that cannot be reached. */
  readonly answer: Answer;
  /** Rejects if the store cannot be reached. */
  readonly later: Promise<Answered | Held | Waiting>;
}

/** Result of a redirect that waits, together with its page, until a program asks for its state. */
export interface Held {
  readonly kind: 'held';
  /** The page that is shown if no program has asked for the state in time. */
  readonly answer: Answer;
  readonly redirect: Redirect;
  readonly held: HeldRedirect;
}

/** Result of an accepted redirect whose page waits for the outcome that the app reports. */
export interface Waiting {
  readonly kind: 'waiting';
  /** Makes the page that is shown if the app has not reported an outcome in time. */
  readonly fallback: () => Answer;
  /** Time at which the waiting ends, in milliseconds since the epoch. */
  readonly until: number;
  /** Left out by the page of a clean URL. */
  readonly redirect?: Redirect;
  /** The flow to deliver the redirect to, if it is one of this process. */
  readonly flow?: PendingFlow | undefined;
  /** Label of the flow that the redirect belongs to. */
  readonly label?: string | undefined;
  /**
   * Makes what is sent if there is no outcome after a moment: the beginning of the page, or a redirect to the clean URL at which it
   * waits on. Undefined if the browser waits without an answer.
   */
  readonly early: () => Streamed | Answer | undefined;
  /** Makes the page that tells the outcome. */
  readonly pageFor: (outcome: Outcome) => Answer;
  readonly awaitOutcome: AwaitOutcome;
}

/** Calls `tell` with the outcome. Returns a function that stops waiting. */
export type AwaitOutcome = (tell: (outcome: Outcome) => void) => () => void;

/** Adds headers, names and values in turn, to the first answer that the browser gets. */
export function withHeaders<T extends Answered | Waiting>(handled: T, headers: readonly string[]): T {
  const add = <A extends Answer>(answer: A): A => ({ ...answer, headers: [...answer.headers, ...headers] });
  if (handled.kind === 'answered') return { ...handled, answer: add(handled.answer) };
  const { early, fallback, pageFor } = handled;
  return {
    ...handled,
    fallback: () => add(fallback()),
    pageFor: (outcome) => add(pageFor(outcome)),
    early: () => {
      const answer = early();
      return answer && add(answer);
    },
  };
}
