import type { Argument, Command, Option } from 'commander';
import { OptionWithValues } from './option-with-values.ts';

/** Value of an option or argument: one of a list, a file, or any text. */
export type ValueKind = { readonly choices: readonly string[] } | 'file' | 'text';

/** Option of a command, as its help lists it. */
export interface OptionRow {
  /** Names with their dashes: `-h`, `--help`. */
  readonly names: readonly string[];
  /** Names and value, as the help shows them: `--port <port>`. */
  readonly term: string;
  readonly meaning: string;
  /** Undefined for an option without a value. */
  readonly value: ValueKind | undefined;
}

export interface ArgumentRow {
  readonly name: string;
  readonly term: string;
  readonly meaning: string;
  readonly value: ValueKind;
}

export interface CommandRow {
  readonly name: string;
  /** Name with options and arguments: `token [options] <file>`. */
  readonly term: string;
  readonly summary: string;
  readonly description: string;
  readonly options: readonly OptionRow[];
  readonly arguments: readonly ArgumentRow[];
  /** Text below the options, with examples. */
  readonly notes: string;
}

/** The program and its commands, as data for completion scripts and the man page. */
export interface CommandTable {
  readonly name: string;
  readonly description: string;
  readonly options: readonly OptionRow[];
  readonly commands: readonly CommandRow[];
}

/** Reads the table from the program that also prints the help. */
export function commandTable(program: Command): CommandTable {
  const names = program.commands.map((each) => each.name());
  return {
    name: program.name(),
    description: program.description(),
    options: optionsOf(program),
    commands: program.commands.map((command) => ({
      name: command.name(),
      term: program.createHelp().subcommandTerm(command),
      summary: command.summary(),
      description: command.description(),
      options: optionsOf(command),
      arguments: command.registeredArguments.map((argument) => argumentRow(argument, names)),
      notes: notesOf(command),
    })),
  };
}

function optionsOf(command: Command): OptionRow[] {
  const help = command.createHelp();
  return help.visibleOptions(command).map((option) => ({
    names: [option.short, option.long].filter((name) => name !== undefined),
    term: help.optionTerm(option),
    meaning: help.optionDescription(option),
    value: valueOf(option),
  }));
}

function valueOf(option: Option): ValueKind | undefined {
  if (!option.required && !option.optional) return undefined;
  const choices = option instanceof OptionWithValues ? option.values : option.argChoices;
  if (choices) return { choices };
  return option.flags.endsWith('<file>') ? 'file' : 'text';
}

function argumentRow(argument: Argument, commands: readonly string[]): ArgumentRow {
  const name = argument.name();
  const choices = name === 'command' ? commands : argument.argChoices;
  return {
    name,
    term: argument.required ? `<${name}>` : `[${name}]`,
    meaning: argument.description,
    value: choices ? { choices } : name === 'file' ? 'file' : 'text',
  };
}

/** Gives the text that a command has added to its help. */
function notesOf(command: Command): string {
  let notes = '';
  // Commander keeps the text as a listener of its own, and its types leave the event out.
  const emitter = command as unknown as NodeJS.EventEmitter;
  emitter.emit('afterHelp', { command, error: false, write: (text: string) => void (notes += text) });
  return notes.trim();
}
