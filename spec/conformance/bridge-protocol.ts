import { firstValueFrom } from 'rxjs';
import type { ServerEvent } from '../../src/index.ts';
import * as assert from '../helpers/assert.ts';
import {
  type Bridged,
  counts,
  newKey,
  type Peer,
  proofOf,
  shake,
  token,
  withBridge,
  withPeers,
  type CreateBridge,
} from '../helpers/bridge.ts';
import { hasty, holdIntervals, virtualTime } from '../helpers/clock.ts';
import { begun } from '../helpers/redis.ts';
import { newState } from '../helpers/server.ts';
import { TcpProxy } from '../helpers/tcp-proxy.ts';
import { edit } from '../helpers/weakened.ts';
import type { ServiceMessage } from '../../src/wire/protocol.ts';
import { bridge, check, exportsOf, requirement, requirementsOn, twin } from './requirement.ts';
import { arrival, fresh, ofStores } from './stores.ts';

const client = exportsOf<typeof import('../../src/client.ts')>('client.ts');

/** Resolves when the peer is told something more. */
const hears = ({ socket }: Peer): Promise<string> =>
  new Promise((resolve) => socket.once('message', () => resolve('nothing, and is told more')));

/** The code that a peer is closed with for what it does. */
const closes = (
  breach: (peer: Peer) => void,
  expected: number,
  what: string,
): ((create: CreateBridge) => Promise<void>) => {
  return (create) =>
    withBridge(
      ({ url }) =>
        withPeers(url, async (open) => {
          const peer = open();
          await peer.welcome();
          const answered = hears(peer);
          breach(peer);
          peer.say({ type: 'ping' });
          const code = await Promise.race([peer.closed(), answered]);
          assert.is(code, expected, `${what}: is closed with ${code}`);
        }),
      {},
      {},
      create,
    );
};

const flowsOf = (events: readonly ServerEvent[]): number[] =>
  events.map((event) => ('flowId' in event ? Number(event.flowId) : NaN));

/** Looks until it is so; a check that has failed must not keep its process alive. */
async function until(what: string, met: () => boolean): Promise<void> {
  const end = performance.now() + assert.patience;
  while (!met()) {
    if (performance.now() > end) throw new Error(`${what}: not within ${assert.patience} ms`);
    await new Promise(setImmediate);
  }
}

export const requirements = requirementsOn(
  'Protocol of the bridge',
  requirement(
    'K-01',
    {
      demand: 'Give a flow only to a listener that proves its key; knowing the state is not enough.',
      source: 'MCP security best practices; RFC 9700 section 4.2',
      provenIn: ['bridge/session.spec.ts', 'client/remote-flows.spec.ts'],
    },
    check(
      bridge,
      'gives a flow to the listener that proves its key',
      (create) =>
        withBridge(
          ({ url }) =>
            withPeers(url, async (open) => {
              const [owner, thief, state, key] = [open(), open(), newState(), newKey()];
              await owner.welcome();
              const flow = await owner.begin(state, key);
              const nonce = await thief.welcome();
              const ask = async (proof: string, of = flow): Promise<string> => {
                thief.say({ type: 'resume', ref: 1, flowId: of, state, proof });
                await thief.heardAll();
                // Once more: a proof that is right is answered after a WebSocket ping.
                await thief.heardAll();
                return JSON.stringify(thief.heard.splice(0));
              };
              const unknown = await ask(proofOf(key, nonce), 'no-such-flow');
              for (const wrong of [proofOf(newKey(), nonce), proofOf(key, 'of another connection')])
                assert.is(await ask(wrong), unknown, 'a wrong proof is not answered like an unknown flow');
              assert.match(await ask(proofOf(key, nonce)), '"resumed"');
            }),
          {},
          {},
          create,
        ),
      [
        twin(
          'gives a flow to a listener that knows its id',
          edit(
            `if (stored?.id !== flow || !proven || !(await this.#takeUp(stored))) {`,
            'if (stored?.id !== flow) {',
          ),
          /a wrong proof is not answered like an unknown flow/,
        ),
        twin(
          'takes a proof that was made for another connection',
          edit(`readonly nonce = randomToken();`, `readonly nonce = 'of another connection';`),
          /a wrong proof is not answered like an unknown flow/,
        ),
      ],
    ),
  ),

  requirement('K-02', {
    demand: 'Offer no subscription to all flows, except a redacted one to monitors.',
    source: 'OWASP Multi-Tenant section 3',
    provenIn: ['bridge/session.spec.ts'],
  }),

  requirement(
    'K-03',
    {
      demand:
        'Deliver a code to one listener; a takeover ends that flow, and nothing else, for the one before.',
      source: 'RFC 6749 section 4.1.2',
      provenIn: ['bridge/session.spec.ts', 'bridge/life.spec.ts'],
    },
    check(
      bridge,
      'a takeover is a message for that flow, to the listener before',
      (create) =>
        withBridge(
          ({ url, visit }) =>
            withPeers(url, async (open) => {
              const [one, other, state, key] = [open(), open(), newState(), newKey()];
              await one.welcome();
              const flow = await one.begin(state, key);
              const kept = await one.begin();
              other.say({
                type: 'resume',
                ref: 1,
                flowId: flow,
                state,
                proof: proofOf(key, await other.welcome()),
              });
              await other.next('resumed');
              await visit(`/callback?code=c&state=${state}`);
              await other.next('result');
              // Answered only if it is not closed.
              one.say({ type: 'cancel', flowId: kept });
              const answered = async (): Promise<void> => {
                const is = ({ type, ...more }: ServiceMessage): boolean =>
                  type === 'result' && 'flowId' in more && more.flowId === kept;
                while (!one.heard.some(is)) await hears(one);
              };
              await Promise.race([one.closed(), answered()]);
              assert.equal(
                one.heard,
                [
                  { type: 'lost', flowId: flow, reason: 'taken_over' },
                  { type: 'result', flowId: kept, result: { type: 'cancelled' } },
                ],
                'the one before',
              );
            }),
          {},
          {},
          create,
        ),
      [
        twin(
          'has two listeners for a flow',
          [
            edit(`    before?.onTakenOver();\n`, ''),
            edit(
              `waiting.listener = listener;`,
              `const { listener: first } = waiting;\n    waiting.listener = { wake: () => (first?.wake(), listener.wake()) };`,
            ),
          ],
          /the one before/,
        ),
        twin(
          'closes the connection before, with all its flows',
          edit(
            `    this.#send({ type: 'lost', flowId: listening.id, reason });`,
            `    this.#connection.close(4409, 'taken over');`,
          ),
          /the one before/,
        ),
      ],
    ),
    check(
      bridge,
      'a flow goes to the connection that resumes it last, if that connection still answers',
      (create) =>
        withBridge(
          ({ url }) =>
            withPeers(url, async (open) => {
              const [state, key] = [newState(), newKey()];
              const [supervisor, ghost] = [open(), open({ autoPong: false })];
              const nonces = [await supervisor.welcome(), await ghost.welcome()];
              const worker = open();
              await worker.welcome();
              const flow = await worker.begin(state, key);
              const resume = (peer: Peer, nonce = ''): void =>
                peer.say({ type: 'resume', ref: 1, flowId: flow, state, proof: proofOf(key, nonce) });
              const asked = new Promise((resolve) => ghost.socket.once('ping', resolve));
              resume(ghost, nonces[1]);
              await assert.deadline(Promise.race([asked, hears(ghost)]), 'a ping or an answer');
              await ghost.heardAll();
              await worker.heardAll();
              assert.equal([worker.heard, ghost.heard], [[], []], 'taken over by a connection that is dead');
              resume(supervisor, nonces[0]);
              await supervisor.next('resumed');
              await worker.heardAll();
              const lost = { type: 'lost', flowId: flow, reason: 'taken_over' };
              assert.equal([worker.heard, supervisor.heard], [[lost], []], 'taken over by another');
            }),
          {},
          {},
          create,
        ),
      [
        twin(
          'believes what a dead connection said',
          edit(`this.#flows.has(id) || (await this.#connection.isHere())`, `true`),
          /taken over by a connection that is dead/,
        ),
        twin(
          'leaves the flow with the connection that had it before',
          edit(
            `    this.#byFlow.set(listener.id, listener);
    before?.onTakenOver();`,
            `    if (before) return listener.onTakenOver();
    this.#byFlow.set(listener.id, listener);`,
          ),
          /taken over by another/,
        ),
      ],
    ),
  ),

  requirement(
    'K-04',
    {
      demand: 'Validate every message, and close with the code of its mistake.',
      source: 'RFC 6455 sections 7.4.1, 8.1 and 10.7',
      provenIn: ['bridge/session.spec.ts', 'package/protocol.spec.ts'],
    },
    check(
      bridge,
      'takes text',
      closes(({ socket }) => socket.send(Buffer.from('{"type":"ping"}')), 1003, 'a binary message'),
      [
        twin(
          'takes binary messages',
          edit(`if (binary) return [closeCodes.binary, 'messages are text'];`, ''),
          /a binary message: is closed with nothing/,
        ),
      ],
    ),
    check(
      bridge,
      'the reason of a close names the member that is wrong and what it must be, or the role that is missing',
      (create) => {
        const breaches = [
          [
            'listener',
            { type: 'resume', ref: 1, flowId: 'f', state: 's', proof: `${'x'.repeat(43)}=` },
            'resume.proof must be 43 letters, digits, "_" and "-", without padding',
          ],
          ['listener', { type: 'ack', flowIds: [] }, 'ack.flowIds must have an id'],
          ['listener', { type: 'settle', flowId: 'f' }, 'settle.outcome is missing'],
          ['listener', { type: 'watch' }, 'watch needs the role monitor'],
          ['monitor', { type: 'leave' }, 'this message needs the role listener'],
        ] as const;
        return withBridge(
          ({ url }) =>
            withPeers(url, async (open) => {
              for (const [role, message, reason] of breaches) {
                const peer = open({ bearer: `${token}-${role}` });
                await peer.welcome();
                const closed = new Promise<string>((resolve) =>
                  peer.socket.once('close', (code, text) => resolve(`${code} ${String(text)}`)),
                );
                peer.say(message);
                const said = await assert.deadline(closed, 'a close');
                assert.is(said, `1008 ${reason}`, `the reason for ${message.type}`);
              }
            }),
          {
            tokens: (['listener', 'monitor'] as const).map((role) => ({
              name: role,
              token: `${token}-${role}`,
              roles: [role],
            })),
          },
          {},
          create,
        );
      },
      [
        twin(
          'gives one reason for every mistake',
          edit(
            `this.close(closeCodes.policy, message.reason)`,
            `this.close(closeCodes.policy, 'wrong message')`,
          ),
          /the reason for resume/,
        ),
        twin(
          'names the member only',
          edit(
            "return { type: 'invalid', reason: `${of.join('.')} ${message}` };",
            "return { type: 'invalid', reason: of.join('.') };",
          ),
          /the reason for resume/,
        ),
        twin(
          'does not name the role',
          edit(`'this message needs the role listener'`, `'wrong message'`),
          /the reason for leave/,
        ),
      ],
      { also: ['W11'] },
    ),
  ),

  requirement(
    'K-05',
    {
      demand: 'Limit messages to 16 KiB.',
      source: 'RFC 6455 section 10.4; OWASP WebSocket Security',
      provenIn: ['bridge/framing.spec.ts', 'bridge/session.spec.ts'],
    },
    check(
      bridge,
      'takes messages of 16 KiB',
      closes((peer) => peer.say({ type: 'ping', more: 'x'.repeat(17 * 1024) }), 1009, 'a message of 17 KiB'),
      [
        twin(
          'takes messages of any size',
          edit('maxPayload: 16_384', 'maxPayload: 0'),
          /a message of 17 KiB: is closed with nothing/,
        ),
      ],
    ),
  ),

  requirement('K-06', {
    demand: 'Negotiate no compression.',
    source: 'RFC 7692; OWASP WebSocket Security',
    provenIn: ['bridge/handshake.spec.ts'],
  }),

  requirement('K-07', {
    demand: 'Follow the rules of framing.',
    source: 'RFC 6455 sections 5.1, 5.5 and 7.4.1',
    provenIn: ['bridge/framing.spec.ts'],
  }),

  requirement('K-08', {
    demand: 'Ping peers, disconnect those that do not answer, and limit the pings of a peer.',
    source: 'RFC 6455 section 5.5.2',
    provenIn: ['bridge/framing.spec.ts', 'bridge/session.spec.ts'],
  }),

  requirement(
    'K-09',
    {
      demand:
        'Limit what is queued for a peer that does not read, and disconnect it without losing its result.',
      source: 'NATS slow consumers; ws',
      provenIn: ['bridge/connections.spec.ts', 'bridge/slow-monitors.spec.ts'],
    },
    check(
      bridge,
      'sends a monitor that answers no ping 64 events, and more with each answer',
      (create) =>
        withBridge(
          ({ url, server }) =>
            withPeers(url, async (open) => {
              const watching = async (autoPong: boolean): Promise<Peer> => {
                const peer = open({ autoPong });
                await peer.welcome();
                peer.say({ type: 'watch' });
                await peer.next('watching');
                await peer.next('pending');
                await peer.next('service');
                await peer.next('flows');
                return peer;
              };
              const [silent, reader] = [await watching(false), await watching(true)];
              const asked: string[] = [];
              silent.socket.on('ping', (number) => void asked.push(String(number)));
              for (let n = 0; n < 500; n++) (await server.begin()).cancel();
              for (let n = 0; n < 1_000; n++) await reader.next('event');
              await silent.heardAll();
              assert.is(silent.heard.length, 64, `unanswered: is sent ${silent.heard.length}`);
              assert.equal(asked, ['32', '64']);
              // Numbers that it was not asked to say.
              for (const number of ['100000', 'NaN', '-1', '0']) silent.socket.pong(number);
              await silent.heardAll();
              assert.is(silent.heard.length, 64, `not asked: is sent ${silent.heard.length}`);
              // Twice as many with each answer, up to 512, beyond what it has read.
              for (const [answer, sent] of Object.entries({ 32: 160, 128: 384, 384: 896, 896: 1_000 })) {
                silent.socket.pong(answer);
                silent.socket.pong('32');
                await silent.heardAll();
                assert.is(silent.heard.length, sent, `after ${answer}`);
              }
              assert.equal(
                silent.heard.map((message) => message.type === 'event' && message.n),
                Array.from({ length: 1_000 }, (_, n) => n),
              );
            }),
          {},
          {},
          create,
        ),
      [
        twin(
          'sends a monitor that does not read all there is',
          edit('next - read < maxUnread && reader.ready', 'reader.ready'),
          /unanswered: is sent 1000/,
        ),
        twin(
          'believes whatever number a monitor says it has read',
          edit('!(next > place.read && next <= place.requested)', 'next <= place.read'),
          /not asked: is sent 1000/,
        ),
      ],
    ),
  ),

  requirement('K-10', {
    demand: 'Close with documented codes.',
    source: 'RFC 6455 sections 7.4.1 and 7.4.2',
    provenIn: ['bridge/session.spec.ts'],
  }),

  requirement('K-11', {
    demand: 'Limit the closing handshake; no half-open socket delays shutdown.',
    source: 'RFC 6455 section 7.1.1',
    provenIn: ['bridge/framing.spec.ts', 'bridge/life.spec.ts'],
  }),

  requirement(
    'K-12',
    {
      demand: 'Limit connections per credential, address and in total, before the upgrade.',
      source: 'OWASP WebSocket Security',
      provenIn: ['bridge/connections.spec.ts', 'bridge/session.spec.ts'],
    },
    check(
      bridge,
      'has room for so many of a name',
      (create) =>
        withBridge(
          ({ url, port }) =>
            withPeers(url, async (open) => {
              await open().welcome();
              const { status } = await shake(port);
              assert.is(status, 429, `one more: is answered ${status}`);
            }),
          { limits: { connectionsPerName: 1 } },
          {},
          create,
        ),
      [
        twin(
          'has room for any number of a name',
          edit(`here >= this.#shareOf(identity)`, 'false'),
          /one more: is answered 101/,
        ),
      ],
    ),
    check(
      bridge,
      'a name has half of all connections, another name has room, and a name that is alone has all',
      async (create) => {
        const limits = { connections: 40 };
        await withBridge(
          ({ url, port }) =>
            withPeers(url, async (open) => {
              const bearers = ['greedy', 'modest'].map((name) => `${token}-${name}`);
              for (let n = 0; n < 20; n++) await open({ bearer: bearers[0]! }).welcome();
              const answers = bearers.map((bearer) => shake(port, { Authorization: `Bearer ${bearer}` }));
              const statuses = (await Promise.all(answers)).map(({ status }) => status);
              assert.equal(statuses, [429, 101], 'one more connection, and one of another name');
            }),
          {
            limits,
            tokens: ['greedy', 'modest'].map((name) => ({
              name,
              token: `${token}-${name}`,
              roles: ['listener'],
            })),
          },
          {},
          create,
        );
        await withBridge(
          ({ url, port }) =>
            withPeers(url, async (open) => {
              for (let n = 0; n < 20; n++) await open().welcome();
              assert.is((await shake(port)).status, 101, 'one more connection of the only name');
            }),
          { limits },
          {},
          create,
        );
      },
      [
        twin(
          'lets one name have all connections',
          edit(`shares ? Math.max(Math.ceil(connections / 2)`, `shares ? Math.max(connections`),
          /one more connection, and/,
        ),
        twin(
          'halves the room of a name that is alone',
          edit(
            `return shares ? Math.max(Math.ceil(connections / 2)`,
            `return Boolean(true) ? Math.max(Math.ceil(connections / 2)`,
          ),
          /of the only name/,
        ),
      ],
      { also: ['B2'] },
    ),
    check(
      bridge,
      'a name has half of all flows, ended ones included, none lives longer than flowTtl, and another name has room',
      (create) =>
        withBridge(
          ({ url }) =>
            withPeers(url, async (open) => {
              const ask = async (peer: Peer, more: object = {}): Promise<ServiceMessage> => {
                peer.say({ type: 'begin', ref: 1, state: newState(), key: newKey(), ...more });
                const answer = (): ServiceMessage | undefined => peer.heard.find((each) => 'ref' in each);
                while (!answer()) await hears(peer);
                const found = answer()!;
                peer.heard.splice(peer.heard.indexOf(found), 1);
                return found;
              };
              const [greedy, modest] = [
                open({ bearer: `${token}-greedy` }),
                open({ bearer: `${token}-modest` }),
              ];
              const { now } = await greedy.next('welcome');
              await modest.welcome();
              const first = await ask(greedy, { ttl: 86_400_000 });
              assert.is(first.type, 'begun');
              const { flowId, expiresAt } = first as Extract<ServiceMessage, { type: 'begun' }>;
              assert.ok(expiresAt < now + 3_600_000, 'it lives for a day');
              greedy.say({ type: 'cancel', flowId });
              await greedy.next('result');
              assert.is((await ask(greedy)).type, 'begun');
              assert.is((await ask(greedy)).type, 'failed', 'a third, of which the first has ended');
              assert.is((await ask(modest)).type, 'begun', 'another name');
              const long = await ask(modest, { issuer: 'x'.repeat(15_000) });
              assert.is((long as { option?: string }).option, 'issuer', 'an issuer of 15 KB');
            }),
          {
            tokens: ['greedy', 'modest'].map((name) => ({
              name,
              token: `${token}-${name}`,
              roles: ['listener'],
            })),
          },
          { maxFlows: 4, flowTtl: 600_000 },
          create,
        ),
      [
        twin(
          'lets one name have all flows',
          edit(`? Math.ceil(maxFlows / 2) : maxFlows`, `? maxFlows : maxFlows`),
          /a third, of which the first has ended/,
        ),
        twin(
          'counts pending flows only',
          edit(
            `account.flows >= maxFlows || account.bytes + bytes > maxBytes`,
            `account.bytes + bytes > maxBytes`,
          ),
          /a third, of which the first has ended/,
        ),
        twin(
          'lets a program decide how long a flow lives',
          edit(`share ? Math.min(ttl, flowTtl) : ttl`, `ttl`),
          /it lives for a day/,
        ),
        twin(
          'takes a text of any length',
          edit(`if (holder) requireShort(options);`, ``),
          /an issuer of 15 KB/,
        ),
      ],
      { also: ['B1', 'B2'] },
    ),
    check(
      bridge,
      'reads the connections of a name more slowly when they send too much together, closes none, and serves others at once',
      (create) => {
        const { scheduler, advance } = virtualTime();
        return withBridge(
          ({ url }) =>
            withPeers(url, async (open) => {
              const [other, ...greedy] = Array.from({ length: 11 }, (_, n) =>
                open(n === 0 ? { bearer: `${token}-other` } : {}),
              ) as [Peer, ...Peer[]];
              await Promise.all([other, ...greedy].map((peer) => peer.welcome()));
              // Each keeps to its own limits.
              for (const peer of greedy) for (let n = 0; n < 10; n++) await peer.heardAll();
              const late = greedy.at(-1)!;
              // Still read, but then the name has sent 101 messages.
              await late.heardAll();
              late.say({ type: 'ping' });
              for (let n = 0; n < 3; n++) await other.heardAll();
              assert.is(late.heard.length, 0, 'one more is read at once');
              advance(1_000);
              await late.next('pong');
              assert.is(late.heard.length, 0);
            }),
          {
            tokens: [{ name: 'other', token: `${token}-other`, roles: ['listener'] }],
            limits: { burst: 10, perSecond: 10 },
          },
          { scheduler },
          create,
        );
      },
      [
        twin(
          'limits each connection by itself',
          edit(`    this.#context.pacing.count(this.identity, this);\n`, ''),
          /one more is read at once/,
        ),
      ],
      { also: ['B2'] },
    ),
    check(
      bridge,
      'pings connections that it reads more slowly, and keeps them although it does not read their answers',
      async (create) => {
        using beats = holdIntervals();
        const { scheduler } = virtualTime();
        const heartbeat = 50;
        const bearer = `${token}-greedy`;
        await withBridge(
          ({ url, bridge }) =>
            withPeers(url, async (open) => {
              const greedy = Array.from({ length: 10 }, () => open({ bearer })) as [Peer, ...Peer[]];
              await Promise.all(greedy.map((peer) => peer.welcome()));
              const [paused, ...rest] = greedy;
              for (const peer of rest) for (let n = 0; n < 11; n++) await peer.heardAll();
              for (const peer of rest) peer.end();
              await counts(bridge, 1);
              // The name has sent 99 of the 100 messages that it may send at once.
              for (let n = 0; n < 2; n++) await paused.heardAll();
              let pings = 0;
              paused.socket.on('ping', () => pings++);
              for (let n = 0; n < 3; n++) beats.tick(heartbeat);
              // Closed after all that was sent before.
              bridge.revoke('greedy');
              assert.is(await paused.closed(), 4401, 'the connection');
              assert.is(pings, 3, 'pings');
            }),
          {
            tokens: [{ name: 'greedy', token: bearer, roles: ['listener'] }],
            limits: { burst: 10, perSecond: 10, heartbeat },
          },
          { scheduler },
          create,
        );
      },
      [
        twin(
          'does not ping them',
          edit(`if (!this.#alive && !isPaused) return false;`, `if (isPaused) return true;`),
          /pings[^]*0/,
        ),
        twin(
          'wants their answers',
          [
            edit(`if (!this.#alive && !isPaused)`, `if (!this.#alive)`),
            edit(`this.#alive = isPaused`, `this.#alive = false`),
          ],
          /the connection[^]*1006/,
        ),
      ],
      { also: ['K-08', 'B2'] },
    ),
  ),

  requirement(
    'K-13',
    {
      demand: 'Limit the rate of messages from a peer.',
      source: 'OWASP WebSocket Security',
      provenIn: ['bridge/session.spec.ts'],
    },
    check(
      bridge,
      'takes so many messages a second',
      closes(
        (peer) => {
          for (let n = 0; n < 1_000; n++) peer.say({ type: 'ack', flowIds: ['x'] });
        },
        4429,
        '1,000 messages at once',
      ),
      [
        twin(
          'takes any number of messages',
          edit(`if (!this.#messages.take(now())) return [closeCodes.tooFast, 'too many messages'];`, ''),
          /1,000 messages at once: is closed with nothing/,
        ),
      ],
    ),
    check(
      bridge,
      'closes no client that keeps to what welcome announces, although the network held its first messages up',
      (create) => {
        const { scheduler, advance } = virtualTime();
        return withBridge(
          ({ url }) =>
            withPeers(url, async (open) => {
              const peer = open();
              const { burst, perSecond } = await peer.next('welcome');
              const say = async (count: number): Promise<void> => {
                for (let n = 1; n < count; n++) peer.say({ type: 'ack', flowIds: ['x'] });
                peer.say({ type: 'ping' });
                const code = await Promise.race([peer.closed(), hears(peer)]);
                assert.not.equal(code, 4429, 'a client that keeps to the limits is closed');
              };
              // Sent at 0 and at 1 s; the first arrives at 100 ms.
              advance(100);
              await say(burst);
              advance(900);
              await say(perSecond);
            }),
          { limits: { burst: 20, perSecond: 20 } },
          { scheduler },
          create,
        );
      },
      [
        twin(
          'enforces exactly what it announces',
          edit(`const tolerance = 1.2;`, `const tolerance = 1;`),
          /a client that keeps to the limits is closed/,
        ),
      ],
      { also: ['W1'] },
    ),
  ),

  requirement(
    'K-14',
    {
      demand:
        'Keep a result until it is acknowledged, and resume a connection without losing or repeating an event.',
      source: 'Centrifugo; alchemy',
      provenIn: [
        'bridge/life.spec.ts',
        'bridge/session.spec.ts',
        'client/broken-network.spec.ts',
        'client/remote-flows.spec.ts',
      ],
    },
    check(
      client,
      'the feed of page and watch has each event once, however often the connection breaks',
      async ({ connectCallbackHost }) => {
        const proxy = await TcpProxy.open();
        const authority = `127.0.0.1:${proxy.port}`;
        const heard: ServerEvent[] = [];
        const attempt = async ({ server, port }: Bridged): Promise<void> => {
          proxy.target = port;
          await using host = await connectCallbackHost(`ws://${authority}/bridge`, {
            token,
            history: true,
            scheduler: hasty,
          });
          host.events.subscribe((event) => heard.push(event));
          for (let round = 1; round <= 3; round++) {
            for (let n = 0; n < 5; n++) await server.begin();
            await until(`events of round ${round}`, () => heard.length >= 5 * round);
            proxy.target = undefined;
            proxy.cutAll();
            await until('the loss', () => !host.connected);
            proxy.target = port;
          }
          await server.begin();
          await until('the last event', () => flowsOf(heard).includes(16));
          assert.equal(
            flowsOf(heard),
            Array.from({ length: 16 }, (_, index) => index + 1),
            'flows, as they were heard to begin',
          );
        };
        try {
          await withBridge(attempt, {}, { publicUrl: `http://${authority}` });
        } finally {
          await proxy.close();
        }
      },
      [
        twin(
          'asks after a break for what it has had',
          edit(`this.#place.since = n + 1;`, `this.#place.since = n;`),
          /flows, as they were heard to begin/,
        ),
        twin(
          'begins with the history again after a break',
          edit(`this.#place ?? (`, `(`),
          /flows, as they were heard to begin/,
        ),
      ],
    ),
    check(
      client,
      'a process that was killed has saved what the next needs to resume its flows',
      async ({ connectCallbackHost }) => {
        const proxy = await TcpProxy.open();
        const authority = `127.0.0.1:${proxy.port}`;
        const attempt = async ({ port, visit, url }: Bridged): Promise<void> => {
          proxy.target = port;
          const options = { token, scheduler: hasty, report: () => undefined };
          await using killed = await connectCallbackHost(`ws://${authority}/bridge`, options);
          const flow = await killed.begin();
          const [saved, verifier] = [flow.toResumable(), flow.codeVerifier];
          // It says nothing more, and never connects again.
          await proxy.close();
          await visit(`/callback?code=while-dead&state=${flow.state}`, { Host: authority });
          await using next = await connectCallbackHost(url, options);
          const resumed = await next.resume(saved);
          const { code } = await assert.deadline(firstValueFrom(resumed.response), 'a response');
          assert.equal([code, resumed.codeVerifier], ['while-dead', verifier], 'what the next process has');
        };
        try {
          await withBridge(attempt, {}, { publicUrl: `http://${authority}` });
        } finally {
          await proxy.close();
        }
      },
      [
        twin(
          'saves another key',
          edit(
            `return textOfFlow({ flowId, state, key, codeVerifier,`,
            `return textOfFlow({ flowId, state, key: randomSecret(), codeVerifier,`,
          ),
          /the callback service no longer knows the flow/,
        ),
        twin(
          'makes another verifier',
          edit(
            `new RemoteFlow(owner, options, { state, key, verifier }`,
            `new RemoteFlow(owner, options, { state, key, verifier: randomSecret() }`,
          ),
          /what the next process has/,
        ),
      ],
      { also: ['W13'] },
    ),
    ofStores(
      'keeps a result until it is acknowledged',
      async ({ open }) => {
        const store = await open();
        const flow = fresh();
        await begun(store, flow);
        assert.is(await store.acknowledge(flow.state), false, 'before it has ended');
        const response = { code: 'c', state: flow.state };
        const { disposition } = await store.consume(response, arrival);
        assert.is(disposition, 'accepted', 'after an acknowledgement that came too early');
        for (const time of ['first', 'second'])
          assert.equal(
            await store.take(flow.state),
            { type: 'response', response },
            `the ${time} time it is taken`,
          );
        assert.is(await store.acknowledge(flow.state), true);
        assert.is(await store.take(flow.state), 'gone');
      },
      [
        twin(
          'acknowledges a flow that has not ended',
          edit(`if not flow[2] and now < tonumber(flow[1]) then return 0 end`, ``),
          /before it has ended/,
        ),
        twin(
          'forgets a result as soon as it is taken',
          edit(
            `if flow[2] then return { 'response', flow[2] } end`,
            `if flow[2] then redis.call('HDEL', KEYS[1], 'e') return { 'response', flow[2] } end`,
          ),
          /the second time it is taken/,
        ),
      ],
    ),
  ),

  requirement('K-15', {
    demand: 'Deliver at least once on the wire and exactly once in the client, with one end for each flow.',
    source: 'NATS; Redis Pub/Sub',
    provenIn: ['bridge/session.spec.ts', 'client/broken-network.spec.ts', 'client/remote-flows.spec.ts'],
  }),

  requirement('K-16', {
    demand: 'Reconnect after a random time that grows, and not after a rejection that is final.',
    source: 'RFC 6455 section 7.2.3',
    provenIn: ['client/connection.spec.ts'],
  }),

  requirement('K-17', {
    demand: 'Survive sockets that fail during the handshake, and process no message before authentication.',
    source: 'ws',
    provenIn: ['bridge/framing.spec.ts'],
  }),
);
