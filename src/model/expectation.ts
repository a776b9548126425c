import { InvalidOptionError } from '../base/invalid-option.ts';
import { invalid, requireOneOf } from '../base/validate.ts';
import type { Binding } from './binding.ts';
import type { BeginOptions } from './flow.ts';
import type { Arrival, ResponseMode } from './redirect.ts';

/** Properties that a response must have to be accepted, besides the state. */
export interface Expectation {
  /** Path of the flow's redirect URI. */
  readonly path: string;
  readonly responseMode: ResponseMode;
  readonly issuer: IssuerExpectation | undefined;
  /** Digest of the cookie that the browser must have. Left out if any browser may bring the response. */
  readonly browser?: string;
  /** True if a person must confirm the response by a code. */
  readonly byCode?: true;
}

/** Expected issuer of a response. @see RFC 9207 section 2.4 */
export interface IssuerExpectation {
  /** Issuer for which the flow was begun. If no flow was begun, all issuers of the server. */
  issuers: readonly string[];
  /** True if the issuer's metadata says `authorization_response_iss_parameter_supported: true`. */
  advertised: boolean;
  /** True if a response without `iss` is rejected. */
  required: boolean;
  /** Treatment of a response with an `iss` that was not advertised. */
  unadvertised: 'compare' | 'discard';
}

// Excludes "." and "..": browsers remove them from a path before they send the request.
const contextForm = /^(?!\.{1,2}$)[\w.-]{1,128}$/;

/** Creates the expectation that all flows with default options share. */
export function usualExpectation(callbackPath: string): Expectation {
  return { path: callbackPath, responseMode: 'query', issuer: undefined };
}

/**
 * Reads the expectation from the options of `begin`. Returns `usual` itself if they do not change it.
 *
 * @throws InvalidOptionError if an option is invalid or contradicts another one.
 */
export function readExpectation(
  options: BeginOptions,
  usual: Expectation,
  issuers: readonly string[],
): Expectation {
  const { context, responseMode = 'query' } = options;
  if (context !== undefined && !contextForm.test(context)) {
    throw invalid('context', 'be letters, digits, ".", "_" and "-"', context);
  }
  requireOneOf('responseMode', responseMode, ['query', 'form_post']);
  requireOneOf('unadvertisedIssuer', options.unadvertisedIssuer ?? 'compare', ['compare', 'discard']);
  const issuer = readIssuer(options, issuers);
  if (context === undefined && responseMode === usual.responseMode && !issuer) return usual;
  return { path: contextPath(usual.path, context), responseMode, issuer };
}

/** Returns the binding that an expectation comes from. */
export function bindingOf({ browser, byCode }: Expectation): Binding {
  if (byCode) return 'code';
  return browser === undefined ? 'none' : 'cookie';
}

/** Adds to an expectation that a person must confirm the response, if the binding says so. */
export function withCode(expectation: Expectation, binding: Binding): Expectation {
  return binding === 'code' ? { ...expectation, byCode: true } : expectation;
}

/** Returns the expectation for a response whose state no flow has. */
export function plainExpectation(usual: Expectation, issuers: readonly string[]): Expectation {
  if (issuers.length === 0) return usual;
  return { ...usual, issuer: { issuers, advertised: false, required: false, unadvertised: 'compare' } };
}

function readIssuer(options: BeginOptions, issuers: readonly string[]): IssuerExpectation | undefined {
  const {
    issuerAdvertised = false,
    requireIssuer = false,
    unadvertisedIssuer = 'compare',
    context,
  } = options;
  const issuer = options.issuer ?? (issuers.length === 1 ? issuers[0] : undefined);
  if (issuers.length > 0 && !issuers.includes(issuer ?? '')) {
    throw invalid('issuer', "be one of the server's issuers", issuer);
  }
  if (issuer === undefined) {
    const pointless = (['issuerAdvertised', 'requireIssuer', 'unadvertisedIssuer'] as const).find(
      (name) => options[name] !== undefined && options[name] !== false,
    );
    if (pointless) throw new InvalidOptionError(pointless, 'requires the issuer');
    return undefined;
  }
  // No other one can equal an `iss`.
  if (typeof issuer !== 'string' || !/^[^\s\p{Cc}]+$/u.test(issuer))
    throw invalid('issuer', 'be a URL without spaces', issuer);
  // With several authorization servers, the path or `iss` must tell their responses apart (RFC 8252 section 8.10).
  if (issuers.length > 1 && context === undefined && !issuerAdvertised && !requireIssuer) {
    throw new InvalidOptionError(
      'context',
      'or issuerAdvertised or requireIssuer is needed with several issuers',
    );
  }
  if (requireIssuer && !issuerAdvertised && unadvertisedIssuer === 'discard') {
    throw new InvalidOptionError(
      'unadvertisedIssuer',
      "must not be 'discard' with requireIssuer: nothing could be accepted",
    );
  }
  return {
    issuers: [issuer],
    advertised: issuerAdvertised,
    required: requireIssuer,
    unadvertised: unadvertisedIssuer,
  };
}

function contextPath(callbackPath: string, context: string | undefined): string {
  return context === undefined ? callbackPath : `${callbackPath.replace(/\/$/, '')}/${context}`;
}

/** Reason to reject a response although its state matches. */
export type Mismatch = 'wrong_redirect_uri' | 'wrong_response_mode' | 'wrong_issuer' | 'wrong_browser';

/** Compares a response whose state matches with the expectation. Returns undefined if it may be accepted. */
export function mismatch(
  expected: Expectation,
  arrival: Arrival,
  iss: string | undefined,
): Mismatch | undefined {
  if (arrival.path !== expected.path) return 'wrong_redirect_uri';
  if (arrival.mode !== expected.responseMode) return 'wrong_response_mode';
  if (expected.issuer && !issuerFits(expected.issuer, iss)) return 'wrong_issuer';
  return browserFits(expected, arrival) ? undefined : 'wrong_browser';
}

/** Tells if the flow was started in the browser that brings the response, or if a person brings it to the program. */
function browserFits({ browser }: Expectation, arrival: Arrival): boolean {
  return browser === undefined || arrival.pasted === true || arrival.browser === browser;
}

/**
 * Tells if a person must confirm a response that fits. One that was pasted is confirmed by that, and an error gives the program
 * nothing that it must not have.
 */
export function needsCode({ byCode }: Expectation, { pasted }: Arrival, error: string | undefined): boolean {
  return byCode === true && pasted !== true && error === undefined;
}

/** Returns the issuer that a flow expects, if it expects exactly one. */
export function issuerOf({ issuer }: Expectation): string | undefined {
  return issuer?.issuers.length === 1 ? issuer.issuers[0] : undefined;
}

/** Compares issuers as strings, without normalising them. @see RFC 9207 section 2.4; RFC 3986 section 6.2.1 */
export function issuerFits(
  { issuers, advertised, required, unadvertised }: IssuerExpectation,
  iss: string | undefined,
): boolean {
  if (iss === undefined) return !advertised && !required;
  return issuers.includes(iss) && (advertised || unadvertised === 'compare');
}
