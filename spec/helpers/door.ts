/** A callback server behind one kind of server, and a client of it. */
import type { OAuthCallbackServer, ServerOptions } from '../../src/index.ts';
import { send, type HttpRequest } from './http.ts';

export interface DoorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface OpenDoor {
  readonly server: OAuthCallbackServer;
  readonly ask: (request: HttpRequest) => Promise<DoorAnswer>;
  /** Begins a request whose answer is read part by part. */
  readonly stream: (target: string) => Promise<Parts>;
}

/** Answer that is read part by part. */
export interface Parts {
  /** Returns the next part, or undefined at the end. */
  next(): Promise<string | undefined>;
  /** Leaves without reading the rest. */
  leave(): void;
}

export interface Door {
  readonly name: string;
  readonly open: (options: ServerOptions, body: (door: OpenDoor) => Promise<void>) => Promise<void>;
}

/** Options of a callback server behind another server. */
export const mountedOn = (port: number): ServerOptions => ({
  server: 'mounted',
  publicUrl: `http://127.0.0.1:${port}`,
});

/** Returns the client of a door over HTTP/1.1. */
export function doorOf(server: OAuthCallbackServer, port: number): OpenDoor {
  return {
    server,
    ask: (request) => send(port, request),
    stream: async (target) => {
      const leaving = new AbortController();
      const { body } = await fetch(`http://127.0.0.1:${port}${target}`, {
        redirect: 'manual',
        signal: leaving.signal,
      });
      const reader = body!.getReader();
      return {
        next: async () => {
          const { value } = await reader.read();
          return value && Buffer.from(value).toString();
        },
        leave: () => leaving.abort(),
      };
    },
  };
}
