/** Copies a part of a longer text. A slice would keep the whole text in memory, such as a query with a code in it. */
export function detach(text: string): string {
  return Buffer.from(text).toString();
}
