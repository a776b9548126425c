/** Quotes a text for bash and zsh. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Makes a name that a function of a shell may have. */
export function identifier(name: string): string {
  return name.replaceAll('-', '_');
}
