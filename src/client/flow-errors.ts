import {
  ConnectionError,
  FlowExpiredError,
  ServerClosedError,
  StateInUseError,
  StoreUnavailableError,
  TooManyFlowsError,
} from '../model/errors.ts';
import { InvalidOptionError } from '../base/invalid-option.ts';
import type { ServiceMessageOf } from '../wire/protocol.ts';
import { shortText } from './service-claims.ts';

/** Returns the error of a flow whose time is over. */
export function expiredError(): FlowExpiredError {
  return new FlowExpiredError('the flow expired');
}

/** Returns the error of flows whose connection is closed for good. */
export function closedError(cause: Error): ServerClosedError {
  const why = cause instanceof ConnectionError ? `: ${cause.message}` : '';
  return new ServerClosedError(`the connection to the callback service has ended${why}`, { cause });
}

/** Returns the error that a server of this process would throw. */
export function errorOf({ code, ...given }: ServiceMessageOf<'failed'>): Error {
  const message = shortText(given.message);
  const option = shortText(given.option ?? 'options');
  if (code === 'invalid_option') return new InvalidOptionError(option, message);
  if (code === 'state_in_use') return new StateInUseError(message);
  if (code === 'too_many_flows') return new TooManyFlowsError(message);
  if (code === 'unavailable') return new StoreUnavailableError(message);
  return new ServerClosedError(message);
}
