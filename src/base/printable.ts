/** Replaces control characters by `?`. Text from a peer may contain escape sequences that control a terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, '?');
}

/** Puts text from a peer on one line and replaces its control characters. */
export function oneLine(text: string): string {
  return printable(text.replace(/[\s\p{Cc}]+/gu, ' ').trim());
}

/** Escapes the characters of a JSON text that JSON allows and a terminal obeys or reorders. It stays the same JSON. */
export function printableJson(json: string): string {
  return json.replace(/[\x7f-\x9f\u2028\u2029\p{Cf}]/gu, (character) =>
    Array.from({ length: character.length }, (_, index) => escapeOf(character.charCodeAt(index))).join(''),
  );
}

const escapeOf = (unit: number): string => `\\u${unit.toString(16).padStart(4, '0')}`;

const outsideErrorText = /[^\x20-\x21\x23-\x5b\x5d-\x7e]+/g;

/** Replaces characters that an OAuth error must not contain, and cuts it after 500. @see RFC 6749 appendix A.7 and A.8 */
export function errorText(text: string): string {
  return text.replace(outsideErrorText, '?').slice(0, 500);
}

/** Puts a text for people on one line, without its control and format characters. Letters of any script stay. */
export function plainText(text: string): string {
  return text
    .replace(/\p{White_Space}/gu, ' ')
    .replace(/[\p{Cc}\p{Cf}]/gu, '')
    .replace(/ {2,}/g, ' ')
    .trim();
}
