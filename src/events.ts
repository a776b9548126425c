import type { Disposition, RefusalReason } from './redirect.ts';

/**
 * The redacted life of a server: safe to log, count and send. No code, no state, no text a stranger chose.
 * `at` is in milliseconds since the epoch; `flow` is the flow's id, which is no secret and gives access to nothing.
 */
export type ServerEvent =
  | { type: 'listening'; at: number; redirectUri: string }
  | { type: 'begun'; at: number; flow: string; expiresAt: number | undefined }
  | {
      type: 'redirect';
      at: number;
      disposition: Disposition;
      flow: string | undefined;
      reason: RefusalReason | undefined;
    }
  | { type: 'settled'; at: number; flow: string; outcome: 'code' | 'error'; error: string | undefined }
  | { type: 'finished'; at: number; flow: string; outcome: 'success' | 'failure' | 'redirect' }
  | { type: 'expired'; at: number; flow: string }
  | { type: 'cancelled'; at: number; flow: string; reason: 'cancelled' | 'closed' | 'lost' }
  | { type: 'closed'; at: number };
