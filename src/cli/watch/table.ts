import { createLogUpdate } from 'log-update';
import { Account } from '../../monitor/account.ts';
import type { Io } from '../io.ts';
import { frame } from './screen.ts';
import type { View } from './view.ts';

/** A table that stays in its place, as large as the terminal is. Drawn four times a second at the most. */
export function tableView(url: string, { stdout, env }: Pick<Io, 'stdout' | 'env'>): View {
  const account = new Account();
  const update = createLogUpdate(stdout);
  let connected = true;
  const text = (): string => {
    const { columns = 80, rows = 24 } = stdout;
    return frame(account, { columns, rows, colors: !env['NO_COLOR'] }, { url, connected });
  };
  const draw = (): void => {
    const { rows = 24 } = stdout;
    const shown = text();
    // As many lines each time: log-update 7.2 writes one that is new over those below it, which it takes for unchanged.
    update(shown + '\n'.repeat(Math.max(1, rows - shown.split('\n').length)));
  };
  const timer = setInterval(draw, 250);
  const resized = (): void => {
    // A narrower terminal has wrapped the last one, and nobody can say into how many lines.
    stdout.write('\u001b[2J\u001b[H');
    update.clear();
    draw();
  };
  stdout.on('resize', resized);
  draw();
  return {
    stands(status) {
      // What follows must not stand below a title that says the connection is lost.
      connected = true;
      account.stands(status);
    },
    pending: (flows) => void (account.ledger.waiting = flows),
    add: (event, wanted) => account.add(event, wanted),
    connected: (is) => void (connected = is),
    close() {
      clearInterval(timer);
      stdout.off('resize', resized);
      // What stays needs no room below.
      update.clear();
      update(text());
      update.done();
    },
  };
}
