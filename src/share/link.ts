import { Subject } from 'rxjs';
import { systemClock } from '../base/clock.ts';
import { createBridge } from '../bridge/server.ts';
import { connect } from '../client/host.ts';
import type { ResumableFlow } from '../flows/resumable-flow.ts';
import { withToken } from '../client/ws.ts';
import { takeRequests } from '../http/routes.ts';
import type { CallbackHost } from '../model/callback-host.ts';
import { PortInUseError, ServerClosedError, StateInUseError } from '../model/errors.ts';
import type { BeginOptions, Flow } from '../model/flow.ts';
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
  /** Registers a flow. @param before The flow as it was registered over an earlier link. */
  register(options: BeginOptions, before?: Flow): Promise<Flow>;
  close(): Promise<void>;
}

/** Reason for which this process cannot connect to the holder of the port. */
type Held = PortHeldReason | 'gone' | 'unready';

// Longer than a server takes to close.
const electionMs = 6_000;
// Longer than a server takes to start.
const unreadyMs = 1_000;

// All processes are of one user, and bring every flow that waits to the next server at once.
const limits = { flows: 100_000, burst: 200_000, perSecond: 100_000, queued: 67_108_864 };

/**
 * Serves the port, or connects to the process that does. While one process takes over from another, both may fail; then it is
 * tried again.
 *
 * @param isWanted Tells if another attempt is wanted.
 * @throws {PortHeldError} if the port is held by a process that cannot share it
 * @throws {ServerClosedError} if no other attempt is wanted
 */
export async function openLink(
  settings: SharedSettings,
  prover: Prover,
  isWanted: () => boolean = () => true,
): Promise<Link> {
  const until = systemClock.now() + electionMs;
  let unreadySince: number | undefined;
  for (;;) {
    const own = await serve(settings, prover);
    if (own) return own;
    const found = await attach(settings, prover);
    if (!('type' in found)) return found;
    if (!isWanted()) throw new ServerClosedError('the callback host closed');
    const now = systemClock.now();
    unreadySince = found.type === 'unready' ? (unreadySince ?? now) : undefined;
    const isOver = now > until || now - (unreadySince ?? now) > unreadyMs;
    if (isOver || !mayChange.includes(found.type)) throw await heldError(settings.port, found.type);
    await new Promise<void>((resolve) => systemClock.after(5 + Math.random() * 20, resolve));
  }
}

// A process that has just begun to serve may be slow, and one that is killed answers in part.
const mayChange: readonly Held[] = ['gone', 'silent', 'unready'];

/** Serves the port. Resolves with undefined if it is taken. */
async function serve(
  { server: options, redirectUri }: SharedSettings,
  prover: Prover,
): Promise<Link | undefined> {
  const server = createOAuthCallbackServer(options);
  const store = new PatientStore(systemClock);
  const bridge = createBridge(server, { token: prover.token, path: sharePath, store, limits });
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
    register: (given) => host.begin(given),
    async close() {
      // First, because the programs whose flows wait here are disconnected before the port is free.
      store.leave();
      await host.close();
      // The others connect to the next server at once.
      await bridge.close({ restart: true });
      await server.close();
    },
  };
}

/** Connects to the process that serves the port. Resolves with what it has shown if it cannot. */
async function attach(
  { port, redirectUri, report }: SharedSettings,
  prover: Prover,
): Promise<Link | { readonly type: Held }> {
  const last: { shown: Shown } = { shown: { type: 'gone' } };
  const agent = new ProvenAgent(prover, (shown) => (last.shown = shown));
  const lost = new Subject<void>();
  let isLost = false;
  try {
    const host = await connect(
      `ws://127.0.0.1:${port}${sharePath}`,
      { token: prover.token, report },
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
      async register(options, before) {
        try {
          return await host.begin(options);
        } catch (error) {
          if (!(error instanceof StateInUseError) || !before || !isResumable(before)) throw error;
          // Only the connection was lost, so that this server still has the flow, and maybe its response.
          return await host.resume(before.toResumable()).catch(() => {
            throw error;
          });
        }
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

function isResumable(flow: Flow): flow is ResumableFlow {
  return 'toResumable' in flow;
}

async function heldError(port: number, type: Held): Promise<PortHeldError> {
  return new PortHeldError(port, reasonOf(type), await holderOf(port));
}

function reasonOf(type: Held): PortHeldReason {
  if (type === 'unready') return 'stranger';
  return type === 'gone' ? 'silent' : type;
}
