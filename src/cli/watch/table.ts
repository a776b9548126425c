import { createLogUpdate } from 'log-update';
import { FeedModel } from '../../monitor/feed-model.ts';
import type { Io } from '../io.ts';
import type { Controls } from './controls.ts';
import { frame, type Paused } from './screen.ts';
import type { View } from './view.ts';

/**
 * Creates a view that redraws a table of the terminal's size four times a second.
 *
 * @param controls State that the user controls by keys; left out if no keys can be read.
 */
export function tableView(
  url: string,
  io: Pick<Io, 'stdout' | 'env' | 'onSuspension'>,
  controls?: Controls,
): View {
  const { stdout, env } = io;
  const model = new FeedModel();
  const update = createLogUpdate(stdout);
  let connected = true;
  // Rows at the time of the pause, the latest first.
  let paused: Paused | undefined;
  const text = (): string => {
    const { columns = 80, rows = 24 } = stdout;
    if (!controls?.isPaused) paused = undefined;
    else paused ??= { rows: [...model.journal.rows].reverse(), received: model.journal.received };
    const screen = { columns, rows, colors: !env['NO_COLOR'] };
    return frame(
      model,
      screen,
      { url, connected },
      controls && { filter: controls.filter, isEditing: controls.isEditing, paused },
    );
  };
  const draw = (): void => {
    const { rows = 24 } = stdout;
    const lines = text().split('\n');
    // Always the same number of lines: log-update 7.2 would write a new line over those below it.
    while (lines.length < rows - 1) lines.push('');
    // No line is empty: log-update 7.2 would count wrongly if the last one that has changed is.
    update(`${lines.map((line) => line || ' ').join('\n')}\n`);
  };
  let timer = setInterval(draw, 250);
  const redraw = (): void => {
    // A narrower terminal has wrapped the last table, or a shell has written below it, in an unknown number of lines.
    stdout.write('\u001b[2J\u001b[H');
    update.clear();
    draw();
  };
  stdout.on('resize', redraw);
  const removeSuspendable = io.onSuspension({
    leave() {
      clearInterval(timer);
      // Shows the cursor.
      update.done();
    },
    resume() {
      clearInterval(timer);
      timer = setInterval(draw, 250);
      redraw();
    },
  });
  draw();
  return {
    setStatus(status) {
      // The title must not say that the connection is lost above new events.
      connected = true;
      model.setStatus(status);
    },
    pending: (flows) => void (model.totals.waiting = flows),
    service: (status) => void (model.service = status),
    add: (event, wanted) => model.add(event, wanted),
    connected: (is) => void (connected = is),
    update: draw,
    close() {
      clearInterval(timer);
      removeSuspendable();
      stdout.off('resize', redraw);
      // The last table needs no empty lines below it.
      update.clear();
      update(text());
      update.done();
    },
  };
}
