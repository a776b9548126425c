import { detach } from '../base/detach.ts';
import type { FlowIndex } from '../flows/flow-index.ts';
import type { HeldRedirect } from '../flows/held-redirects.ts';
import type { PendingFlow } from '../flows/pending-flow.ts';
import { CallbackResponse } from '../model/callback-response.ts';
import type { Consumed } from '../model/flow-store.ts';
import type { Arrival, Redirect } from '../model/redirect.ts';
import type { Pages } from '../page/answers.ts';
import type { Language } from '../page/texts.ts';
import { Answering, type AnsweringOptions } from './answering.ts';
import { BrowserCookies } from './browser-cookies.ts';
import { Checks, type ChecksOptions, type Refusal } from './checks.ts';
import type { FlowsElsewhere } from './flows-elsewhere.ts';
import {
  withHeaders,
  type Answered,
  type AwaitOutcome,
  type Handled,
  type Held,
  type Waiting,
} from './handled.ts';
import type { ReadResponse } from './parameters.ts';
import { readHeaders, readTarget, type CallbackRequest } from './request.ts';
import { Starting } from './starting.ts';

export interface HandlerOptions
  extends
    Omit<ChecksOptions, 'takesContexts' | 'takesStarts' | 'takesForms' | 'awaitsRedirects' | 'browserOf'>,
    Omit<AnsweringOptions, 'now' | 'shared'> {
  errorWithoutState: 'ignore' | 'end-only-flow';
  flows: FlowIndex;
  /** Returns the flows in the store, if there is one. */
  stored: () => FlowsElsewhere | undefined;
  pages: Pages;
  /** Tells if a response that no flow waits for is accepted. */
  acceptsUnmatched: (response: ReadResponse) => boolean;
  /** Tells if browsers reach the server by https. */
  isSecure: () => boolean;
  /** Tells if pages of the server have this origin. */
  isOwnOrigin: (origin: string) => boolean;
  /** Returns the proof for a self-probe, which only this server can compute. */
  prove: (nonce: string) => string;
}

/** A valid or invalid response on its way to a verdict. */
interface Incoming {
  readonly response: ReadResponse;
  readonly arrival: Arrival;
  /** Address of the client, if it is known. */
  readonly address?: string | undefined;
}

/** Decides what becomes of a request. Uses no socket. */
export class Handler {
  readonly #options: HandlerOptions;
  readonly #checks: Checks;
  readonly #answering: Answering;
  readonly #cookies: BrowserCookies;
  readonly #starting: Starting;

  constructor(options: HandlerOptions) {
    this.#options = options;
    const { flows, stored } = options;
    this.#cookies = new BrowserCookies(options.isSecure, options.startPath);
    this.#starting = new Starting({ ...options, cookies: this.#cookies });
    this.#checks = new Checks({
      ...options,
      takesContexts: () => flows.contextsInUse || stored() !== undefined,
      takesStarts: () => flows.startsInUse || stored() !== undefined,
      browserOf: (cookies, state) => this.#cookies.browserOf(cookies, state),
      takesForms: () => flows.formsExpected || stored() !== undefined,
      awaitsRedirects: () => flows.pending > 0,
    });
    this.#answering = new Answering({
      ...options,
      shared: () => stored()?.shared === true,
      now: () => flows.now(),
    });
  }

  handle(request: CallbackRequest): Handled {
    const { pages, prove } = this.#options;
    const headers = readHeaders(request.rawHeaders);
    const language = pages.languageFor(headers.language);
    const checked = this.#checks.check(request, headers);
    switch (checked.kind) {
      case 'needs-body':
        return checked;
      case 'self-probe':
        return { kind: 'answered', answer: pages.probed(prove(checked.nonce)) };
      case 'elsewhere':
        return { kind: 'answered', answer: pages.plain(404) };
      case 'start':
        return this.#starting.start(checked.request, language);
      case 'finished':
        return this.#answering.finished(checked.query, language);
      case 'foreign':
        return { kind: 'answered', answer: pages.plain(checked.status) };
      case 'wrong-method':
        return { kind: 'answered', answer: pages.neutral(405, language, 'Allow', checked.allow) };
      case 'doubtful':
        return { kind: 'answered', answer: pages.neutral(400, language), last: true };
      case 'refusal':
        return this.#refuse(checked, language);
      case 'unexpected-form': {
        const { fields } = checked.response;
        const flow = this.#options.flows.pendingOf(fields);
        const answer = pages.neutral(405, language, 'Allow', 'GET');
        if (!flow) return { kind: 'answered', answer };
        return { ...this.#answering.rejected('wrong_response_mode', fields, language, { flow }), answer };
      }
      case 'response':
        return this.#judge(checked, language);
    }
  }

  /** Names the pending flow, so that the program may tell its user why nothing happens. */
  #refuse(refusal: Refusal, language: Language): Answered {
    const { disposition, response, reason, status } = refusal;
    const flow = this.#options.flows.pendingOf(response.fields);
    return this.#answering.rejected(disposition, response.fields, language, { flow, reason, status });
  }

  /** Tells if a request is for the callback server. A borrowed or mounted server gets other requests too. */
  concerns({ target, rawHeaders }: Pick<CallbackRequest, 'target' | 'rawHeaders'>): boolean {
    const path = readTarget(target)?.path;
    if (path === undefined) return false;
    return this.#checks.concerns(path) || readHeaders(rawHeaders).probe !== undefined;
  }

  /** Resolves once browsers have followed the redirects to clean URLs, or `ms` milliseconds after the last of them. */
  followed(ms: number): Promise<void> {
    return this.#answering.followed(ms);
  }

  /** Handles a request with more header bytes than the server reads. */
  refuseHead(): Answered & { readonly redirect: Redirect } {
    const language = this.#options.pages.languageFor(undefined);
    const rejected = this.#answering.rejected('refused', {}, language, { reason: 'too_many_headers' });
    return { ...rejected, answer: this.#options.pages.other('headTooLarge', language) };
  }

  /** Handles a held redirect once a program has asked for its state. */
  claim({ fields, arrival, language }: HeldRedirect): Handled {
    return this.#judge({ response: { fields }, arrival }, language);
  }

  #judge(incoming: Incoming, language: Language): Handled {
    const { response, arrival } = incoming;
    const { fields, reason } = response;
    const { flows, errorWithoutState, acceptsUnmatched, pages } = this.#options;
    const stateless =
      reason === 'missing_state' && fields.error !== undefined && errorWithoutState === 'end-only-flow';
    if (reason && !acceptsUnmatched(response) && !stateless)
      return this.#answering.rejected('malformed', fields, language, {
        reason,
        flow: flows.pendingOf(fields),
      });
    const match = stateless ? flows.matchOnly(fields, arrival) : flows.match(fields, arrival);
    if (match.disposition === 'accepted') {
      const accepted = this.#answering.accepted(match, language, this.#outcomeOf(match.flow));
      return this.#unbound(accepted, match.flow.state, arrival);
    }
    if (match.disposition === 'unconfirmed') {
      const { id: flowId, description } = match.flow;
      return this.#answering.unconfirmed(match.code, fields, language, { flowId, label: description?.label });
    }
    if (match.disposition !== 'unmatched')
      return this.#answering.rejected(match.disposition, fields, language, match);
    const stored = reason ? undefined : this.#options.stored();
    if (!stored) return this.#unmatched(incoming, language);
    const judge = (found: Consumed): Answered | Held | Waiting =>
      this.#judgeStored(stored, found, incoming, language);
    return {
      kind: 'undecided',
      answer: pages.other('unavailable', language),
      later: stored.match(fields, arrival).then(judge),
    };
  }

  #judgeStored(
    stored: FlowsElsewhere,
    { disposition, flowId, description, code }: Consumed,
    incoming: Incoming,
    language: Language,
  ): Answered | Held | Waiting {
    const { fields } = incoming.response;
    if (disposition === 'unmatched') return this.#unmatched(incoming, language);
    if (disposition === 'unconfirmed' && flowId !== undefined && code !== undefined)
      return this.#answering.unconfirmed(code, fields, language, { flowId, label: description?.label });
    if (disposition !== 'accepted' || flowId === undefined) {
      const flow = flowId === undefined ? undefined : { id: flowId };
      return this.#answering.rejected(disposition, fields, language, { flow });
    }
    const waits: AwaitOutcome = (tell) => stored.awaitOutcome(flowId, tell);
    const awaitOutcome = this.#options.settle ? waits : undefined;
    const response = new CallbackResponse(fields);
    const accepted = this.#answering.accepted({ response, flowId, description }, language, awaitOutcome);
    return this.#unbound(accepted, fields.state ?? '', incoming.arrival);
  }

  /** Also removes the cookie by which the browser was bound to the flow. */
  #unbound<T extends Answered | Waiting>(accepted: T, state: string, { browser }: Arrival): T {
    return browser === undefined ? accepted : withHeaders(accepted, this.#cookies.remove(state));
  }

  #unmatched({ response, arrival, address }: Incoming, language: Language): Answered | Held | Waiting {
    const { fields, reason } = response;
    const { flows, acceptsUnmatched } = this.#options;
    if (acceptsUnmatched(response)) {
      const wrong = flows.mismatchUnasked(fields, arrival);
      if (wrong) return this.#answering.rejected(wrong, fields, language);
      if (fields.state) flows.remember(detach(fields.state), 'duplicate');
      return this.#answering.accepted({ response: new CallbackResponse(fields) }, language);
    }
    if (reason) return this.#answering.rejected('malformed', fields, language, { reason });
    const held = flows.hold(fields, arrival, language, address);
    const rejected = this.#answering.rejected(held ? 'held' : 'unmatched', fields, language);
    return held ? { ...rejected, kind: 'held', held } : rejected;
  }

  #outcomeOf(flow: PendingFlow): AwaitOutcome | undefined {
    // A flow made by `ofState` has no handle on which a program could call `settle`.
    if (!this.#options.settle || flow.expiresAt === Infinity) return undefined;
    return (tell) => {
      flow.onSettled = tell;
      return () => (flow.onSettled = undefined);
    };
  }
}
