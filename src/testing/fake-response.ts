import { InvalidOptionError } from '../base/invalid-option.ts';
import { typeOf } from '../base/validate.ts';
import {
  fieldNames,
  type CallbackFields,
  type Parameter,
  type ResponseFields,
} from '../model/callback-response.ts';

/**
 * Response that a fake host receives: the fields under their wire names, and any other parameter of the provider. A list is a
 * parameter that comes several times.
 */
export type FakeResponse =
  Readonly<CallbackFields> | Readonly<Record<string, string | readonly string[] | undefined>>;

/** Reads a response. @throws InvalidOptionError if a field is not a string, or if there is neither a code nor an error. */
export function fieldsOf(given: FakeResponse, state: string): ResponseFields {
  const fields: ResponseFields = { state };
  const parameters: Parameter[] = [];
  for (const [name, value] of Object.entries(given) as [string, unknown][]) {
    if (value === undefined) continue;
    const field = fieldNames.find((each) => each === name);
    for (const each of field === undefined ? [value].flat() : [value]) {
      if (typeof each !== 'string')
        throw new InvalidOptionError(name, `must be a string; got ${typeOf(each)}`);
      if (field === undefined) parameters.push([name, each]);
      else fields[field] = each;
    }
  }
  if (fields.code === undefined && fields.error === undefined)
    throw new InvalidOptionError('code', 'or error is needed in a response');
  return parameters.length > 0 ? { ...fields, parameters } : fields;
}
