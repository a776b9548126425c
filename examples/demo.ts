/**
 * `npm run demo`: six sign-ins of two programs at one callback server, a seventh of a program that is connected over the
 * bridge, a monitor that looks on, and an attacker in between.
 *
 * `npm run demo -- --json` prints each event as a line of JSON, the last one of type `summary`.
 */
import { parseArgs } from 'node:util';
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
import { createOAuthCallbackServer, type ServerEvent } from '../src/index.ts';
import { startAuthorizationServer } from './demo/authorization-server.ts';
import type { DemoEvent, Step } from './demo/events.ts';
import { connectRemotes, openBridge, type Remotes } from './demo/remotes.ts';
import { jsonReport, textReport } from './demo/report.ts';
import { scenario } from './demo/scenario.ts';
import { summaryOf } from './demo/summary.ts';

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
const report = values.json ? jsonReport(process.stdout) : textReport(process.stdout);

await using authorizationServer = await startAuthorizationServer({ callbackPath: '/callback' });
// One server for all of them. A flow that hangs expires before anybody loses patience.
await using server = createOAuthCallbackServer({ port: 0, callbackPath: '/callback', flowTtl: 10_000 });
const bridge = openBridge(server);

const story = concat(
  defer(() => server.listen()).pipe(ignoreElements()),
  defer(() => connectRemotes(bridge)).pipe(
    mergeMap((remotes) => merge(remotes.monitor.events.pipe(map(monitored)), told(remotes))),
  ),
);

function told({ listener, monitor }: Remotes): Observable<Step> {
  return concat(
    // From here on the monitor misses nothing.
    defer(() => firstValueFrom(monitor.feed)).pipe(ignoreElements()),
    // A flow hears of its redirect before `server.events` does; deferred, an answer is printed after what it answers.
    defer(() => scenario(server, listener, authorizationServer)).pipe(observeOn(asapScheduler)),
    defer(() => listener.close()).pipe(ignoreElements()),
    // The server closes the bridge too, once each connection has read what it was sent.
    defer(() => server.close()).pipe(ignoreElements()),
    defer(() => monitor.close()).pipe(ignoreElements()),
  );
}

function monitored(event: ServerEvent): Step {
  return { type: 'monitored', at: event.at, event };
}

const history = await lastValueFrom(
  merge<DemoEvent[]>(server.events, story).pipe(
    tap((event) => report.event(event)),
    toArray(),
  ),
);

const summary = summaryOf(history);
report.summary(summary);
process.exitCode = summary.ok ? 0 : 1;
