import { InvalidOptionError, StateInUseError, StoreUnavailableError, TooManyFlowsError } from '../errors.ts';
import type { Report } from '../isolated-observable.ts';
import type { ServiceMessage } from './protocol.ts';

/** Why a flow is not begun. */
export type Refused = Omit<Extract<ServiceMessage, { type: 'failed' }>, 'type' | 'ref'>;

/** What a listener is told of an error. One that is not its own is reported, and it is told no more than that. */
export function refusedFor(error: unknown, report: Report): Refused {
  if (error instanceof InvalidOptionError) {
    const { code, option, message } = error;
    return { code, option, message: message.slice(option.length + 1) };
  }
  if (error instanceof StateInUseError || error instanceof TooManyFlowsError) {
    return { code: error.code, message: error.message };
  }
  report(error);
  if (error instanceof StoreUnavailableError)
    return { code: 'unavailable', message: 'the service cannot do this now' };
  return { code: 'closed', message: 'the service cannot do this now' };
}
