/** A server for all sign-ins, and `oauth-callback`, which opens one for each. */
import { createServer } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { firstValueFrom } from 'rxjs';
import { createOAuthCallbackServer, type CallbackFields, type OAuthCallbackServer } from '../../src/index.ts';
import { obey } from '../orders.ts';
import { randomStates } from '../states.ts';

/** The part of the package's types that is used here. Its own types need another version of TypeScript. */
interface OAuthCallback {
  getAuthCode(options: {
    authorizationUrl: string;
    port: number;
    hostname: string;
    launch: () => void;
  }): Promise<CallbackFields>;
}

/** Pending sign-ins: their states, and the ports that their redirects are sent to. */
interface Begun {
  ports: number[];
  states: string[];
}

let server: OAuthCallbackServer;
let oauthCallback: OAuthCallback;
let freePorts: number[];
let responses: Promise<unknown>[] = [];

const orders = {
  async listen(): Promise<void> {
    server = createOAuthCallbackServer();
    await server.listen();
    // A variable, so that the programs compile if the package is not installed.
    const name: string = 'oauth-callback';
    oauthCallback = (await import(name)) as OAuthCallback;
  },

  async reserve(count: number): Promise<void> {
    const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
    await Promise.all(servers.map((each) => once(each, 'listening')));
    freePorts = servers.map((each) => (each.address() as AddressInfo).port);
    await Promise.all(servers.map((each) => once(each.close(), 'close')));
  },

  async beginOurs(count: number): Promise<{ port: number; states: string[] }> {
    const flows = await Promise.all(Array.from({ length: count }, () => server.begin()));
    responses = flows.map(({ response }) => firstValueFrom(response));
    return { port: server.address.port, states: flows.map(({ state }) => state) };
  },

  async beginTheirs(count: number): Promise<Begun> {
    const states = randomStates(count);
    const listening: Promise<void>[] = [];
    responses = states.map((state, index) => {
      const port = freePorts[index]!;
      const authorizationUrl = `https://as.example/authorize?state=${state}`;
      let launch!: () => void;
      listening.push(new Promise((resolve) => (launch = resolve)));
      return oauthCallback.getAuthCode({ authorizationUrl, port, hostname: '127.0.0.1', launch });
    });
    await Promise.all(listening);
    return { ports: freePorts, states };
  },

  /** Resolves once every sign-in has its response and has closed its server. */
  async ended(): Promise<number> {
    return (await Promise.all(responses)).length;
  },
};

export type SignIns = typeof orders;

obey(orders);
