import type { CommandTable } from '../command-table.ts';
import { bashScript } from './bash.ts';
import { fishScript } from './fish.ts';
import type { Shell } from './options.ts';
import { zshScript } from './zsh.ts';

const scripts: Readonly<Record<Shell, (table: CommandTable) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

/** Writes the completion script of a shell. */
export function completionScript(table: CommandTable, shell: Shell): string {
  return scripts[shell](table);
}
