import { createColors } from 'picocolors';
import type { ServerEvent } from '../events.ts';
import type { Io } from './io.ts';
import { sentenceOf } from './sentences.ts';

/** From the one that says most. */
export const levels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type Level = (typeof levels)[number];
type Spoken = Exclude<Level, 'silent'>;

/** Where a long-running command says what happens: a line each, on stderr. */
export interface Log {
  debug(message: string): void;
  info(message: string): void;
  /** An error is told by its message: its stack may quote what a stranger has sent. */
  warn(problem: string | Error): void;
  error(problem: string | Error): void;
  event(event: ServerEvent): void;
}

/** Lines for people. */
export function textLog({ stderr, env }: Pick<Io, 'stderr' | 'env'>, level: Level): Log {
  const colors = createColors(stderr.isTTY === true && !env['NO_COLOR']);
  const paint = { debug: colors.dim, info: String, warn: colors.yellow, error: colors.red };
  const write = (at: Spoken, message: string): void => {
    if (levels.indexOf(at) < levels.indexOf(level)) return;
    const time = new Date().toISOString().slice(11, 23);
    const line = message.replace(/[\r\n]+/g, ' ');
    stderr.write(`${colors.dim(time)} ${at.padEnd(5)} ${paint[at](line)}\n`);
  };
  return {
    debug: (message) => write('debug', message),
    info: (message) => write('info', message),
    warn: (problem) => write('warn', messageOf(problem)),
    error: (problem) => write('error', messageOf(problem)),
    event: (event) => write(levelOf(event), sentenceOf(event)),
  };
}

/** JSON for machines, by pino. */
export async function jsonLog({ stderr }: Pick<Io, 'stderr'>, level: Level): Promise<Log> {
  const { pino } = await import('pino');
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stderr,
  );
  const problem = (at: 'warn' | 'error', given: string | Error): void => {
    if (typeof given === 'string') logger[at](given);
    else logger[at]({ error: given.name, code: (given as { code?: unknown }).code }, given.message);
  };
  return {
    debug: (message) => logger.debug(message),
    info: (message) => logger.info(message),
    warn: (given) => problem('warn', given),
    error: (given) => problem('error', given),
    event: (event) => logger[levelOf(event)]({ event: event.type, ...event, type: undefined }),
  };
}

function messageOf(problem: string | Error): string {
  return typeof problem === 'string' ? problem : problem.message;
}

/** A redirect that reached nobody, or a flow that no redirect can reach, is what an operator looks for. */
function levelOf(event: ServerEvent): 'info' | 'warn' {
  if (event.type === 'cancelled') return event.reason === 'lost' ? 'warn' : 'info';
  return event.type === 'redirect' && event.disposition !== 'accepted' ? 'warn' : 'info';
}
