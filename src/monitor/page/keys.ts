import { byId } from './dom.ts';

/**
 * Keys of the page: `/` goes to the filter, `p` pauses or goes on, Escape empties the filter and leaves it. None of them works
 * while the user types or has opened a flow, or with a modifier, which is for the browser.
 *
 * @see WCAG 2.2 section 2.1.4
 */
export function listenToKeys(): void {
  const filter = byId('filter', HTMLInputElement);
  const pause = byId('pause');
  const dialog = byId('flow', HTMLDialogElement);
  addEventListener('keydown', (event) => {
    const { key, target, ctrlKey, altKey, metaKey, repeat } = event;
    if (ctrlKey || altKey || metaKey || repeat || event.isComposing || dialog.open) return;
    if (target === filter && key === 'Escape') {
      filter.value = '';
      filter.dispatchEvent(new Event('input'));
      filter.blur();
    } else if (isTyping(target)) return;
    else if (key === '/') filter.focus();
    else if (key === 'p') pause.click();
    else return;
    event.preventDefault();
  });
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLInputElement || target instanceof HTMLSelectElement;
}
