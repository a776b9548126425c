import type { WaitingSignIn } from '../../model/waiting-sign-in.ts';
import type { FeedModel } from '../feed-model.ts';
import { duration } from '../wording.ts';
import { byId, create, say } from './dom.ts';

interface Item {
  readonly element: HTMLElement;
  readonly age: HTMLElement;
  readonly rest: HTMLElement;
}

/** List of the flows that wait now: since when, for what, and for which program. */
export class WaitingList {
  readonly #list = byId('waiting-flows');
  readonly #items = new Map<string, Item>();

  show({ waiting, service, totals }: FeedModel): void {
    if (!waiting) return;
    const now = Date.now() + (service?.ahead ?? 0);
    const shown = new Set(waiting.map(({ flowId }) => flowId));
    for (const [flowId, { element }] of this.#items) {
      if (shown.has(flowId)) continue;
      element.remove();
      this.#items.delete(flowId);
    }
    waiting.forEach((flow, index) => {
      const item = this.#items.get(flow.flowId) ?? this.#add(flow);
      // Moved only if it is in another place, because moving takes the focus away.
      if (this.#list.children[index] !== item.element)
        this.#list.insertBefore(item.element, this.#list.children[index] ?? null);
      say(item.age, ageOf(flow, now));
      say(item.rest, restOf(flow, now));
    });
    byId('waiting-scroll').hidden = waiting.length === 0;
    say(byId('waiting-more'), moreThan(waiting.length, totals.waiting));
  }

  #add(flow: WaitingSignIn): Item {
    const { flowId, label, issuer, listener } = flow;
    const element = create('li');
    const open = create('button', label ?? issuer ?? `flow ${flowId}`, 'link');
    open.type = 'button';
    open.dataset['flow'] = flowId;
    const [age, rest] = [create('span', '', 'age'), create('span')];
    const whose = listener === undefined ? 'of this process' : `for ${listener}`;
    const facts = [create('span', whose), ...(label && issuer ? [create('span', issuer)] : []), rest];
    for (const fact of facts) fact.className = 'soft';
    element.append(age, open, ...facts);
    const item = { element, age, rest };
    this.#items.set(flowId, item);
    return item;
  }
}

function ageOf({ begunAt }: WaitingSignIn, now: number): string {
  return begunAt === undefined ? '–' : duration(Math.max(0, now - begunAt));
}

function restOf({ expiresAt }: WaitingSignIn, now: number): string {
  return expiresAt === undefined ? '' : `expires in ${duration(Math.max(0, expiresAt - now))}`;
}

function moreThan(shown: number, all: number): string {
  if (shown === 0) return all === 0 ? 'Nothing waits.' : '';
  return all > shown ? `The oldest ${shown} of ${all.toLocaleString('en')}.` : '';
}
