import type { Command } from 'commander';
import type { Io } from './io.ts';

export interface DemoOptions {
  readonly browser?: boolean;
  readonly json?: boolean;
}

/** `demo`: see it work, against an OpenID Connect server of its own. */
export function addDemo(program: Command, io: Io): void {
  program
    .command('demo')
    .summary('see it work, or click through it yourself')
    .description(
      'Signs seven people in at one callback server, against an OpenID Connect server of its own, with a monitor that looks ' +
        'on and an attacker in between. Nothing leaves this machine.',
    )
    .option('--browser', 'you are the person: two sign-ins are opened in your browser')
    .option('--json', 'each event as a line of JSON')
    .addHelpText('after', help)
    .action(async (options: DemoOptions) => {
      const { demo } = await import('./demo/command.ts');
      await demo(options, io);
    });
}

const help = `
Examples:
  $ rx-oauth-callback demo
  $ rx-oauth-callback demo --browser
  $ rx-oauth-callback demo --json | jq -r .type`;
