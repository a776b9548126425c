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
    const rows = this.#rows;
    for (const row of rows) if (row.n > this.#last) this.#events.append(itemOf(row));
    this.#last = rows.at(-1)?.n ?? this.#last;
    const begun = rows[0]?.event?.type === 'begun';
    say(byId('flow-told'), begun ? '' : 'Its earlier events are not on this page.');
  }

  get #rows(): readonly Row[] {
    const id = this.#id.textContent;
    return this.#model.journal.rows.filter(({ wording }) => wording.flow === id);
  }

  #open(flowId: string): void {
    this.#last = -1;
    this.#events.replaceChildren();
    say(this.#id, flowId);
    say(byId('flow-copied'), '');
    say(byId('flow-what'), this.#describe(flowId));
    this.#dialog.showModal();
    this.show();
  }

  /** Says what the sign-in is for, as far as its events or the list of what waits tell it. */
  #describe(flowId: string): string {
    const waiting = this.#model.waiting?.find((flow) => flow.flowId === flowId);
    const begun = this.#rows.find(({ event }) => event?.type === 'begun')?.event;
    const { label, issuer } = waiting ?? (begun?.type === 'begun' ? begun : {});
    const whose = waiting?.listener === undefined ? '' : `for ${waiting.listener}`;
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
