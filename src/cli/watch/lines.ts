import type { ServerEvent } from '../../model/events.ts';
import { printable, printableJson } from '../../base/printable.ts';
import { gapWording } from '../../monitor/wording.ts';
import type { Io } from '../io.ts';
import { sentenceOf } from '../sentences.ts';
import type { Source } from './source.ts';
import type { View } from './view.ts';

/** Writes a line for each event, as JSON or as text. Breaks and gaps are also reported on stderr. */
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
    stderr.write(is ? 'reconnected\n' : 'connection lost, reconnecting\n');
  };
  return {
    setStatus({ missed }) {
      // A break may be over before `connected` is called.
      if (begun) connected(false);
      begun = true;
      connected(true);
      if (missed === 0) return;
      line(json ? inJson({ type: 'missed', count: missed }) : printable(gapWording(missed)));
      // A user who sends the lines to a file still sees it.
      stderr.write(`${printable(gapWording(missed))}\n`);
    },
    // Lines are for events only.
    pending: () => undefined,
    service: () => undefined,
    add(event, wanted) {
      if (wanted) line(json ? inJson(event) : inText(event));
    },
    connected,
    // Lines have no controls.
    update: () => undefined,
    close: () => undefined,
  };
}

const inJson = (value: object): string => printableJson(JSON.stringify(value));

function inText(event: ServerEvent): string {
  return printable(`${new Date(event.at).toISOString()} ${sentenceOf(event)}`);
}
