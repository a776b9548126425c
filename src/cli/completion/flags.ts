import { Argument, type Command } from 'commander';
import type { Io } from '../io.ts';
import { shells, type Shell } from './options.ts';

const help = `
Examples:
  $ rx-oauth-callback completion bash >> ~/.bashrc
  $ rx-oauth-callback completion zsh >> ~/.zshrc
  $ rx-oauth-callback completion fish > ~/.config/fish/completions/rx-oauth-callback.fish`;

/** Adds the command `completion`, which prints a completion script for a shell. */
export function addCompletion(program: Command, io: Io): void {
  program
    .command('completion')
    .summary('print a completion script for your shell')
    .description(
      'Prints a script that lets a shell complete commands, options and their values by the Tab key.',
    )
    .addArgument(new Argument('<shell>', 'shell to print the script for').choices(shells))
    .addHelpText('after', help)
    .action(async (shell: Shell) => {
      const { completionScript } = await import('./scripts.ts');
      const { commandTable } = await import('../command-table.ts');
      io.stdout.write(completionScript(commandTable(program), shell));
    });
}
