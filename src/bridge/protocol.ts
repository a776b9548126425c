import * as v from 'valibot';
import { mostAcknowledged } from '../client/names.ts';

export { subprotocol, ticketPrefix } from '../client/names.ts';

/** Why a connection is closed. Those below 4000 are of RFC 6455 and IANA. */
export const closeCodes = {
  done: 1000,
  shutdown: 1001,
  binary: 1003,
  notUtf8: 1007,
  policy: 1008,
  tooBig: 1009,
  fault: 1011,
  restart: 1012,
  overload: 1013,
  credential: 4401,
  takenOver: 4409,
  elsewhere: 4410,
  tooFast: 4429,
} as const;

// A message is bounded as a whole.
const text = v.string();
const id = v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/));
const ref = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
// 32 bytes, base64url without padding.
const digest = v.pipe(v.string(), v.regex(/^[\w-]{43}$/));

// As many as fit into a message, whatever their length.
const flows = v.pipe(v.array(id), v.minLength(1), v.maxLength(mostAcknowledged));

const outcome = v.variant('status', [
  v.object({ status: v.literal('success') }),
  v.object({ status: v.literal('failure'), message: text }),
  v.object({ status: v.literal('redirect'), url: text }),
]);

/** What a client says. All but `watch` and `ping` are a listener's; `watch` is a monitor's. */
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
  }),
  v.object({ type: v.literal('resume'), ref, flow: id, state: text, proof: digest }),
  v.object({ type: v.literal('ack'), flows }),
  v.object({ type: v.literal('cancel'), flow: id }),
  v.object({ type: v.literal('settle'), flow: id, outcome }),
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
});

const result = v.variant('type', [
  v.object({ type: v.literal('response'), response }),
  v.object({ type: v.literal('expired') }),
  v.object({ type: v.literal('cancelled') }),
]);

const counts = v.record(v.string(), ref);

/** What the service says. */
export const serviceMessage = v.variant('type', [
  v.object({
    type: v.literal('welcome'),
    roles: v.array(v.picklist(['listener', 'monitor'])),
    nonce: text,
    epoch: id,
    redirectUri: text,
    now: ref,
    burst: ref,
    perSecond: ref,
  }),
  v.object({ type: v.literal('begun'), ref, flow: id, redirectUri: text, expiresAt: ref }),
  v.object({ type: v.literal('resumed'), ref, flow: id }),
  v.object({
    type: v.literal('failed'),
    ref,
    code: v.picklist([
      'invalid_option',
      'state_in_use',
      'too_many_flows',
      'unknown_flow',
      'unavailable',
      'closed',
    ]),
    message: v.string(),
    option: v.optional(v.string()),
  }),
  v.object({ type: v.literal('result'), flow: id, result }),
  v.object({ type: v.literal('acknowledged'), flows }),
  v.object({ type: v.literal('watching'), epoch: id, next: ref, counts, reasons: counts }),
  v.object({ type: v.literal('event'), n: ref, event: v.looseObject({ type: v.string(), at: v.number() }) }),
  v.object({ type: v.literal('pending'), pending: ref }),
  v.object({ type: v.literal('pong') }),
]);

export type ClientMessage = v.InferOutput<typeof clientMessage>;
/** A client's message of one type. */
export type Said<T extends ClientMessage['type']> = Extract<ClientMessage, { type: T }>;
export type ServiceMessage = v.InferOutput<typeof serviceMessage>;
export type Role = 'listener' | 'monitor';

/** A `begin` with a member that is not what it must be: refused by itself, since others wait over the same connection. */
export interface BadBegin {
  type: 'bad';
  ref: number;
  option: string;
  message: string;
}

const answerable = v.object({ type: v.literal('begin'), ref });

/** The message in a client's text frame; undefined where it is none. */
export function readClientMessage(frame: string): ClientMessage | BadBegin | undefined {
  let value: unknown;
  try {
    value = JSON.parse(frame);
  } catch {
    return undefined;
  }
  const parsed = v.safeParse(clientMessage, value, { abortEarly: true });
  if (parsed.success) return parsed.output;
  const begin = v.safeParse(answerable, value);
  if (!begin.success) return undefined;
  const [{ path, expected, received }] = parsed.issues;
  const option = (path?.[0]?.key ?? 'options') as string;
  // Not what it is: a key would do for a secret.
  const message = received === 'undefined' ? 'is missing' : `must be ${expected}`;
  return { type: 'bad', ref: begin.output.ref, option, message };
}
