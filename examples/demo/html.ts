/** What pressing a button of a page's form sends, besides what the person has filled in. */
export interface Pressed {
  readonly action: string;
  readonly pressed: Readonly<Record<string, string>>;
}

/**
 * Finds the form with that button and those fields; throws where the page has none, as a person would be stuck.
 *
 * It reads the pages of this demo. HTML at large is for a parser.
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

/** The first thing a person reads. */
export function headlineOf(html: string): string {
  return elements(html, 'h1')[0]?.inner ?? 'a page without a headline';
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
