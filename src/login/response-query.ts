import type { CallbackResponse } from '../model/callback-response.ts';

// Parameters of other flows, by which openid-client rejects a response.
const otherFlows: readonly string[] = ['response', 'id_token', 'token'];

/** Returns the response as the query that it came in, except for parameters that would make it one of another flow. */
export function queryOf(response: CallbackResponse): URLSearchParams {
  const pairs = Object.entries(response.toDict({ all: true })).flatMap(([name, values]) =>
    [values].flat().map((value) => [name, value]),
  );
  return new URLSearchParams(pairs.filter(([name = '']) => !otherFlows.includes(name)));
}
