import { defer, retry } from 'rxjs';
import { connectCallbackHost } from '../../client/browser.ts';
import type { RemoteCallbackHost } from '../../client/host.ts';
import type { FeedStatus } from '../../client/remote-feed.ts';
import type { ServerEvent } from '../../model/events.ts';
import { FeedModel } from '../feed-model.ts';
import { Access } from './access.ts';
import { Charts } from './charts.ts';
import { byId, inFrames, say } from './dom.ts';
import { FlowPanel } from './flow-panel.ts';
import { Head } from './head.ts';
import { listenToKeys } from './keys.ts';
import { Lock } from './lock.ts';
import { Numbers } from './numbers.ts';
import { Outcomes } from './outcomes.ts';
import type { State } from './state.ts';
import { Table } from './table.ts';
import { Tallies } from './tallies.ts';
import { WaitingList } from './waiting-list.ts';

/** State of the service, from the feed. */
const model = new FeedModel();

// Updates of the text are limited to four a second; more cannot be read.
const lock = new Lock();
const head = new Head();
const outcomes = new Outcomes();
const waitingList = new WaitingList();
const flowPanel = new FlowPanel(model);
const tallies = new Tallies();
const charts = new Charts();
const numbers = new Numbers(model.seconds);
const refresh = inFrames(250, () => {
  outcomes.show(model.service);
  waitingList.show(model);
  tallies.show(model.totals);
  flowPanel.show();
  table.show();
});
const table = new Table(model.journal, refresh);
const redraw = inFrames(900, () => {
  charts.show(model.seconds.points(Date.now()));
  numbers.show();
});

function stands(status: FeedStatus): void {
  model.setStatus(status);
  refresh();
}

function add(event: ServerEvent): void {
  model.add(event);
  refresh();
}

const sentences: Readonly<Record<State, string>> = {
  starting: 'Connecting',
  live: 'Live',
  away: 'Reconnecting…',
  locked: 'Not connected: a link or token is required',
  ended: 'Disconnected by the service; reload to reconnect',
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
  head.show(model, state);
}

function begin(connected: RemoteCallbackHost): void {
  host = connected;
  // Subscribed first, because the status must be known before the events that follow it.
  host.feed.subscribe(stands);
  host.pending.subscribe((pending) => {
    model.totals.waiting = pending;
    showState();
    refresh();
  });
  host.service.subscribe((service) => {
    model.service = service;
    showState();
    refresh();
  });
  host.waiting.subscribe((waiting) => {
    model.list(waiting);
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
// A reverse proxy may serve the page under a path prefix.
const base = location.pathname.slice(0, -path.length);
const bridgeUrl = bridge.startsWith('/') ? location.origin.replace(/^http/, 'ws') + base + bridge : bridge;
const access = new Access(`${base}${path}/ticket`, (rejection) => {
  const given = lock.ask(rejection);
  showState();
  return given.finally(showState);
});
access.onLink = () => lock.leave();

// Retries the first connection only; after that the client reconnects by itself.
defer(() => connectCallbackHost(bridgeUrl, { ticket: () => access.ticket(), history: true }))
  .pipe(retry({ delay: 3_000 }))
  .subscribe(begin);

listenToKeys();
setInterval(() => {
  showState();
  refresh();
  redraw();
}, 1_000);
