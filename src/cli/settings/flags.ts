import { Option } from 'commander';
import { OptionWithValues } from '../option-with-values.ts';
import type { Flags } from './layers.ts';
import { describe, oppositeOf, type Setting } from './setting.ts';

/** Creates the flag of a setting, if it has one, and its opposite if there is one. */
export function optionsOf(setting: Setting): Option[] {
  const { group, opposite } = setting;
  const { flag, choices } = setting;
  if (flag === undefined) return [];
  const option = choices
    ? new OptionWithValues(flag, describe(setting), choices.map(String))
    : new Option(flag, describe(setting));
  option.helpGroup(group);
  if (setting.type !== 'switch')
    option.argParser((text, before: string[] | undefined) => [...(before ?? []), text]);
  return opposite === undefined
    ? [option]
    : [option, new Option(oppositeOf(setting), opposite).helpGroup(group)];
}

/** Renames flags from commander's names to the keys of their settings. */
export function byKey(settings: readonly Setting[], given: Flags): Flags {
  return Object.fromEntries(
    settings.flatMap(({ key, flag }) =>
      flag === undefined ? [] : [[key, given[new Option(flag).attributeName()]] as const],
    ),
  );
}
