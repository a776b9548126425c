import * as v from 'valibot';
import { InvalidOptionError } from '../base/invalid-option.ts';
import type { BeginOptions } from './flow.ts';

// 32 bytes, base64url without padding.
const secret = v.pipe(v.string(), v.regex(/^[\w-]{43}$/));

const savedFlow = v.object({
  version: v.literal(1),
  flowId: v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/)),
  // As a server takes it.
  state: v.pipe(v.string(), v.regex(/^[\x20-\x7e]{22,512}$/)),
  key: secret,
  codeVerifier: secret,
  redirectUri: v.string(),
  startsAt: v.exactOptional(v.string()),
  binding: v.exactOptional(v.picklist(['cookie', 'code'])),
  /** Milliseconds since the epoch, by the clock of the service. */
  expiresAt: v.number(),
  options: v.object({
    issuer: v.exactOptional(v.string()),
    issuerAdvertised: v.exactOptional(v.boolean()),
    requireIssuer: v.exactOptional(v.boolean()),
    unadvertisedIssuer: v.exactOptional(v.picklist(['compare', 'discard'])),
    responseMode: v.exactOptional(v.picklist(['query', 'form_post'])),
  }),
});

/** Secrets and options of a flow, with which another process can resume it. */
export type SavedFlow = v.InferOutput<typeof savedFlow>;

/** Writes a flow as text. */
export function textOfFlow(flow: Omit<SavedFlow, 'version' | 'options'>, options: BeginOptions): string {
  // Reading leaves out what does not belong to the response, such as a signal.
  const { output } = v.safeParse(savedFlow.entries.options, options);
  return JSON.stringify({ version: 1, ...flow, options: output });
}

/** Reads a flow that was written as text. Throws `InvalidOptionError`, which does not show the text. */
export function readSavedFlow(text: unknown): SavedFlow {
  const read = v.safeParse(savedFlow, typeof text === 'string' ? parsed(text) : undefined);
  if (!read.success) throw new InvalidOptionError('saved', 'must be a text from toResumable() of a flow');
  return read.output;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
