/** Bridges that do not meet a requirement, as twins.ts has servers. */
import type { Twin } from './twins.ts';

const edit = (file: string, find: string, replace: string): Twin['edits'] => [
  { file: `bridge/${file}`, find, replace },
];

export const bridgeTwins: readonly Twin[] = [
  {
    id: 'J-02',
    title: '',
    weakness: 'takes any Origin',
    edits: edit(
      'gate.ts',
      `origin === undefined || this.#settings.origins.includes(origin)`,
      'origin !== ""',
    ),
    complaint: /Origin null: is answered 101/,
  },
  {
    id: 'J-02',
    title: '',
    weakness: 'takes an Origin that begins like a listed one',
    edits: edit(
      'gate.ts',
      `this.#settings.origins.includes(origin)`,
      'this.#settings.origins.some((each) => origin.startsWith(each))',
    ),
    complaint: /Origin https:\/\/app\.example\.evil: is answered 101/,
  },
  {
    id: 'J-03',
    title: '',
    weakness: 'takes a listed Origin for a credential',
    edits: edit(
      'gate.ts',
      `if (ticket === undefined) return`,
      `if (origin) return { name: 'page', roles: [] };\n    if (ticket === undefined) return`,
    ),
    complaint: /a listed Origin alone: is answered 101/,
  },
  {
    id: 'J-04',
    title: '',
    weakness: 'takes any token',
    edits: edit('credentials.ts', `if (timingSafeEqual(own, sought)) found`, 'found'),
    complaint: /another token: is answered 101/,
  },
  {
    id: 'J-04',
    title: '',
    weakness: 'does not mind a token in the URL',
    edits: edit(
      'handshake.ts',
      `if (/[?&](?:access_)?(?:token|ticket)=/i.test(url)) return { status: 401 };`,
      '',
    ),
    complaint: /a token in the URL: is answered 101/,
  },
  {
    id: 'J-05',
    title: '',
    weakness: 'selects the first subprotocol that is offered',
    edits: edit(
      'gate.ts',
      `handleProtocols: () => subprotocol`,
      'handleProtocols: ([first]) => first ?? false',
    ),
    complaint: /the ticket is sent back/,
  },
  {
    id: 'J-05',
    title: '',
    weakness: 'does without its subprotocol',
    edits: edit('handshake.ts', `if (!offered.includes(subprotocol)) return { status: 400 };`, ''),
    complaint: /a ticket alone: is answered (101|401)/,
  },
  {
    id: 'J-06',
    title: 'takes a ticket once',
    weakness: 'takes a ticket again',
    edits: edit('credentials.ts', `    this.#tickets.delete(ticket);\n    if (!found`, '    if (!found'),
    complaint: /50 of 50 uses of a ticket are answered 101/,
  },
  {
    id: 'J-06',
    title: 'takes a ticket from its own',
    weakness: 'takes a ticket from any Origin',
    edits: edit(
      'credentials.ts',
      `found.origin === origin ? found.identity : 'wrong_origin'`,
      'found.identity',
    ),
    complaint: /a ticket from https:\/\/other\.example: is answered 101/,
  },
  {
    id: 'J-06',
    title: 'takes a ticket for 60 s',
    weakness: 'takes a ticket at any age',
    edits: edit('credentials.ts', `if (!found || found.expiresAt <= this.#now())`, 'if (!found)'),
    complaint: /a ticket after 61 s: is answered 101/,
  },
  {
    id: 'J-06',
    title: 'takes a ticket for 60 s',
    weakness: 'takes a ticket for as long as it is told',
    edits: edit('credentials.ts', `now + Math.min(ttl, 60_000)`, 'now + ttl'),
    complaint: /a ticket after 61 s: is answered 101/,
  },
  {
    id: 'J-08',
    title: 'delivers nothing once a credential is taken back',
    weakness: 'lets those who are connected be',
    edits: [
      ...edit('server.ts', `this.#credentials.revoke(name);\n    this.#closeFallen();`, 'void name;'),
      ...edit(
        'listener.ts',
        `this.#tell({ type: 'result', flow, result });`,
        `{\n      this.#tell({ type: 'result', flow, result });\n      this.#connection.close(4401, '');\n    }`,
      ),
    ],
    complaint: /the result is delivered/,
  },
  {
    id: 'J-08',
    title: 'delivers nothing once a credential has expired',
    weakness: 'looks at a credential no more when it delivers',
    edits: edit(
      'listener.ts',
      `if (this.#host.stands(identity)) this.#tell({ type: 'result'`,
      `if (flow) this.#tell({ type: 'result'`,
    ),
    complaint: /the result is delivered/,
  },
  {
    id: 'J-09',
    title: '',
    weakness: 'goes by any Host',
    edits: edit('handshake.ts', ` || !isOurs((headers.host ?? '').toLowerCase())`, ''),
    complaint: /Host evil: is answered 101/,
  },
  {
    id: 'K-01',
    title: '',
    weakness: 'gives a flow to who knows its id',
    edits: edit(
      'listener.ts',
      `if (stored?.id !== flow || !proven || !(await this.#host.adopt(state))) {`,
      'if (stored?.id !== flow) {',
    ),
    complaint: /a wrong proof is not answered like an unknown flow/,
  },
  {
    id: 'K-01',
    title: '',
    weakness: 'takes a proof that was made for another connection',
    edits: edit('session.ts', `readonly nonce = randomToken();`, `readonly nonce = 'of another connection';`),
    complaint: /a wrong proof is not answered like an unknown flow/,
  },
  {
    id: 'K-03',
    title: '',
    weakness: 'has two listeners for a flow',
    edits: [
      ...edit('listeners.ts', `    before?.takenOver();\n`, ''),
      {
        file: 'stored-flows.ts',
        find: `waiting.listener = listener;`,
        replace: `const { listener: first } = waiting;\n    waiting.listener = { wake: () => (first?.wake(), listener.wake()) };`,
      },
    ],
    complaint: /the one before: is closed with nothing, and is told more/,
  },
  {
    id: 'K-04',
    title: '',
    weakness: 'takes binary messages',
    edits: edit('session.ts', `if (binary) return [closeCodes.binary, 'messages are text'];`, ''),
    complaint: /a binary message: is closed with nothing/,
  },
  {
    id: 'K-05',
    title: '',
    weakness: 'takes messages of any size',
    edits: edit('gate.ts', 'maxPayload: 16_384', 'maxPayload: 0'),
    complaint: /a message of 17 KiB: is closed with nothing/,
  },
  {
    id: 'K-12',
    title: '',
    weakness: 'has room for any number of a name',
    edits: edit('gate.ts', ` || ofName >= connectionsPerName`, ''),
    complaint: /one more: is answered 101/,
  },
  {
    id: 'K-13',
    title: '',
    weakness: 'takes any number of messages',
    edits: edit(
      'session.ts',
      `if (!this.#messages.take(this.#host.now())) return [closeCodes.tooFast, 'too many messages'];`,
      '',
    ),
    complaint: /1,000 messages at once: is closed with nothing/,
  },
  {
    id: 'K-09',
    title: '',
    weakness: 'sends a monitor that does not read all there is',
    edits: edit('feed.ts', 'next - read < unread && watcher.ready', 'watcher.ready'),
    complaint: /unanswered: is sent 1000/,
  },
  {
    id: 'K-09',
    title: '',
    weakness: 'believes whatever number a monitor says it has read',
    edits: edit('feed.ts', '!(next > place.read && next <= place.asked)', 'next <= place.read'),
    complaint: /not asked: is sent 1000/,
  },
];
