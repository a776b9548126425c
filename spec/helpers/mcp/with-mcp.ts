/** A world of MCP servers, the person who signs in to them, and the `mcpAuth` under test, which share a store. */
import type { Observable } from 'rxjs';
import { mcpAuth, memoryStore, type McpAuth, type McpAuthOptions, type McpEvent } from '../../../src/mcp.ts';
import type { McpServerOptions, McpStore } from '../../../src/mcp.ts';
import type { AuthorizationServer } from './authorization-server.ts';
import type { Caller, McpServer } from './mcp-server.ts';
import { Person, type PersonOptions } from './person.ts';
import { noCounts } from './switches.ts';
import { startMcpWorld, type McpWorld, type McpWorldOptions } from './world.ts';

/** How the `mcpAuth` under test is made; a weakened twin is made by another one. */
export type CreateMcpAuth = typeof mcpAuth;

export interface McpOptions {
  world?: McpWorldOptions;
  /** Laid over `open` of the person and the shared store; `open: undefined` leaves it out. */
  auth?: McpAuthOptions;
  person?: PersonOptions;
  create?: CreateMcpAuth;
}

/** How a request is sent. */
export interface CallOptions {
  server?: McpServer;
  auth?: McpAuth;
  tool?: 'whoami' | 'admin';
  signal?: AbortSignal;
  options?: McpServerOptions;
}

/** Sums of a world. `reuse` counts refresh tokens that were used twice. */
export interface Seen {
  readonly tabs: number;
  readonly register: number;
  readonly refresh: number;
  readonly reuse: number;
}

/** Answer to a request. */
export interface Called {
  readonly status: number;
  readonly text: string;
}

export class Mcp {
  readonly world: McpWorld;
  readonly person: Person;
  readonly store: McpStore;
  readonly auth: McpAuth;
  /** Events of every `mcpAuth`, in order. */
  readonly events: McpEvent[] = [];
  readonly #options: McpAuthOptions;
  readonly #create: CreateMcpAuth;
  readonly #started: McpAuth[] = [];

  constructor(world: McpWorld, { auth = {}, person, create = mcpAuth }: McpOptions) {
    this.world = world;
    this.person = new Person(person);
    this.store = auth.store ?? memoryStore();
    this.#options = { open: this.person.open, ...auth, store: this.store };
    this.#create = create;
    this.auth = this.start();
  }

  /** First server. */
  get server(): McpServer {
    return this.world.servers[0];
  }

  /** First authorization server. */
  get as(): AuthorizationServer {
    return this.world.authorizationServers[0];
  }

  get types(): string[] {
    return this.events.map(({ type }) => type);
  }

  /** Origins of the clients that were chosen, in order. */
  get origins(): string[] {
    return this.events.flatMap((event) => (event.type === 'client' ? [event.how] : []));
  }

  /** Starts another `mcpAuth` with the same person and store, as a program that starts again does. */
  start(options: McpAuthOptions = {}): McpAuth {
    const auth = this.#create({ ...this.#options, ...options });
    this.#started.push(auth);
    auth.events.subscribe((event) => this.events.push(event));
    return auth;
  }

  /** Calls a tool of a server. */
  async call({ server = this.server, auth = this.auth, ...how }: CallOptions = {}): Promise<Called> {
    const { tool = 'whoami', signal, options } = how;
    const response = await auth.fetch(server.url, options)(server.url, toolCall(tool, signal));
    return { status: response.status, text: await response.text() };
  }

  /** Calls a tool many times at once. Resolves with each status, or the error. */
  async crowd(count: number, how: CallOptions = {}): Promise<(number | Error)[]> {
    const calls = Array.from({ length: count }, () => this.call(how));
    const outcomes = await Promise.allSettled(calls);
    return outcomes.map((each) => (each.status === 'fulfilled' ? each.value.status : (each.reason as Error)));
  }

  /** Signs in to a server, and forgets what was counted until then. */
  async signedIn(how: CallOptions = {}): Promise<void> {
    const { status } = await this.call(how);
    if (status !== 200) throw new Error(`the sign-in ended with ${status}`);
    await this.person.pages();
    for (const { counts } of this.world.authorizationServers) Object.assign(counts, noCounts());
    this.person.tabs.length = 0;
    this.events.length = 0;
  }

  /** Counts of the person and the authorization servers, zeros left out. */
  get seen(): Partial<Seen> {
    const { sum } = this.world;
    const seen: Seen = {
      tabs: this.person.tabs.length,
      register: sum('register'),
      refresh: sum('refresh'),
      reuse: sum('refreshReuse'),
    };
    return Object.fromEntries(Object.entries(seen).filter(([, count]) => count > 0));
  }

  async close(): Promise<void> {
    await Promise.all(this.#started.map((auth) => auth.close()));
  }
}

/** Runs `body` with a world of its own, and closes everything whatever happens. */
export async function withMcp<T>(options: McpOptions, body: (mcp: Mcp) => Promise<T>): Promise<T> {
  await using world = await startMcpWorld(options.world);
  const mcp = new Mcp(world, options);
  try {
    return await body(mcp);
  } finally {
    await mcp.close();
  }
}

/** Returns the request that calls a tool. */
export function toolCall(name: string, signal?: AbortSignal): RequestInit {
  return {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: {} } }),
    ...(signal && { signal }),
  };
}

/** Reads what `whoami` has answered. */
export function callerIn({ text }: Called): Caller {
  const { result } = JSON.parse(/^data: (.*)$/m.exec(text)![1]!) as {
    result: { content: [{ text: string }] };
  };
  return JSON.parse(result.content[0].text) as Caller;
}

/** Returns a promise, and the function that resolves it: a gate that a spec opens. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

/** Resolves with the first event of a type; subscribe before what causes it. */
export async function eventOf<T extends McpEvent['type']>(
  events: Observable<McpEvent>,
  type: T,
): Promise<Extract<McpEvent, { type: T }>> {
  return new Promise((resolve) => {
    const subscription = events.subscribe((event) => {
      if (event.type !== type) return;
      resolve(event as Extract<McpEvent, { type: T }>);
      queueMicrotask(() => subscription.unsubscribe());
    });
  });
}
