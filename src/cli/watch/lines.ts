import type { Io } from '../io.ts';
import type { Source } from './source.ts';
import type { View } from './view.ts';

/** A line of JSON for each event, for programs; what people should know goes to stderr. */
export function linesView({ stdout, stderr }: Pick<Io, 'stdout' | 'stderr'>, source: Source): View {
  const line = (value: object): void => {
    if (!stdout.write(`${harmless(JSON.stringify(value))}\n`)) source.hold();
  };
  stdout.on('drain', () => source.release());
  let lost = false;
  return {
    stands({ missed }) {
      if (missed !== 0) line({ type: 'missed', count: missed });
    },
    // Each line is an event.
    pending: () => undefined,
    add(event, wanted) {
      if (wanted) line(event);
    },
    connected(is) {
      if (is === !lost) return;
      lost = !is;
      stderr.write(is ? 'connected again\n' : 'connection lost, coming back\n');
    },
    close: () => undefined,
  };
}

/** JSON lets through what steers some terminals. */
function harmless(json: string): string {
  return json.replace(/[\x7f-\x9f]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`);
}
