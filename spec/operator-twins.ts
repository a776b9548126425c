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
  {
    row: 'listsWhatIsAskedFor',
    weakness: 'lists all events on a terminal',
    edits: edit('cli/watch/run.ts', `view.add(event, wanted(event))`, `view.add(event, true)`),
    complaint: /the rows of two types/,
  },
  {
    row: 'listsWhatIsAskedFor',
    weakness: 'counts only what it lists',
    edits: edit('monitor/account.ts', `this.ledger.add(event)`, `listed && this.ledger.add(event)`),
    complaint: /the counts of two types/,
  },
  {
    row: 'listsWhatIsAskedFor',
    weakness: 'lists what has no disposition whichever is asked for',
    edits: edit(
      'cli/watch/filter.ts',
      `among(disposition, event.type === 'redirect' ? event.disposition : undefined)`,
      `(event.type !== 'redirect' || among(disposition, event.disposition))`,
    ),
    complaint: /the rows of a disposition/,
  },
  {
    row: 'listsWhatIsAskedFor',
    weakness: 'lists each flow whichever is asked for',
    edits: edit('cli/watch/filter.ts', `'flow' in event ? event.flow : undefined`, `flow?.[0]`),
    complaint: /the rows of a flow/,
  },
  {
    row: 'listsWhatIsAskedFor',
    weakness: 'counts nobody whose time was over',
    edits: edit('cli/watch/screen.ts', `ledger.of('expired')`, `ledger.of('late')`),
    complaint: /the counts of everything[^]*expired·0/,
  },
  {
    row: 'listsWhatIsAskedFor',
    weakness: 'does not say that somebody was denied',
    edits: edit('monitor/words.ts', `event.error ?? event.outcome`, `event.outcome`),
    complaint: /the rows of everything[^]*access_denied/,
  },
  {
    row: 'saysWhatIsMissing',
    weakness: 'says live whatever happens',
    edits: edit('cli/watch/table.ts', `void (connected = is)`, `void is`),
    complaint: /once it is lost/,
  },
  {
    row: 'saysWhatIsMissing',
    weakness: 'cuts off what a long URL leaves no room for',
    edits: edit(
      'cli/watch/screen.ts',
      `title.url.slice(0, Math.max(1, columns - state.length - 3))`,
      `title.url`,
    ),
    complaint: /where there is no room for the URL/,
  },
  {
    row: 'saysWhatIsMissing',
    weakness: 'shows events of a connection that it says is lost',
    edits: edit('cli/watch/table.ts', `      connected = true;\n`, ``),
    complaint: /what it says above events, with 0 missing/,
  },
  {
    row: 'saysWhatIsMissing',
    weakness: 'passes over what was missed',
    edits: edit('cli/watch/table.ts', `account.stands(status)`, `account.stands({ ...status, missed: 0 })`),
    complaint: /with 1200 missing/,
  },
  {
    row: 'saysWhatIsMissing',
    weakness: 'says after each break that something was missed',
    edits: edit('monitor/account.ts', `if (status.missed !== 0) this`, `this`),
    complaint: /with 0 missing/,
  },
  {
    row: 'saysWhatIsMissing',
    weakness: 'passes over a restart',
    edits: edit('monitor/account.ts', `if (status.missed !== 0) this`, `if (status.missed) this`),
    complaint: /with an unknown number missing/,
  },
  {
    row: 'saysOfEachBreak',
    weakness: 'says nothing of a break that was over before it looked',
    edits: edit('cli/watch/lines.ts', `if (begun) connected(false);`, ``),
    complaint: /of a break that nobody saw/,
  },
  {
    row: 'saysOfEachBreak',
    weakness: 'says of a break whenever it looks',
    edits: edit('cli/watch/lines.ts', `if (is === !lost) return;`, ``),
    complaint: /as it begins/,
  },
  {
    row: 'saysOfEachBreak',
    weakness: 'passes over a restart',
    edits: edit('cli/watch/lines.ts', `if (missed === 0) return;`, `if (!missed) return;`),
    complaint: /after a restart/,
  },
];
