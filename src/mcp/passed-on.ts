// The client of `@modelcontextprotocol/client` wraps any error of a `fetch` that does not have this member.
const seam = Symbol.for('mcp.authSeamEscape');

/** Marks an error as one that clients of MCP pass on as it is. Returns the error. */
export function passedOn(error: unknown): unknown {
  if (error instanceof Error && !Object.hasOwn(error, seam))
    Object.defineProperty(error, seam, { value: true });
  return error;
}
