import { createBridge } from '../../bridge.ts';
import { createOAuthCallbackServer } from '../../index.ts';
import { randomToken } from '../../pkce.ts';
import type { Io } from '../io.ts';

/** Runs until it is told to end. */
export async function serve(options: { port?: string; token?: string }, io: Io): Promise<void> {
  const server = createOAuthCallbackServer({ port: Number(options.port ?? 0) });
  const token = options.token ?? randomToken();
  const bridge = createBridge(server, { token });
  await bridge.listen();
  io.stdout.write(`${server.redirectUri}\n`);
  await new Promise<void>((resolve) => {
    io.onSignal('SIGTERM', resolve);
    io.onSignal('SIGINT', resolve);
  });
  await bridge.close();
  await server.close();
}
