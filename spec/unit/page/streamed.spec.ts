import type { Answer } from '../../../src/page/answer.ts';
import { streamed } from '../../../src/page/streamed.ts';
import { is, match, ok } from '../../helpers/assert.ts';
import { complains } from '../../helpers/complains.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedModule } from '../../helpers/weakened.ts';

type Split = typeof streamed;

const tools = { nonce: 'n', hash: (): string => 'h' };

const pageOf = (html: string): Answer => ({ status: 200, headers: [], body: Buffer.from(html) });

const weakened = async (change: Parameters<typeof weakenedModule>[1]): Promise<Split> =>
  ((await weakenedModule('page/streamed.ts', change)) as { streamed: Split }).streamed;

const wrapper = '<div id="rx-page" role="status"><div id="rx-waiting">';

const test = suite('beginning of a streamed page');

/** Every page has its content, `HERE`, at the beginning of its body. */
function startsItsBody(split: Split): void {
  for (const html of [
    '<!doctype html><html><head></head><body>HERE<!-- <body> --></body></html>',
    '<!doctype html><html><head></head><body>HERE<script type="application/json">"<body>"</script></body></html>',
    '<!doctype html><html><!-- <body> --><head><script>"</head>"</script></head><body>HERE</body></html>',
    `<!doctype html><html><head></head><body data-a="1>0" data-b='>'>HERE</body></html>`,
    '<!doctype html><html><head></head><body>HERE<p title="<body>">a</p></body></html>',
    '<!doctype html><html><head></head>HERE</html>',
    '<!doctype html><BODY>HERE',
    '<!doctype html>HERE',
    'HERE',
  ])
    match(split(pageOf(html), tools)?.body.toString() ?? '', `${wrapper}HERE`, html);
}

test('is at the body, whatever only looks like one', () => startsItsBody(streamed));

test('fails if the last of what looks like a body counts', async () => {
  const split = await weakened(edit('if (isBody) break;', ''));
  await complains(() => Promise.resolve(split).then(startsItsBody), /HERE/);
});

test('fails if a comment may have the body', async () => {
  const split = await weakened(edit('`${noTags.source}|<body', '`<body'));
  await complains(() => Promise.resolve(split).then(startsItsBody), /HERE/);
});

const closed = [
  '<p>a<p>b<h1>c',
  '<main><div>a</div>',
  '<table><tr><td>a</table>',
  '<!-- <div> --><br>',
  '<script>"<div>"</script>',
];
const open = [
  '<div>a',
  '</div>a<div>',
  '<div><div>a</div>',
  '<table><tr><td>a',
  '<svg><g>',
  'a<!-- b',
  '<textarea>a',
  '<script>1',
];

/** The end of such a page would be hidden with its beginning. */
function staysWhole(split: Split): void {
  for (const body of closed) ok(split(pageOf(body), tools), body);
  for (const body of open) is(split(pageOf(body), tools), undefined, body);
}

test('is left out if the end could not close it', () => staysWhole(streamed));

test('fails if an open element is streamed', async () => {
  const split = await weakened(edit('if (!isClosed(body)) return undefined;', ''));
  await complains(() => Promise.resolve(split).then(staysWhole), /<div>a/);
});

test.run();
