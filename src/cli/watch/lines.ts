import type { ServerEvent } from '../../events.ts';
import { gapWords } from '../../monitor/words.ts';
import type { Io } from '../io.ts';
import { sentenceOf } from '../sentences.ts';
import type { Source } from './source.ts';
import type { View } from './view.ts';

/** A line for each event, of JSON for programs or of text; what people should know besides goes to stderr. */
export function linesView(
  { stdout, stderr }: Pick<Io, 'stdout' | 'stderr'>,
  source: Source,
  json: boolean,
): View {
  const line = (text: string): void => {
    if (!stdout.write(`${text}\n`)) source.hold();
  };
  stdout.on('drain', () => source.release());
  let begun = false;
  let lost = false;
  const connected = (is: boolean): void => {
    if (is === !lost) return;
    lost = !is;
    stderr.write(is ? 'connected again\n' : 'connection lost, coming back\n');
  };
  return {
    stands({ missed }) {
      // It may have come back before anybody looked.
      if (begun) connected(false);
      begun = true;
      connected(true);
      if (missed === 0) return;
      line(json ? inJson({ type: 'missed', count: missed }) : gapWords(missed));
      // Whoever has the lines go to a file sees none of them.
      stderr.write(`${gapWords(missed)}\n`);
    },
    // Each line is an event.
    pending: () => undefined,
    add(event, wanted) {
      if (wanted) line(json ? inJson(event) : inText(event));
    },
    connected,
    close: () => undefined,
  };
}

/** JSON lets through what steers some terminals. */
function inJson(value: object): string {
  const json = JSON.stringify(value);
  return json.replace(/[\x7f-\x9f]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`);
}

function inText(event: ServerEvent): string {
  return `${new Date(event.at).toISOString()} ${sentenceOf(event)}`.replace(/[\p{Cc}\p{Cf}]/gu, '?');
}
