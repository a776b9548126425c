import type { Arrival, Disposition, RefusalReason } from '../model/redirect.ts';
import { hasDecidingParameter, readResponse, retains, type ReadResponse } from './parameters.ts';
import type { ParameterLimits } from './other-parameters.ts';
import {
  isAuthority,
  isDoubtful,
  isForm,
  readTarget,
  speculative,
  type CallbackRequest,
  type RequestHeaders,
} from './request.ts';
import type { StartRequest } from './start.ts';

export interface ChecksOptions {
  /** Path of the redirect URI. */
  callbackPath: string;
  /** Path that start URLs begin with. */
  startPath: string;
  /** Query that is part of the redirect URI; empty if it has none. */
  callbackQuery: string;
  /** Bounds on parameters, and maximum number of headers. */
  limits: ParameterLimits & { headers: number };
  /** Tells if a `Host` names this server. */
  isOurs: (authority: string) => boolean;
  /** Tells if a `Host` is one that the redirect URI may arrive with. */
  isAdvertised: (authority: string) => boolean;
  /** Tells if a flow may have a redirect URI below the callback path. */
  takesContexts: () => boolean;
  /** Tells if a flow may have a start URL. */
  takesStarts: () => boolean;
  /** Returns the digest of the cookie that the browser has for the flow of a state. */
  browserOf: (cookies: string | undefined, state: string | undefined) => string | undefined;
  /** Tells if a flow may expect its response as a form. */
  takesForms: () => boolean;
  /** Tells if a flow waits for its redirect. */
  awaitsRedirects: () => boolean;
}

/** What a request is, as far as it can be told without the flows. */
export type Checked =
  /** A readable redirect, valid or not, to the registered redirect URI. */
  | {
      readonly kind: 'response';
      readonly response: ReadResponse;
      readonly arrival: Arrival;
      readonly address: string | undefined;
    }
  | Refusal
  /** A form, although no flow expects one. */
  | { readonly kind: 'unexpected-form'; readonly response: ReadResponse }
  /** A request for the page of a sign-in that is over, at its clean URL. */
  | { readonly kind: 'finished'; readonly query: string }
  /** A request for the callback path by a method that no redirect has. */
  | { readonly kind: 'wrong-method'; readonly allow: string }
  /** A request that is not for a path of this server. */
  | { readonly kind: 'foreign'; readonly status: number }
  /** A request of which it is unknown where the next one begins. */
  | { readonly kind: 'doubtful' }
  | { readonly kind: 'self-probe'; readonly nonce: string }
  /** A request for the start URL of a flow. */
  | { readonly kind: 'start'; readonly request: StartRequest }
  /** A request to this server for a path that is not the callback path. */
  | { readonly kind: 'elsewhere' }
  | { readonly kind: 'needs-body' };

/** A redirect that no flow may get, however valid its response is. */
export interface Refusal {
  readonly kind: 'refusal';
  readonly response: ReadResponse;
  readonly status: number;
  readonly disposition: Disposition;
  readonly reason?: RefusalReason | undefined;
}

// 128 random bits.
const startIdForm = /^\/([\w-]{22})$/;

/** Checks that need no flow: the shape of the request, its host, path, method and headers, and its origin. */
export class Checks {
  readonly #options: ChecksOptions;
  readonly #below: string;

  constructor(options: ChecksOptions) {
    this.#options = options;
    const { callbackPath } = options;
    this.#below = callbackPath.endsWith('/') ? callbackPath : `${callbackPath}/`;
  }

  check(request: CallbackRequest, headers: RequestHeaders): Checked {
    const { isOurs, takesForms } = this.#options;
    const { method } = request;
    if (isDoubtful(method, headers)) return { kind: 'doubtful' };
    const target = readTarget(request.target);
    const host = headers.host?.toLowerCase() ?? '';
    if (!target || !(isOurs(host) || isAuthority(host))) return { kind: 'foreign', status: 400 };
    const { path, query, authority = host } = target;
    const ours = isOurs(authority);
    if (ours && headers.probe !== undefined) return { kind: 'self-probe', nonce: headers.probe };
    const startId = this.#startIdOf(path);
    if (startId !== undefined && this.#options.isAdvertised(authority)) {
      if (method !== 'GET' && method !== 'POST') return { kind: 'wrong-method', allow: 'GET, POST' };
      return { kind: 'start', request: { startId, method, headers } };
    }
    if (!this.isCallback(path)) return ours ? { kind: 'elsewhere' } : { kind: 'foreign', status: 421 };
    if (ours && method === 'GET' && query.startsWith('~')) return { kind: 'finished', query };
    const posted = method === 'POST';
    if (method !== 'GET' && !(posted && takesForms())) {
      if (posted && ours && this.#mayConcernFlow(request, headers)) return this.#unexpectedForm(request);
      return { kind: 'wrong-method', allow: takesForms() ? 'GET, POST' : 'GET' };
    }

    const response = readResponse(posted ? (request.body ?? '') : query, this.#options.limits);
    const refusal = ours
      ? this.#refusalByHeaders(request, headers)
      : ({ status: 421, disposition: 'refused', reason: 'wrong_host' } as const);
    if (refusal) return { kind: 'refusal', response, ...refusal };
    if (posted) {
      const unfit = unfitForm(request, headers, query);
      if (unfit) return { kind: 'refusal', response, disposition: 'malformed', ...unfit };
      if (request.body === undefined) return { kind: 'needs-body' };
    }
    if (!this.#isRedirectUri(authority, query))
      return { kind: 'refusal', response, status: 400, disposition: 'wrong_redirect_uri' };
    const mode = posted ? 'form_post' : 'query';
    const browser = this.#options.browserOf(headers.cookie, response.fields.state);
    const arrival: Arrival = { path, mode, browser, pasted: request.pasted };
    return { kind: 'response', response, arrival, address: request.address };
  }

  /** Tells if a path is that of a redirect or of a start URL. */
  concerns(path: string): boolean {
    return this.isCallback(path) || this.#startIdOf(path) !== undefined;
  }

  #startIdOf(path: string): string | undefined {
    const { startPath, takesStarts } = this.#options;
    if (!path.startsWith(startPath) || !takesStarts()) return undefined;
    return startIdForm.exec(path.slice(startPath.length))?.[1];
  }

  /** Tells if a path is the callback path or, if flows may have their own, a path below it. */
  isCallback(path: string): boolean {
    if (path === this.#options.callbackPath) return true;
    return (
      this.#options.takesContexts() &&
      path.startsWith(this.#below) &&
      /^[\w.-]+$/.test(path.slice(this.#below.length))
    );
  }

  /** Tells if a POST request may be the response to a flow, in a mode that the flow does not expect. */
  #mayConcernFlow(request: CallbackRequest, headers: RequestHeaders): boolean {
    const isReadable = isForm(headers) && !request.tooLarge && this.#options.awaitsRedirects();
    return isReadable && !this.#refusalByHeaders(request, headers);
  }

  #unexpectedForm({ body }: CallbackRequest): Checked {
    if (body === undefined) return { kind: 'needs-body' };
    return { kind: 'unexpected-form', response: readResponse(body, this.#options.limits) };
  }

  /** Tells why the headers are not those of a navigation by a user's browser. */
  #refusalByHeaders(
    { method, rawHeaders }: CallbackRequest,
    headers: RequestHeaders,
  ): Pick<Refusal, 'status' | 'disposition' | 'reason'> | undefined {
    const disposition = 'refused';
    if (rawHeaders.length > this.#options.limits.headers * 2)
      return { status: 431, disposition, reason: 'too_many_headers' };
    if (headers.origin !== undefined && method !== 'POST')
      return { status: 403, disposition, reason: 'foreign_origin' };
    const reason = speculative(headers);
    return reason && { status: reason === 'prefetch' ? 503 : 403, disposition, reason };
  }

  /** The redirect URI must match exactly; another address of this server is not the registered one. */
  #isRedirectUri(authority: string, query: string): boolean {
    const { isAdvertised, callbackQuery } = this.#options;
    return isAdvertised(authority) && (callbackQuery === '' || retains(query, callbackQuery));
  }
}

/** Tells why a POST request is not a form with a response. The reasons are the same before and after its body is read. */
function unfitForm(
  { body, tooLarge }: CallbackRequest,
  headers: RequestHeaders,
  query: string,
): Pick<Refusal, 'status' | 'reason'> | undefined {
  if (!isForm(headers)) return { status: 415, reason: 'not_a_form' };
  if (tooLarge) return { status: 413, reason: 'too_large' };
  if (body !== undefined && hasDecidingParameter(query)) return { status: 400, reason: 'split_parameters' };
  return undefined;
}
