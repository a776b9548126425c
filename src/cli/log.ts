import { createColors } from 'picocolors';
import { oneLine, printableJson } from '../base/printable.ts';
import type { ConnectionEvent } from '../bridge/audit.ts';
import { isLost, type ServerEvent } from '../model/events.ts';
import type { Io } from './io.ts';
import { levels, type Level } from './log-level.ts';
import { connectionSentenceOf, sentenceOf } from './sentences.ts';

type MessageLevel = Exclude<Level, 'silent'>;

/** Log of a long-running command: one line for each message, on stderr. */
export interface Log {
  debug(message: string): void;
  info(message: string): void;
  /** Logs the message of an error only: its stack may quote data that a stranger has sent. */
  warn(problem: string | Error): void;
  error(problem: string | Error): void;
  event(event: ServerEvent): void;
  connection(event: ConnectionEvent): void;
}

/** Creates a log of lines for people. */
export function textLog({ stderr, env }: Pick<Io, 'stderr' | 'env'>, level: Level): Log {
  const colors = createColors(stderr.isTTY === true && !env['NO_COLOR']);
  const paint = { debug: colors.dim, info: String, warn: colors.yellow, error: colors.red };
  const write = (at: MessageLevel, message: string): void => {
    if (levels.indexOf(at) < levels.indexOf(level)) return;
    const time = new Date().toISOString().slice(11, 23);
    stderr.write(`${colors.dim(time)} ${at.padEnd(5)} ${paint[at](oneLine(message))}\n`);
  };
  return {
    debug: (message) => write('debug', message),
    info: (message) => write('info', message),
    warn: (problem) => write('warn', messageOf(problem)),
    error: (problem) => write('error', messageOf(problem)),
    event: (event) => write(levelOf(event), sentenceOf(event)),
    connection: (event) => write('info', connectionSentenceOf(event)),
  };
}

/** Creates a log of JSON lines, written by pino. */
export async function jsonLog({ stderr }: Pick<Io, 'stderr'>, level: Level): Promise<Log> {
  const { pino } = await import('pino');
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line) => void stderr.write(printableJson(line)) },
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
    connection: ({ type, ...event }) => logger.info({ connection: type, ...event }),
  };
}

function messageOf(problem: string | Error): string {
  return typeof problem === 'string' ? problem : problem.message;
}

/**
 * Gives `warn` for redirects of known flows that were rejected, and for flows that the store has lost. Anyone can cause the
 * other redirects that reach no flow.
 */
function levelOf(event: ServerEvent): 'info' | 'warn' {
  if (event.type === 'cancelled') return isLost(event.reason) ? 'warn' : 'info';
  const rejected = event.type === 'redirect' && event.disposition !== 'accepted';
  return rejected && event.flowId !== undefined ? 'warn' : 'info';
}
