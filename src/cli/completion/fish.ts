import type { CommandTable, OptionRow, ValueKind } from '../command-table.ts';
import { identifier } from './quoting.ts';

/** Writes a completion script for fish 3.4 and later. */
export function fishScript({ name, options, commands }: CommandTable): string {
  const own = `__${identifier(name)}`;
  const complete = `complete -c ${name}`;
  const withoutCommand = `-n ${own}_has_none`;
  const valued = commands.flatMap((command) =>
    command.options.filter(({ value }) => value !== undefined).flatMap(({ names }) => names),
  );
  const lines = [
    // No files unless an option or argument is one.
    `${complete} -f`,
    ...options.map((option) => `${complete} ${withoutCommand} ${optionOf(option)}`),
    ...commands.map((each) => `${complete} ${withoutCommand} -a ${each.name} -d ${quoted(each.summary)}`),
    ...commands.flatMap((command) => {
      const within = `-n ${quoted(`${own}_is ${command.name}`)}`;
      const values = command.arguments.flatMap(({ value }) => argumentOf(value));
      return [
        ...command.options.map((option) => `${complete} ${within} ${optionOf(option)}`),
        ...values.map(
          (value) => `${complete} -n ${quoted(`${own}_lacks_argument ${command.name}`)} ${value}`,
        ),
      ];
    }),
  ];
  return `# Completion of ${name} for fish: write it to ~/.config/fish/completions/${name}.fish.
set -g ${own}_valued ${[...new Set(valued)].join(' ')}

# Prints the command and its arguments, without options and their values.
function ${own}_words
    set -l before
    for word in (commandline -opc)[2..]
        if not string match -q -- '-*' $word; and not contains -- "$before" $${own}_valued
            echo $word
        end
        set before $word
    end
end

function ${own}_has_none
    set -l words (${own}_words)
    test -z "$words"
end

function ${own}_is
    set -l words (${own}_words)
    test "$words[1]" = $argv[1]
end

function ${own}_lacks_argument
    set -l words (${own}_words)
    test "$words" = $argv[1]
end

${lines.join('\n')}
`;
}

function optionOf({ names, meaning, value }: OptionRow): string {
  const flags = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  return [...flags, ...valueOf(value), `-d ${quoted(meaning)}`].join(' ');
}

function valueOf(value: ValueKind | undefined): string[] {
  if (value === undefined) return [];
  if (value === 'file') return ['-r -F'];
  return value === 'text' ? ['-x'] : [`-x -a ${quoted(value.choices.join(' '))}`];
}

function argumentOf(value: ValueKind): string[] {
  if (value === 'text') return [];
  return value === 'file' ? ['-F'] : [`-a ${quoted(value.choices.join(' '))}`];
}

/** Quotes a text for fish, in which a backslash escapes within quotes. */
function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
