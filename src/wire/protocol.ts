import * as v from 'valibot';
import { maxAcknowledged } from './names.ts';

export { subprotocol, ticketPrefix } from './names.ts';

/** Close codes of the bridge. Codes below 4000 are registered by RFC 6455 and IANA. */
export const closeCodes = {
  done: 1000,
  shutdown: 1001,
  framing: 1002,
  binary: 1003,
  notUtf8: 1007,
  policy: 1008,
  tooBig: 1009,
  fault: 1011,
  restart: 1012,
  overload: 1013,
  credential: 4401,
  tooFast: 4429,
} as const;

const whole = 'must be a whole number from 0 to 2^53 - 1';

// No bound: the size of a whole message is bounded.
const text = v.string();
const id = v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/, 'must be 1 to 64 letters, digits, "_" and "-"'));
const ref = v.pipe(v.number(), v.safeInteger(whole), v.minValue(0, whole));
const positive = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
// 32 bytes, base64url without padding.
const digest = v.pipe(
  v.string(),
  v.regex(/^[\w-]{43}$/, 'must be 43 letters, digits, "_" and "-", without padding'),
);

// As many as fit into one message, however long the ids are.
const flowIds = v.pipe(
  v.array(id),
  v.minLength(1, 'must have an id'),
  v.maxLength(maxAcknowledged, `must have at most ${maxAcknowledged} ids`),
);

const outcome = v.variant('status', [
  v.object({ status: v.literal('success') }),
  v.object({ status: v.literal('failure'), message: text }),
  v.object({ status: v.literal('redirect'), url: text }),
]);

/** Messages of a client. A listener may send all but `watch`, a monitor only `watch` and `ping`. */
export const clientMessage = v.variant('type', [
  v.object({
    type: v.literal('begin'),
    ref,
    state: text,
    key: digest,
    ttl: v.optional(v.number()),
    issuer: v.optional(text),
    issuerAdvertised: v.optional(v.boolean()),
    requireIssuer: v.optional(v.boolean()),
    unadvertisedIssuer: v.optional(v.picklist(['compare', 'discard'])),
    responseMode: v.optional(v.picklist(['query', 'form_post'])),
    context: v.optional(text),
    label: v.optional(text),
    serverUrl: v.optional(text),
    binding: v.optional(v.picklist(['cookie', 'code', 'none'])),
  }),
  v.object({ type: v.literal('start'), ref, flowId: id, url: text }),
  v.object({ type: v.literal('confirm'), ref, flowId: id, code: text }),
  v.object({ type: v.literal('resume'), ref, flowId: id, state: text, proof: digest }),
  v.object({ type: v.literal('ack'), flowIds }),
  v.object({ type: v.literal('cancel'), flowId: id }),
  v.object({
    type: v.literal('settle'),
    flowId: id,
    outcome,
    state: v.optional(text),
    proof: v.optional(digest),
  }),
  v.object({ type: v.literal('leave') }),
  v.object({ type: v.literal('watch'), epoch: v.optional(id), since: v.optional(ref) }),
  v.object({ type: v.literal('ping') }),
]);

const response = v.object({
  code: v.optional(text),
  state: v.optional(text),
  error: v.optional(text),
  error_description: v.optional(text),
  error_uri: v.optional(text),
  iss: v.optional(text),
  // Pairs, because an object could not have every name, and to keep the order of repeated names.
  parameters: v.optional(v.pipe(v.array(v.pipe(v.tuple([text, text]), v.readonly())), v.readonly())),
  droppedParameters: v.optional(ref),
});

const result = v.variant('type', [
  v.object({ type: v.literal('response'), response }),
  v.object({ type: v.literal('expired') }),
  v.object({ type: v.literal('cancelled') }),
]);

const counts = v.record(v.string(), ref);

const outcomes = v.object({ succeeded: ref, denied: ref, failed: ref, expired: ref, cancelled: ref });

/** Messages of the service. */
export const serviceMessage = v.variant('type', [
  v.object({
    type: v.literal('welcome'),
    roles: v.array(v.picklist(['listener', 'monitor'])),
    nonce: text,
    epoch: id,
    redirectUri: text,
    now: ref,
    burst: positive,
    perSecond: positive,
    heartbeat: v.optional(positive),
  }),
  v.object({
    type: v.literal('begun'),
    ref,
    flowId: id,
    redirectUri: text,
    expiresAt: ref,
    binding: v.optional(v.picklist(['cookie', 'code'])),
    startUrl: v.optional(text),
  }),
  v.object({ type: v.literal('resumed'), ref, flowId: id }),
  v.object({
    type: v.literal('failed'),
    ref,
    code: v.picklist([
      'invalid_option',
      'state_in_use',
      'too_many_flows',
      'wrong_code',
      'unknown_flow',
      'unavailable',
      'closed',
    ]),
    message: v.string(),
    option: v.optional(v.string()),
  }),
  v.object({ type: v.literal('started'), ref, flowId: id }),
  v.object({ type: v.literal('confirmed'), ref, flowId: id }),
  v.object({ type: v.literal('result'), flowId: id, result }),
  v.object({ type: v.literal('lost'), flowId: id, reason: v.picklist(['taken_over', 'unknown_flow']) }),
  v.object({ type: v.literal('acknowledged'), flowIds }),
  v.object({ type: v.literal('watching'), epoch: id, next: ref, counts, reasons: counts }),
  v.object({ type: v.literal('event'), n: ref, event: v.looseObject({ type: v.string(), at: v.number() }) }),
  v.object({ type: v.literal('pending'), pending: ref }),
  v.object({
    type: v.literal('service'),
    service: v.object({
      version: text,
      startedAt: ref,
      name: v.optional(text),
      node: v.optional(text),
      store: v.picklist(['memory', 'shared', 'unavailable']),
      connections: ref,
      listeners: ref,
      monitors: ref,
      outcomes,
      recent: outcomes,
    }),
  }),
  v.object({
    type: v.literal('flows'),
    waiting: v.array(
      v.object({
        flowId: id,
        begunAt: v.optional(ref),
        expiresAt: v.optional(ref),
        label: v.optional(text),
        issuer: v.optional(text),
        listener: v.optional(text),
        tenant: v.optional(text),
      }),
    ),
  }),
  v.object({ type: v.literal('pong') }),
]);

/** Message of a client. */
export type ClientMessage = v.InferOutput<typeof clientMessage>;
/** Message of a client, of one type. */
export type ClientMessageOf<T extends ClientMessage['type']> = Extract<ClientMessage, { type: T }>;
/** Message of the service. */
export type ServiceMessage = v.InferOutput<typeof serviceMessage>;
/** Message of the service, of one type. */
export type ServiceMessageOf<T extends ServiceMessage['type']> = Extract<ServiceMessage, { type: T }>;
/** Role of a connection: a listener waits for its own flows, a monitor reads the redacted feed. */
export type Role = 'listener' | 'monitor';

/** A `begin` with an invalid member. Only this message is rejected, because other flows wait over the same connection. */
export interface BadBegin {
  type: 'bad';
  ref: number;
  option: string;
  message: string;
}

/** A message that cannot be understood. `reason` names the member and its form, and never shows a value. */
export interface BadMessage {
  type: 'invalid';
  reason: string;
}

const answerable = v.object({ type: v.literal('begin'), ref });

/** Reads the message in a client's text frame. */
export function readClientMessage(frame: string): ClientMessage | BadBegin | BadMessage {
  let value: unknown;
  try {
    value = JSON.parse(frame);
  } catch {
    return { type: 'invalid', reason: 'a message must be JSON' };
  }
  return clientMessageFrom(value);
}

/** Reads the message that a value is. It may have any depth. */
export function clientMessageFrom(value: unknown): ClientMessage | BadBegin | BadMessage {
  const parsed = v.safeParse(clientMessage, value, { abortEarly: true });
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const path = (issue.path ?? []).map(({ key }) => String(key));
  const message = faultOf(issue);
  const begin = v.safeParse(answerable, value);
  if (begin.success) return { type: 'bad', ref: begin.output.ref, option: path[0] ?? 'options', message };
  const known = v.safeParse(typed, value);
  const of = known.success && path[0] !== 'type' ? [known.output.type, ...path] : path;
  if (of.length === 0) return { type: 'invalid', reason: 'a message must be a JSON object' };
  return { type: 'invalid', reason: `${of.join('.')} ${message}` };
}

const typed = v.object({
  type: v.picklist(clientMessage.options.map(({ entries }) => entries.type.literal)),
});

/** Describes an issue without the value, which may be secret. */
function faultOf({ kind, type, received, expected, message }: v.BaseIssue<unknown>): string {
  if (received === 'undefined') return 'is missing';
  // A value of the right type that breaks a rule; the schema has the sentence.
  if (kind === 'validation') return message;
  return type === 'variant' ? 'is unknown' : `must be ${expected ?? 'of another type'}`;
}
