import type { Bridge } from '../bridge/server.ts';
import { internalsOf } from '../server/internals.ts';
import { takeRequests } from '../http/routes.ts';
import type { OAuthCallbackServer } from '../server/callback-server.ts';
import { answerOperator, operatorPaths, type Operated } from './operator.ts';

/**
 * Serves the operator's paths on the port of the callback server, to requests with a token of the role `monitor`. Any other
 * request is handled as if the paths did not exist. Returns a function that removes the paths.
 */
export function mountOperator(
  server: OAuthCallbackServer,
  bridge: Pick<Bridge, 'identify'>,
  operated: Operated,
): () => void {
  const internals = internalsOf(server);
  const undo = operatorPaths.map((path) =>
    takeRequests(internals, path, (request, response, next) => {
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        next();
        return;
      }
      const answered = bridge.identify(request).then((identity) => {
        // A monitor of a tenant must not see the numbers of others.
        if (identity?.tenant === undefined && identity?.roles.includes('monitor'))
          return answerOperator(path, operated, request, response);
        next();
        return undefined;
      });
      answered.catch(internals.report);
    }),
  );
  return () => {
    for (const each of undo) each();
  };
}
