import {
  asapScheduler,
  concat,
  defer,
  firstValueFrom,
  ignoreElements,
  lastValueFrom,
  map,
  merge,
  mergeMap,
  observeOn,
  tap,
  toArray,
  type Observable,
} from 'rxjs';
import { createOAuthCallbackServer, type OAuthCallbackServer, type ServerEvent } from '../../index.ts';
import { startAuthorizationServer, type AuthorizationServer } from './authorization-server.ts';
import type { DemoEvent, Step } from './events.ts';
import { connectRemotes, openBridge, type Remotes } from './remotes.ts';
import type { Report } from './report.ts';
import { scenario } from './scenario.ts';
import { summaryOf } from './summary.ts';

/** Runs the demo; resolves with true if every sign-in ended as expected. */
export async function runDemo(report: Report): Promise<boolean> {
  await using authorizationServer = await startAuthorizationServer({ callbackPath: '/callback' });
  // All sign-ins share one server. A short `flowTtl` ends a sign-in that hangs.
  await using server = createOAuthCallbackServer({ port: 0, callbackPath: '/callback', flowTtl: 10_000 });
  const history = await lastValueFrom(
    merge<DemoEvent[]>(server.events, story(server, authorizationServer)).pipe(
      tap((event) => report.event(event)),
      toArray(),
    ),
  );
  const summary = summaryOf(history);
  report.summary(summary);
  return summary.ok;
}

function story(server: OAuthCallbackServer, authorizationServer: AuthorizationServer): Observable<Step> {
  const bridge = openBridge(server);
  return concat(
    defer(() => server.listen()).pipe(ignoreElements()),
    defer(() => connectRemotes(bridge)).pipe(
      mergeMap((remotes) =>
        merge(
          remotes.monitor.events.pipe(map(monitored)),
          afterConnecting(server, authorizationServer, remotes),
        ),
      ),
    ),
  );
}

function afterConnecting(
  server: OAuthCallbackServer,
  authorizationServer: AuthorizationServer,
  { listener, monitor }: Remotes,
): Observable<Step> {
  return concat(
    // Wait for the feed, so that the monitor sees every event.
    defer(() => firstValueFrom(monitor.feed)).pipe(ignoreElements()),
    // A flow gets its response before `server.events` emits the redirect; deferred, events are printed in order.
    defer(() => scenario(server, listener, authorizationServer)).pipe(observeOn(asapScheduler)),
    defer(() => listener.close()).pipe(ignoreElements()),
    // The server closes the bridge too, once each connection has received its messages.
    defer(() => server.close()).pipe(ignoreElements()),
    defer(() => monitor.close()).pipe(ignoreElements()),
  );
}

function monitored(event: ServerEvent): Step {
  return { type: 'monitored', at: event.at, event };
}
