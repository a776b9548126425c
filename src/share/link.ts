import { Subject } from 'rxjs';
import { systemClock } from '../base/clock.ts';
import { createBridge } from '../bridge/server.ts';
import { connect } from '../client/host.ts';
import { withToken } from '../client/ws.ts';
import { takeRequests } from '../http/routes.ts';
import type { CallbackHost } from '../model/callback-host.ts';
import { PortInUseError } from '../model/errors.ts';
import { createOAuthCallbackServer } from '../server/create.ts';
import { internalsOf } from '../server/internals.ts';
import { createStoredHost } from '../store/host.ts';
import { PortHeldError, type PortHeldReason } from './errors.ts';
import { holderOf } from './holder.ts';
import type { SharedSettings } from './options.ts';
import { PatientStore } from './patient-store.ts';
import { answerProof, proofPath, protocol, sharePath, type Prover } from './proof.ts';
import { ProvenAgent, type Shown } from './proven-agent.ts';

/** Way of this process to the port: its own server, or a connection to that of another process. */
export interface Link {
  readonly host: CallbackHost;
  /** True if this process serves. */
  readonly serves: boolean;
  /** Emits once if the other process is gone. */
  readonly lost: Subject<void>;
  readonly isLost: boolean;
  close(): Promise<void>;
}

// Longer than a server takes to close.
const electionMs = 6_000;

/**
 * Serves the port, or connects to the process that does. While one process takes over from another, both may fail; then it is
 * tried again.
 *
 * @throws {PortHeldError} if the port is held by a process that cannot share it
 */
export async function openLink(settings: SharedSettings, prover: Prover): Promise<Link> {
  const until = systemClock.now() + electionMs;
  for (;;) {
    const own = await serve(settings, prover);
    if (own) return own;
    const found = await attach(settings, prover);
    if (!('type' in found)) return found;
    // A process that has just begun to serve may be slow, and one that is killed answers in part.
    const mayChange = found.type === 'gone' || found.type === 'silent';
    if (!mayChange || systemClock.now() > until) throw await heldError(settings.port, found.type);
    await new Promise<void>((resolve) => systemClock.after(5 + Math.random() * 20, resolve));
  }
}

/** Serves the port. Resolves with undefined if it is taken. */
async function serve(
  { server: options, redirectUri }: SharedSettings,
  prover: Prover,
): Promise<Link | undefined> {
  const server = createOAuthCallbackServer(options);
  const store = new PatientStore(systemClock);
  const bridge = createBridge(server, { token: prover.token, path: sharePath, store });
  takeRequests(internalsOf(server), proofPath, (request, response) =>
    answerProof(request, response, prover, redirectUri),
  );
  try {
    await bridge.listen();
  } catch (error) {
    await bridge.close();
    await server.close();
    if (error instanceof PortInUseError) return undefined;
    throw error;
  }
  const host = createStoredHost(server, store);
  return {
    host,
    serves: true,
    lost: new Subject(),
    isLost: false,
    async close() {
      await host.close();
      // The others connect to the next server at once.
      await bridge.close({ restart: true });
      await server.close();
    },
  };
}

/** Connects to the process that serves the port. Resolves with what it has shown if it cannot. */
async function attach(
  { port, redirectUri }: SharedSettings,
  prover: Prover,
): Promise<Link | { readonly type: PortHeldReason | 'gone' }> {
  const last: { shown: Shown } = { shown: { type: 'gone' } };
  const agent = new ProvenAgent(prover, (shown) => (last.shown = shown));
  const lost = new Subject<void>();
  let isLost = false;
  try {
    const host = await connect(
      `ws://127.0.0.1:${port}${sharePath}`,
      { token: prover.token },
      (url, token, handlers) =>
        withToken(
          url,
          token,
          {
            ...handlers,
            closed(_code, status) {
              isLost = true;
              // First, while it can still be told which flows wait.
              lost.next();
              // As a close for good, because this process looks for the next server itself.
              handlers.closed(1000, status);
            },
          },
          { agent },
        ),
    );
    const wrong = wrongIn(last.shown, redirectUri);
    if (wrong) {
      await host.close();
      return { type: wrong };
    }
    return {
      host,
      serves: false,
      lost,
      get isLost() {
        return isLost;
      },
      close: () => host.close(),
    };
  } catch {
    const wrong = wrongIn(last.shown, redirectUri);
    return { type: wrong ?? (last.shown.type === 'proven' ? 'gone' : last.shown.type) };
  }
}

function wrongIn(shown: Shown, redirectUri: string): PortHeldReason | undefined {
  if (shown.type !== 'proven') return undefined;
  if (shown.proof.protocol !== protocol) return 'other_version';
  return shown.proof.redirectUri === redirectUri ? undefined : 'other_redirect_uri';
}

async function heldError(port: number, type: PortHeldReason | 'gone'): Promise<PortHeldError> {
  return new PortHeldError(port, type === 'gone' ? 'silent' : type, await holderOf(port));
}
