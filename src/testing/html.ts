/** Form of a page, as a browser would send it. */
export interface Form {
  /** Address as written in the page; empty for the page's own. */
  readonly action: string;
  readonly method: 'get' | 'post';
  readonly inputs: readonly Input[];
  readonly buttons: readonly Button[];
}

interface Input {
  readonly name: string;
  readonly type: string;
  /** Undefined if the user must fill it in. */
  readonly value: string | undefined;
}

interface Button {
  readonly text: string;
  /** Address in place of that of the form. */
  readonly action: string | undefined;
  readonly name: string | undefined;
  readonly value: string;
}

/** Form action and button value that a press sends, besides the fields. */
export interface Pressed {
  readonly action: string;
  readonly pressed: Readonly<Record<string, string>>;
}

/**
 * Finds the form with that button and those fields; throws if the page has none.
 *
 * It reads simple pages, such as those of the demo and the kit; other HTML needs a parser.
 */
export function formOf(html: string, button: string, fields: readonly string[]): Pressed {
  for (const { action, inputs, buttons } of formsIn(html)) {
    const found = buttons.find(({ text }) => text === button);
    if (!found || !fields.every((field) => inputs.some(({ name }) => name === field))) continue;
    return {
      action: found.action ?? action,
      pressed: found.name === undefined ? {} : { [found.name]: found.value },
    };
  }
  throw new Error(`“${headlineOf(html)}” has no form with the button “${button}”`);
}

/** Returns the URL that a page leads to by itself, as written there. */
export function refreshOf(html: string): string | undefined {
  const refresh = tags(live(html), 'meta').find(
    (meta) => meta.get('http-equiv')?.toLowerCase() === 'refresh',
  );
  return /^\s*\d+\s*[;,]\s*url\s*=\s*(["']?)(.*?)\1\s*$/i.exec(refresh?.get('content') ?? '')?.[2];
}

/** Lists the forms of a page, in its order. */
export function formsIn(html: string): Form[] {
  return elements(live(html), 'form').map(({ attributes, inner }) => ({
    action: attributes.get('action') ?? '',
    method: attributes.get('method')?.toLowerCase() === 'post' ? 'post' : 'get',
    inputs: tags(inner, 'input')
      .filter((input) => input.has('name') && isSent(input))
      .map((input) => ({
        name: input.get('name') ?? '',
        type: typeOf(input),
        value: input.get('value'),
      })),
    buttons: [
      ...elements(inner, 'button')
        .filter(
          ({ attributes }) =>
            (attributes.get('type') ?? 'submit') === 'submit' && !attributes.has('disabled'),
        )
        .map((button) => ({
          text: textOf(button.inner),
          action: button.attributes.get('formaction'),
          name: button.attributes.get('name'),
          value: button.attributes.get('value') ?? '',
        })),
      ...tags(inner, 'input')
        .filter((input) => typeOf(input) === 'submit' && !input.has('disabled'))
        .map((input) => ({
          text: input.get('value') ?? '',
          action: input.get('formaction'),
          name: input.get('name'),
          value: input.get('value') ?? '',
        })),
    ],
  }));
}

/** Gives the headline of a page. */
export function headlineOf(html: string): string {
  return elements(html, 'h1').at(-1)?.inner ?? 'a page without a headline';
}

/** Gives the title of a page; empty if it has none. */
export function titleOf(html: string): string {
  return textOf(elements(html, 'title')[0]?.inner ?? '');
}

/** Gives the words of a page as a person reads them, on one line. */
export function textOf(html: string): string {
  const shown = live(html).replace(/<head\b.*?<\/head>/gis, ' ');
  return decoded(shown.replace(/<[^>]*>/g, ' '))
    .replace(/\s+/g, ' ')
    .trim();
}

/** Removes what a browser makes no elements of. */
function live(html: string): string {
  return html.replace(/<(script|style|template)\b.*?<\/\1>|<!--.*?-->/gis, ' ');
}

function elements(html: string, name: string) {
  const pattern = new RegExp(`<${name}\\b([^>]*)>(.*?)</${name}>`, 'gis');
  return [...html.matchAll(pattern)].map(([, attributes, inner = '']) => ({
    attributes: attributesOf(attributes),
    inner: inner.trim(),
  }));
}

function tags(html: string, name: string): Map<string, string>[] {
  return [...html.matchAll(new RegExp(`<${name}\\b([^>]*)>`, 'gi'))].map(([, text]) => attributesOf(text));
}

function attributesOf(text = ''): Map<string, string> {
  const pattern = /([\w-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g;
  return new Map(
    [...text.matchAll(pattern)].map(([, name = '', ...values]: readonly (string | undefined)[]) => [
      name.toLowerCase(),
      decoded(values.find((value) => value !== undefined) ?? ''),
    ]),
  );
}

/** Tells if a browser sends the input whatever button is pressed: a box only if it is ticked. */
function isSent(input: Map<string, string>): boolean {
  const type = typeOf(input);
  if (input.has('disabled') || ['submit', 'reset', 'button', 'image'].includes(type)) return false;
  return !['checkbox', 'radio'].includes(type) || input.has('checked');
}

function typeOf(input: Map<string, string>): string {
  return input.get('type')?.toLowerCase() ?? 'text';
}

const named: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
};

/** Decodes the character references that servers use to escape values. */
function decoded(text: string): string {
  return text.replace(
    /&(?:#(\d{1,7}|x[\da-f]{1,6})|(\w{2,4}));/gi,
    (whole, number?: string, name?: string) => {
      if (number === undefined) return named[name ?? ''] ?? whole;
      const point = Number(number.replace(/^x/i, '0x'));
      return point <= 0x10ffff ? String.fromCodePoint(point) : whole;
    },
  );
}
