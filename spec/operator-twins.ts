/** What an operator could not rely on, as command-twins.ts has it. */
import type { CommandTwin } from './command-twins.ts';
import type { operatorRows } from './operator-rows.ts';

const edit = (file: string, find: string, replace: string): CommandTwin['edits'] => [{ file, find, replace }];

export const operatorTwins: readonly CommandTwin<keyof typeof operatorRows>[] = [
  {
    row: 'labelsNothingSecret',
    weakness: 'counts redirects by their state',
    edits: edit(
      'telemetry/metrics.ts',
      `  const count = counting(register);`,
      `  const count = counting(register);
  const states = new Counter({ name: prefix + 'states_total', help: 'x', labelNames: ['state'], registers });
  server.redirects.subscribe(({ response }) => states.inc({ state: response.state ?? '' }));`,
    ),
    complaint: /a state is in a label/,
  },
  {
    row: 'labelsNothingSecret',
    weakness: 'counts errors by whatever a provider calls them',
    edits: edit('telemetry/endings.ts', `registered.has(error) ? error : 'other'`, `error`),
    complaint: /an error of a provider is in a label/,
  },
  {
    row: 'answersLoopbackOnly',
    weakness: 'answers whoever has found the port, by any name',
    edits: edit('telemetry/port.ts', `!target || !isLoopbackName(headers.host)`, `!target`),
    complaint: /as evil\.example/,
  },
  {
    row: 'answersLoopbackOnly',
    weakness: 'takes a name that begins like loopback for it',
    edits: edit('telemetry/port.ts', String.raw`(?::\d{1,5})?$/i`, `/i`),
    complaint: /as 127\.0\.0\.1\.nip\.io/,
  },
  {
    row: 'givesTicketsToItsOwnPages',
    weakness: 'gives tickets to pages of any origin',
    edits: edit('monitor/server.ts', ` || !this.#server.isOwnOrigin(origin)`, ``),
    complaint: /with {"Origin":"null"}/,
  },
  {
    row: 'givesTicketsToItsOwnPages',
    weakness: 'gives tickets to who has no origin',
    edits: edit(
      'monitor/server.ts',
      `origin === undefined || !this.#server.isOwnOrigin(origin) ||`,
      `(origin !== undefined && !this.#server.isOwnOrigin(origin)) ||`,
    ),
    complaint: /with {"Origin":null}/,
  },
  {
    row: 'givesTicketsToItsOwnPages',
    weakness: 'gives tickets to a page next door',
    edits: edit('monitor/server.ts', ` || site !== 'same-origin'`, ``),
    complaint: /with {"Sec-Fetch-Site":"same-site"}/,
  },
  {
    row: 'endsWithItsToken',
    weakness: 'lets a visit outlive the token that it began with',
    edits: edit(
      'monitor/visits.ts',
      `const identity = this.#bridge.derive(by, { roles: ['monitor'], expiresAt });`,
      `const identity: Identity = { name: by.name, roles: ['monitor'], expiresAt };`,
    ),
    complaint: /a pass, once its token is gone[^]*200/,
  },
  {
    row: 'rereadsTokens',
    weakness: 'closes all connections at SIGHUP',
    edits: edit(
      'cli/serve/reload.ts',
      `bridge.setTokens(tokens);`,
      `bridge.setTokens([]);\n  bridge.setTokens(tokens);`,
    ),
    complaint: /with a token that is kept[^]*closed/,
  },
  {
    row: 'rereadsTokens',
    weakness: 'keeps no tokens where the file is bad',
    edits: edit(
      'cli/serve/reload.ts',
      `log.error(error instanceof`,
      `running.bridge.setTokens([]);\n      log.error(error instanceof`,
    ),
    complaint: /after a file with not JSON[^]*closed/,
  },
  {
    row: 'rereadsTokens',
    weakness: 'locks everybody out with a list that is empty',
    edits: edit('cli/serve/tokens.ts', `if (tokens !== undefined) {`, `if (tokens === null) {`).concat(
      edit('cli/serve/reload.ts', `if (own !== made && own !== undefined)`, `if (own === '')`),
    ),
    complaint: /after a file with \[\][^]*closed/,
  },
  {
    row: 'saysWhatItsNodeHas',
    weakness: 'adds up what waits from the events of its node',
    edits: edit(
      'bridge/feed.ts',
      `tellPending(): void {
    const pending = this.#source.pending();`,
      `tellPending(): void {
    const pending = (this.counts['begun'] ?? 0) - (this.counts['settled'] ?? 0);`,
    ),
    complaint: /of one that ended elsewhere/,
  },
  {
    row: 'saysWhatItsNodeHas',
    weakness: 'says every second what has not changed',
    edits: edit('bridge/feed.ts', `place.pending === pending || `, ``),
    complaint: /of a flow that began here/,
  },
  {
    row: 'tellsOfWhatIsLost',
    weakness: 'forgets in silence what is gone',
    edits: edit(
      'stored-flows.ts',
      `if (!this.#events.observed) return;
    try {`,
      `if (!this.#events.observed || ending === 'lost') return;
    try {`,
    ),
    complaint: /what is told/,
  },
  {
    row: 'tellsOfWhatIsLost',
    weakness: 'blames somebody for a loss',
    edits: edit('stored-flows.ts', `? 'lost' : 'expired'`, `? 'cancelled' : 'expired'`),
    complaint: /what is told[^]*lost/,
  },
  {
    row: 'showsHarmlessly',
    weakness: 'shows what a service has said as it is',
    edits: edit('cli/watch/screen.ts', String.raw`text.replace(/[\p{Cc}\p{Cf}]/gu, '?')`, `text`),
    complaint: /the screen is steered/,
  },
  {
    row: 'writesHarmlessly',
    weakness: 'writes what JSON lets through',
    edits: edit('cli/watch/lines.ts', String.raw`/[\x7f-\x9f]/g`, String.raw`/\x7f/g`),
    complaint: /the terminal is steered/,
  },
  {
    row: 'writesHarmlessly',
    weakness: 'writes text as a service has said it',
    edits: edit('cli/watch/lines.ts', String.raw`.replace(/[\p{Cc}\p{Cf}]/gu, '?')`, ``),
    complaint: /text steers the terminal/,
  },
];
