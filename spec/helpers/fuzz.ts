/**
 * Requests of strangers, as fast-check arbitraries. Each is a template: its path, and the state of the flow
 * that waits there, are filled in when it is sent, so that a seed means the same requests on every port.
 */
import fc, { type Arbitrary } from 'fast-check';
import type { Framed } from './fuzz-pipeline.ts';

/** Stands in everything that must never be seen again: codes, states, tokens, hostile text. */
export const canary = 'canary7';

/** Addresses and states of the pending flows, and the query that would end one. */
export interface Place {
  port: number;
  path: string;
  /** The query that belongs to the redirect URI. */
  fixed: string;
  /** State of the flow that waits for a query. */
  state: string;
  /** The path and the state of the flow that waits for a form. */
  form: { path: string; state: string };
}

export interface Template {
  method: string;
  /** In front of the path: of an absolute-form target, or something that is none. */
  authority: string;
  path: string;
  pairs: readonly (readonly [name: string, value: string])[];
  inBody: boolean;
  headers: readonly (readonly [name: string, value: string])[];
  version: string;
}

/** Near a good state, and never equal to it once decoded. */
const almostStates = [
  '«state»x',
  'x«state»',
  '«STATE»',
  '%00«state»',
  '«state»%00',
  '«state»%0d%0a',
  '%20«state»',
  '+«state»',
  '«state»%FF',
  '«state»«state»',
  '%2566«state»',
];

const pieces = [
  canary,
  `${canary}%2B%2F%3D~-._`,
  `%00${canary}`,
  `${canary}%FF`,
  `%FE${canary}`,
  `%0d%0aSet-Cookie:%20${canary}=1`,
  `%1b]0;${canary}%07`,
  `%25${canary}`,
  `<svg/onload=alert("${canary}")>`,
  `"'><script>${canary}</script>`,
  `${canary}+${canary}`,
  `%`,
  `%z`,
  `%E2%80%AE${canary}`,
  `javascript:${canary}`,
  `//evil.example/${canary}`,
  `${canary}#${canary}`,
  '',
];

// The first fits, the second does not, and two do not fit into one request.
const longPieces = ['.'.repeat(1_000) + canary, '.'.repeat(8_186), `${canary}.`.repeat(1_024) + '.'];

const names = [
  'code',
  'state',
  'iss',
  'error_description',
  'error_uri',
  'response',
  'id_token',
  'access_token',
];
const strangeNames = [
  '__proto__',
  '__proto__[x]',
  'constructor',
  'toString',
  'code[]',
  'state.0',
  '%63ode',
  's%74ate',
  'CODE',
  ' code',
  'code%00',
  '%FF',
  '%',
  '',
  'next',
  'redirect_uri',
  'env',
  'session_state',
];

const secretValue = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.array(fc.constantFrom(...pieces), { maxLength: 3 }).map((each) => each.join('')),
  },
  { weight: 20, arbitrary: fc.constantFrom(...almostStates) },
  { weight: 1, arbitrary: fc.constantFrom(...longPieces) },
  {
    weight: 1,
    arbitrary: fc.string({ unit: 'binary-ascii', maxLength: 12 }).map((text) => target(text) + canary),
  },
);

// No secret: what a redirect says of its error may be seen, cleaned of everything but plain characters.
const errors = fc.constantFrom('access_denied', 'x', '<b>', '%1b[31m', '%0d%0aERROR', '%FF', '', 'a"b\\c');

const pair: Arbitrary<readonly [string, string]> = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(fc.constantFrom(...names), secretValue) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom(...strangeNames), secretValue) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('error'), errors) },
);

const pairs = fc.array(pair, { maxLength: 6 });

const methods = fc.oneof(
  { weight: 60, arbitrary: fc.constant('GET') },
  {
    weight: 3,
    arbitrary: fc.constantFrom('HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH', 'CONNECT'),
  },
);

const paths = fc.oneof(
  { weight: 8, arbitrary: fc.constant('«path»') },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      '/',
      '//',
      '/\\\\',
      '*',
      '/%',
      '«path»/',
      '/«path»',
      '«path»;x',
      '«path»%2f',
      '«path»/~',
      '«path»?~',
      `«path»?~${canary}`,
      `/x/../«path»`,
      '/favicon.ico',
      `/${canary}`,
      '«PATH»',
    ),
  },
);

const authorities = fc.oneof(
  { weight: 12, arbitrary: fc.constant('') },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      'http://127.0.0.1:«port»',
      'http://evil.example',
      'http://',
      'http://[::1',
      'http://[::1]:«port»',
      'HTTPS://127.0.0.1:«port»',
      `http://${canary}@127.0.0.1:«port»`,
    ),
  },
);

const plainText = fc.string({ unit: 'binary-ascii', maxLength: 20 }).map((text) => header(canary + text));

const headers: Arbitrary<Template['headers']> = fc.array(
  fc.oneof(
    fc.tuple(
      fc.constant('Host'),
      fc.constantFrom('127.0.0.1:«port»', 'evil.example', '', 'u@127.0.0.1:«port»'),
    ),
    fc.tuple(
      fc.constant('Origin'),
      fc.constantFrom('null', `https://${canary}.example`, 'http://127.0.0.1:«port»'),
    ),
    fc.tuple(fc.constant('Sec-Fetch-Dest'), fc.constantFrom('document', 'image', 'iframe', canary)),
    fc.tuple(fc.constant('Sec-Fetch-Mode'), fc.constantFrom('navigate', 'cors', 'websocket', canary)),
    fc.tuple(fc.constant('Sec-Fetch-Site'), fc.constantFrom('cross-site', 'none', canary)),
    fc.tuple(
      fc.constantFrom('Sec-Purpose', 'Purpose', 'X-Moz'),
      fc.constantFrom('prefetch', 'prerender', canary),
    ),
    fc.tuple(
      fc.constant('Accept-Language'),
      fc.constantFrom('de', 'ja;q=0.1,fr', `en;q=${canary}`, '*', ';;;,,,q', 'x-'.repeat(500)),
    ),
    fc.tuple(
      fc.constantFrom('Cookie', 'Authorization', 'Referer', 'X-Forwarded-Host', 'X-Forwarded-For'),
      plainText,
    ),
    fc.tuple(fc.constant('Rx-OAuth-Callback-Probe'), plainText),
    fc.tuple(fc.constant('Expect'), fc.constantFrom('100-continue', '100-CONTINUE', '100-continue', canary)),
    fc.tuple(fc.constant('Connection'), fc.constantFrom('keep-alive', 'Keep-Alive, x', 'close', canary)),
    fc.tuple(fc.constant('Upgrade'), fc.constantFrom('websocket', 'h2c', canary)),
    fc.tuple(
      fc.constant('Content-Type'),
      fc.constantFrom('application/x-www-form-urlencoded', `text/${canary}`),
    ),
    fc.tuple(fc.constant('Content-Encoding'), fc.constantFrom('gzip', 'identity', canary)),
    fc.tuple(fc.constantFrom('X-Fuzz', '__proto__', 'constructor', 'x'.repeat(300)), plainText),
  ),
  { maxLength: 5 },
);

/** Anything that is HTTP in its outline, with no state that somebody waits for. */
const wild: Arbitrary<Template> = fc.record({
  method: methods,
  authority: authorities,
  path: paths,
  pairs,
  inBody: fc.boolean(),
  headers,
  version: fc.oneof(
    { weight: 30, arbitrary: fc.constant('1.1') },
    { weight: 1, arbitrary: fc.constant('1.0') },
  ),
});

const good: Template = {
  method: 'GET',
  authority: '',
  path: '«path»',
  pairs: [
    ['code', `good-${canary}`],
    ['state', '«state»'],
    ['iss', 'https://as.example'],
  ],
  inBody: false,
  headers: [],
  version: '1.1',
};

const goodForm: Template = {
  ...good,
  method: 'POST',
  path: '«form.path»',
  pairs: good.pairs.map(([name, value]) => [name, name === 'state' ? '«form.state»' : value]),
  inBody: true,
};

const plus = (name: string, value: string) => (template: Template) => ({
  ...template,
  pairs: [...template.pairs, [name, value] as const],
});
const header1 = (name: string, value: string) => (template: Template) => ({
  ...template,
  headers: [...template.headers, [name, value] as const],
});
const instead = (name: string, value: string) => (template: Template) => ({
  ...template,
  pairs: template.pairs.map((each) => (each[0] === name ? ([name, value] as const) : each)),
});

/** Each makes a good redirect one that nobody may accept, whatever else is done to it. */
const spoilers: Readonly<Record<string, (template: Template) => Template>> = {
  head: (template) => ({ ...template, method: 'HEAD' }),
  put: (template) => ({ ...template, method: 'PUT' }),
  'code twice': plus('code', canary),
  'state twice': plus('state', '«state»'),
  'issuer twice': plus('iss', 'https://as.example'),
  'empty code too': plus('c%6Fde', ''),
  'no code': instead('code', ''),
  'code with a control character': instead('code', `${canary}%0a`),
  'code not in UTF-8': instead('code', `${canary}%FF`),
  'code too long': instead('code', 'x'.repeat(8_193)),
  'wrong issuer': instead('iss', `https://${canary}.example`),
  'normalised issuer': instead('iss', 'https://as.example/'),
  'no issuer': instead('iss', ''),
  'front-channel token': plus('access_token', canary),
  jarm: plus('response', canary),
  prefetch: header1('Sec-Purpose', 'prefetch;prerender'),
  image: header1('Sec-Fetch-Dest', 'image'),
  iframe: header1('Sec-Fetch-Dest', 'iframe'),
  websocket: header1('Sec-Fetch-Dest', 'websocket'),
  'second host': header1('Host', 'evil.example'),
  'too many headers': (template) => ({
    ...template,
    headers: [
      ...template.headers,
      ...Array.from({ length: 100 }, (_, index) => [`X-${index}`, 'y'] as const),
    ],
  }),
  'foreign authority': (template) => ({ ...template, authority: 'http://evil.example' }),
  'path with a slash': (template) => ({ ...template, path: `${template.path}/` }),
  'path with two': (template) => ({ ...template, path: `/${template.path}` }),
  'split parameters': (template) => ({ ...template, path: `${template.path}?state=«state»` }),
};

/** A good redirect, but for one thing at least that is wrong with it. */
const spoiled: Arbitrary<Template> = fc
  .tuple(
    fc.constantFrom('query', 'query', 'query', 'form'),
    fc.array(fc.constantFrom(...Object.keys(spoilers)), { minLength: 1, maxLength: 3 }),
    headers,
  )
  .map(([mode, how, extra]) => {
    const base = mode === 'form' ? goodForm : good;
    return how.reduce<Template>((template, name) => spoilers[name]!(template), { ...base, headers: extra });
  });

/** A request that must have no effect on a server with a pending flow. */
export const hostileRequest: Arbitrary<Template> = fc.oneof(
  { weight: 3, arbitrary: wild },
  { weight: 1, arbitrary: spoiled },
);

/** How bytes are damaged on the way. `at` and `length` are shares of the whole. */
type Damage =
  | { kind: 'flip'; at: number; bit: number }
  | { kind: 'cut' | 'double'; at: number; length: number }
  | { kind: 'insert'; at: number; text: string };

const share = fc.double({ min: 0, max: 1, noNaN: true });
const someDamage: Arbitrary<Damage> = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at: share, bit: fc.nat(7) }),
  fc.record({ kind: fc.constantFrom('cut' as const, 'double' as const), at: share, length: share }),
  fc.record({
    kind: fc.constant('insert' as const),
    at: share,
    text: fc.oneof(
      fc.constantFrom(
        '\r\n',
        '\n',
        '\0',
        '\r\n\r\n',
        '\r\nContent-Length: 5\r\n',
        '\r\nContent-Length: -1\r\n',
        '\r\nTransfer-Encoding: chunked\r\n',
        '\r\nTransfer-Encoding: gzip, chunked\r\n',
        '\r\nHost: 127.0.0.1:«port»\r\n',
        '\r\n folded\r\n',
        '\r\nConnection: upgrade\r\nUpgrade: websocket\r\n',
        '\r\nX: y\r\n'.repeat(300),
        'GET «path» HTTP/1.1\r\n',
        '\u00e9\u00ff',
      ),
      fc.string({ unit: 'binary-ascii', maxLength: 30 }),
    ),
  }),
);

const firstWords = [
  '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  '\r\n\r\n\r\n',
  '\0\0\0\0',
  'SSH-2.0-x\r\n',
  'GET\r\n',
  ...['GET http://[::1', 'GET x', 'GET javascript:1', 'get «path»', 'M-SEARCH *', 'SOURCE /'].map(
    (start) => `${start}?code=${canary} HTTP/1.1\r\nHost: 127.0.0.1:«port»\r\n\r\n`,
  ),
  ...['HTTP/0.9', 'HTTP/2.0', 'ICY/1.1', ''].map(
    (version) => `GET «path»?code=${canary} ${version}\r\nHost: 127.0.0.1:«port»\r\n\r\n`,
  ),
];

export interface Damaged {
  base: Template | string;
  damages: readonly Damage[];
}

/** Bytes that may be HTTP no more; none of them holds a state that somebody waits for. */
export const hostileBytes: Arbitrary<Damaged> = fc.record({
  base: fc.oneof(
    { weight: 9, arbitrary: wild.filter(isStranger) },
    { weight: 1, arbitrary: fc.constantFrom(...firstWords) },
  ),
  damages: fc.array(someDamage, { minLength: 1, maxLength: 4 }),
});

export function damage({ base, damages }: Damaged, place: Place): Buffer {
  const whole =
    typeof base === 'string' ? Buffer.from(fill(base, place), 'latin1') : render(base, place).bytes;
  return damages.reduce((bytes, how) => harm(bytes, how, place), whole);
}

function isStranger({ pairs: own }: Template): boolean {
  return !own.some(([, value]) => /«state»/i.test(value));
}

function harm(bytes: Buffer, how: Damage, place: Place): Buffer {
  const at = Math.floor(how.at * bytes.length);
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
  switch (how.kind) {
    case 'flip': {
      const copy = Buffer.from(bytes);
      if (at < copy.length) copy[at] = copy[at]! ^ (1 << how.bit);
      return copy;
    }
    case 'cut':
      return Buffer.concat([before, after.subarray(Math.floor(how.length * after.length))]);
    case 'double':
      return Buffer.concat([before, after.subarray(0, Math.floor(how.length * after.length)), after]);
    case 'insert':
      return Buffer.concat([before, Buffer.from(fill(how.text, place), 'latin1'), after]);
  }
}

/** Returns the bytes of a template; a body gets its true length. */
export function render(template: Template, place: Place): Framed {
  const { method, authority, inBody, version } = template;
  const parameters = template.pairs.map((each) => each.join('='));
  const form = inBody && method !== 'GET' && method !== 'HEAD';
  const query = [place.fixed, ...(form ? [] : parameters)].filter(Boolean).join('&');
  const path = fill(template.path, place);
  const body = form ? fill(parameters.join('&'), place) : '';
  const lines = [
    `${method} ${target(authority + path + (path.includes('?') ? '&' : '?') + query)} HTTP/${version}`,
    ...(template.headers.some(([name]) => name === 'Host') ? [] : ['Host: 127.0.0.1:«port»']),
    ...(form ? ['Content-Type: application/x-www-form-urlencoded', `Content-Length: ${body.length}`] : []),
    ...template.headers.map(([name, value]) => `${name}: ${value}`),
  ];
  return {
    method,
    bytes: Buffer.from(fill(`${lines.join('\r\n')}\r\n\r\n`, place) + body, 'latin1'),
    last: method !== 'GET' || version === '1.0' || template.headers.some(([, value]) => value === 'close'),
  };
}

function fill(text: string, { port, path, state, form }: Place): string {
  return text
    .replaceAll('«port»', String(port))
    .replaceAll('«path»', path)
    .replaceAll('«PATH»', path.toUpperCase())
    .replaceAll('«state»', state)
    .replaceAll('«STATE»', state.toUpperCase())
    .replaceAll('«form.path»', form.path)
    .replaceAll('«form.state»', form.state);
}

/** Without what would end the request line, or keep it from being one. */
function target(text: string): string {
  return text.replace(/[\x00-\x20\x7f]/g, (character) => `%${Buffer.from(character).toString('hex')}`);
}

/** Without what would end the header, or keep it from being one. */
function header(text: string): string {
  return text.replace(/[\x00-\x1f\x7f]/g, ' ');
}
