/** A Containerfile: its instructions, and what is wrong with it as the image of a service. */

export interface Instruction {
  readonly name: string;
  /** Arguments, on one line. */
  readonly args: string;
}

/** Takes a Containerfile apart. Comments and the ends of continued lines are left out. */
export function instructionsOf(text: string): Instruction[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !/^\s*#/.test(line));
  const whole = lines.join('\n').replace(/\\\n\s*/g, '');
  return whole.split('\n').map((line) => {
    const [, name = '', args = ''] = /^(\S+)\s*(.*)$/.exec(line) ?? [];
    return { name, args };
  });
}

/** Arguments of the only instruction of that name. */
export function argsOf(text: string, name: string): string {
  const found = instructionsOf(text).filter((each) => each.name === name);
  if (found.length !== 1) throw new Error(`${name} must occur once; got ${found.length} times`);
  return found[0]!.args;
}

/** Returns the words of the list form, or undefined for the shell form. */
export function listForm(args: string): string[] | undefined {
  try {
    const words: unknown = JSON.parse(args);
    const fits = Array.isArray(words) && words.length > 0 && words.every((word) => typeof word === 'string');
    return fits ? words : undefined;
  } catch {
    return undefined;
  }
}

/** Returns the command of a HEALTHCHECK in the list form. */
export function commandOf(healthcheck: string): string[] | undefined {
  const [, command = ''] = /^(?:--[a-z-]+=\S+ +)*CMD +(.*)$/.exec(healthcheck) ?? [];
  return listForm(command);
}

const secret = /token|secret|passw|credential|key\b/i;
const durations = /^(?:(?:--(?:start-period|interval|timeout|start-interval)=\d+s|--retries=\d+) +)*CMD /;

/** Form that each instruction must have, if it occurs. An instruction that is not here is none, or not needed. */
const rules: Readonly<Record<string, (args: string) => boolean>> = {
  FROM: (image) => /^[\w./-]+:\d[\w.-]*$/.test(image),
  WORKDIR: (path) => path.startsWith('/'),
  RUN: (command) => command !== '' && !secret.test(command),
  ENV: (pairs) => /^[A-Z]\w*=/.test(pairs) && !secret.test(pairs),
  ARG: (name) => /^[A-Z]\w*(?:=|$)/.test(name) && !secret.test(name),
  USER: (user) => /^\w+(?::\w+)?$/.test(user) && !/^(?:root|0+)(?::|$)/.test(user),
  EXPOSE: (port) => /^\d+$/.test(port) && Number(port) >= 1024 && Number(port) < 65_536,
  STOPSIGNAL: (signal) => signal === 'SIGTERM',
  HEALTHCHECK: (check) => durations.test(check) && commandOf(check) !== undefined,
  ENTRYPOINT: (command) => listForm(command)?.[0]?.startsWith('/') === true,
  CMD: (words) => listForm(words)?.every((word) => !secret.test(word)) === true,
};

const onceEach = ['FROM', 'WORKDIR', 'USER', 'STOPSIGNAL', 'HEALTHCHECK', 'ENTRYPOINT', 'CMD'];

/** Returns a complaint for each instruction that breaks a rule, is unknown, or is missing. */
export function lint(text: string): string[] {
  const instructions = instructionsOf(text);
  const names = instructions.map(({ name }) => name);
  return [
    ...(names[0] === 'FROM' ? [] : ['FROM must be first']),
    ...instructions
      .filter(({ name, args }) => !rules[name]?.(args))
      .map(({ name, args }) => `${name} must not be ${args}`),
    ...onceEach
      .map((name) => [name, names.filter((each) => each === name).length] as const)
      .filter(([, count]) => count !== 1)
      .map(([name, count]) => `${name} must occur once; got ${count} times`),
  ];
}
