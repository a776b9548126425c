import type { DemoOptions } from './run.ts';
import type { Command } from 'commander';
import type { Io } from '../io.ts';

/** Adds the command `demo`, which runs sign-ins against an OpenID Connect server of its own. */
export function addDemo(program: Command, io: Io): void {
  program
    .command('demo')
    .summary('see it work, or try it yourself')
    .description(
      'Signs seven people in at one callback server, against an OpenID Connect server of its own, with a monitor that ' +
        'watches and an attacker in between. Nothing leaves this machine.',
    )
    .option('--browser', 'sign in yourself: opens two sign-ins in your browser')
    .option('--json', 'print each event as a line of JSON')
    .addHelpText('after', help)
    .action(async (options: DemoOptions) => {
      const { demo } = await import('./run.ts');
      await demo(options, io);
    });
}

const help = `
Examples:
  $ rx-oauth-callback demo
  $ rx-oauth-callback demo --browser
  $ rx-oauth-callback demo --json | jq -r .type`;
