import type { CommandTable, OptionRow, ValueKind } from '../command-table.ts';
import { identifier, quoted } from './quoting.ts';

/** Writes a completion script for bash 3.2 and later. */
export function bashScript({ name, options, commands }: CommandTable): string {
  const main = `_${identifier(name)}`;
  const valued = commands.flatMap((command) =>
    command.options.flatMap(({ names, value }) =>
      value === undefined ? [] : [{ patterns: names.map((each) => `'${command.name} ${each}'`), value }],
    ),
  );
  // Options with the same values share a branch.
  const branches = new Map<string, string[]>();
  for (const { patterns, value } of valued)
    branches.set(reply(value), [...(branches.get(reply(value)) ?? []), ...patterns]);
  const values = [...branches].map(
    ([branch, patterns]) => `    ${patterns.join(' | ')})\n      ${branch}\n      return ;;`,
  );
  const rest = commands.map(
    (command) =>
      `    ${command.name})\n` +
      `      if [[ $current == -* ]]; then ${words(namesOf(command.options))}\n` +
      `      elif ((count == 0)); then ${reply(command.arguments[0]?.value ?? 'text')}; fi ;;`,
  );
  return `# Completion of ${name} for bash: source it, or write it to ~/.bashrc.
${main}_words() {
  COMPREPLY=($(compgen -W "$1" -- "$current"))
}

${main}_files() {
  # Readline completes files by itself, with quotes and folders.
  if ! compopt -o default 2>/dev/null; then COMPREPLY=($(compgen -f -- "$current")); fi
}

${main}() {
  local IFS=$' \\t\\n' current=\${COMP_WORDS[COMP_CWORD]} option=\${COMP_WORDS[COMP_CWORD - 1]} command= count=0 index word
  COMPREPLY=()
  # Bash separates "--option=value" at "=".
  if [[ $current == = ]]; then
    current=
  elif [[ $option == = ]]; then
    option=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  for ((index = 1; index < COMP_CWORD; index++)); do
    word=\${COMP_WORDS[index]}
    if [[ $word == -* || $word == = ]]; then continue; fi
    if [[ -z $command ]]; then
      command=$word
    elif ! ${main}_takes_value "$command" "\${COMP_WORDS[index - 1]}"; then
      ((count++))
    fi
  done
  case "$command $option" in
${values.join('\n')}
  esac
  case $command in
    '')
      if [[ $current == -* ]]; then ${words(namesOf(options))}
      else ${words(commands.map((command) => command.name))}; fi ;;
${rest.join('\n')}
  esac
}

# Tells if the word after this one is its value.
${main}_takes_value() {
  case "$1 $2" in
    *' =' | ${valued.flatMap(({ patterns }) => patterns).join(' | ')}) return 0 ;;
  esac
  return 1
}

complete -F ${main} ${name}
`;

  function words(list: readonly string[]): string {
    return `${main}_words ${quoted(list.join(' '))}`;
  }

  function reply(value: ValueKind): string {
    if (value === 'text') return ':';
    return value === 'file' ? `${main}_files` : words(value.choices);
  }
}

function namesOf(options: readonly OptionRow[]): string[] {
  return options.flatMap(({ names }) => names);
}
