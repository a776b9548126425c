import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

export interface ConnectionsOptions {
  /** Maximum number of connections. Beyond it one is closed for each new one. */
  readonly max: number;
  /** Returns the address that a peer is counted by; undefined for a proxy, whose connections belong to many clients. */
  readonly addressOf?: (remoteAddress: string | undefined) => string | undefined;
  /** Tells what a page waits for: a flow that is not begun yet, or the outcome of its sign-in. */
  readonly waitsFor?: (response: ServerResponse) => 'flow' | 'outcome' | undefined;
  /** Answers a page that waits, so that its connection becomes free. */
  readonly giveWay?: (response: ServerResponse) => void;
}

/** An accepted connection. */
interface Place {
  readonly socket: Socket;
  /** Time at which it was accepted, in milliseconds. */
  readonly since: number;
  readonly address: string;
  /** Responses in flight, oldest first. */
  readonly answers: Set<ServerResponse>;
}

// A browser over a slow network sends its request within this time after it has connected.
const graceMs = 2_000;

/**
 * State of a connection. A `held` page waits for a flow that may never begin, a `waiting` one for the outcome of a sign-in. An
 * `idle` connection has no page in flight; a `young` one neither, but it may send its request any moment. The peer of an
 * `unread` page does not read it. An `answering` connection gets its page soon.
 */
type Rank = 'held' | 'idle' | 'unread' | 'waiting' | 'young' | 'answering';

/** Open sockets of a server. Limits their number, and closes them without cutting off a page. */
export class Connections {
  /** Open connections by their peer, oldest first. Under TLS a response has another socket than the accepted one. */
  readonly #places = new Map<string, Place>();
  readonly #options: ConnectionsOptions;

  constructor(server: Server, options: ConnectionsOptions) {
    this.#options = options;
    server.on('connection', (socket: Socket) => this.#accept(socket));
  }

  /** Stops counting and closing an upgraded connection, which belongs to its bridge now. */
  leave(upgraded: Duplex): void {
    this.#places.delete(peer(upgraded as Partial<Socket>));
  }

  /** Counts a response as in flight until the operating system has taken all of it. */
  answering(response: ServerResponse): void {
    const place = this.#places.get(peer(response.req.socket));
    if (!place) return;
    place.answers.add(response);
    response.once('finish', () => place.answers.delete(response));
  }

  /** Closes every socket without a page in flight, half-open ones too. The others close after their last page. */
  drain(): void {
    for (const { socket, answers } of [...this.#places.values()]) {
      const last = [...answers].findLast(asked);
      // Under TLS only the socket of the response closes the connection in order.
      if (last) last.once('finish', () => last.req.socket.end());
      else socket.destroy();
    }
  }

  destroy(): void {
    for (const { socket } of this.#places.values()) socket.destroy();
  }

  #accept(socket: Socket): void {
    const key = peer(socket);
    // A connection whose upgrade is ignored comes a second time.
    if (this.#places.get(key)?.socket === socket) return;
    if (this.#places.size >= this.#options.max) this.#makeRoom();
    const place: Place = {
      socket,
      since: performance.now(),
      address: this.#options.addressOf?.(socket.remoteAddress) ?? '',
      answers: new Set(),
    };
    this.#places.set(key, place);
    socket.once('close', () => {
      if (this.#places.get(key) === place) this.#places.delete(key);
    });
  }

  /**
   * Closes one connection: the oldest of the address that holds most of them. First those that nobody misses, then those
   * that wait or have just been opened.
   *
   * If unread or waiting pages have more than half of the places, one of those is closed before others of their group.
   * Otherwise they would occupy every place, and each new browser would be closed before it sends its request.
   */
  #makeRoom(): void {
    const places = [...this.#places.values()].map((place) => ({ place, rank: this.#rankOf(place) }));
    const mostly = (rank: Rank): boolean =>
      places.filter((each) => each.rank === rank).length > this.#options.max / 2;
    const first: readonly Rank[] = mostly('unread') ? ['unread', 'held', 'idle'] : ['held', 'idle', 'unread'];
    const last: readonly Rank[] = mostly('waiting') ? ['waiting', 'young'] : ['young', 'waiting'];
    const addresses = largestFirst(places.map(({ place }) => place.address));
    for (const some of [first, last, ['answering'] as const]) {
      for (const address of addresses) {
        const own = places.filter(({ place }) => place.address === address);
        const found = some.flatMap((rank) => own.find((each) => each.rank === rank) ?? [])[0];
        if (found) {
          this.#close(found.place, found.rank);
          return;
        }
      }
    }
  }

  #close({ socket, answers }: Place, rank: Rank): void {
    const [response] = answers;
    if (!response || (rank !== 'waiting' && rank !== 'held')) {
      socket.destroy();
      return;
    }
    // Never reset: a person looks at this page.
    response.once('finish', () => response.req.socket.end());
    this.#options.giveWay?.(response);
  }

  #rankOf({ answers, since }: Place): Rank {
    const [first] = answers;
    if (first?.writableEnded) return 'unread';
    const waitsFor = first && this.#options.waitsFor?.(first);
    if (waitsFor) return waitsFor === 'flow' ? 'held' : 'waiting';
    if ([...answers].some(asked)) return 'answering';
    return performance.now() - since < graceMs ? 'young' : 'idle';
  }
}

/** Lists the distinct addresses, the most frequent one first. */
function largestFirst(addresses: readonly string[]): string[] {
  const shares = new Map<string, number>();
  for (const address of addresses) shares.set(address, (shares.get(address) ?? 0) + 1);
  return [...shares].sort(([, a], [, b]) => b - a).map(([address]) => address);
}

/** Tells if a response is owed: not yet while the request's body is arriving. */
function asked({ req, headersSent }: ServerResponse): boolean {
  return req.complete || headersSent;
}

function peer({ remoteAddress, remotePort }: Partial<Socket>): string {
  return `${remoteAddress ?? ''} ${remotePort ?? ''}`;
}
