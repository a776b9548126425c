/** Base class of this package's errors. `code` tells them apart. `name` is a literal, because minifiers rename classes. */
export abstract class CodedError extends Error {
  abstract readonly code: string;
  abstract override readonly name: string;
}
