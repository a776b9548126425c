import { clickThrough } from './click-through.ts';
import { jsonReport, textReport } from './report.ts';
import { runDemo } from './demo.ts';
import { launchBrowser } from '../../login/browser.ts';
import { browserEnvironment } from '../../login/browser-environment.ts';
import { CommandError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Io } from '../io.ts';

/** Flags of `demo` as commander parses them. */
export interface DemoOptions {
  readonly browser?: boolean;
  readonly json?: boolean;
}

/** Runs the demo. Throws `CommandError` unless every sign-in ended as expected. */
export async function demo({ browser, json }: DemoOptions, io: Io): Promise<void> {
  const report = json ? jsonReport(io.stdout) : textReport(io.stdout);
  if (!browser) {
    if (!(await runDemo(report))) throw new CommandError('the demo failed');
    return;
  }
  const interrupted = new AbortController();
  const undo = (['SIGINT', 'SIGTERM'] as const).map((signal) =>
    io.onSignal(signal, () => interrupted.abort()),
  );
  try {
    const ok = await clickThrough(
      report,
      (url) => launchBrowser(url, browserEnvironment(io.env, [])),
      interrupted.signal,
    );
    if (interrupted.signal.aborted)
      throw new CommandError('ended before all had signed in', exitCodes.interrupted);
    if (!ok) throw new CommandError('not every sign-in ended as it should');
  } finally {
    for (const each of undo) each();
  }
}
