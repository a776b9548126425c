import type { Command } from 'commander';
import type { Io } from './io.ts';

/** `serve`: the callback service, with its bridge. */
export function addServe(program: Command, io: Io): void {
  program
    .command('serve')
    .description(
      'run a callback service: redirects come in, each result goes out to the program that waits for it',
    )
    .option('--port <port>', 'TCP port, 0 for a free one')
    .option('--token <token>', 'token of the programs that connect; without one, one is made and printed')
    .action(async (options: { port?: string; token?: string }) => {
      const { serve } = await import('./serve/service.ts');
      await serve(options, io);
    });
}
