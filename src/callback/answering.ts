import { systemClock } from '../base/clock.ts';
import { Recent } from '../base/recent.ts';
import type { PendingFlow } from '../flows/pending-flow.ts';
import { CallbackResponse, type CallbackFields } from '../model/callback-response.ts';
import type { Outcome } from '../model/flow.ts';
import { isCancellation } from '../model/cancellation.ts';
import { Redirect, type Arrival, type Disposition, type RefusalReason } from '../model/redirect.ts';
import type { Answer, FinishedKind, Pages } from '../page/answers.ts';
import type { Language } from '../page/texts.ts';
import { CleanUrls } from './clean-urls.ts';
import type { Answered, AwaitOutcome, Waiting } from './handled.ts';
import { outline } from './parameters.ts';

export interface AnsweringOptions {
  pages: Pages;
  cleanUrl: 'script' | 'redirect' | false;
  /** Returns the time, in milliseconds since the epoch. */
  now: () => number;
  /** Returns the secret that signs clean URLs; nodes that share a callback URL have the same one. */
  secret: () => string;
}

/** Details of a redirect that is not accepted. */
interface Rejection {
  readonly flow?: { readonly id: string } | undefined;
  readonly reason?: RefusalReason | undefined;
  /** HTTP status; 400 if it is left out. */
  readonly status?: number;
}

/** An accepted response, and the flow that it belongs to. */
interface Acceptance {
  readonly response: CallbackResponse;
  /** The flow to deliver the response to, if it is one of this process. */
  readonly flow?: PendingFlow;
  /** Id of the flow, if it is in a store. */
  readonly flowId?: string;
}

// Number of pages kept with the texts of their provider or app. Of older ones only the kind is shown.
const minFinished = 1_000;

// Maximum number of redirects to clean URLs whose following is awaited when the server closes.
const maxUnfollowed = 1_000;

/** Turns verdicts into redirects and pages. */
export class Answering {
  readonly #options: AnsweringOptions;
  readonly #urls: CleanUrls;
  readonly #finished = new Recent<Answer>(minFinished);
  /** Times of the redirects to clean URLs that no browser has asked for yet, by segment. */
  readonly #unfollowed = new Map<string, number>();
  #onFollowed: () => void = () => undefined;

  constructor(options: AnsweringOptions) {
    this.#options = options;
    this.#urls = new CleanUrls(options.secret);
  }

  /** Publishes nothing of a redirect that is not accepted but its `state` and `error`. */
  rejected(
    disposition: Disposition,
    fields: CallbackFields,
    language: Language,
    { flow, reason, status = 400 }: Rejection = {},
  ): Answered & { redirect: Redirect } {
    const { pages } = this.#options;
    return {
      kind: 'answered',
      answer: reason === 'missing_code' ? pages.nothing(language) : pages.neutral(status, language),
      redirect: this.#redirect(disposition, outline(fields), flow?.id, reason),
    };
  }

  /** @param awaitOutcome Waits for the outcome of the sign-in. Left out, the page is written at once. */
  accepted(
    { response, flow, flowId }: Acceptance,
    arrival: Arrival,
    language: Language,
    awaitOutcome?: AwaitOutcome,
  ): Answered | Waiting {
    const { pages } = this.#options;
    const redirect = this.#redirect('accepted', response, flow?.id ?? flowId);
    if (response.error !== undefined) {
      const answer = isCancellation(response.error)
        ? this.#cleanly('cancelled', arrival, language)
        : this.#clean('denied', pages.denied(response, language), arrival, language);
      return { kind: 'answered', answer, redirect, flow };
    }
    if (!awaitOutcome)
      return { kind: 'answered', answer: this.#cleanly('received', arrival, language), redirect, flow };
    return {
      kind: 'waiting',
      fallback: () => this.#cleanly('undecided', arrival, language),
      redirect,
      flow,
      pageFor: (outcome) => this.#decided(outcome, arrival, language),
      awaitOutcome,
    };
  }

  /** Tells if a path is a clean URL. */
  isFinished(path: string): boolean {
    return this.#urls.read(lastSegment(path)) !== undefined;
  }

  /** Returns the page of a clean URL; undefined for any other path. */
  finished(path: string): Answer | undefined {
    const segment = lastSegment(path);
    const page = this.#urls.read(segment);
    if (!page) return undefined;
    this.#unfollowed.delete(segment);
    if (this.#unfollowed.size === 0) this.#onFollowed();
    // Another node has only the kind of the page.
    return this.#finished.get(segment) ?? this.#options.pages.finished(page.kind, page.language);
  }

  /**
   * Resolves once browsers have followed all redirects to clean URLs, or `ms` milliseconds after the last of them. It is
   * real time, because browsers live in no other.
   */
  async followed(ms: number): Promise<void> {
    const last = Math.max(0, ...this.#unfollowed.values());
    const left = last + ms - systemClock.now();
    if (this.#unfollowed.size === 0 || left <= 0) return;
    await new Promise<void>((resolve) => {
      // Keeps the process alive, as whoever awaits the closing expects.
      const timer = setTimeout(resolve, left);
      this.#onFollowed = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #decided(outcome: Outcome, arrival: Arrival, language: Language): Answer {
    const { pages } = this.#options;
    if (outcome.status === 'redirect') return pages.redirect(new URL(outcome.url).href);
    return outcome.status === 'success'
      ? this.#cleanly('succeeded', arrival, language)
      : this.#clean('failed', pages.failed(outcome.message, language), arrival, language);
  }

  #cleanly(kind: FinishedKind, arrival: Arrival, language: Language): Answer {
    return this.#clean(kind, this.#options.pages.finished(kind, language), arrival, language);
  }

  /** Moves a page to a URL without the code if `cleanUrl` is `redirect`. */
  #clean(kind: FinishedKind, page: Answer, arrival: Arrival, language: Language): Answer {
    const { cleanUrl, pages } = this.#options;
    if (cleanUrl !== 'redirect') return page;
    const segment = this.#urls.segmentOf({ kind, language });
    this.#finished.set(segment, page);
    if (this.#unfollowed.size < maxUnfollowed) this.#unfollowed.set(segment, systemClock.now());
    // Relative, so that it also works behind a proxy that strips a path prefix.
    const last = lastSegment(arrival.path);
    return pages.redirect(last ? `./${last}/${segment}` : `./${segment}`);
  }

  #redirect(
    disposition: Disposition,
    response: CallbackResponse,
    flowId?: string,
    reason?: RefusalReason,
  ): Redirect {
    return new Redirect(disposition, response, this.#options.now(), flowId, reason);
  }
}

function lastSegment(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
