import { systemClock } from '../base/clock.ts';
import { Recent } from '../base/recent.ts';
import type { PendingFlow } from '../flows/pending-flow.ts';
import { CallbackResponse, type CallbackFields } from '../model/callback-response.ts';
import { shownCode } from '../model/confirmation.ts';
import type { Outcome } from '../model/flow.ts';
import type { FlowDescription } from '../model/flow-description.ts';
import { isCancellation, isCancelledByUser } from '../model/cancellation.ts';
import { Redirect, type Disposition, type RefusalReason } from '../model/redirect.ts';
import type { FinishedKind, Pages } from '../page/answers.ts';
import type { Answer, Streamed } from '../page/answer.ts';
import type { Language } from '../page/texts.ts';
import { CleanUrls } from './clean-urls.ts';
import type { Answered, AwaitOutcome, Waiting } from './handled.ts';
import { outline } from './parameters.ts';
import { SharedOutcome } from './shared-outcome.ts';

export interface AnsweringOptions {
  pages: Pages;
  cleanUrl: 'script' | 'redirect' | false;
  /** Milliseconds that the page of an accepted redirect waits for `flow.settle`; `false` if it does not wait. */
  settle: number | false;
  /** Tells if other nodes may get requests for the clean URLs of this one. */
  shared: () => boolean;
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
  readonly description?: FlowDescription | undefined;
}

// Number of pages whose texts of a provider, app or flow are kept for a reload. Of older ones only the kind is shown.
const minFinished = 1_000;

// Maximum number of redirects to clean URLs whose following is awaited when the server closes.
const maxUnfollowed = 1_000;

const noDescription: FlowDescription = {};

/** Turns verdicts into redirects and pages. */
export class Answering {
  readonly #options: AnsweringOptions;
  readonly #urls: CleanUrls;
  /** Functions that make a page with texts of a provider or app, by the query of its clean URL. */
  readonly #finished = new Recent<() => Answer>(minFinished);
  /** Pages that wait at a clean URL, by its query. */
  readonly #awaited = new Recent<Waiting>(minFinished);
  /** Pages without such texts, with the script that cleans their address. They have one clean URL for all their readers. */
  #scripted: Partial<Record<FinishedKind, Partial<Record<Language, Answer>>>> = {};
  #scriptedBy = '';
  /** Times of the redirects to clean URLs that no browser has asked for yet, by query. */
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
    return {
      kind: 'answered',
      answer: this.#rejection(disposition, reason, status, language),
      redirect: this.#redirect(disposition, outline(fields), flow?.id, reason),
    };
  }

  #rejection(
    disposition: Disposition,
    reason: RefusalReason | undefined,
    status: number,
    language: Language,
  ): Answer {
    const { pages } = this.#options;
    if (disposition === 'wrong_browser') return pages.other('otherBrowser', language);
    return reason === 'missing_code' ? pages.other('nothing', language) : pages.neutral(status, language);
  }

  /** Shows the code that the user types into the program. The redirect has no response before that. */
  unconfirmed(
    code: string,
    fields: CallbackFields,
    language: Language,
    { flowId, label }: { flowId: string; label?: string | undefined },
  ): Answered {
    const page = (query?: string): Answer => this.#options.pages.code(shownCode(code), language, query);
    const answer = this.#cleanWith('undecided', language, page);
    const redirect = this.#redirect('unconfirmed', outline(fields), flowId);
    return { kind: 'answered', answer, redirect, label };
  }

  /** @param awaitOutcome Waits for the outcome of the sign-in. Left out, the page is written at once. */
  accepted(
    { response, flow, flowId, description = flow?.description }: Acceptance,
    language: Language,
    awaitOutcome?: AwaitOutcome,
  ): Answered | Waiting {
    const { pages } = this.#options;
    const redirect = this.#redirect('accepted', response, flow?.id ?? flowId);
    const { label, serverUrl } = description ?? noDescription;
    const delivery = { redirect, flow, label };
    if (response.error !== undefined) {
      const kind = isCancellation(response.error) ? 'notSignedIn' : 'denied';
      const answer = isCancelledByUser(response)
        ? this.#clean('cancelled', language)
        : this.#cleanWith(kind, language, (query) => pages.denied(kind, response, language, query));
      return { kind: 'answered', answer, ...delivery };
    }
    if (!awaitOutcome)
      return { kind: 'answered', answer: this.#connected('received', language, serverUrl), ...delivery };
    const outcome = new SharedOutcome(awaitOutcome);
    const until = this.#options.now() + (this.#options.settle || 0);
    return {
      kind: 'waiting',
      until,
      fallback: () => this.#clean('undecided', language),
      ...delivery,
      early: () => this.#early(outcome, until, language, serverUrl),
      pageFor: (outcome) => this.#decided(outcome, language, serverUrl),
      awaitOutcome: outcome.await,
    };
  }

  /** Begins a page that waits, so that the code leaves the address bar as `cleanUrl` says. */
  #early(
    outcome: SharedOutcome,
    until: number,
    language: Language,
    serverUrl: string | undefined,
  ): Streamed | Answer | undefined {
    const { cleanUrl, pages, shared } = this.#options;
    if (cleanUrl === false) return pages.streamed(language);
    // Another node may get the request for the clean URL, and would not hear of the outcome.
    if (cleanUrl === 'redirect' && shared()) return undefined;
    const query = this.#urls.queryOf({ kind: 'undecided', language });
    outcome.kept = true;
    this.#awaited.set(query, {
      kind: 'waiting',
      until,
      fallback: () => pages.finished('undecided', language),
      early: () => pages.streamed(language),
      pageFor: (outcome) => this.#decided(outcome, language, serverUrl, false),
      awaitOutcome: outcome.await,
    });
    return cleanUrl === 'redirect' ? this.#moved(query) : pages.streamed(language, query);
  }

  /** Returns the page of a clean URL, or the neutral page if no node with this secret has made the URL. */
  finished(query: string, language: Language): Answered | Waiting {
    const { pages } = this.#options;
    const page = this.#urls.read(query);
    if (!page) return { kind: 'answered', answer: pages.neutral(404, language) };
    this.#unfollowed.delete(query);
    if (this.#unfollowed.size === 0) this.#onFollowed();
    // Another node has only the kind of the page.
    const answer = (): Answer => this.#finished.get(query)?.() ?? pages.finished(page.kind, page.language);
    return this.#awaited.get(query) ?? { kind: 'answered', answer: answer() };
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

  #decided(
    outcome: Outcome,
    language: Language,
    serverUrl: string | undefined,
    cleanUrl = this.#options.cleanUrl,
  ): Answer {
    const { pages } = this.#options;
    if (outcome.status === 'redirect') return pages.redirect(new URL(outcome.url).href);
    if (outcome.status === 'success') return this.#connected('succeeded', language, serverUrl, cleanUrl);
    const { message } = outcome;
    return this.#cleanWith('failed', language, (query) => pages.failed(message, language, query), cleanUrl);
  }

  /** Shows the page of a success, which names the server that the app is connected to. */
  #connected(
    kind: 'received' | 'succeeded',
    language: Language,
    serverUrl: string | undefined,
    cleanUrl = this.#options.cleanUrl,
  ): Answer {
    if (serverUrl === undefined) return this.#clean(kind, language, cleanUrl);
    const { pages } = this.#options;
    const pageOf = (query?: string): Answer => pages.connected(kind, serverUrl, language, query);
    return this.#cleanWith(kind, language, pageOf, cleanUrl);
  }

  /** Shows a page of fixed texts so that the code leaves the address bar, as `cleanUrl` says. */
  #clean(kind: FinishedKind, language: Language, cleanUrl = this.#options.cleanUrl): Answer {
    const { pages, secret } = this.#options;
    if (cleanUrl === false) return pages.finished(kind, language);
    if (cleanUrl === 'redirect') return this.#moved(this.#urls.queryOf({ kind, language }));
    // A store, which comes later, brings another secret.
    const current = secret();
    if (this.#scriptedBy !== current) this.#scripted = {};
    this.#scriptedBy = current;
    const inLanguages = (this.#scripted[kind] ??= {});
    return (inLanguages[language] ??= pages.finished(kind, language, this.#urls.queryOf({ kind, language })));
  }

  /** The same for a page with texts of a provider or app, which are kept for a reload. */
  #cleanWith(
    kind: FinishedKind,
    language: Language,
    pageOf: (cleanQuery?: string) => Answer,
    cleanUrl = this.#options.cleanUrl,
  ): Answer {
    if (cleanUrl === false) return pageOf();
    const query = this.#urls.queryOf({ kind, language });
    this.#finished.set(query, pageOf);
    return cleanUrl === 'redirect' ? this.#moved(query) : pageOf(query);
  }

  #moved(query: string): Answer {
    if (this.#unfollowed.size < maxUnfollowed) this.#unfollowed.set(query, systemClock.now());
    // Relative, so that it also works behind a proxy that strips a path prefix.
    return this.#options.pages.redirect(`?${query}`);
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
