import * as v from 'valibot';
import { serviceMessage, type Role, type ServiceMessage } from './protocol.ts';

/** Maximum length of a message of the service: as much as it queues for a connection. */
export const maxServiceMessage = 262_144;

const isRole = (name: string): name is Role => name === 'listener' || name === 'monitor';

const [welcome, begun, resumed, failed, ...others] = serviceMessage.options;

/** Messages of the service, in which a newer one may use names that this client does not know. */
const tolerant = v.variant('type', [
  v.object({
    ...welcome.entries,
    roles: v.pipe(
      v.array(v.string()),
      v.transform((roles) => roles.filter(isRole)),
    ),
  }),
  begun,
  resumed,
  // Whatever it is, the request has failed for good.
  v.object({ ...failed.entries, code: v.fallback(failed.entries.code, 'closed') }),
  ...others,
]);

const types: ReadonlySet<unknown> = new Set(
  serviceMessage.options.map(({ entries }) => entries.type.literal),
);

/**
 * Reads a message of the service. Returns undefined if it is of a type that only a newer service has.
 *
 * @throws TypeError if it is no valid message; its text has no value of the message.
 */
export function readServiceMessage(frame: string): ServiceMessage | undefined {
  if (frame.length > maxServiceMessage) throw new TypeError('the service sent a message that is too long');
  const value = parsed(frame);
  const { type } = Object(value) as { type?: unknown };
  if (typeof type === 'string' && !types.has(type)) return undefined;
  const read = v.safeParse(tolerant, value, { abortEarly: true });
  if (read.success) return read.output;
  const [{ path, expected }] = read.issues;
  const member = [typeof type === 'string' ? type : 'type', ...(path ?? []).map(({ key }) => String(key))];
  throw new TypeError(
    `the service sent an invalid message: ${member.slice(0, 3).join('.')} must be ${expected}`,
  );
}

function parsed(frame: string): unknown {
  try {
    return JSON.parse(frame);
  } catch {
    throw new TypeError('the service sent a message that is not JSON');
  }
}
