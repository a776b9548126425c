import type { WaitingSignIn } from '../../model/waiting-sign-in.ts';
import type { FeedModel } from '../feed-model.ts';
import type { Row } from '../journal.ts';
import { byId, clock, create, say } from './dom.ts';

/** A sign-in that the user has opened: its whole id, and its events in order. */
export class FlowPanel {
  readonly #model: FeedModel;
  readonly #dialog = byId('flow', HTMLDialogElement);
  readonly #id = byId('flow-id');
  readonly #events = byId('flow-events');
  /** Number of the last row that is shown. */
  #last = -1;

  constructor(model: FeedModel) {
    this.#model = model;
    addEventListener('click', ({ target }) => {
      const opener = target instanceof Element ? target.closest<HTMLElement>('[data-flow]') : null;
      const { flow } = opener?.dataset ?? {};
      if (flow !== undefined) this.#open(flow);
    });
    byId('flow-close').addEventListener('click', () => this.#dialog.close());
    byId('flow-copy').addEventListener('click', () => void this.#copy());
    this.#dialog.addEventListener('close', () => {
      // The browser gives the focus back to what has opened the panel, if it is still there.
      if (document.activeElement === document.body) byId('events').focus();
    });
  }

  /** Adds the events that have come meanwhile. */
  show(): void {
    if (!this.#dialog.open) return;
    const { journal } = this.#model;
    const rows = this.#rowsSince(this.#last);
    this.#last = journal.last;
    this.#events.append(...rows.map(itemOf));
  }

  /** Returns its rows that were added after number `n`. */
  #rowsSince(n: number): readonly Row[] {
    const id = this.#id.textContent;
    return [...this.#model.journal.since(n)].filter(({ wording }) => wording.flow === id).reverse();
  }

  #open(flowId: string): void {
    this.#last = -1;
    this.#events.replaceChildren();
    say(this.#id, flowId);
    say(byId('flow-copied'), '');
    const begun = this.#rowsSince(-1)[0]?.event;
    say(byId('flow-what'), this.#describe(flowId, begun?.type === 'begun' ? begun : {}));
    say(byId('flow-told'), begun?.type === 'begun' ? '' : 'Its earlier events are not on this page.');
    this.#dialog.showModal();
    this.show();
  }

  /** Says what the sign-in is for, as far as its beginning or the list of what waits tells it. */
  #describe(flowId: string, begun: Pick<WaitingSignIn, 'label' | 'issuer'>): string {
    const waited = this.#model.waitedOf(flowId);
    const { label, issuer } = waited ?? begun;
    const whose = waited?.listener === undefined ? '' : `for ${waited.listener}`;
    return [label, issuer, whose].filter(Boolean).join(' · ');
  }

  async #copy(): Promise<void> {
    say(
      byId('flow-copied'),
      (await copy(this.#id)) ? 'Copied.' : 'Selected: copy it with the keyboard or the menu.',
    );
  }
}

function itemOf({ event, wording }: Row): HTMLElement {
  const item = create('li');
  const name = create('span', wording.name, `name ${wording.tone}`);
  item.append(create('span', clock.format(event?.at), 'soft'), name, create('span', wording.detail));
  return item;
}

/** Copies a text. Over http browsers have no clipboard for pages: there it is selected, and copied if they still know how. */
async function copy(element: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(element.textContent);
    return true;
  } catch {
    getSelection()?.selectAllChildren(element);
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- the only way without HTTPS
    return document.execCommand('copy');
  }
}
