import { InvalidOptionError } from './errors.ts';
import type { BeginOptions } from './flow.ts';
import { invalid, requireOneOf } from './validate.ts';
import type { Arrival, ResponseMode } from './redirect.ts';

/** What a flow's response must come with, besides its state. */
export interface Expectation {
  /** The path of the flow's redirect URI. */
  readonly path: string;
  readonly responseMode: ResponseMode;
  readonly issuer: IssuerExpectation | undefined;
}

/** The authorization server a flow was begun for. @see RFC 9207 section 2.4 */
export interface IssuerExpectation {
  /** The one the flow was begun for; all of the server's, where nobody said which. */
  issuers: readonly string[];
  /** Its metadata says `authorization_response_iss_parameter_supported: true`. */
  advertised: boolean;
  required: boolean;
  /** What to do with an `iss` that was not advertised. */
  unadvertised: 'compare' | 'discard';
}

// Not "." or "..", which a browser would resolve before it asks.
const contextForm = /^(?!\.{1,2}$)[\w.-]{1,128}$/;

/** What a flow of nothing but defaults expects: one object for all of them. */
export function usualExpectation(callbackPath: string): Expectation {
  return { path: callbackPath, responseMode: 'query', issuer: undefined };
}

/**
 * Reads what `begin` was told of the response to expect: `usual`, where that is nothing else. Throws `InvalidOptionError`
 * for contradictions.
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

/** What is expected of a response that no flow has asked for. */
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
  if (issuer === undefined || issuer === '') {
    const pointless = (['issuer', 'issuerAdvertised', 'requireIssuer', 'unadvertisedIssuer'] as const).find(
      (name) => options[name] !== undefined && options[name] !== false,
    );
    if (pointless) throw new InvalidOptionError(pointless, 'needs the issuer, got none');
    return undefined;
  }
  // RFC 8252 section 8.10: with several servers, one of the two must tell their responses apart.
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

/** Why a response whose state matches is not accepted all the same. */
export type Mismatch = 'wrong_redirect_uri' | 'wrong_response_mode' | 'wrong_issuer';

/** What is wrong with a response whose state matches; undefined where it may be accepted. */
export function mismatch(
  expected: Expectation,
  arrival: Arrival,
  iss: string | undefined,
): Mismatch | undefined {
  if (arrival.path !== expected.path) return 'wrong_redirect_uri';
  if (arrival.mode !== expected.responseMode) return 'wrong_response_mode';
  return expected.issuer && !issuerFits(expected.issuer, iss) ? 'wrong_issuer' : undefined;
}

/** By simple string comparison: a normalised issuer is another issuer. @see RFC 3986 section 6.2.1 */
function issuerFits(
  { issuers, advertised, required, unadvertised }: IssuerExpectation,
  iss: string | undefined,
): boolean {
  if (iss === undefined) return !advertised && !required;
  return issuers.includes(iss) && (advertised || unadvertised === 'compare');
}
