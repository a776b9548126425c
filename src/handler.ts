import { CallbackResponse, type CallbackFields } from './callback-response.ts';
import type { Outcome, PendingFlow } from './flow.ts';
import type { Flows } from './flows.ts';
import type { HeldRedirect } from './held.ts';
import type { Answer, Pages } from './pages.ts';
import { randomToken } from './pkce.ts';
import {
  detach,
  hasResponseParameter,
  outline,
  readResponse,
  Redirect,
  retains,
  type Arrival,
  type Disposition,
  type ReadResponse,
  type RefusalReason,
} from './redirect.ts';
import {
  field,
  isAuthority,
  isForm,
  readHeaders,
  readTarget,
  speculative,
  type CallbackRequest,
  type RequestHeaders,
  type Target,
} from './request.ts';
import type { Consumed } from './store/store.ts';
import type { StoredFlows } from './stored-flows.ts';
import type { Language } from './texts.ts';

export interface HandlerOptions {
  /** Path of the redirect URI, and the query that is part of it. */
  callbackPath: string;
  callbackQuery: string;
  cleanUrl: 'script' | 'redirect' | false;
  /** Milliseconds that an accepted page may wait for `flow.settle`. */
  settle: number | false;
  errorWithoutState: 'ignore' | 'end-only-flow';
  limits: { parameter: number; headers: number };
  flows: Flows;
  /** The flows in the store, if there is one. */
  stored: () => StoredFlows | undefined;
  pages: Pages;
  /** Whether this server goes by that `Host`. */
  isOurs: (authority: string) => boolean;
  /** Whether it is the one in the redirect URI. */
  isAdvertised: (authority: string) => boolean;
  /** Accepts a response that no flow waits for. */
  acceptsUnmatched: (response: ReadResponse) => boolean;
  /** Proves to a self-probe that it has reached this very server. */
  prove: (nonce: string) => string;
}

/** What a request comes to: an answer and, where it reached the callback path as a redirect, that redirect. */
export interface Handled {
  answer: Answer;
  redirect?: Redirect;
  /** The flow to deliver an accepted redirect to. */
  flow?: PendingFlow | undefined;
  /** The page, once the app has said how the sign-in ended; until then it waits, and `answer` is what it falls back to. */
  outcome?: (outcome: Outcome) => Answer;
  /** Asks to be told that end; returns its undo. */
  awaitOutcome?: (tell: (outcome: Outcome) => void) => () => void;
  /** Whose the redirect is, a store must say. */
  later?: Promise<Handled>;
  /** The redirect waits for its flow, and its page with it. */
  held?: HeldRedirect;
  /** Ask again, with the body read. */
  needsBody?: true;
}

export interface Handler {
  /** A request in; an answer, and maybe a redirect, out. Knows no socket. */
  handle(request: CallbackRequest): Handled;
  /** Whether a request is for us, on a server that we share. */
  concerns(request: Pick<CallbackRequest, 'target' | 'rawHeaders'>): boolean;
  /** A held redirect whose state is now asked for. */
  claim(held: HeldRedirect): Handled;
}

// Pages that wait at a clean URL to be shown once more on reload.
const mostFinished = 1_000;

export function createHandler(options: HandlerOptions): Handler {
  const { callbackPath, callbackQuery, flows, pages, cleanUrl } = options;
  const prefix = callbackPath.endsWith('/') ? callbackPath : `${callbackPath}/`;
  const finished = new Map<string, Answer>();

  return { handle, concerns, claim };

  function handle(request: CallbackRequest): Handled {
    const headers = readHeaders(request.rawHeaders);
    const language = pages.languageFor(headers[field.language]);
    const target = readTarget(request.target);
    const host = headers[field.host]?.toLowerCase() ?? '';
    if (!target || !(options.isOurs(host) || isAuthority(host)))
      return { answer: pages.neutral(400, language) };
    const authority = target.authority ?? host;
    const ours = options.isOurs(authority);
    const nonce = headers[field.probe];
    if (ours && nonce !== undefined) return { answer: pages.probed(options.prove(nonce)) };
    if (!isCallback(target.path)) return { answer: elsewhere(target.path, ours, request.method, language) };
    const takesForms = flows.formsExpected || options.stored() !== undefined;
    if (request.method !== 'GET' && !(takesForms && request.method === 'POST'))
      return { answer: pages.neutral(405, language, 'Allow', takesForms ? 'GET, POST' : 'GET') };
    return receive(request, headers, target, authority, ours, language);
  }

  function isCallback(path: string): boolean {
    if (path === callbackPath) return true;
    return (
      (flows.contextsInUse || options.stored() !== undefined) &&
      path.startsWith(prefix) &&
      /^[\w.-]+$/.test(path.slice(prefix.length))
    );
  }

  function concerns({ target, rawHeaders }: Pick<CallbackRequest, 'target' | 'rawHeaders'>): boolean {
    const path = readTarget(target)?.path;
    if (path === undefined) return false;
    return (
      isCallback(path) ||
      finished.has(lastSegment(path)) ||
      readHeaders(rawHeaders)[field.probe] !== undefined
    );
  }

  function elsewhere(path: string, ours: boolean, method: string, language: Language): Answer {
    if (!ours) return pages.neutral(421, language);
    const shown = method === 'GET' ? finished.get(lastSegment(path)) : undefined;
    return shown ?? pages.neutral(404, language);
  }

  function receive(
    { method, rawHeaders, body, tooLarge }: CallbackRequest,
    headers: RequestHeaders,
    { path, query }: Target,
    authority: string,
    ours: boolean,
    language: Language,
  ): Handled {
    const posted = method === 'POST';
    const read = readResponse(posted ? (body ?? '') : query, options.limits.parameter);
    if (!ours) return refuse(read, language, 421, 'refused', 'wrong_host');
    if (rawHeaders.length > options.limits.headers * 2)
      return refuse(read, language, 431, 'refused', 'too_many_headers');
    if (headers[field.origin] !== undefined && !posted)
      return refuse(read, language, 403, 'refused', 'foreign_origin');
    const reason = speculative(headers);
    if (reason) return refuse(read, language, reason === 'prefetch' ? 503 : 403, 'refused', reason);
    if (posted) {
      if (!isForm(headers)) return refuse(read, language, 415, 'malformed', 'not_a_form');
      if (tooLarge) return refuse(read, language, 413, 'malformed', 'too_large');
      if (body === undefined) return { answer: pages.neutral(400, language), needsBody: true };
      if (hasResponseParameter(query)) return refuse(read, language, 400, 'malformed', 'split_parameters');
    }
    // The redirect URI is compared whole: a second address of ours is not the one the provider was given.
    if (!options.isAdvertised(authority) || (callbackQuery && !retains(query, callbackQuery))) {
      return refuse(read, language, 400, 'wrong_redirect_uri');
    }
    return judge(read, { path, mode: posted ? 'form_post' : 'query' }, language);
  }

  function refuse(
    { fields }: ReadResponse,
    language: Language,
    status: number,
    disposition: Disposition,
    reason?: RefusalReason,
  ): Handled {
    return {
      answer: pages.neutral(status, language),
      redirect: redirectOf(disposition, outline(fields), undefined, reason),
    };
  }

  function judge(response: ReadResponse, arrival: Arrival, language: Language): Handled {
    const { fields, reason } = response;
    const stateless =
      reason === 'missing_state' &&
      fields.error !== undefined &&
      options.errorWithoutState === 'end-only-flow';
    const accepts = options.acceptsUnmatched(response);
    if (reason && !accepts && !stateless) return refused('malformed', fields, language, undefined, reason);
    const match = stateless ? flows.matchOnly(fields, arrival) : flows.match(fields, arrival);
    if (match.disposition === 'accepted') return accepted(match.response, arrival, language, match.flow);
    if (match.disposition !== 'unmatched') return refused(match.disposition, fields, language, match.flow);
    const stored = reason ? undefined : options.stored();
    if (!stored) return unmatched(response, arrival, language);
    return {
      answer: pages.unavailable(language, stored.unavailable[language]),
      later: stored
        .match(fields, arrival)
        .then((found) => judgeStored(stored, found, response, arrival, language)),
    };
  }

  function judgeStored(
    stored: StoredFlows,
    { disposition, flow: id }: Consumed,
    response: ReadResponse,
    arrival: Arrival,
    language: Language,
  ): Handled {
    const { fields } = response;
    const flow = id === undefined ? undefined : { id };
    if (disposition === 'unmatched') return unmatched(response, arrival, language);
    if (disposition !== 'accepted' || !flow) return refused(disposition, fields, language, flow);
    const redirect = redirectOf('accepted', new CallbackResponse(fields), flow);
    const waits: Handled['awaitOutcome'] = (tell) => stored.awaitOutcome(flow.id, tell);
    return pageOf(redirect, arrival, language, undefined, options.settle ? waits : undefined);
  }

  function unmatched(response: ReadResponse, arrival: Arrival, language: Language): Handled {
    const { fields, reason } = response;
    if (options.acceptsUnmatched(response)) {
      const wrong = flows.mismatchUnasked(fields, arrival);
      if (wrong) return refused(wrong, fields, language);
      if (fields.state) flows.remember(detach(fields.state), 'duplicate');
      return accepted(new CallbackResponse(fields), arrival, language);
    }
    if (reason) return refused('malformed', fields, language, undefined, reason);
    const held = flows.hold(fields, arrival, language);
    return held ? { ...refused('held', fields, language), held } : refused('unmatched', fields, language);
  }

  function claim(held: HeldRedirect): Handled {
    return judge({ fields: held.fields }, held.arrival, held.language);
  }

  function refused(
    disposition: Disposition,
    fields: CallbackFields,
    language: Language,
    flow?: { id: string },
    reason?: RefusalReason,
  ): Handled {
    return {
      answer: reason === 'missing_code' ? pages.nothing(language) : pages.neutral(400, language),
      redirect: redirectOf(disposition, outline(fields), flow, reason),
    };
  }

  function accepted(
    response: CallbackResponse,
    arrival: Arrival,
    language: Language,
    flow?: PendingFlow,
  ): Handled {
    // A flow that ends with its subscriber has nobody who could say how the sign-in ended.
    const waits = flow && options.settle && flow.deadline !== Infinity ? waitFor(flow) : undefined;
    return pageOf(redirectOf('accepted', response, flow), arrival, language, flow, waits);
  }

  /** What the person sees of an accepted redirect. */
  function pageOf(
    redirect: Redirect,
    arrival: Arrival,
    language: Language,
    flow: PendingFlow | undefined,
    awaitOutcome?: Handled['awaitOutcome'],
  ): Handled {
    const { response } = redirect;
    if (response.error !== undefined) {
      return { answer: clean(pages.denied(response, language), arrival), redirect, flow };
    }
    if (!awaitOutcome) return { answer: clean(pages.received(language), arrival), redirect, flow };
    return {
      answer: clean(pages.undecided(language), arrival),
      redirect,
      flow,
      outcome: (outcome) => decided(outcome, arrival, language),
      awaitOutcome,
    };
  }

  function decided(outcome: Outcome, arrival: Arrival, language: Language): Answer {
    if (outcome.status === 'redirect') return pages.redirect(outcome.url);
    const page =
      outcome.status === 'success' ? pages.succeeded(language) : pages.failed(outcome.message, language);
    return clean(page, arrival);
  }

  /** Moves a page to a URL without the code, where that is asked for. */
  function clean(page: Answer, { path }: Arrival): Answer {
    if (cleanUrl !== 'redirect') return page;
    const name = `~${randomToken()}`;
    const [oldest] = finished.size >= mostFinished ? finished.keys() : [];
    if (oldest !== undefined) finished.delete(oldest);
    finished.set(name, page);
    // Relative, so that it holds behind a proxy that strips a prefix too.
    const segment = lastSegment(path);
    return pages.redirect(segment ? `./${segment}/${name}` : `./${name}`);
  }

  function redirectOf(
    disposition: Disposition,
    response: CallbackResponse,
    flow?: { id: string },
    reason?: RefusalReason,
  ): Redirect {
    return new Redirect(disposition, response, flows.now(), flow?.id, reason);
  }
}

function lastSegment(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function waitFor(flow: PendingFlow): NonNullable<Handled['awaitOutcome']> {
  return (tell) => {
    flow.onSettled = tell;
    return () => (flow.onSettled = undefined);
  };
}
