import type { ServiceStatus } from '../../client/remote-feed.ts';
import type { FeedModel } from '../feed-model.ts';
import { duration } from '../wording.ts';
import { byId, create, say } from './dom.ts';
import type { State } from './state.ts';

const stores: Readonly<Record<ServiceStatus['store'], string>> = {
  memory: 'store in memory',
  shared: 'store reachable',
  unavailable: 'store not reachable',
};

/** The top of the page, and the title of its tab: which service this is, and if it is well. */
export class Head {
  readonly #facts = byId('facts');

  show({ service, totals: { waiting } }: FeedModel, state: State): void {
    document.title = titleOf(service, waiting, state);
    byId('store-unavailable').hidden = state !== 'live' || service?.store !== 'unavailable';
    if (!service) return;
    say(byId('name'), service.name === undefined ? 'Sign-ins' : `${service.name}: sign-ins`);
    const facts = factsOf(service, Date.now());
    while (this.#facts.childElementCount < facts.length) this.#facts.append(create('li'));
    facts.forEach((fact, index) => say(this.#facts.children[index] as HTMLElement, fact));
    this.#facts.hidden = false;
  }
}

/** Returns the facts about a service. @param now Milliseconds by the local clock. */
function factsOf(service: ServiceStatus, now: number): readonly string[] {
  const { version, startedAt, ahead, node = 'unknown', store, connections, listeners, monitors } = service;
  return [
    `version ${version}`,
    `up ${duration(Math.max(0, now + ahead - startedAt))}`,
    `node ${node}`,
    stores[store],
    `${connections} ${connections === 1 ? 'connection' : 'connections'}: ${listeners} listening, ${monitors} watching`,
  ];
}

/** Returns the title of the tab: what is wrong, else what waits. Until the page is let in, it has no numbers. */
function titleOf(service: ServiceStatus | undefined, waiting: number, state: State): string {
  if (!service || state === 'locked') return 'Sign-ins';
  const name = service.name ?? 'Sign-ins';
  if (state === 'ended') return `Disconnected · ${name}`;
  if (state !== 'live') return `Connection lost · ${name}`;
  return `${service.store === 'unavailable' ? 'Store unavailable' : `${waiting} waiting`} · ${name}`;
}
