import type { CallbackResponse } from '../model/callback-response.ts';
import type { Disposition } from '../model/redirect.ts';
import type { PendingFlow } from './pending-flow.ts';

/** Result of matching a response. Only `accepted` consumes the state. */
export type Match =
  | { disposition: 'accepted'; flow: PendingFlow; response: CallbackResponse }
  | { disposition: Exclude<Disposition, 'accepted'>; flow?: PendingFlow };
