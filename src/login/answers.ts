/** Answer of an authorization server, with its whole body. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** Failure that an authorization server reports in the body of its answer. */
export class ReportedError extends Error {
  constructor(
    /** HTTP status of the answer, which may be 200. */
    readonly status: number,
    /** OAuth error code. */
    readonly error: string,
    readonly description: string | undefined,
  ) {
    super('the server reported an error');
  }
}

/** Answer that is not passed on to openid-client. */
export class UnusableAnswerError extends Error {
  constructor(
    readonly status: number,
    /** Continues a sentence that begins with the endpoint. */
    readonly reason: string,
  ) {
    super(reason);
  }
}

/** Error of a server that wants its nonce in the proof. @see RFC 9449 section 8 */
const nonceRequired = 'use_dpop_nonce';

// Statuses whose answers have no body.
const bodiless = [204, 205, 304];

/** Passes an answer on as it is. */
export function asIs({ status, headers, text }: Answer): Response {
  return new Response(bodiless.includes(status) ? null : text, { status, headers });
}

/** Passes metadata on without its empty fields. */
export function metadataAnswer(answer: Answer): Response {
  const body = isOk(answer) ? readJson(answer.text) : undefined;
  return isRecord(body) ? Response.json(withoutEmpty(body)) : asIs(answer);
}

/** Passes keys on. */
export function keysAnswer(answer: Answer): Response {
  if (isOk(answer)) return asIs(answer);
  throw new UnusableAnswerError(
    answer.status,
    `gave an ID token, but its jwks_uri answered ${answer.status}`,
  );
}

/**
 * Passes a token response on, with the status and fields that openid-client expects.
 *
 * @throws {ReportedError} if the answer reports an error, whatever its status, media type and headers
 */
export function tokenAnswer(answer: Answer): Response {
  const body = readBody(answer.text);
  if (!isOk(answer) || body?.['access_token'] === undefined) return unlessReported(answer, body);
  const { scope } = body;
  return passed({ ...body, scope: Array.isArray(scope) ? scope.join(' ') : scope }, answer);
}

/**
 * Passes the answer to a revocation on. Its body has no meaning, and servers also answer with another status than 200.
 *
 * @throws {ReportedError} if the answer reports an error, whatever its status, media type and headers
 */
export function revocationAnswer(answer: Answer): Response {
  const passed = unlessReported(answer, readBody(answer.text));
  return isOk(answer) ? new Response() : passed;
}

/**
 * Passes the answer to a pushed authorization request on, with the status that openid-client expects.
 *
 * @throws {ReportedError} if the answer reports an error, whatever its status, media type and headers
 */
export function pushedAnswer(answer: Answer): Response {
  const body = readBody(answer.text);
  if (!isOk(answer) || body?.['request_uri'] === undefined) return unlessReported(answer, body);
  return passed(body, answer, 201);
}

/**
 * Passes the answer to a device authorization request on, with the fields that openid-client expects.
 *
 * @throws {ReportedError} if the answer reports an error, whatever its status, media type and headers
 */
export function deviceAnswer(answer: Answer): Response {
  const body = readBody(answer.text);
  if (!isOk(answer) || body?.['device_code'] === undefined) return unlessReported(answer, body);
  const { interval, verification_uri, verification_url, ...rest } = body;
  return Response.json({
    ...rest,
    // Google has the name of an early draft.
    verification_uri: verification_uri ?? verification_url,
    ...(Number(interval) > 0 && { interval: Number(interval) }),
  });
}

/**
 * Passes a registration on, with the status and fields that openid-client expects.
 *
 * @throws {ReportedError} if the answer reports an error, whatever its status, media type and headers
 */
export function registrationAnswer(answer: Answer): Response {
  const body = readBody(answer.text);
  if (!isOk(answer) || body?.['client_id'] === undefined) return unlessReported(answer, body);
  const expiry = Number(body['client_secret_expires_at']);
  // Required beside a secret (RFC 7591 section 3.2.1), but often left out; 0 means that the secret does not expire.
  return Response.json({ ...body, client_secret_expires_at: expiry > 0 ? expiry : 0 }, { status: 201 });
}

/** Returns the record without fields that are `null`, `''` or `[]`: some servers write absent fields so. */
export function withoutEmpty<T extends object>(record: T): T {
  const given = Object.entries(record).filter(([, value]) => !isEmpty(value));
  return Object.fromEntries(given) as T;
}

function isEmpty(value: unknown): boolean {
  return value === null || value === '' || (Array.isArray(value) && value.length === 0);
}

function isOk({ status }: Answer): boolean {
  return status >= 200 && status < 300;
}

/** Passes a body on, with the nonce for the next proof (RFC 9449 section 8.2). */
function passed(body: object, { headers }: Answer, status = 200): Response {
  const nonce = headers.get('dpop-nonce');
  return Response.json(body, { status, ...(nonce !== null && { headers: { 'dpop-nonce': nonce } }) });
}

function unlessReported(answer: Answer, body: Record<string, unknown> | undefined): Response {
  const { error, error_description } = body ?? {};
  // openid-client sends the request again, with the nonce of this answer.
  if (error === nonceRequired) return passed({ error, error_description }, answer, 400);
  if (typeof error === 'string') throw new ReportedError(answer.status, error, textOf(error_description));
  // Not as in RFC 6749, but common: `{ "error": { "code": "…", "message": "…" } }`.
  const { code, type, status, message } = isRecord(error) ? error : {};
  const name = [code, type, status].find((each) => typeof each === 'string');
  if (name !== undefined) throw new ReportedError(answer.status, name, textOf(message));
  return asIs(answer);
}

const form = /^\s*[\w.-]+=[^<>\s]*\s*$/;

/** Reads a body as JSON or, failing that, as a form. Servers often send another media type than that of the body. */
function readBody(text: string): Record<string, unknown> | undefined {
  const body = readJson(text) ?? (form.test(text) ? new URLSearchParams(text.trim()) : undefined);
  if (body instanceof URLSearchParams) return withoutEmpty(Object.fromEntries(body));
  return isRecord(body) ? withoutEmpty(body) : undefined;
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
