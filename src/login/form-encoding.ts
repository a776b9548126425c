/** Encodes a value as forms do: all but letters, digits and `*-._` is percent-encoded, a space becomes `+`. */
export function formEncoded(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1);
}
