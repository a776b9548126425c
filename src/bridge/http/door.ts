import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { takePath, type RouteHost } from '../../http/routes.ts';
import type { TakenPath } from '../../http/upgrade.ts';
import type { SharedRecords } from '../../model/flow-store.ts';
import type { ServerInternals } from '../../server/internals.ts';
import { closeCodes } from '../../wire/protocol.ts';
import type { Admission } from '../admission.ts';
import type { Ending, Peer } from '../audit.ts';
import type { Identity } from '../credentials.ts';
import type { Pacing } from '../pacing.ts';
import { evictedReason, type Place } from '../places.ts';
import { rejection, type Rejection } from '../rejection.ts';
import { Exchange, type ExchangeSettings } from './exchange.ts';
import { EventStream, type EventStreamContext } from './event-stream.ts';
import { answerClose } from './failures.ts';
import { readKeyHeader } from './flow-headers.ts';
import { FlowRequests, forFlow, runHandler, type Handler, type Webhooks } from './flow-requests.ts';
import { KeyFlows } from './key-flows.ts';
import { longPoll } from './long-poll.ts';
import { OpenRequests } from './open-requests.ts';

/** Parts of a bridge that the listeners of one tenant use, or those of the service itself. */
type DeskContext = Omit<EventStreamContext, 'requests' | 'keyFlows' | 'clock'>;

/** Parts of a bridge that its HTTP door uses. */
export interface DoorContext extends Omit<EventStreamContext, 'requests' | 'keyFlows'> {
  readonly records: SharedRecords;
  readonly webhooks: Webhooks | undefined;
  readonly admission: Admission;
  readonly pacing: Pacing;
  readonly exchanges: ExchangeSettings;
  /** Returns what listeners of an identity use: the flows of its tenant, or the service's own. */
  contextOf(identity: Identity): DeskContext | undefined;
  isValid(identity: Identity): boolean;
  onOpened(peer: Peer): void;
  onClosed(peer: Peer, ending: Ending): void;
}

/** Resources below the path of a bridge. */
export const doorPaths = ['/flow', '/flow/confirmation', '/flow/outcome', '/flow/start', '/flows'] as const;

/** Resource of the door, as the end of its path. */
export type DoorPath = (typeof doorPaths)[number];

/** Handlers by path and method. */
type Resources = Readonly<Record<DoorPath, Readonly<Record<string, Handler>>>>;

/** The bridge for programs without WebSocket: they begin flows and wait for the results by plain HTTP. */
export class HttpDoor {
  /** While it is false, every request is rejected with 503. */
  open = false;
  readonly requests: OpenRequests;
  readonly #context: DoorContext;
  readonly #keyFlows: KeyFlows;
  /** Handlers for the service's own flows; those of a tenant have the same methods. */
  readonly #resources: Resources;
  readonly #byContext = new WeakMap<DeskContext, Resources>();

  constructor(context: DoorContext) {
    this.#context = context;
    this.requests = new OpenRequests(context);
    const { records, flows: stored } = context;
    this.#keyFlows = new KeyFlows(records, () => stored.store.now());
    this.#resources = this.#resourcesOf(context);
  }

  #resourcesOf(listener: DeskContext): Resources {
    const keyFlows = this.#keyFlows;
    const flows = new FlowRequests(
      listener,
      keyFlows,
      listener === this.#context ? this.#context.webhooks : undefined,
    );
    const waits = { ...this.#context, ...listener, requests: this.requests, keyFlows };
    return {
      '/flow': {
        POST: forFlow(flows.begin),
        GET: forFlow((exchange, peer, headers) => longPoll(exchange, peer, headers, flows, waits)),
        DELETE: forFlow(flows.drop),
      },
      '/flow/confirmation': { POST: forFlow(flows.confirm) },
      '/flow/outcome': { PUT: forFlow(flows.settle) },
      '/flow/start': { PUT: forFlow(flows.start) },
      '/flows': { GET: (exchange, peer) => stream(exchange, peer, waits) },
    };
  }

  /** Takes the requests at the paths below that of a bridge. One that is the callback path is left out. */
  take(server: RouteHost & Pick<ServerInternals, 'leave'>, path: string): TakenPath[] {
    const below = doorPaths.filter((each) => path + each !== server.callbackPath);
    return below.map((each) =>
      takePath(server, path + each, (request, response) =>
        this.serve(each, request, response, (socket) => server.leave(socket)),
      ),
    );
  }

  /** @param leave Takes the connection out of the limit of its port, which the bridge counts from then on. */
  serve(
    path: DoorPath,
    request: IncomingMessage,
    response: ServerResponse,
    leave: (socket: Duplex) => void,
  ): void {
    const exchange = new Exchange(request, response, this.#context.exchanges, leave);
    this.#serve(path, exchange).catch((error: unknown) => {
      this.#context.report(error);
      exchange.answer(500, undefined, {}, true);
    });
  }

  async #serve(path: DoorPath, exchange: Exchange): Promise<void> {
    const { method = '' } = exchange.request;
    const methods = this.#resources[path];
    const run = Object.hasOwn(methods, method) ? methods[method] : undefined;
    if (run) await this.#admit([path, method], exchange);
    else if (method === 'OPTIONS' && exchange.answerPreflight(Object.keys(methods))) return;
    else exchange.answer(405, undefined, { Allow: Object.keys(methods).join(', ') });
  }

  async #admit([path, method]: [DoorPath, string], exchange: Exchange): Promise<void> {
    const { admission, pacing, report } = this.#context;
    const { request } = exchange;
    const peer = this.open
      ? await admission.admit(request)
      : rejection('closing', { headers: { 'Retry-After': '5' } });
    if ('status' in peer) {
      this.#reject(exchange, peer);
      return;
    }
    const { identity } = peer;
    if (!identity.roles.includes('listener')) {
      this.#reject(exchange, rejection('no_listener', { name: identity.name, tenant: identity.tenant }));
      return;
    }
    if (!pacing.allows(identity, peer.address)) {
      this.#reject(
        exchange,
        rejection('too_many_requests', {
          name: identity.name,
          tenant: identity.tenant,
          headers: { 'Retry-After': '1' },
        }),
      );
      return;
    }
    const run = this.#resourcesFor(identity)?.[path][method];
    if (!run) {
      this.#reject(exchange, rejection('unknown_tenant', { name: identity.name }));
      return;
    }
    const place = this.#placeOf(peer, exchange);
    const crowded = admission.take(request, place);
    if (crowded) {
      this.#reject(exchange, crowded);
      return;
    }
    try {
      await runHandler(run, exchange, peer, report);
    } finally {
      admission.onLeft(place);
    }
  }

  #resourcesFor(identity: Identity): Resources | undefined {
    if (identity.tenant === undefined) return this.#resources;
    const context = this.#context.contextOf(identity);
    if (!context) return undefined;
    const resources = this.#byContext.get(context) ?? this.#resourcesOf(context);
    this.#byContext.set(context, resources);
    return resources;
  }

  /** Returns the place of a request. It can be evicted while it waits for flows, or for its body, which may never come. */
  #placeOf(peer: Peer, exchange: Exchange): Place {
    const { requests } = this;
    return {
      ...peer,
      get listening() {
        return requests.of(peer) !== undefined;
      },
      get evict() {
        const request = requests.of(peer);
        if (request) return () => request.end(closeCodes.overload, evictedReason);
        return exchange.request.complete ? undefined : () => answerClose(exchange, closeCodes.overload);
      },
    };
  }

  /** Ends requests whose credential is no longer valid. */
  endInvalid(reason: string): void {
    this.requests.endInvalid(closeCodes.credential, reason);
  }

  #reject(exchange: Exchange, rejected: Rejection): void {
    const { status, headers = {} } = rejected;
    exchange.answer(status, undefined, {
      // @see RFC 9110 section 15.5.2
      ...(status === 401 && { 'WWW-Authenticate': 'Bearer' }),
      ...headers,
    });
    this.#context.admission.onRejected(exchange.request, rejected);
  }
}

/** Opens the stream of a key, unless the client does not take events. */
async function stream(exchange: Exchange, peer: Peer, context: EventStreamContext): Promise<void> {
  const key = readKeyHeader(exchange);
  if (typeof key !== 'string') exchange.fail(400, key);
  else if (!/(?:text|\*)\/(?:event-stream|\*)|^$/i.test(exchange.header('accept') ?? ''))
    exchange.fail(406, { code: 'not_acceptable', message: 'the answer is a text/event-stream' });
  else await new EventStream(exchange, peer, key, context).run();
}
