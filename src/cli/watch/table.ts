import { createLogUpdate } from 'log-update';
import { FeedModel } from '../../monitor/feed-model.ts';
import type { Io } from '../io.ts';
import { frame } from './screen.ts';
import type { View } from './view.ts';

/** Creates a view that redraws a table of the terminal's size, at most four times a second. */
export function tableView(url: string, io: Pick<Io, 'stdout' | 'env' | 'onSuspension'>): View {
  const { stdout, env } = io;
  const model = new FeedModel();
  const update = createLogUpdate(stdout);
  let connected = true;
  const text = (): string => {
    const { columns = 80, rows = 24 } = stdout;
    return frame(model, { columns, rows, colors: !env['NO_COLOR'] }, { url, connected });
  };
  const draw = (): void => {
    const { rows = 24 } = stdout;
    const shown = text();
    // Always the same number of lines: log-update 7.2 would write a new line over those below it.
    update(shown + '\n'.repeat(Math.max(1, rows - shown.split('\n').length)));
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
    add: (event, wanted) => model.add(event, wanted),
    connected: (is) => void (connected = is),
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
