import type { CallbackResponse } from '../model/callback-response.ts';
import type { Disposition } from '../model/redirect.ts';
import type { PendingFlow } from './pending-flow.ts';

/** Result of matching a response. Only `accepted` and `unconfirmed` consume the state; the latter has the code that the page shows. */
export type Match =
  | { disposition: 'accepted'; flow: PendingFlow; response: CallbackResponse }
  | { disposition: 'unconfirmed'; flow: PendingFlow; code: string }
  | { disposition: Exclude<Disposition, 'accepted' | 'unconfirmed'>; flow?: PendingFlow };
