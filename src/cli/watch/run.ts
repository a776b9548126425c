import { Subscription } from 'rxjs';
import type { RemoteCallbackHost } from '../../client.ts';
import { connectTo } from '../connect.ts';
import { CommandError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Io, Output } from '../io.ts';
import type { WatchOptions } from '../watch.ts';
import { filterFor } from './filter.ts';
import { linesView } from './lines.ts';
import { Source } from './source.ts';
import { tableView } from './table.ts';
import type { View } from './view.ts';

/** Shows the feed until it is told to stop, or the service says that it will say no more. */
export async function watch(url: string, options: WatchOptions, io: Io): Promise<void> {
  const { token, history = false, json } = options;
  if (!token)
    throw new CommandError(
      'a token is needed: set RX_OAUTH_CALLBACK_TOKEN, or give --token',
      exitCodes.usage,
    );
  const stopped = untilStopped(io);
  const source = new Source();
  const host = await Promise.race([connectTo(url, { token, history }, source.take), stopped]);
  // An attempt to connect cannot be called off, and would keep the process.
  if (!host) return io.exit(exitCodes.ok);
  const view = hasRoom(io.stdout) && !json ? tableView(url, io) : linesView(io, source, json ?? true);
  const shown = new Subscription();
  try {
    await Promise.race([show(host, url, options, view, shown), stopped]);
  } finally {
    shown.unsubscribe();
    view.close();
    await host.close();
  }
  // What its reader has not taken by now would keep the process as long as that lives.
  if (source.held) io.exit(exitCodes.ok);
}

/** Whether it is a terminal that knows its size; `docker exec -t` makes some that do not, or say it is 0. */
function hasRoom({ isTTY, columns, rows }: Output): boolean {
  return isTTY === true && Boolean(columns && rows);
}

/** At Ctrl-C or SIGTERM, and where nobody reads any more (`| head`). */
function untilStopped(io: Io): Promise<undefined> {
  return new Promise((resolve) => {
    const stop = (): void => resolve(undefined);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) io.onSignal(signal, stop);
    io.stdout.on('error', stop);
  });
}

/** Rejects when no more will come; resolves never. */
function show(
  host: RemoteCallbackHost,
  url: string,
  options: WatchOptions,
  view: View,
  shown: Subscription,
): Promise<never> {
  const wanted = filterFor(options);
  return new Promise((_, reject) => {
    const told = setInterval(() => view.connected(host.connected), 250);
    shown.add(() => clearInterval(told));
    shown.add(host.feed.subscribe((status) => view.stands(status)));
    shown.add(host.pending.subscribe((flows) => view.pending(flows)));
    const events = host.events.subscribe({
      next: (event) => view.add(event, wanted(event)),
      complete() {
        const why = host.connected ? 'is not one of a monitor' : 'is no longer taken';
        reject(new CommandError(`${new URL(url).origin}: the token ${why}`, exitCodes.connection));
      },
    });
    shown.add(events);
  });
}
