import { defer, retry } from 'rxjs';
import { connectCallbackHost, type RemoteCallbackHost } from '../../client-browser.ts';
import type { FeedStatus } from '../../client/remote-feed.ts';
import type { ServerEvent } from '../../events.ts';
import { Account } from '../account.ts';
import { Access } from './access.ts';
import { Charts } from './charts.ts';
import { byId, inFrames, say } from './dom.ts';
import { Lock } from './lock.ts';
import { Numbers } from './numbers.ts';
import { Table } from './table.ts';
import { Tallies } from './tallies.ts';

/** What the page knows, from the feed. */
const account = new Account();

/** What it shows of it. People read four times a second at the most. */
const lock = new Lock();
const tallies = new Tallies();
const charts = new Charts();
const numbers = new Numbers(account.seconds);
const refresh = inFrames(250, () => {
  tallies.show(account.ledger);
  table.show();
});
const table = new Table(account.journal, refresh);
const redraw = inFrames(900, () => {
  charts.show(account.seconds.points(Date.now()));
  numbers.show();
});

function stands(status: FeedStatus): void {
  account.stands(status);
  refresh();
}

function add(event: ServerEvent): void {
  account.add(event);
  refresh();
}

type State = 'starting' | 'live' | 'away' | 'locked' | 'ended';

const sentences: Readonly<Record<State, string>> = {
  starting: 'Connecting',
  live: 'Live',
  away: 'Connection lost, coming back',
  locked: 'Not connected: a link or token is needed',
  ended: 'Ended by the service: reload to come back',
};

let host: RemoteCallbackHost | undefined;
let ended = false;

function stateNow(): State {
  if (lock.open) return 'locked';
  if (ended) return 'ended';
  if (!host) return 'starting';
  return host.connected ? 'live' : 'away';
}

function showState(): void {
  const state = stateNow();
  const status = byId('status');
  status.dataset['state'] = state;
  say(status, sentences[state]);
}

function begin(connected: RemoteCallbackHost): void {
  host = connected;
  // First, so that where the feed stands is known before its events come.
  host.feed.subscribe(stands);
  host.pending.subscribe((pending) => {
    account.ledger.waiting = pending;
    refresh();
  });
  host.events.subscribe({
    next: add,
    complete: () => {
      ended = true;
      showState();
    },
  });
  showState();
}

const { path = '', bridge = '' } = document.documentElement.dataset;
// A proxy may have put the service under a path.
const base = location.pathname.slice(0, -path.length);
const bridgeUrl = bridge.startsWith('/') ? location.origin.replace(/^http/, 'ws') + base + bridge : bridge;
const access = new Access(`${base}${path}/ticket`, (refused) => {
  const given = lock.ask(refused);
  showState();
  return given.finally(showState);
});
access.onLink = () => lock.leave();

// The client comes back by itself, once it has been connected.
defer(() => connectCallbackHost(bridgeUrl, { ticket: () => access.ticket(), history: true }))
  .pipe(retry({ delay: 3_000 }))
  .subscribe(begin);

refresh();
setInterval(() => {
  showState();
  redraw();
}, 1_000);
