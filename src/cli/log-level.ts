/** Levels of a log, the most detailed first. */
export const levels = ['debug', 'info', 'warn', 'error', 'silent'] as const;

export type Level = (typeof levels)[number];
