import { Subscription } from 'rxjs';
import { oneLine } from '../../base/printable.ts';
import type { RemoteCallbackHost } from '../../client.ts';
import { connectTo } from '../connect.ts';
import { CommandError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Io, Output } from '../io.ts';
import type { WatchOptions } from './options.ts';
import { keys } from '../keys.ts';
import { Controls, type Action } from './controls.ts';
import { filterFor } from './filter.ts';
import { linesView } from './lines.ts';
import { Source } from './source.ts';
import { tableView } from './table.ts';
import type { View } from './view.ts';

/** Shows the feed until a signal stops it, or the service ends it. */
export async function watch(url: string, options: WatchOptions, io: Io): Promise<void> {
  const { token, history = false, json } = options;
  if (!token)
    throw new CommandError(
      'a token is required; set RX_OAUTH_CALLBACK_TOKEN or pass --token',
      exitCodes.usage,
    );
  const { stopped, stop } = untilStopped(io);
  const source = new Source();
  const asTable = hasRoom(io.stdout) && !json;
  const report = asTable ? () => undefined : reportTo(io);
  const host = await Promise.race([connectTo(url, { token, history, report }, source.take), stopped]);
  // An attempt to connect cannot be cancelled, and would keep the process alive.
  if (!host) return io.exit(exitCodes.ok);
  const controls = asTable && io.stdin.isTTY ? new Controls() : undefined;
  const view = asTable ? tableView(url, io, controls) : linesView(io, source, json ?? true);
  const shown = new Subscription();
  const act = (action: Action): void => {
    if (action === 'quit') stop();
    else if (action === 'suspend') io.suspend();
    else view.update();
  };
  try {
    if (controls) shown.add(keys(io).subscribe((key) => act(controls.press(key))));
    await Promise.race([show(host, url, options, view, shown), stopped]);
  } finally {
    shown.unsubscribe();
    view.close();
    await host.close();
  }
  // Output that its reader has not taken would keep the process alive.
  if (source.held) io.exit(exitCodes.ok);
}

/** Creates a function that reports a breach of the protocol, without its stack: the message may quote what the service has sent. */
function reportTo({ stderr }: Pick<Io, 'stderr'>): (error: unknown) => void {
  return (error) => {
    const message = oneLine(error instanceof Error ? error.message : String(error));
    stderr.write(`a message of the service is not valid: ${message}\n`);
  };
}

/** Tells if the output is a terminal with a size; those of `docker exec -t` may have none, or 0. */
function hasRoom({ isTTY, columns, rows }: Output): boolean {
  return isTTY === true && Boolean(columns && rows);
}

/** `stopped` resolves at Ctrl-C or SIGTERM, when the reader closes the pipe (`| head`), or when `stop` is called. */
function untilStopped(io: Io): { stopped: Promise<undefined>; stop: () => void } {
  let stop = (): void => undefined;
  const stopped = new Promise<undefined>((resolve) => {
    stop = () => resolve(undefined);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) io.onSignal(signal, stop);
    io.stdout.on('error', stop);
  });
  return { stopped, stop };
}

/** Shows the feed; rejects when the service ends it, and never resolves. */
function show(
  host: RemoteCallbackHost,
  url: string,
  options: WatchOptions,
  view: View,
  shown: Subscription,
): Promise<never> {
  const wanted = filterFor(options);
  return new Promise((_, reject) => {
    const checks = setInterval(() => view.connected(host.connected), 250);
    shown.add(() => clearInterval(checks));
    shown.add(host.feed.subscribe((status) => view.setStatus(status)));
    shown.add(host.pending.subscribe((flows) => view.pending(flows)));
    shown.add(host.service.subscribe((status) => view.service(status)));
    const events = host.events.subscribe({
      next: (event) => view.add(event, wanted(event)),
      complete() {
        const reason = host.connected ? 'does not have the role monitor' : 'is no longer valid';
        reject(new CommandError(`${new URL(url).origin}: the token ${reason}`, exitCodes.connection));
      },
    });
    shown.add(events);
  });
}
