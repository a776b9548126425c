import { PassThrough } from 'node:stream';
import { printable } from '../../src/base/printable.ts';
import type { Io } from '../../src/cli/io.ts';
import { Source } from '../../src/cli/watch/source.ts';
import type { View } from '../../src/cli/watch/view.ts';
import type { FeedStatus } from '../../src/client.ts';
import type { ServerEvent } from '../../src/index.ts';
import { Tokens } from '../../src/login.ts';
import { FeedModel } from '../../src/monitor/feed-model.ts';
import * as assert from '../helpers/assert.ts';
import { type Bridged, token, withBridge } from '../helpers/bridge.ts';
import { virtualTime } from '../helpers/clock.ts';
import { everyEnding, everyRow } from '../helpers/endings.ts';
import { rowsOf, Screen } from '../helpers/screen.ts';
import { edit, replacing } from '../helpers/weakened.ts';
import { check, exportsOf, requirement, requirementsOn, twin } from './requirement.ts';

const screenModule = exportsOf<typeof import('../../src/cli/watch/screen.ts')>('cli/watch/screen.ts');

const linesModule = exportsOf<typeof import('../../src/cli/watch/lines.ts')>('cli/watch/lines.ts');

const watchCommand = exportsOf<typeof import('../../src/cli/watch/run.ts')>('cli/watch/run.ts');

const progressModule = exportsOf<typeof import('../../src/cli/login/progress.ts')>('cli/login/progress.ts');

const runModule = exportsOf<typeof import('../../src/cli/run.ts')>('cli/run.ts');

const savedModule = exportsOf<typeof import('../../src/cli/login/saved.ts')>('cli/login/saved.ts');

const logModule = exportsOf<typeof import('../../src/cli/log.ts')>('cli/log.ts');

const tableModule = exportsOf<typeof import('../../src/cli/watch/table.ts')>('cli/watch/table.ts');

const steering = 'x\x1b]0;pwned\x07\x1b[2J\u009b31m\x7f\u202e\u{e0041}';

const hostile: ServerEvent = { type: 'answered', at: 0, flowId: '1', outcome: 'error', error: steering };

const control = /[\0-\x09\x0b-\x1f\x7f-\x9f\u202e\u{e0041}]/u;

/** Resolves once so many watch. */
async function monitors({ bridge }: Bridged, expected: number): Promise<void> {
  const turns = async (): Promise<void> => {
    while (bridge.stats().monitors < expected) await new Promise(setImmediate);
  };
  await assert.deadline(turns(), `${expected} monitors`);
}

const status: FeedStatus = { counts: {}, reasons: {}, repeated: 0, missed: 0 };

export const requirements = requirementsOn(
  'watch',
  requirement(
    'P-14',
    {
      demand: 'Print nothing on a terminal that can control it.',
      source: 'CWE-150',
    },
    check(
      screenModule,
      'the table of watch has nothing that steers a terminal',
      ({ frame }) => {
        const model = new FeedModel();
        model.add(hostile);
        const shown = frame(
          model,
          { columns: 120, rows: 24, colors: false },
          { url: 'wss://x', connected: true },
        );
        assert.match(shown, 'pwned');
        assert.not.match(shown, control, 'the screen is steered');
      },
      [
        twin(
          'shows what a service has said as it is',
          replacing({ printable }, () => (text) => text),
          /the screen is steered/,
        ),
      ],
    ),
    check(
      linesModule,
      'the lines of watch have nothing that steers a terminal, and are the events',
      ({ linesView }) => {
        const lineOf = (json: boolean): string => {
          const [stdout, stderr] = [new PassThrough(), new PassThrough()];
          linesView({ stdout, stderr }, new Source(), json).add(hostile, true);
          return String(stdout.read());
        };
        const [json, text] = [lineOf(true), lineOf(false)];
        assert.not.match(json, control, 'the terminal is steered');
        assert.equal(JSON.parse(json), hostile);
        assert.not.match(text, control, 'text steers the terminal');
        assert.match(text, /^1970-01-01T00:00:00\.000Z flow 1: received the error x[^\n]*\n$/);
      },
      [
        twin(
          'writes what JSON lets through',
          edit(String.raw`[\x7f-\x9f\u2028`, String.raw`[\x7f\u2028`),
          /the terminal is steered/,
        ),
        twin(
          'writes text as a service has said it',
          replacing({ printable }, () => (text) => text),
          /text steers the terminal/,
        ),
      ],
    ),
    check(
      progressModule,
      'login shows nothing that steers a terminal, whatever a service or an authorization server has said',
      ({ Progress }) => {
        const stderr = new PassThrough();
        const progress = new Progress({ stderr, env: {} } as Partial<Io> as Io);
        progress.say(`Registered as ${steering}\r\nrx-oauth-callback: ended`);
        progress.advice(steering, steering);
        progress.signedIn(steering);
        progress.url(new URL(`https://as.example/${encodeURIComponent('x')}#${steering}`), true);
        const shown = String(stderr.read());
        assert.match(shown, 'Registered as x');
        assert.not.match(shown, control, 'the terminal is steered');
        assert.not.match(shown, /^rx-oauth-callback/m, 'a line of its own');
      },
      [
        twin(
          'says what others have said as it is',
          edit(`this.#write(printable(line));`, `this.#write(line);`),
          /the terminal is steered/,
        ),
        twin(
          'names the issuer as it is',
          edit('this.#colors.green(printable(sentence))', 'this.#colors.green(sentence)'),
          /the terminal is steered/,
        ),
      ],
    ),
    check(
      runModule,
      'an error has nothing that steers a terminal, and is one line',
      async ({ run }) => {
        const stderr = new PassThrough();
        const args = [
          'login',
          '--issuer',
          'https://as.example',
          '--host',
          `${steering}\nrx-oauth-callback: ended`,
        ];
        const io = { stderr, stdout: new PassThrough(), env: {} } as Partial<Io> as Io;
        assert.is(await run(args, io), 2);
        const shown = String(stderr.read());
        assert.match(shown, 'pwned');
        assert.not.match(shown, control, 'the terminal is steered');
        assert.is(shown.trim().split('\n').length, 1);
      },
      [
        twin(
          'prints a message as it is',
          edit('rx-oauth-callback: ${printable(message)}', 'rx-oauth-callback: ${message}'),
          /the terminal is steered/,
        ),
      ],
    ),
    check(
      savedModule,
      'printed tokens have nothing that steers a terminal, and are the tokens',
      ({ textOf }) => {
        const fields = {
          issuer: 'https://as.example',
          client_id: 'c',
          access_token: 'a',
          token_type: 'bearer',
        };
        const given = { ...fields, note: steering };
        const text = textOf(Tokens.fromDict(given));
        assert.equal(JSON.parse(text), given);
        assert.not.match(text, control, 'the terminal is steered');
      },
      [
        twin(
          'prints what JSON lets through',
          edit(
            `printableJson(JSON.stringify(tokens.toDict(), undefined, 2))`,
            `JSON.stringify(tokens.toDict(), undefined, 2)`,
          ),
          /the terminal is steered/,
        ),
      ],
    ),
    check(
      logModule,
      'the log has nothing that steers a terminal, as text and as JSON',
      async ({ textLog, jsonLog }) => {
        const stderr = new PassThrough();
        textLog({ stderr, env: {} }, 'info').event(hostile);
        (await jsonLog({ stderr }, 'info')).event(hostile);
        (await jsonLog({ stderr }, 'info')).warn(steering);
        const shown = String(stderr.read());
        assert.is(shown.match(/pwned/g)?.length, 3);
        assert.not.match(shown, control, 'the terminal is steered');
      },
      [
        twin(
          'logs what JSON lets through',
          edit(`stderr.write(printableJson(line))`, `stderr.write(line)`),
          /the terminal is steered/,
        ),
      ],
    ),
  ),

  requirement(
    'P-15',
    {
      demand: 'List the events that watch is asked for, and count all of them.',
      source: 'docs/guides/operator-page.md',
    },
    check(
      watchCommand,
      'the table of watch has the rows that are asked for, and its counts are of all that happens',
      async ({ watch }) => {
        const time = virtualTime();
        const watchOn = (
          url: string,
          { stdout }: Screen,
          stopped: Promise<void>,
          asked: object,
        ): Promise<void> =>
          watch(url, { token, ...asked }, {
            stdin: new PassThrough(),
            stdout,
            env: { NO_COLOR: '1' },
            onSignal: (_signal, heard) => {
              void stopped.then(heard);
              return () => undefined;
            },
            onSuspension: () => () => undefined,
          } as Partial<Io> as Io);
        const body = async (bridged: Bridged): Promise<void> => {
          let stop = (): void => undefined;
          const stopped = new Promise<void>((resolve) => (stop = resolve));
          const tries = [
            ['everything', {}, everyRow],
            [
              'two types',
              { type: ['expired', 'cancelled'] },
              everyRow.filter((row) => /^(?:ex|ca)/.test(row)),
            ],
            ['a disposition', { disposition: ['malformed'] }, ['malformed 1 missing code']],
            ['a flow', { flow: ['2'] }, everyRow.filter((row) => /^\w+ 2\b/.test(row))],
          ] as const;
          const screens = tries.map(() => new Screen(24, 100));
          const watches = tries.map(([, asked], index) =>
            watchOn(bridged.url, screens[index]!, stopped, asked),
          );
          try {
            await monitors(bridged, tries.length);
            await everyEnding(bridged, time);
            for (const screen of screens) await screen.shows(/^waiting 2 /);
          } finally {
            stop();
            await Promise.all(watches);
          }
          for (const [index, [what, , rows]] of tries.entries()) {
            const { lines } = screens[index]!;
            assert.equal(rowsOf(lines), rows, `the rows of ${what}`);
            assert.equal(
              lines[1]?.split('  ').slice(0, -1),
              ['waiting 2', 'accepted 2', 'refused 1'],
              `the counts of ${what}`,
            );
            assert.is(
              lines[2],
              'succeeded 1  denied 1  failed 0  expired 1  cancelled 2  20 % of 5 in five minutes',
              `the outcomes of ${what}`,
            );
          }
        };
        await withBridge(body, {}, { scheduler: time.scheduler });
      },
      [
        twin(
          'lists all events on a terminal',
          edit(`view.add(event, wanted(event))`, `view.add(event, true)`),
          /the rows of two types/,
        ),
        twin(
          'counts only what it lists',
          edit(`this.totals.add(event)`, `listed && this.totals.add(event)`),
          /the counts of two types/,
        ),
        twin(
          'lists what has no disposition whichever is asked for',
          edit(
            `among(disposition, event.type === 'redirect' ? event.disposition : undefined)`,
            `(event.type !== 'redirect' || among(disposition, event.disposition))`,
          ),
          /the rows of a disposition/,
        ),
        twin(
          'lists each flow whichever is asked for',
          edit(`'flowId' in event ? event.flowId : undefined`, `flow?.[0]`),
          /the rows of a flow/,
        ),
        twin(
          'counts nobody whose time was over',
          edit(
            `named([outcome, outcomes[outcome]])`,
            `named([outcome, outcome === 'expired' ? 0 : outcomes[outcome]])`,
          ),
          /the outcomes of everything[^]*expired·0/,
        ),
        twin(
          'does not say that somebody was denied',
          edit(`event.error ?? event.outcome`, `event.outcome`),
          /the rows of everything[^]*access_denied/,
        ),
      ],
    ),
  ),

  requirement(
    'P-16',
    {
      demand: 'Say when a connection was lost and how many events are missing.',
      source: 'docs/guides/operator-page.md',
    },
    check(
      tableModule,
      'the table of watch says that its connection is lost, that it is back, and what is missing between',
      ({ tableView }) => {
        const url = 'wss://sign-in.example/under/a/long/path/bridge';
        const after = (happens: (view: View) => void, columns = 100): string[] => {
          const screen = new Screen(24, columns);
          const view = tableView(url, {
            stdout: screen.stdout,
            env: { NO_COLOR: '1' },
            onSuspension: () => () => undefined,
          });
          happens(view);
          view.close();
          return screen.lines;
        };
        const begun = (flow: string): ServerEvent => ({
          type: 'begun',
          at: 0,
          flowId: flow,
          expiresAt: undefined,
        });
        const lost = (view: View): void => {
          view.setStatus(status);
          view.add(begun('1'), true);
          view.connected(false);
        };
        const back =
          (missed: number | undefined) =>
          (view: View): void => {
            lost(view);
            view.setStatus({ ...status, missed });
            view.add(begun('2'), true);
          };
        const away = 'connection lost, reconnecting';
        assert.is(after(lost)[0], `${url}  ${away}`, 'once it is lost');
        assert.ok(after(lost, 40)[0]?.endsWith(`  ${away}`), 'where there is no room for the URL');
        for (const [missed, told] of [
          [0, []],
          [1_200, ['-- 1,200 events were lost while disconnected.']],
          [undefined, ['-- The service restarted; events in between are unknown.']],
        ] as const) {
          const lines = after(back(missed));
          const what = `${missed === undefined ? 'an unknown number' : missed} missing`;
          assert.equal(rowsOf(lines), ['begun 2', ...told, 'begun 1'], `with ${what}`);
          assert.is(lines[0], `${url}  live`, `what it says above events, with ${what}`);
        }
      },
      [
        twin('says live whatever happens', edit(`void (connected = is)`, `void is`), /once it is lost/),
        twin(
          'cuts off what a long URL leaves no room for',
          edit(`title.url.slice(0, Math.max(1, columns - state.length - 3))`, `title.url`),
          /where there is no room for the URL/,
        ),
        twin(
          'shows events of a connection that it says is lost',
          edit(`      connected = true;\n`, ``),
          /what it says above events, with 0 missing/,
        ),
        twin(
          'passes over what was missed',
          edit(`      model.setStatus(status);`, `      model.setStatus({ ...status, missed: 0 });`),
          /with 1200 missing/,
        ),
        twin(
          'says after each break that something was missed',
          edit(`if (status.missed !== 0) this`, `this`),
          /with 0 missing/,
        ),
        twin(
          'passes over a restart',
          edit(`if (status.missed !== 0) this`, `if (status.missed) this`),
          /with an unknown number missing/,
        ),
      ],
    ),
    check(
      linesModule,
      'beside its lines watch says of each break, however short, once, and in a line what is missing',
      ({ linesView }) => {
        const [stdout, stderr] = [new PassThrough(), new PassThrough()].map((each) =>
          each.setEncoding('utf8'),
        );
        const view = linesView({ stdout: stdout!, stderr: stderr! }, new Source(), true);
        const said = (): unknown[] => [stdout!.read(), stderr!.read()];
        const broke = 'connection lost, reconnecting\nreconnected\n';
        view.setStatus(status);
        assert.equal(said(), [null, null], 'as it begins');
        view.setStatus(status);
        assert.equal(said(), [null, broke], 'of a break that nobody saw');
        view.connected(false);
        view.connected(false);
        view.setStatus({ ...status, missed: 2 });
        view.connected(true);
        const two = '2 events were lost while disconnected.\n';
        assert.equal(said(), ['{"type":"missed","count":2}\n', broke + two], 'of a break');
        view.setStatus({ ...status, missed: undefined });
        const [line, told] = said();
        assert.is(line, '{"type":"missed"}\n', 'after a restart');
        assert.match(String(told), 'The service restarted');
      },
      [
        twin(
          'says nothing of a break that was over before it looked',
          edit(`if (begun) connected(false);`, ``),
          /of a break that nobody saw/,
        ),
        twin('says of a break whenever it looks', edit(`if (is === !lost) return;`, ``), /as it begins/),
        twin(
          'says nothing of a restart',
          edit(`if (missed === 0) return;`, `if (!missed) return;`),
          /after a restart/,
        ),
      ],
    ),
  ),
);
