import type { Command } from 'commander';

/** Adds the command `help`, which shows the help of the program or of one command. */
export function addHelp(program: Command): void {
  program
    .command('help')
    .summary('show help, or the options of a command')
    .description('Shows the commands of the program, or the options of one command.')
    .argument('[command]', 'command to show the options of')
    .action(async (name: string | undefined) => {
      const command = name === undefined ? program : program.commands.find((each) => each.name() === name);
      if (command) command.help();
      // No command has this name, so that the program says so and suggests a similar one.
      await program.parseAsync([name ?? ''], { from: 'user' });
    });
}
