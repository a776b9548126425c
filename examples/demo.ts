/**
 * `npm run demo`: six sign-ins of two programs at one callback server, and an attacker in between.
 *
 * `npm run demo -- --json` prints each event as a line of JSON, the last one of type `summary`.
 */
import { parseArgs } from 'node:util';
import {
  asapScheduler,
  concat,
  defer,
  ignoreElements,
  lastValueFrom,
  merge,
  observeOn,
  tap,
  toArray,
} from 'rxjs';
import { createOAuthCallbackServer } from '../src/index.ts';
import { startAuthorizationServer } from './demo/authorization-server.ts';
import { jsonReport, textReport } from './demo/report.ts';
import { scenario } from './demo/scenario.ts';
import { summaryOf } from './demo/summary.ts';

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
const report = values.json ? jsonReport(process.stdout) : textReport(process.stdout);

await using authorizationServer = await startAuthorizationServer({ callbackPath: '/callback' });
// One server for all of them. A flow that hangs expires before anybody loses patience.
await using server = createOAuthCallbackServer({ port: 0, callbackPath: '/callback', flowTtl: 10_000 });

const story = concat(
  defer(() => server.listen()).pipe(ignoreElements()),
  // A flow hears of its redirect before `server.events` does; deferred, an answer is printed after what it answers.
  defer(() => scenario(server, authorizationServer)).pipe(observeOn(asapScheduler)),
  defer(() => server.close()).pipe(ignoreElements()),
);

const history = await lastValueFrom(
  merge(server.events, story).pipe(
    tap((event) => report.event(event)),
    toArray(),
  ),
);

const summary = summaryOf(history);
report.summary(summary);
process.exitCode = summary.ok ? 0 : 1;
