/** Place of the tokens of one sign-in, which no other command changes until it is closed. */
export interface TokenPlace {
  /** Path of the file, or name of the entry: `keychain:work`. */
  readonly path: string;
  /** Saved text when the place was opened; undefined if there was none. */
  readonly text: string | undefined;
  /** Replaces the text by itself, because only that shows surely that it can be replaced. Throws `CommandError`. */
  requireReplaceable(): Promise<void>;
  /** Replaces the text in one step. Throws `CommandError`. */
  replace(text: string): Promise<void>;
  /** Deletes the text. Throws `CommandError`. */
  remove(): Promise<void>;
  /** Lets the next command have the place. */
  close(): Promise<void>;
}

/** Tells if a saved text may be replaced: it has the tokens of an earlier sign-in, or white space only. */
export function isReplaceable(text: string): boolean {
  return text.trim() === '' || areTokens(text);
}

function areTokens(text: string): boolean {
  try {
    const content: unknown = JSON.parse(text);
    if (typeof content !== 'object' || content === null) return false;
    return 'access_token' in content && 'issuer' in content && typeof content.issuer === 'string';
  } catch {
    return false;
  }
}
