/** Behaviour of an authorization server that a spec may change at any time, by writing a member. */
export interface AuthorizationServerSwitches {
  /**
   * Fate of token requests: 503, a connection without an answer, a connection that is reset. `stop()` makes the whole
   * server refuse connections. @default 'answers'
   */
  tokenEndpoint: 'answers' | 'unavailable' | 'hangs' | 'resets';
  /** Awaited before each token request is looked at, so that a spec decides how long it takes. @default undefined */
  beforeToken: (() => Promise<unknown>) | undefined;
  /** Lifetime of access tokens in seconds. @default 600 */
  tokenTtl: number;
  /** Number of sign-ins that the user declines from now on. @default 0 */
  denials: number;
  /** Account that signs in, and `sub` of its tokens. @default 'ada' */
  account: string;
  /** Status of the page that a browser gets with a client that `forget` was called for; it is never redirected. @default 400 */
  forgottenStatus: 200 | 400 | 401 | 404 | 422;
  /** True if a redirect URI must be registered with its port; if not, the browser gets a page with 400. @default false */
  strictRedirectUris: boolean;
  /** True if a registration that names `scope` fails with `invalid_client_metadata`. @default false */
  rejectsScopeInRegistration: boolean;
  /** Scope of clients that register without one. Other scopes are then `invalid_scope`. @default undefined: any scope */
  defaultScope: string | undefined;
  /** Number of registrations from now on that get `defaultScope`, whatever scope they name. @default 0 */
  registrationsWithDefaultScope: number;
  /** True if a refresh without `scope` fails with `invalid_target`, like Entra. @default false */
  refreshNeedsScope: boolean;
  /** True if a refresh without `resource` fails with `invalid_target`. @default false */
  refreshNeedsResource: boolean;
  /** False if ids and secrets in a Basic header are compared as they are, without form-decoding. @default true */
  decodesBasic: boolean;
  /** Members laid over the metadata; undefined leaves a member out. @default {} */
  metadata: Readonly<Record<string, unknown>>;
  /** `iss` of redirects to the client; undefined for none. @default the issuer */
  iss: string | undefined;
}

/** Number of requests to an authorization server since it started. A spec may write them. */
export interface AuthorizationServerCounts {
  /** Requests to register a client. */
  register: number;
  /** Authorization requests, those that a program makes to try the URL included. */
  authorize: number;
  /** Token requests with a code. */
  code: number;
  /** Token requests with a refresh token. */
  refresh: number;
  /** Refresh requests with a token that was used before; each ends its grant. */
  refreshReuse: number;
  /** Revocation requests that succeeded. */
  revoked: number;
  /** Documents of clients that were fetched. */
  documents: number;
  /** Pages that a browser got instead of a redirect. */
  errorPages: number;
}

export const newSwitches = (): AuthorizationServerSwitches => ({
  tokenEndpoint: 'answers',
  beforeToken: undefined,
  tokenTtl: 600,
  denials: 0,
  account: 'ada',
  forgottenStatus: 400,
  strictRedirectUris: false,
  rejectsScopeInRegistration: false,
  defaultScope: undefined,
  registrationsWithDefaultScope: 0,
  refreshNeedsScope: false,
  refreshNeedsResource: false,
  decodesBasic: true,
  metadata: {},
  iss: undefined,
});

export const noCounts = (): AuthorizationServerCounts => ({
  register: 0,
  authorize: 0,
  code: 0,
  refresh: 0,
  refreshReuse: 0,
  revoked: 0,
  documents: 0,
  errorPages: 0,
});
