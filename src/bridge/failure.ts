import { InvalidOptionError } from '../base/invalid-option.ts';
import { StateInUseError, StoreUnavailableError, TooManyFlowsError } from '../model/errors.ts';
import type { Report } from '../base/isolated-observable.ts';
import type { ServiceMessageOf } from '../wire/protocol.ts';

/** The part of a `failed` message that says why a flow cannot be begun. */
export type Failure = Omit<ServiceMessageOf<'failed'>, 'type' | 'ref'>;

/** Describes an error to the listener that caused it. An error of the service is reported, and described in general terms only. */
export function failureOf(error: unknown, report: Report): Failure {
  if (error instanceof InvalidOptionError) {
    const { code, option, message } = error;
    return { code, option, message: message.slice(option.length + 1) };
  }
  if (error instanceof StateInUseError || error instanceof TooManyFlowsError) {
    return { code: error.code, message: error.message };
  }
  report(error);
  const code = error instanceof StoreUnavailableError ? 'unavailable' : 'closed';
  return { code, message: 'the service is unavailable' };
}
