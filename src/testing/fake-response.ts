import { InvalidOptionError } from '../base/invalid-option.ts';
import { typeOf } from '../base/validate.ts';
import { readResponse, type ReadResponse } from '../callback/parameters.ts';
import type { CallbackFields } from '../model/callback-response.ts';
import { readLimits } from '../server/limits.ts';

/**
 * Response that a fake host receives: the fields under their wire names, and any other parameter of the provider. A list is a
 * parameter that comes several times.
 */
export type FakeResponse =
  Readonly<CallbackFields> | Readonly<Record<string, string | readonly string[] | undefined>>;

// Those of a server without options.
const limits = readLimits({});

/**
 * Reads a response as a server reads the query of a redirect.
 *
 * @throws InvalidOptionError if a field is not a string, or if there is neither a code nor an error.
 */
export function readFakeResponse(given: FakeResponse, state: string): ReadResponse {
  const { code, error } = given;
  if (code === undefined && error === undefined)
    throw new InvalidOptionError('code', 'or error is needed in a response');
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...given, state: given.state ?? state }) as [
    string,
    unknown,
  ][])
    for (const each of value === undefined ? [] : [value].flat()) {
      if (typeof each !== 'string')
        throw new InvalidOptionError(name, `must be a string; got ${typeOf(each)}`);
      query.append(name, each);
    }
  return readResponse(query.toString(), limits);
}
