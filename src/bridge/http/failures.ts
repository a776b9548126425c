import { closeCodes, type ServiceMessageOf } from '../../wire/protocol.ts';
import type { Exchange } from './exchange.ts';

/** Answers a failure of a listener: the members of `failed` that its connection would get. */
export function answerFailure(
  exchange: Exchange,
  { code, message, option }: Omit<ServiceMessageOf<'failed'>, 'type' | 'ref'>,
): void {
  const [status, retryAfter] = statuses[code];
  const headers = retryAfter === undefined ? {} : { 'Retry-After': retryAfter };
  exchange.fail(status, { code, message, option }, headers);
}

const statuses: Readonly<
  Record<ServiceMessageOf<'failed'>['code'], readonly [status: number, retryAfter?: string]>
> = {
  invalid_option: [400],
  state_in_use: [409],
  too_many_flows: [429, '5'],
  wrong_code: [403],
  unknown_flow: [404],
  unavailable: [503, '5'],
  closed: [503, '5'],
};

/** Answers a request that the service cannot go on with. @param code Close code that a connection would get. */
export function answerClose(exchange: Exchange, code: number): void {
  if (code === closeCodes.credential) exchange.answer(401, undefined, { 'WWW-Authenticate': 'Bearer' }, true);
  else if (code === closeCodes.shutdown || code === closeCodes.restart)
    exchange.answer(503, undefined, { 'Retry-After': '1' }, true);
  else answerFailure(exchange, { code: 'unavailable', message: 'the service is unavailable' });
}
