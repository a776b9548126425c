import type { CommandTable, OptionRow, ValueKind } from '../command-table.ts';
import { quoted } from './quoting.ts';

/** Writes a completion script for zsh, to be sourced or to be found in a folder of `fpath`. */
export function zshScript({ name, options, commands }: CommandTable): string {
  const main = `_${name}`;
  const described = commands.map((each) => quoted(`${each.name}:${each.summary.replaceAll(':', '\\:')}`));
  const cases = commands.map((command) => {
    const specs = [
      ...command.options.flatMap(specsOf),
      ...command.arguments.map(({ meaning, value, term }) =>
        quoted(`${term.startsWith('[') ? '::' : ':'}${escaped(meaning)}:${actionOf(value)}`),
      ),
    ];
    return `        ${command.name})\n          _arguments -s ${specs.join(' \\\n            ')} ;;`;
  });
  return `#compdef ${name}
# Completion of ${name} for zsh: source it after compinit, or write it to a folder of fpath as ${main}.
${main}() {
  local context state state_descr line
  typeset -A opt_args
  local -a commands
  commands=(
    ${described.join('\n    ')}
  )
  _arguments -C ${options.flatMap(specsOf).join(' ')} ': :->command' '*:: :->rest'
  case $state in
    command) _describe command commands ;;
    rest)
      case $words[1] in
${cases.join('\n')}
      esac ;;
  esac
}

if [[ \${funcstack[1]} == ${main} ]]; then
  ${main} "$@"
else
  # The shell may not have loaded its completion system yet.
  (( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
  compdef ${main} ${name}
fi
`;
}

/** Gives the specifications of an option, one for each name. */
function specsOf({ names, meaning, value }: OptionRow): string[] {
  return names.map((name) => {
    const long = name.startsWith('--');
    // Options with values may be repeated.
    if (value === undefined) return quoted(`${name}[${escaped(meaning)}]`);
    return quoted(`*${name}${long ? '=' : '+'}[${escaped(meaning)}]: :${actionOf(value)}`);
  });
}

function actionOf(value: ValueKind): string {
  if (value === 'text') return ' ';
  return value === 'file' ? '_files' : `(${value.choices.join(' ')})`;
}

function escaped(text: string): string {
  return text.replace(/[\\[\]:]/g, '\\$&');
}
