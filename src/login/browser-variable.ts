import { existsSync } from 'node:fs';
import { basename } from 'node:path';

// They draw on the terminal, which the command itself uses.
const onTerminal = /^(?:www-browser|w3m|e?links2?|lynx|browsh|carbonyl)$/;

/** Variables of a process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Program and arguments that open a URL. */
export type BrowserCommand = readonly [program: string, ...args: string[]];

/**
 * Reads the variable BROWSER: commands separated by colons, in which `%s` is the URL, or else the URL is added. Leaves out browsers
 * that draw on the terminal, and `none`.
 */
export function browserCommands(env: Environment, url: string, exists = existsSync): BrowserCommand[] {
  return partsOf(env)
    .map((text) => wordsOf(text, exists))
    .filter(([program]) => isShown(program))
    .map(([program, ...args]) => [program, ...withUrl(args, url)]);
}

/** Tells if BROWSER names a browser that the user sees. It is set in dev containers, over SSH and in WSL, to open the host's. */
export function namesBrowser(env: Environment): boolean {
  return browserCommands(env, '').length > 0;
}

/** Tells if BROWSER is `none`, by which users of other tools ask for no browser. */
export function wantsNone({ BROWSER }: Environment): boolean {
  return BROWSER?.trim().toLowerCase() === 'none';
}

function partsOf({ BROWSER = '' }: Environment): string[] {
  // A colon before a slash or backslash belongs to a drive of Windows.
  return BROWSER.split(/(?<!^[A-Za-z]|:[A-Za-z]):|:(?![\\/])/)
    .map((part) => part.trim())
    .filter(Boolean);
}

/** A path may have spaces in it. */
function wordsOf(text: string, exists: (path: string) => boolean): BrowserCommand {
  return exists(text) ? [text] : (text.split(/\s+/) as unknown as BrowserCommand);
}

function isShown(program: string): boolean {
  const name = basename(program).toLowerCase();
  return name !== 'none' && !onTerminal.test(name);
}

function withUrl(args: readonly string[], url: string): string[] {
  const filled = args.map((arg) => arg.replace(/%[s%]/g, (mark) => (mark === '%s' ? url : '%')));
  return args.some((arg) => /(?<!%)%s/.test(arg)) ? filled : [...filled, url];
}
