import { clickThrough } from '../../../examples/demo/click-through.ts';
import { jsonReport, textReport } from '../../../examples/demo/report.ts';
import { runDemo } from '../../../examples/demo/run.ts';
import { openBrowser } from '../browser.ts';
import type { DemoOptions } from '../demo.ts';
import { CommandError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Io } from '../io.ts';

export async function demo({ browser, json }: DemoOptions, io: Io): Promise<void> {
  const report = json ? jsonReport(io.stdout) : textReport(io.stdout);
  if (!browser) {
    if (!(await runDemo(report))) throw new CommandError('not all went as it should');
    return;
  }
  const interrupted = new AbortController();
  const undo = (['SIGINT', 'SIGTERM'] as const).map((signal) =>
    io.onSignal(signal, () => interrupted.abort()),
  );
  try {
    const ok = await clickThrough(report, openBrowser, interrupted.signal);
    if (interrupted.signal.aborted)
      throw new CommandError('ended before everybody had signed in', exitCodes.interrupted);
    if (!ok) throw new CommandError('not every sign-in ended as it should');
  } finally {
    for (const each of undo) each();
  }
}
