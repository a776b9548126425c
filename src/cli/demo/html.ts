/** Form action and button value that a press sends, besides the fields. */
export interface Pressed {
  readonly action: string;
  readonly pressed: Readonly<Record<string, string>>;
}

/**
 * Finds the form with that button and those fields; throws if the page has none.
 *
 * It reads the pages of this demo only; other HTML needs a parser.
 */
export function formOf(html: string, button: string, fields: readonly string[]): Pressed {
  for (const { attributes, inner } of elements(html, 'form')) {
    const found = elements(inner, 'button').find((each) => each.inner === button);
    const names = [...inner.matchAll(/<input\b([^>]*)>/g)].map(([, text]) => attributesOf(text).get('name'));
    if (!found || !fields.every((field) => names.includes(field))) continue;
    return {
      action: attributes.get('action') ?? '',
      pressed: { [found.attributes.get('name') ?? '']: found.attributes.get('value') ?? '' },
    };
  }
  throw new Error(`“${headlineOf(html)}” has no form with the button “${button}”`);
}

/** Gives the headline of a page. */
export function headlineOf(html: string): string {
  return elements(html, 'h1').at(-1)?.inner ?? 'a page without a headline';
}

function elements(html: string, name: string) {
  const pattern = new RegExp(`<${name}\\b([^>]*)>(.*?)</${name}>`, 'gs');
  return [...html.matchAll(pattern)].map(([, attributes, inner = '']) => ({
    attributes: attributesOf(attributes),
    inner: inner.trim(),
  }));
}

function attributesOf(text = ''): Map<string, string> {
  return new Map([...text.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]));
}
