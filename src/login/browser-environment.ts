import type { Environment } from './browser-variable.ts';

const prefix = 'RX_OAUTH_CALLBACK_';

/**
 * Gives the environment for a browser: without the variables of this command, and without any other that holds one of its secrets.
 * A browser keeps its environment for as long as it runs, and its pages' helpers inherit it.
 *
 * @param secrets Secrets that the command was given, in a flag or a variable.
 */
export function browserEnvironment(env: Environment, secrets: readonly (string | undefined)[]): Environment {
  const given = secrets.filter((secret): secret is string => Boolean(secret));
  const isKept = ([name, value = '']: [name: string, value: string | undefined]): boolean =>
    // Windows takes the names of variables in any case.
    !name.toUpperCase().startsWith(prefix) && !given.some((secret) => holds(value, secret));
  return Object.fromEntries(Object.entries(env).filter(isKept));
}

/** Tells if a value is a secret or has it as a part, such as `Bearer …`. A short secret may be a part of anything. */
function holds(value: string, secret: string): boolean {
  return value === secret || (secret.length >= 12 && value.includes(secret));
}
