import { formEncoded } from './form-encoding.ts';

// A shorter secret is removed as a whole word only; otherwise it would take letters out of any text.
const minLength = 8;

/** Removes secrets from a server's text, which may repeat the request: as they are, and in the encodings of a request. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  const forms = secrets
    .filter((secret) => secret !== '')
    .flatMap((secret) => [secret, encodeURIComponent(secret), formEncoded(secret)])
    // The longest first: an encoded form may begin with a shorter one.
    .sort((one, other) => other.length - one.length)
    .map(patternOf);
  // In one step, so that no secret is found in the text that replaces another.
  const all = new RegExp([...forms, String.raw`\bBasic\s+[\w+/=-]+`].join('|'), 'giu');
  return text.replace(all, (found) => (/^Basic\s/i.test(found) ? 'Basic [redacted]' : '[redacted]'));
}

function patternOf(secret: string): string {
  const pattern = secret.replace(
    /[^\w]/gu,
    (character) => `\\u{${Number(character.codePointAt(0)).toString(16)}}`,
  );
  return secret.length < minLength ? String.raw`(?<!\w)${pattern}(?!\w)` : pattern;
}
