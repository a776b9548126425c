import type { Bridge } from '../bridge/server.ts';
import { internalsOf } from '../internals.ts';
import { takeRequests } from '../routes.ts';
import type { OAuthCallbackServer } from '../server.ts';
import { answerOperator, operatorPaths, type Operated } from './operator.ts';

/**
 * Answers an operator on the callback server's own port: who has a monitor's token. To all others the paths are not
 * there. Returns its undo.
 */
export function mountOperator(
  server: OAuthCallbackServer,
  bridge: Pick<Bridge, 'identify'>,
  operated: Operated,
): () => void {
  const internals = internalsOf(server);
  const undo = operatorPaths.map((path) =>
    takeRequests(internals, path, (request, response, next) => {
      const asks = request.method === 'GET' || request.method === 'HEAD';
      if (asks && bridge.identify(request)?.roles.includes('monitor'))
        void answerOperator(path, operated, request, response);
      else next();
    }),
  );
  return () => {
    for (const each of undo) each();
  };
}
